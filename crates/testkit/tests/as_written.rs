//! Migrations as their own tools apply them, and the two errors that come from the common transaction alone.
#![expect(clippy::unwrap_used, reason = "a test file")]

use nonstop_core::migration::{Migration, TransactionModel};
use nonstop_core::source::SourceFile;
use testkit::as_written::{AfterFailure, Outcome, Tool, apply};
use testkit::compare::{diff, snapshot};
use testkit::{TestDatabase, each_major};

fn migration(name: &str, sql: &str) -> Migration {
    Migration {
        name: name.to_owned(),
        up: Some(SourceFile::new(name, sql)),
        path: name.to_owned(),
        down: None,
        transaction: TransactionModel::Whole,
    }
}

async fn written(database: &TestDatabase, tool: Tool, migrations: &[Migration]) -> Outcome {
    let client = database.connect().await;
    apply(&client, migrations, tool, AfterFailure::Continue).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_one_transaction() {
    each_major(|database| async move {
        let before = snapshot(&database.connect().await).await.unwrap();
        let bad = [migration("bad", "CREATE TABLE a (id int); SELECT 1 / 0;")];
        for tool in [Tool::Prisma, Tool::Diesel] {
            let outcome = written(&database, tool, &bad).await;
            assert_eq!(outcome.failed[0].1.code().code(), "22012");
            assert!(outcome.applied.is_empty());
            let after = snapshot(&database.connect().await).await.unwrap();
            assert_eq!(diff(&before, &after), []);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_the_transaction_forbids_is_cured() {
    each_major(|database| async move {
        let migrations = [
            migration(
                "init",
                "CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE t (id int, m mood);",
            ),
            migration(
                "index",
                "ALTER TABLE t ADD COLUMN c int;\nCREATE INDEX CONCURRENTLY t_c ON t (c);\n\
                 DO $$ BEGIN PERFORM 1; END $$;",
            ),
            migration(
                "enum",
                "ALTER TYPE mood ADD VALUE 'ok';\nINSERT INTO t (m) VALUES ('ok');",
            ),
            migration("alone", "CREATE INDEX CONCURRENTLY t_id ON t (id);"),
        ];
        for tool in [Tool::Prisma, Tool::Diesel] {
            let fresh = testkit::database(database.major).await;
            let outcome = written(&fresh, tool, &migrations).await;
            assert!(outcome.failed.is_empty(), "{:?}", outcome.failed);
            assert_eq!(outcome.applied, ["init", "index", "enum", "alone"]);
            let cured: Vec<(&str, &str)> = outcome
                .cured
                .iter()
                .map(|(name, code)| (name.as_str(), code.code()))
                .collect();
            // Alone in its file CONCURRENTLY is no part of a transaction for Prisma; for Diesel it always is.
            let alone = (tool == Tool::Diesel).then_some(("alone", "25001"));
            let expected: Vec<(&str, &str)> = [("index", "25001"), ("enum", "55P04")]
                .into_iter()
                .chain(alone)
                .collect();
            assert_eq!(cured, expected);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn diesel_can_leave_the_transaction_out() {
    each_major(|database| async move {
        let mut alone = migration("alone", "CREATE INDEX CONCURRENTLY t_id ON t (id);");
        alone.transaction = TransactionModel::Unwrapped;
        let outcome = written(
            &database,
            Tool::Diesel,
            &[migration("init", "CREATE TABLE t (id int)"), alone],
        )
        .await;
        assert_eq!(outcome.applied, ["init", "alone"]);
        assert!(outcome.cured.is_empty());
    })
    .await;
}
