//! What fails as written fails here too, with the same SQLSTATE and with nothing changed.

use crate::support::{Project, history, nonstop, oldest_and_newest};
use testkit::as_written::{AfterFailure, Tool, apply};
use testkit::compare::{assert_same, row_counts, snapshot};

const BEFORE: &str = r"
    CREATE TYPE mood AS ENUM ('sad');
    CREATE TABLE parent (id int PRIMARY KEY);
    CREATE TABLE t (id int, a int, b int, note text);
    CREATE INDEX t_b ON t (b);
    INSERT INTO parent VALUES (1);
    INSERT INTO t VALUES (1, 1, NULL, 'x'), (2, 1, 2, 'y');
    CREATE TABLE parted (id int NOT NULL, a int) PARTITION BY RANGE (id);
    CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (1) TO (5);
    CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (5) TO (9);
    CREATE INDEX own ON parted_1 (a);
    INSERT INTO parted VALUES (1, 1), (5, 1);
";

/// A name, a migration, and the SQLSTATE it fails with. Each does something that must be undone before it fails.
const CASES: [(&str, &str, &str); 22] = [
    (
        "duplicates",
        "ALTER TABLE t ADD COLUMN c int; CREATE UNIQUE INDEX t_a ON t (a)",
        "23505",
    ),
    (
        "duplicates_in_constraint",
        "CREATE INDEX t_id ON t (id); ALTER TABLE t ADD CONSTRAINT u UNIQUE (a)",
        "23505",
    ),
    (
        "orphans",
        "CREATE INDEX t_id ON t (id); ALTER TABLE t ADD FOREIGN KEY (id) REFERENCES parent (id)",
        "23503",
    ),
    (
        "check",
        "ALTER TABLE t ADD COLUMN c int DEFAULT 1; ALTER TABLE t ADD CONSTRAINT k CHECK (id < 2)",
        "23514",
    ),
    (
        "nulls",
        "CREATE INDEX t_id ON t (id); ALTER TABLE t ALTER b SET NOT NULL",
        "23502",
    ),
    (
        "nulls_in_key",
        "CREATE TABLE made (); ALTER TABLE t ADD PRIMARY KEY (b)",
        "23502",
    ),
    (
        "no_table",
        "CREATE INDEX t_id ON t (id); CREATE TABLE made (); ALTER TABLE nowhere ADD COLUMN c int",
        "42P01",
    ),
    (
        "no_column",
        "CREATE INDEX t_id ON t (id); CREATE INDEX t_zz ON t (zz)",
        "42703",
    ),
    (
        "column_is_there",
        "DROP INDEX t_b; ALTER TABLE t ADD COLUMN a int",
        "42701",
    ),
    (
        "division",
        "CREATE INDEX t_id ON t (id); UPDATE t SET a = 1 / (id - 1)",
        "22012",
    ),
    (
        "no_default",
        "DROP INDEX t_b; ALTER TABLE t ADD COLUMN c int NOT NULL",
        "23502",
    ),
    (
        "inline_unique",
        "CREATE TABLE made (); ALTER TABLE t ADD COLUMN c int DEFAULT 1 UNIQUE",
        "23505",
    ),
    (
        "enum_label",
        "ALTER TYPE mood ADD VALUE 'ok'; CREATE TABLE made (); ALTER TYPE mood ADD VALUE 'sad'",
        "42710",
    ),
    (
        "after_a_dropped_column",
        "ALTER TABLE t DROP COLUMN note; CREATE INDEX t_id ON t (id); ALTER TABLE nowhere ADD COLUMN c int",
        "42P01",
    ),
    (
        "after_a_dropped_key",
        "ALTER TABLE parent DROP CONSTRAINT parent_pkey; CREATE INDEX t_id ON t (id); SELECT 1 / 0",
        "22012",
    ),
    (
        "after_a_renamed_column",
        "ALTER TABLE t RENAME COLUMN a TO aa; CREATE INDEX t_aa ON t (aa); SELECT 1 / 0",
        "22012",
    ),
    (
        "after_a_renamed_table",
        "ALTER TABLE t RENAME TO tt; CREATE INDEX tt_id ON tt (id); SELECT 1 / 0",
        "22012",
    ),
    (
        "after_a_seed",
        "INSERT INTO parent VALUES (2); CREATE UNIQUE INDEX t_a ON t (a)",
        "23505",
    ),
    (
        "after_a_seed_and_an_index",
        "INSERT INTO parent VALUES (2); CREATE INDEX t_id ON t (id); SELECT 1 / 0",
        "22012",
    ),
    (
        "after_an_index_of_partitions",
        "CREATE INDEX t_id ON t (id); CREATE INDEX ON parted (a); SELECT 1 / 0",
        "22012",
    ),
    (
        "after_keys_of_partitions",
        "ALTER TABLE parted ADD UNIQUE (id); ALTER TABLE parted ADD FOREIGN KEY (a) REFERENCES parent; SELECT 1 / 0",
        "22012",
    ),
    (
        "raised",
        "CREATE INDEX t_id ON t (id); DO $$ BEGIN RAISE EXCEPTION 'no'; END $$",
        "P0001",
    ),
];

async fn fails_alike(major: u32, flags: &[&str]) {
    let template = testkit::database(major).await;
    template.run(BEFORE).await;
    for (name, sql, code) in CASES {
        let project = Project::new(&[(name, sql)]);
        let what = format!("{name} on PostgreSQL {major}, {flags:?}");
        let written = template.copy().await;
        let outcome = apply(
            &written.connect().await,
            &project.read().migrations,
            Tool::Prisma,
            AfterFailure::Stop,
        )
        .await
        .unwrap();
        assert_eq!(outcome.failed[0].1.code().code(), code, "{what} as written");

        let database = template.copy().await;
        let client = database.connect().await;
        client
            .batch_execute(
                "CREATE TABLE _prisma_migrations (
                     id VARCHAR(36) PRIMARY KEY NOT NULL, checksum VARCHAR(64) NOT NULL, finished_at TIMESTAMPTZ,
                     migration_name VARCHAR(255) NOT NULL, logs TEXT, rolled_back_at TIMESTAMPTZ,
                     started_at TIMESTAMPTZ NOT NULL DEFAULT now(), applied_steps_count INTEGER NOT NULL DEFAULT 0)",
            )
            .await
            .unwrap();
        let before = (snapshot(&client).await.unwrap(), row_counts(&client).await.unwrap());
        let arguments: Vec<&str> = ["deploy"].iter().chain(flags).copied().collect();
        let ran = nonstop(&database.url(), &project.dir(), &arguments).await;
        assert_eq!(ran.code, 3, "{what}:\n{}{}", ran.out, ran.err);
        ran.says(code);
        let after = (snapshot(&client).await.unwrap(), row_counts(&client).await.unwrap());
        assert_same(&before.0, &after.0, &what);
        assert_eq!(before.1, after.1, "{what}");
        let rows = history(&client, "public").await;
        assert_eq!(rows.len(), 1, "{what}");
        assert!(!rows[0].finished && rows[0].rolled_back, "{what}: {rows:?}");
        assert!(
            rows[0].logs.as_deref().is_some_and(|logs| logs.contains(code)),
            "{what}: {rows:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_small_tables() {
    for major in oldest_and_newest() {
        fails_alike(major, &[]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_tables_that_count_as_large() {
    for major in oldest_and_newest() {
        fails_alike(major, &["--small-rows", "0", "--allow", "blocking"]).await;
    }
}
