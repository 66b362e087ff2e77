//! Cases of everything around tables, and of statements that stand together.

use super::{Case, PAIR, PARTED, PLAIN};

pub(super) const OTHERS: &[Case] = &[
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
