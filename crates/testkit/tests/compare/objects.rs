//! Changes of everything that is no relation.

use crate::{Case, case, from, only, until};

pub(crate) const CASES: &[Case] = &[
    // Schemas.
    case("CREATE SCHEMA extra", &["schema extra: exists"]),
    case("GRANT USAGE ON SCHEMA shop TO pg_monitor", &["schema shop: acl"]),
    case(
        "ALTER SCHEMA shop OWNER TO pg_monitor",
        &["schema shop: acl", "schema shop: owner"],
    ),
    case("COMMENT ON SCHEMA shop IS 'x'", &["schema shop: comment"]),
    // Types.
    case(
        "ALTER TYPE mood ADD VALUE 'so' BEFORE 'ok'",
        &["type public.mood: labels"],
    ),
    case(
        "ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'",
        &["type public.mood: labels"],
    ),
    case("ALTER TYPE pair ADD ATTRIBUTE c int", &["type public.pair: attributes"]),
    case("ALTER DOMAIN percent SET DEFAULT 2", &["type public.percent: default"]),
    from(
        18,
        "ALTER DOMAIN percent SET NOT NULL",
        &[
            "constraint domain public.percent.percent_not_null: exists",
            "type public.percent: not null",
        ],
    ),
    case(
        "DROP TYPE span; CREATE TYPE span AS RANGE (subtype = float8)",
        &["type public.span: range"],
    ),
    case("REVOKE USAGE ON TYPE mood FROM PUBLIC", &["type public.mood: acl"]),
    case(
        "ALTER TYPE mood OWNER TO pg_monitor",
        &["type public.mood: acl", "type public.mood: owner"],
    ),
    case("COMMENT ON TYPE mood IS 'x'", &["type public.mood: comment"]),
    case("CREATE TYPE shell", &["type public.shell: exists"]),
    // Functions and the like.
    case(
        "CREATE OR REPLACE FUNCTION plus(a int, b int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT b + a'",
        &["function public.plus(a integer, b integer): definition"],
    ),
    case(
        "ALTER FUNCTION plus(int, int) STABLE",
        &["function public.plus(a integer, b integer): definition"],
    ),
    case(
        "ALTER FUNCTION plus(int, int) SET work_mem = '1MB'",
        &["function public.plus(a integer, b integer): definition"],
    ),
    case(
        "REVOKE EXECUTE ON FUNCTION plus(int, int) FROM PUBLIC",
        &["function public.plus(a integer, b integer): acl"],
    ),
    case(
        "ALTER FUNCTION plus(int, int) OWNER TO pg_monitor",
        &[
            "function public.plus(a integer, b integer): acl",
            "function public.plus(a integer, b integer): owner",
        ],
    ),
    case(
        "COMMENT ON FUNCTION plus(int, int) IS 'x'",
        &["function public.plus(a integer, b integer): comment"],
    ),
    case("DROP PROCEDURE work", &["function public.work(): exists"]),
    case(
        "CREATE OR REPLACE AGGREGATE total (int) (sfunc = plus, stype = int, initcond = '1')",
        &["aggregate public.total(integer): states"],
    ),
    case(
        "COMMENT ON AGGREGATE total (int) IS 'x'",
        &["aggregate public.total(integer): comment"],
    ),
    case(
        "COMMENT ON OPERATOR |+| (int, int) IS 'x'",
        &["operator public.|+|(integer,integer): comment"],
    ),
    case(
        "DROP OPERATOR |+| (int, int); CREATE OPERATOR |+| (leftarg = int, rightarg = int, function = int4mul)",
        &["operator public.|+|(integer,integer): function"],
    ),
    case(
        "DROP OPERATOR |+| (int, int)",
        &["operator public.|+|(integer,integer): exists"],
    ),
    case(
        "CREATE OPERATOR CLASS thing_ops FOR TYPE int USING btree FAMILY things AS OPERATOR 1 < , FUNCTION 1 btint4cmp(int, int)",
        &[
            "operator class public.thing_ops using btree: exists",
            "operator family public.things using btree: functions",
            "operator family public.things using btree: operators",
        ],
    ),
    case(
        "DROP CAST (mood AS int); CREATE CAST (mood AS int) WITH INOUT AS ASSIGNMENT",
        &["cast public.mood as integer: context"],
    ),
    // The locale's column has had three names.
    until(
        14,
        "DROP COLLATION german; CREATE COLLATION german (provider = icu, locale = 'de-AT')",
        &[
            "collation public.german: collcollate",
            "collation public.german: collctype",
        ],
    ),
    only(
        15,
        16,
        "DROP COLLATION german; CREATE COLLATION german (provider = icu, locale = 'de-AT')",
        &["collation public.german: colliculocale"],
    ),
    from(
        17,
        "DROP COLLATION german; CREATE COLLATION german (provider = icu, locale = 'de-AT')",
        &["collation public.german: colllocale"],
    ),
    case(
        "COMMENT ON COLLATION german IS 'x'",
        &["collation public.german: comment"],
    ),
    case(
        "ALTER TEXT SEARCH CONFIGURATION words ALTER MAPPING FOR word WITH english_stem",
        &["text search configuration public.words: mappings"],
    ),
    case(
        "ALTER TEXT SEARCH DICTIONARY stems (stopwords = german)",
        &["text search dictionary public.stems: options"],
    ),
    case(
        "REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC",
        &["language plpgsql: acl"],
    ),
    // Beside the schema.
    case(
        "ALTER EXTENSION pg_trgm UPDATE TO '1.6'",
        &[
            "extension pg_trgm: version",
            "operator family public.gin_trgm_ops using gin: operators",
            "operator family public.gist_trgm_ops using gist: operators",
        ],
    ),
    case(
        "ALTER EXTENSION pg_trgm DROP FUNCTION similarity(text, text)",
        &["extension member pg_trgm: members"],
    ),
    case(
        "CREATE EXTENSION pg_freespacemap SCHEMA shop",
        &[
            "extension member pg_freespacemap: exists",
            "extension pg_freespacemap: exists",
            "function shop.pg_freespace(regclass, bigint): exists",
            "function shop.pg_freespace(rel regclass, OUT blkno bigint, OUT avail smallint): exists",
        ],
    ),
    case(
        "ALTER PUBLICATION news SET (publish = 'insert')",
        &[
            "publication news: pubdelete",
            "publication news: pubtruncate",
            "publication news: pubupdate",
        ],
    ),
    case(
        "ALTER PUBLICATION news ADD TABLE elder",
        &[
            "published relation news: public.elder: exists",
            "published relation news: public.younger: exists",
        ],
    ),
    from(
        15,
        "ALTER PUBLICATION news SET TABLE team WHERE (id > 1)",
        &["published relation news: public.team: filter"],
    ),
    from(
        15,
        "ALTER PUBLICATION news SET TABLE team (id)",
        &["published relation news: public.team: columns"],
    ),
    from(
        15,
        "ALTER PUBLICATION news ADD TABLES IN SCHEMA shop",
        &["published schema news: shop: exists"],
    ),
    case(
        "ALTER STATISTICS together SET STATISTICS 50",
        &["statistics public.together: target"],
    ),
    case(
        "DROP STATISTICS together; CREATE STATISTICS together (ndistinct) ON id, name FROM team",
        &["statistics public.together: definition"],
    ),
    case("ALTER EVENT TRIGGER notes DISABLE", &["event trigger notes: enabled"]),
    case(
        "ALTER DEFAULT PRIVILEGES IN SCHEMA shop GRANT INSERT ON TABLES TO pg_monitor",
        &["default privileges postgres in shop of r: acl"],
    ),
    case(
        "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO pg_monitor",
        &["default privileges postgres in every schema of r: exists"],
    ),
    case(
        "GRANT USAGE ON FOREIGN DATA WRAPPER file_fdw TO pg_monitor",
        &["foreign data wrapper file_fdw: acl"],
    ),
    case("ALTER SERVER files VERSION '2'", &["foreign server files: version"]),
    case(
        "CREATE USER MAPPING FOR PUBLIC SERVER files",
        &["user mapping public on files: exists"],
    ),
    case(
        "DROP USER MAPPING FOR pg_monitor SERVER files",
        &["user mapping pg_monitor on files: exists"],
    ),
    case(
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET work_mem = ''1MB''', current_database()); END $$",
        &["setting everybody: exists"],
    ),
];
