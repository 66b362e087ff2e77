//! Cases of indexes, constraints and columns.

use super::{Case, PAIR, PARTED, PLAIN};

pub(super) const INDEXES: &[Case] = &[
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

pub(super) const CONSTRAINTS: &[Case] = &[
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

pub(super) const COLUMNS: &[Case] = &[
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
