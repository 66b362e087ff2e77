//! Changes of relations and of what belongs to them.

use crate::{Case, case, from, until};

pub(crate) const CASES: &[Case] = &[
    case("CREATE TABLE extra ()", &["relation public.extra: exists"]),
    case(
        "DROP TABLE apart_1",
        &[
            "column public.apart_1.day: exists",
            "column public.apart_1.n: exists",
            "relation public.apart_1: exists",
        ],
    ),
    case(
        "ALTER TABLE apart_1 SET UNLOGGED",
        &["relation public.apart_1: persistence"],
    ),
    case(
        "ALTER TABLE apart_1 OWNER TO pg_monitor",
        &["relation public.apart_1: acl", "relation public.apart_1: owner"],
    ),
    case("GRANT SELECT ON team TO pg_monitor", &["relation public.team: acl"]),
    case(
        "GRANT USAGE ON SEQUENCE loose TO pg_monitor",
        &["relation public.loose: acl"],
    ),
    case(
        "ALTER TABLE team SET (fillfactor = 70)",
        &["relation public.team: options"],
    ),
    case(
        "ALTER TABLE team SET (toast.autovacuum_enabled = off)",
        &["relation public.team: toast options"],
    ),
    case(
        "ALTER TABLE team ENABLE ROW LEVEL SECURITY",
        &["relation public.team: row security"],
    ),
    case(
        "ALTER TABLE team FORCE ROW LEVEL SECURITY",
        &["relation public.team: forced row security"],
    ),
    case(
        "ALTER TABLE team REPLICA IDENTITY FULL",
        &["relation public.team: replica identity"],
    ),
    case("COMMENT ON TABLE team IS 'x'", &["relation public.team: comment"]),
    case(
        "ALTER TABLE younger NO INHERIT elder",
        &[
            "column public.younger.a: inherited",
            "column public.younger.a: local",
            "relation public.younger: parents",
        ],
    ),
    case(
        "ALTER TABLE parts ATTACH PARTITION apart_1 DEFAULT",
        &[
            "column public.apart_1.day: inherited",
            "column public.apart_1.day: local",
            "column public.apart_1.n: inherited",
            "column public.apart_1.n: local",
            "index public.apart_1_n_idx: exists",
            "relation public.apart_1: bound",
            "relation public.apart_1: parents",
        ],
    ),
    case(
        "CREATE OR REPLACE VIEW members AS SELECT id, name FROM member WHERE id > 1",
        &["relation public.members: definition"],
    ),
    case(
        "REFRESH MATERIALIZED VIEW counts WITH NO DATA",
        &["relation public.counts: populated"],
    ),
    // Columns.
    case(
        "ALTER TABLE team ADD COLUMN more int",
        &["column public.team.more: exists", "relation public.team: column order"],
    ),
    case(
        "ALTER TABLE team ALTER region TYPE varchar(9)",
        &["column public.team.region: type"],
    ),
    case(
        "ALTER TABLE team ALTER region TYPE text COLLATE \"C\"",
        &["column public.team.region: collation"],
    ),
    until(
        17,
        "ALTER TABLE team ALTER region SET NOT NULL",
        &["column public.team.region: not null"],
    ),
    from(
        18,
        "ALTER TABLE team ALTER region SET NOT NULL",
        &[
            "column public.team.region: not null",
            "constraint public.team.team_region_not_null: exists",
        ],
    ),
    from(
        18,
        "ALTER TABLE member RENAME CONSTRAINT member_id_not_null TO other",
        &[
            "constraint public.member.member_id_not_null: exists",
            "constraint public.member.other: exists",
        ],
    ),
    case(
        "ALTER TABLE member ALTER name SET DEFAULT 'y'",
        &["column public.member.name: default"],
    ),
    case(
        "ALTER TABLE member ALTER name DROP DEFAULT",
        &["column public.member.name: default"],
    ),
    case(
        "ALTER TABLE member ALTER number SET GENERATED ALWAYS",
        &["column public.member.number: identity"],
    ),
    case(
        "ALTER TABLE member ALTER doubled DROP EXPRESSION",
        &[
            "column public.member.doubled: default",
            "column public.member.doubled: generated",
        ],
    ),
    case(
        "ALTER TABLE team ALTER region SET STORAGE EXTERNAL",
        &["column public.team.region: storage"],
    ),
    case(
        "ALTER TABLE team ALTER region SET COMPRESSION pglz",
        &["column public.team.region: compression"],
    ),
    case(
        "ALTER TABLE team ALTER region SET STATISTICS 500",
        &["column public.team.region: statistics"],
    ),
    case(
        "ALTER TABLE team ALTER region SET (n_distinct = 5)",
        &["column public.team.region: options"],
    ),
    // The server's own count of a column's changes.
    case(
        "UPDATE pg_attribute SET attoptions = '{pg_attver=1}' WHERE attrelid = 'team'::regclass AND attname = 'region'",
        &[],
    ),
    case(
        "GRANT SELECT (region) ON team TO pg_monitor",
        &["column public.team.region: acl"],
    ),
    case(
        "COMMENT ON COLUMN team.region IS 'x'",
        &["column public.team.region: comment"],
    ),
    case(
        "ALTER FOREIGN TABLE outside ALTER a OPTIONS (force_null 'true')",
        &["column public.outside.a: foreign options"],
    ),
    // Constraints.
    case(
        "ALTER TABLE member DROP CONSTRAINT grown",
        &["constraint public.member.grown: exists"],
    ),
    case(
        "ALTER TABLE member RENAME CONSTRAINT grown TO adult",
        &[
            "constraint public.member.adult: exists",
            "constraint public.member.grown: exists",
        ],
    ),
    case(
        "ALTER TABLE member VALIDATE CONSTRAINT unsure",
        &[
            "constraint public.member.unsure: definition",
            "constraint public.member.unsure: valid",
        ],
    ),
    case(
        "ALTER TABLE member DROP CONSTRAINT grown, ADD CONSTRAINT grown CHECK (age > 20)",
        &["constraint public.member.grown: definition"],
    ),
    case(
        "ALTER TABLE member DROP CONSTRAINT grown, ADD CONSTRAINT grown CHECK (age > 17) NO INHERIT",
        &[
            "constraint public.member.grown: definition",
            "constraint public.member.grown: no inherit",
        ],
    ),
    case(
        "ALTER TABLE member ALTER CONSTRAINT member_team DEFERRABLE",
        &[
            "constraint public.member.member_team: deferrable",
            "constraint public.member.member_team: definition",
        ],
    ),
    case(
        "ALTER TABLE member ALTER CONSTRAINT member_team DEFERRABLE INITIALLY DEFERRED",
        &[
            "constraint public.member.member_team: deferrable",
            "constraint public.member.member_team: deferred",
            "constraint public.member.member_team: definition",
        ],
    ),
    from(
        18,
        "ALTER TABLE member ALTER CONSTRAINT member_team NOT ENFORCED",
        &[
            "constraint public.member.member_team: definition",
            "constraint public.member.member_team: enforced",
            "constraint public.member.member_team: triggers",
            "constraint public.member.member_team: valid",
        ],
    ),
    case(
        "ALTER TABLE team DISABLE TRIGGER ALL",
        &["constraint public.member.member_team: triggers"],
    ),
    case(
        "COMMENT ON CONSTRAINT grown ON member IS 'x'",
        &["constraint public.member.grown: comment"],
    ),
    case(
        "ALTER TABLE elder ADD CONSTRAINT c CHECK (a > 0)",
        &[
            "constraint public.elder.c: exists",
            "constraint public.younger.c: exists",
        ],
    ),
    case(
        "ALTER TABLE member DROP CONSTRAINT apart",
        &["constraint public.member.apart: exists", "index public.apart: exists"],
    ),
    case(
        "ALTER DOMAIN percent DROP CONSTRAINT in_range",
        &["constraint domain public.percent.in_range: exists"],
    ),
    // Indexes.
    case("CREATE INDEX extra ON team (name)", &["index public.extra: exists"]),
    case(
        "DROP INDEX member_name; CREATE INDEX member_name ON member (upper(name))",
        &["index public.member_name: definition"],
    ),
    case(
        "ALTER INDEX member_name SET (fillfactor = 70)",
        &["index public.member_name: definition"],
    ),
    case(
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'member_name'::regclass",
        &["index public.member_name: valid"],
    ),
    case(
        "UPDATE pg_index SET indisready = false WHERE indexrelid = 'member_name'::regclass",
        &["index public.member_name: ready"],
    ),
    case(
        "ALTER TABLE member CLUSTER ON member_name",
        &["index public.member_name: clustered"],
    ),
    case(
        "ALTER TABLE member REPLICA IDENTITY USING INDEX member_pkey",
        &[
            "index public.member_pkey: replica identity",
            "relation public.member: replica identity",
        ],
    ),
    case(
        "ALTER INDEX member_name ALTER COLUMN 1 SET STATISTICS 500",
        &["index public.member_name: statistics"],
    ),
    case(
        "COMMENT ON INDEX member_name IS 'x'",
        &["index public.member_name: comment"],
    ),
    case(
        "ALTER INDEX parts_n ATTACH PARTITION parts_1_n",
        &["index public.parts_1_n: parent", "index public.parts_n: valid"],
    ),
    // Sequences.
    case(
        "ALTER SEQUENCE loose INCREMENT 2",
        &["sequence public.loose: increment"],
    ),
    case("ALTER SEQUENCE loose MINVALUE 2", &["sequence public.loose: minimum"]),
    case(
        "ALTER SEQUENCE loose MAXVALUE 1000",
        &["sequence public.loose: maximum"],
    ),
    case("ALTER SEQUENCE loose START 7", &["sequence public.loose: start"]),
    case("ALTER SEQUENCE loose CACHE 7", &["sequence public.loose: cache"]),
    case("ALTER SEQUENCE loose CYCLE", &["sequence public.loose: cycle"]),
    case(
        "ALTER SEQUENCE loose AS int",
        &["sequence public.loose: maximum", "sequence public.loose: type"],
    ),
    case(
        "ALTER SEQUENCE loose OWNED BY team.id",
        &["sequence public.loose: owned by"],
    ),
    case(
        "ALTER SEQUENCE member_id_seq OWNED BY NONE",
        &["sequence public.member_id_seq: owned by"],
    ),
    // Rules, triggers, policies.
    case(
        "CREATE OR REPLACE RULE keep AS ON DELETE TO elder DO ALSO NOTHING",
        &["rule public.elder.keep: definition"],
    ),
    case(
        "ALTER TABLE elder DISABLE RULE keep",
        &["rule public.elder.keep: enabled"],
    ),
    case(
        "ALTER TABLE member DISABLE TRIGGER touch",
        &["trigger public.member.touch: enabled"],
    ),
    case(
        "DROP TRIGGER touch ON member; CREATE TRIGGER touch BEFORE UPDATE OF age ON member FOR EACH ROW EXECUTE FUNCTION touch()",
        &["trigger public.member.touch: definition"],
    ),
    case(
        "COMMENT ON TRIGGER touch ON member IS 'x'",
        &["trigger public.member.touch: comment"],
    ),
    case(
        "ALTER POLICY own ON member USING (team_id = 2)",
        &["policy public.member.own: using"],
    ),
    case(
        "ALTER POLICY own ON member TO pg_monitor",
        &["policy public.member.own: roles"],
    ),
    case("DROP POLICY own ON member", &["policy public.member.own: exists"]),
    case(
        "ALTER FOREIGN TABLE outside OPTIONS (format 'csv')",
        &["foreign table public.outside: options"],
    ),
];
