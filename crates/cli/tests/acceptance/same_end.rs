//! One statement after the other: the end through nonstop is the end as written, names that PostgreSQL makes included.
//!
//! Every case has a table of its own, so one deploy tests all of them. Their tables exist before and hold rows.

use crate::support::{Project, nonstop, oldest_and_newest};
use testkit::as_written::{AfterFailure, Tool, apply};
use testkit::compare::{assert_same, contents, snapshot};

/// A case: its name, what is there before, and the migration. `$T` is the case's own table.
type Case = (&'static str, &'static str, &'static str);

const PLAIN: &str = "CREATE TABLE $T (id int NOT NULL, a int NOT NULL, b text, c int);
    INSERT INTO $T SELECT i, i, 'x' || i, i FROM generate_series(1, 100) AS i;";
const PAIR: &str = "CREATE TABLE $T_p (id int PRIMARY KEY, k int UNIQUE);
    INSERT INTO $T_p SELECT i, i FROM generate_series(1, 100) AS i;
    CREATE TABLE $T (id int NOT NULL, a int);
    INSERT INTO $T SELECT i, i FROM generate_series(1, 100) AS i;";
const PARTED: &str = "CREATE TABLE $T (id int NOT NULL, a int, day date NOT NULL) PARTITION BY RANGE (id);
    CREATE TABLE $T_1 PARTITION OF $T FOR VALUES FROM (1) TO (50);
    CREATE TABLE $T_2 PARTITION OF $T FOR VALUES FROM (50) TO (200);
    INSERT INTO $T SELECT i, i, '2024-01-01' FROM generate_series(1, 100) AS i;";

const INDEXES: &[Case] = &[
    ("index", PLAIN, "CREATE INDEX $T_a ON $T (a)"),
    (
        "index_unnamed",
        PLAIN,
        "CREATE INDEX ON $T (a, lower(b)); CREATE INDEX ON $T (a, lower(b))",
    ),
    ("index_unique", PLAIN, "CREATE UNIQUE INDEX ON $T (a)"),
    (
        "index_full",
        PLAIN,
        "CREATE INDEX $T_x ON $T USING btree (a DESC NULLS LAST, b COLLATE \"C\" text_pattern_ops) INCLUDE (c) WITH (fillfactor = 70) WHERE a > 5",
    ),
    (
        "index_if_not_exists",
        PLAIN,
        "CREATE INDEX IF NOT EXISTS $T_a ON $T (a); CREATE INDEX IF NOT EXISTS $T_a ON $T (b)",
    ),
    (
        "index_concurrently",
        PLAIN,
        "CREATE INDEX CONCURRENTLY $T_a ON $T (a); ALTER TABLE $T ADD COLUMN d int",
    ),
    (
        "index_comment",
        PLAIN,
        "CREATE INDEX $T_a ON $T (a); COMMENT ON INDEX $T_a IS 'it''s'; ALTER INDEX $T_a RENAME TO $T_renamed",
    ),
    (
        "index_quoted",
        "CREATE TABLE \"$T It's\" (\"Ä b\" int); INSERT INTO \"$T It's\" VALUES (1);",
        "CREATE INDEX \"$T It's a \"\"x\"\"\" ON \"$T It's\" (\"Ä b\")",
    ),
    (
        "index_long_names",
        "CREATE TABLE $T_with_a_name_that_is_quite_long_already (a_column_with_a_long_name_of_its_own int, another_column_with_a_long_name int);",
        "CREATE INDEX ON $T_with_a_name_that_is_quite_long_already (a_column_with_a_long_name_of_its_own, another_column_with_a_long_name)",
    ),
    (
        "index_drop",
        "CREATE TABLE $T (a int); CREATE INDEX $T_a ON $T (a);",
        "DROP INDEX $T_a",
    ),
    ("index_drop_if", PLAIN, "DROP INDEX IF EXISTS $T_nothing"),
    (
        "index_drop_make",
        "CREATE TABLE $T (a int, b int); CREATE INDEX $T_a ON $T (a);",
        "DROP INDEX $T_a; CREATE INDEX $T_a ON $T (b)",
    ),
    (
        "index_on_new_column",
        PLAIN,
        "ALTER TABLE $T ADD COLUMN n int DEFAULT 3; CREATE INDEX ON $T (n)",
    ),
    ("index_parts", PARTED, "CREATE INDEX $T_a ON $T (a)"),
    (
        "index_parts_unnamed",
        PARTED,
        "CREATE INDEX ON $T (a); CREATE UNIQUE INDEX ON $T (id)",
    ),
    (
        "index_matview",
        "CREATE MATERIALIZED VIEW $T AS SELECT 1 AS a;",
        "CREATE UNIQUE INDEX $T_a ON $T (a)",
    ),
    (
        "index_reindex",
        "CREATE TABLE $T (a int); CREATE INDEX $T_a ON $T (a);",
        "REINDEX INDEX $T_a",
    ),
];

const CONSTRAINTS: &[Case] = &[
    ("unique", PLAIN, "ALTER TABLE $T ADD CONSTRAINT $T_u UNIQUE (a, b)"),
    (
        "unique_unnamed",
        PLAIN,
        "ALTER TABLE $T ADD UNIQUE (a); ALTER TABLE $T ADD UNIQUE (a)",
    ),
    (
        "unique_deferred",
        PLAIN,
        "ALTER TABLE $T ADD CONSTRAINT $T_u UNIQUE (a) DEFERRABLE INITIALLY DEFERRED",
    ),
    (
        "unique_include",
        PLAIN,
        "ALTER TABLE $T ADD CONSTRAINT $T_u UNIQUE (a) INCLUDE (b)",
    ),
    ("primary", PLAIN, "ALTER TABLE $T ADD PRIMARY KEY (id)"),
    (
        "primary_nullable",
        "CREATE TABLE $T (id int, a int); INSERT INTO $T VALUES (1, 1), (2, 2);",
        "ALTER TABLE $T ADD CONSTRAINT $T_key PRIMARY KEY (id, a)",
    ),
    (
        "primary_swap",
        "CREATE TABLE $T (id int PRIMARY KEY, a int NOT NULL); INSERT INTO $T VALUES (1, 1);",
        "ALTER TABLE $T DROP CONSTRAINT $T_pkey, ADD CONSTRAINT $T_pkey PRIMARY KEY (a)",
    ),
    (
        "foreign",
        PAIR,
        "ALTER TABLE $T ADD CONSTRAINT $T_f FOREIGN KEY (a) REFERENCES $T_p (id) ON DELETE SET NULL ON UPDATE CASCADE",
    ),
    (
        "foreign_unnamed",
        PAIR,
        "ALTER TABLE $T ADD FOREIGN KEY (a) REFERENCES $T_p; ALTER TABLE $T ADD FOREIGN KEY (a) REFERENCES $T_p (k)",
    ),
    (
        "foreign_not_valid",
        PAIR,
        "ALTER TABLE $T ADD CONSTRAINT $T_f FOREIGN KEY (a) REFERENCES $T_p (id) NOT VALID",
    ),
    (
        "foreign_deferred",
        PAIR,
        "ALTER TABLE $T ADD CONSTRAINT $T_f FOREIGN KEY (a) REFERENCES $T_p (id) DEFERRABLE INITIALLY DEFERRED",
    ),
    (
        "foreign_self",
        "CREATE TABLE $T (id int PRIMARY KEY, up int); INSERT INTO $T VALUES (1, NULL), (2, 1);",
        "ALTER TABLE $T ADD FOREIGN KEY (up) REFERENCES $T (id)",
    ),
    (
        "foreign_from_new",
        PAIR,
        "CREATE TABLE $T_n (id int PRIMARY KEY, p int REFERENCES $T_p (id), q int); ALTER TABLE $T_n ADD FOREIGN KEY (q) REFERENCES $T_p (k)",
    ),
    (
        "foreign_parts",
        PARTED,
        "CREATE TABLE $T_o (id int PRIMARY KEY); INSERT INTO $T_o SELECT generate_series(1, 100); ALTER TABLE $T ADD CONSTRAINT $T_f FOREIGN KEY (a) REFERENCES $T_o (id)",
    ),
    ("check", PLAIN, "ALTER TABLE $T ADD CONSTRAINT $T_c CHECK (a > 0)"),
    (
        "check_unnamed",
        PLAIN,
        "ALTER TABLE $T ADD CHECK (a > 0); ALTER TABLE $T ADD CHECK (a > 0 AND c > 0); ALTER TABLE $T ADD CHECK (true)",
    ),
    (
        "check_no_inherit",
        PLAIN,
        "ALTER TABLE $T ADD CONSTRAINT $T_c CHECK (a > 0) NO INHERIT",
    ),
    (
        "check_inherited",
        "CREATE TABLE $T (a int); CREATE TABLE $T_kid () INHERITS ($T); INSERT INTO $T_kid VALUES (1);",
        "ALTER TABLE $T ADD CONSTRAINT $T_c CHECK (a > 0)",
    ),
    (
        "check_parts",
        PARTED,
        "ALTER TABLE $T ADD CONSTRAINT $T_c CHECK (a > 0)",
    ),
    (
        "check_long_name",
        PLAIN,
        "ALTER TABLE $T ADD CONSTRAINT $T_a_constraint_with_a_very_long_name_that_is_cut_off_at_sixty_three_bytes CHECK (a > 0)",
    ),
    (
        "exclude",
        "CREATE TABLE $T (r int4range);",
        "ALTER TABLE $T ADD CONSTRAINT $T_e EXCLUDE USING gist (r WITH &&)",
    ),
    (
        "validate",
        "CREATE TABLE $T (a int); ALTER TABLE $T ADD CONSTRAINT $T_c CHECK (a > 0) NOT VALID;",
        "ALTER TABLE $T VALIDATE CONSTRAINT $T_c",
    ),
    (
        "drop_constraint",
        "CREATE TABLE $T (a int UNIQUE CHECK (a > 0));",
        "ALTER TABLE $T DROP CONSTRAINT $T_a_key; ALTER TABLE $T DROP CONSTRAINT IF EXISTS $T_a_check",
    ),
    (
        "many_in_one",
        PAIR,
        "ALTER TABLE $T ADD CONSTRAINT $T_c CHECK (a > 0), ADD CONSTRAINT $T_f FOREIGN KEY (a) REFERENCES $T_p (id), ADD CONSTRAINT $T_u UNIQUE (a), ALTER COLUMN a SET NOT NULL, ADD COLUMN z int DEFAULT 4",
    ),
    (
        "using_index",
        "CREATE TABLE $T (a int NOT NULL); CREATE UNIQUE INDEX $T_i ON $T (a);",
        "ALTER TABLE $T ADD CONSTRAINT $T_u UNIQUE USING INDEX $T_i",
    ),
];

const COLUMNS: &[Case] = &[
    ("not_null", PLAIN, "ALTER TABLE $T ALTER COLUMN b SET NOT NULL"),
    (
        "not_null_two",
        PLAIN,
        "ALTER TABLE $T ALTER COLUMN b SET NOT NULL, ALTER COLUMN c SET NOT NULL",
    ),
    ("not_null_again", PLAIN, "ALTER TABLE $T ALTER COLUMN a SET NOT NULL"),
    ("not_null_parts", PARTED, "ALTER TABLE $T ALTER COLUMN a SET NOT NULL"),
    ("not_null_drop", PLAIN, "ALTER TABLE $T ALTER COLUMN a DROP NOT NULL"),
    (
        "not_null_filled",
        PLAIN,
        "UPDATE $T SET c = 0 WHERE c IS NULL; ALTER TABLE $T ALTER COLUMN c SET NOT NULL",
    ),
    ("add", PLAIN, "ALTER TABLE $T ADD COLUMN n int"),
    (
        "add_default",
        PLAIN,
        "ALTER TABLE $T ADD COLUMN n text NOT NULL DEFAULT 'it''s'",
    ),
    (
        "add_stable",
        PLAIN,
        "ALTER TABLE $T ADD COLUMN n timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP",
    ),
    (
        "add_volatile",
        PLAIN,
        "ALTER TABLE $T ADD COLUMN n uuid NOT NULL DEFAULT gen_random_uuid()",
    ),
    ("add_serial", PLAIN, "ALTER TABLE $T ADD COLUMN n serial"),
    (
        "add_bigserial_key",
        "CREATE TABLE $T (a int); INSERT INTO $T VALUES (1), (2);",
        "ALTER TABLE $T ADD COLUMN n bigserial PRIMARY KEY",
    ),
    (
        "add_identity",
        PLAIN,
        "ALTER TABLE $T ADD COLUMN n int GENERATED ALWAYS AS IDENTITY",
    ),
    (
        "add_generated",
        PLAIN,
        "ALTER TABLE $T ADD COLUMN n int GENERATED ALWAYS AS (a * 2) STORED",
    ),
    ("add_unique", PLAIN, "ALTER TABLE $T ADD COLUMN n int UNIQUE"),
    (
        "add_check",
        PLAIN,
        "ALTER TABLE $T ADD COLUMN n int DEFAULT 1 CHECK (n > 0) CHECK (n < 9)",
    ),
    (
        "add_references",
        PAIR,
        "ALTER TABLE $T ADD COLUMN n int REFERENCES $T_p (id) ON DELETE CASCADE",
    ),
    (
        "add_references_default",
        PAIR,
        "ALTER TABLE $T ADD COLUMN n int NOT NULL DEFAULT 1 REFERENCES $T_p",
    ),
    (
        "add_named_parts",
        PAIR,
        "ALTER TABLE $T ADD COLUMN n int CONSTRAINT $T_nu UNIQUE CONSTRAINT $T_nc CHECK (n > 0) CONSTRAINT $T_nf REFERENCES $T_p (id)",
    ),
    (
        "add_if_not_exists",
        PLAIN,
        "ALTER TABLE $T ADD COLUMN IF NOT EXISTS a int; ALTER TABLE $T ADD COLUMN IF NOT EXISTS n int DEFAULT 5",
    ),
    (
        "add_domain",
        "CREATE DOMAIN $T_d AS int CHECK (VALUE > 0); CREATE TABLE $T (a int); INSERT INTO $T VALUES (1);",
        "ALTER TABLE $T ADD COLUMN n $T_d DEFAULT 1",
    ),
    (
        "add_many",
        PLAIN,
        "ALTER TABLE $T ADD COLUMN n1 int UNIQUE, ADD COLUMN n2 serial, ADD COLUMN n3 text NOT NULL DEFAULT 'x', DROP COLUMN c",
    ),
    (
        "default",
        PLAIN,
        "ALTER TABLE $T ALTER COLUMN b SET DEFAULT 'y'; ALTER TABLE $T ALTER COLUMN b DROP DEFAULT",
    ),
    (
        "drop",
        PLAIN,
        "ALTER TABLE $T DROP COLUMN b; ALTER TABLE $T DROP COLUMN IF EXISTS zz",
    ),
    (
        "rename",
        PLAIN,
        "ALTER TABLE $T RENAME COLUMN b TO bb; ALTER TABLE $T RENAME TO $T_new; CREATE INDEX ON $T_new (bb)",
    ),
    (
        "type_free",
        "CREATE TABLE $T (a varchar(10), b varchar(5)); INSERT INTO $T VALUES ('x', 'y');",
        "ALTER TABLE $T ALTER a TYPE varchar(20), ALTER b TYPE text",
    ),
    ("type_rewrite", PLAIN, "ALTER TABLE $T ALTER c TYPE bigint"),
    (
        "type_using",
        PLAIN,
        "ALTER TABLE $T ALTER c TYPE text USING c::text || '!'",
    ),
    (
        "storage",
        PLAIN,
        "ALTER TABLE $T ALTER b SET STORAGE EXTERNAL, ALTER b SET STATISTICS 300",
    ),
];

const OTHERS: &[Case] = &[
    (
        "enum_value",
        "CREATE TYPE $T_e AS ENUM ('a', 'c'); CREATE TABLE $T (e $T_e);",
        "ALTER TYPE $T_e ADD VALUE 'b' BEFORE 'c'; ALTER TYPE $T_e ADD VALUE IF NOT EXISTS 'a'",
    ),
    (
        "enum_value_used",
        "CREATE TYPE $T_e AS ENUM ('a'); CREATE TABLE $T (e $T_e); INSERT INTO $T VALUES ('a');",
        "ALTER TYPE $T_e ADD VALUE 'b'; ALTER TABLE $T ALTER e SET DEFAULT 'b'",
    ),
    (
        "enum_replaced",
        "CREATE TYPE $T_e AS ENUM ('a', 'b'); CREATE TABLE $T (e $T_e NOT NULL DEFAULT 'a'); INSERT INTO $T VALUES ('a');",
        "BEGIN; CREATE TYPE $T_e_new AS ENUM ('a', 'c'); ALTER TABLE $T ALTER e DROP DEFAULT; ALTER TABLE $T ALTER e TYPE $T_e_new USING (e::text::$T_e_new); ALTER TYPE $T_e RENAME TO $T_e_old; ALTER TYPE $T_e_new RENAME TO $T_e; DROP TYPE $T_e_old; ALTER TABLE $T ALTER e SET DEFAULT 'a'; COMMIT;",
    ),
    (
        "update",
        PLAIN,
        "UPDATE $T SET b = 'z' WHERE a > 50; DELETE FROM $T WHERE a = 3; INSERT INTO $T VALUES (1000, 1000)",
    ),
    (
        "copy_then_drop",
        PLAIN,
        "CREATE TABLE $T_n AS SELECT * FROM $T; DROP TABLE $T",
    ),
    (
        "new_table",
        PLAIN,
        "CREATE TABLE $T_n (id serial PRIMARY KEY, a int UNIQUE, b int CHECK (b > 0), c int NOT NULL); CREATE INDEX ON $T_n (b); ALTER TABLE $T_n ADD CONSTRAINT $T_nx UNIQUE (b, c)",
    ),
    (
        "do_block",
        PLAIN,
        "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_constraint WHERE conname = '$T_c') THEN ALTER TABLE $T ADD CONSTRAINT $T_c CHECK (a > 0); END IF; END $$",
    ),
    (
        "function_and_trigger",
        PLAIN,
        "CREATE FUNCTION $T_f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.b := 'f'; RETURN NEW; END $$; CREATE TRIGGER $T_t BEFORE UPDATE ON $T FOR EACH ROW EXECUTE FUNCTION $T_f()",
    ),
    (
        "view",
        PLAIN,
        "CREATE VIEW $T_v AS SELECT a, b FROM $T; CREATE OR REPLACE VIEW $T_v AS SELECT a, b, c FROM $T",
    ),
    (
        "matview",
        "CREATE MATERIALIZED VIEW $T AS SELECT 1 AS a; CREATE UNIQUE INDEX $T_a ON $T (a);",
        "REFRESH MATERIALIZED VIEW $T",
    ),
    (
        "grants",
        PLAIN,
        "ALTER TABLE $T OWNER TO pg_monitor; GRANT SELECT ON $T TO pg_read_all_stats; COMMENT ON COLUMN $T.a IS 'x'",
    ),
    (
        "row_security",
        PLAIN,
        "ALTER TABLE $T ENABLE ROW LEVEL SECURITY; CREATE POLICY $T_p ON $T USING (a > 0)",
    ),
    (
        "attach",
        PARTED,
        "CREATE TABLE $T_3 (id int NOT NULL, a int, day date NOT NULL); ALTER TABLE $T ATTACH PARTITION $T_3 FOR VALUES FROM (200) TO (300)",
    ),
    ("detach", PARTED, "ALTER TABLE $T DETACH PARTITION $T_1"),
    (
        "new_partition",
        PARTED,
        "CREATE TABLE $T_3 PARTITION OF $T FOR VALUES FROM (200) TO (300)",
    ),
    (
        "schema_of_its_own",
        PLAIN,
        "CREATE SCHEMA $T_s; CREATE TABLE $T_s.t (a int); CREATE INDEX ON $T_s.t (a); ALTER TABLE $T SET SCHEMA $T_s; CREATE INDEX ON $T_s.$T (a)",
    ),
    (
        "path_set",
        PLAIN,
        "CREATE SCHEMA $T_s; SET search_path = $T_s; CREATE TABLE t (a int); CREATE INDEX ON t (a); RESET search_path; CREATE INDEX ON $T (b)",
    ),
    (
        "path_emptied",
        PLAIN,
        "SELECT pg_catalog.set_config('search_path', '', false); CREATE TABLE public.$T_q (a int); ALTER TABLE public.$T ADD CONSTRAINT $T_k CHECK (a > 0); SELECT pg_catalog.set_config('search_path', 'public', false)",
    ),
    (
        "transaction_of_its_own",
        PLAIN,
        "BEGIN; ALTER TABLE $T ADD COLUMN z int; CREATE INDEX $T_z ON $T (z); COMMIT",
    ),
    (
        "savepoint",
        PLAIN,
        "BEGIN; SAVEPOINT s; ALTER TABLE $T ADD COLUMN z int; RELEASE s; COMMIT",
    ),
    (
        "between_comments_and_grants",
        PLAIN,
        "COMMENT ON TABLE $T IS 'x'; CREATE INDEX $T_c ON $T (c); COMMENT ON COLUMN $T.a IS 'y'; GRANT SELECT ON $T TO PUBLIC",
    ),
    (
        "drop_column_then_index",
        PLAIN,
        "ALTER TABLE $T DROP COLUMN b, ADD COLUMN e int; CREATE INDEX $T_e ON $T (e)",
    ),
    (
        "column_again_with_another_type",
        PLAIN,
        "ALTER TABLE $T DROP COLUMN b, ADD COLUMN b int; CREATE INDEX $T_b ON $T (b)",
    ),
    (
        "key_over_a_new_column",
        "CREATE TABLE $T (id int PRIMARY KEY, a int); INSERT INTO $T VALUES (1, 1);",
        "ALTER TABLE $T DROP CONSTRAINT $T_pkey, ADD COLUMN k int NOT NULL DEFAULT 3, ADD CONSTRAINT $T_pkey PRIMARY KEY (id, k)",
    ),
    (
        "filled_table_then_key",
        PAIR,
        "CREATE TABLE $T_n (id int PRIMARY KEY, p int); INSERT INTO $T_n SELECT id, id FROM $T_p; ALTER TABLE $T_n ADD CONSTRAINT $T_f FOREIGN KEY (p) REFERENCES $T_p (id)",
    ),
    (
        "rename_then_index",
        PLAIN,
        "ALTER TABLE $T RENAME COLUMN a TO aa; CREATE INDEX $T_aa ON $T (aa); ALTER TABLE $T RENAME TO $T_new; CREATE INDEX $T_c ON $T_new (c)",
    ),
    (
        "seed_and_index",
        PAIR,
        "INSERT INTO $T_p VALUES (1000, 1000); CREATE INDEX $T_a ON $T (a); ALTER TABLE $T_p ADD COLUMN z int; INSERT INTO $T_p VALUES (1001, 1001, 5)",
    ),
    (
        "temporary",
        PLAIN,
        "CREATE TEMPORARY TABLE $T_tmp AS SELECT a FROM $T; CREATE INDEX ON $T_tmp (a); DROP TABLE $T_tmp",
    ),
    ("statistics", PLAIN, "CREATE STATISTICS $T_st ON a, b FROM $T"),
    (
        "drop_table",
        PAIR,
        "ALTER TABLE $T ADD CONSTRAINT $T_f FOREIGN KEY (a) REFERENCES $T_p (id); DROP TABLE $T; DROP TABLE $T_p",
    ),
    (
        "sequence",
        PLAIN,
        "CREATE SEQUENCE $T_q OWNED BY $T.a; ALTER TABLE $T ALTER a SET DEFAULT nextval('$T_q'); ALTER SEQUENCE $T_q RESTART WITH 500",
    ),
];

fn cases() -> impl Iterator<Item = &'static Case> {
    [INDEXES, CONSTRAINTS, COLUMNS, OTHERS].into_iter().flatten()
}

fn own(text: &str, case: &str) -> String {
    text.replace("$T", &format!("t_{case}"))
}

async fn ends_alike(major: u32, flags: &[&str]) {
    let project = Project::new(&[]);
    let template = testkit::database(major).await;
    for (at, (name, before, sql)) in cases().enumerate() {
        template.run(&own(before, name)).await;
        project.add(&format!("{at:04}_{name}"), &own(sql, name));
    }
    template
        .run("CREATE TABLE before (id int); CREATE INDEX before_id ON before (id)")
        .await;
    let (written, ours) = (template.copy().await, template.copy().await);
    let folder = project.read();
    let outcome = apply(
        &written.connect().await,
        &folder.migrations,
        Tool::Prisma,
        AfterFailure::Continue,
    )
    .await
    .unwrap();
    assert!(outcome.failed.is_empty(), "as written: {:#?}", outcome.failed);

    // A first migration that is done already makes the database one of Prisma's.
    project.add("0000", "SELECT 1");
    nonstop(&ours.url(), &project.dir(), &["baseline", "0000"])
        .await
        .ends_with(0);
    let arguments: Vec<&str> = ["deploy", "--quiet"].iter().chain(flags).copied().collect();
    nonstop(&ours.url(), &project.dir(), &arguments).await.ends_with(0);
    let (written, ours) = (written.connect().await, ours.connect().await);
    let what = format!("PostgreSQL {major}, {flags:?}");
    assert_same(
        &snapshot(&written).await.unwrap(),
        &snapshot(&ours).await.unwrap(),
        &what,
    );
    assert_eq!(
        contents(&written).await.unwrap(),
        contents(&ours).await.unwrap(),
        "{what}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn with_small_tables() {
    for major in oldest_and_newest() {
        ends_alike(major, &[]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_tables_that_count_as_large() {
    for major in oldest_and_newest() {
        ends_alike(major, &["--small-rows", "0", "--allow", "blocking,data-loss"]).await;
    }
}
