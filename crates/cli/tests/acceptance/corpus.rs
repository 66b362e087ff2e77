//! Histories of real projects: the end is the one as written, also when every table counts as large.

use crate::support::{corpus, corpus_path, nonstop, oldest_and_newest};
use nonstop::layouts::{Folder, LayoutChoice};
use std::collections::BTreeMap;
use std::time::Instant;
use testkit::TestDatabase;
use testkit::as_written::{AfterFailure, Tool, apply};
use testkit::compare::{Snapshot, assert_same, row_counts, snapshot};
use testkit::oracle::Oracle;

/// Each way of deploying must come to the same end.
const WAYS: [&[&str]; 2] = [
    &["deploy", "--quiet"],
    &[
        "deploy",
        "--quiet",
        "--small-rows",
        "0",
        "--allow",
        "blocking,data-loss",
    ],
];

/// What a database is in the end: its schema, and how many rows each table has.
struct End {
    schema: Snapshot,
    rows: BTreeMap<String, i64>,
}

impl End {
    async fn of(database: &TestDatabase) -> Self {
        let client = database.connect().await;
        Self {
            schema: snapshot(&client).await.unwrap(),
            rows: row_counts(&client).await.unwrap(),
        }
    }
}

/// The oldest and the newest major, and the one that most distributions have.
fn some_majors() -> Vec<u32> {
    let mut chosen = oldest_and_newest();
    if testkit::majors().contains(&15) && !chosen.contains(&15) {
        chosen.push(15);
    }
    chosen
}

async fn as_written(folder: &Folder, major: u32) -> End {
    let database = testkit::database(major).await;
    let tool = if folder.layout == LayoutChoice::Prisma {
        Tool::Prisma
    } else {
        Tool::Diesel
    };
    let client = database.connect().await;
    let outcome = apply(&client, &folder.migrations, tool, AfterFailure::Continue)
        .await
        .unwrap();
    assert_eq!(outcome.applied.len(), folder.migrations.len(), "{:?}", outcome.failed);
    End::of(&database).await
}

async fn deploys_like_as_written(name: &str, migrations: usize) {
    let Some(folder) = corpus(name) else { return };
    assert_eq!(folder.migrations.len(), migrations);
    for major in some_majors() {
        let expected = as_written(&folder, major).await;
        // The long way shows no more on a major in the middle.
        let ways = if oldest_and_newest().contains(&major) { 2 } else { 1 };
        for way in &WAYS[..ways] {
            let what = format!("{name} on PostgreSQL {major}, {}", way.join(" "));
            let database = testkit::database(major).await;
            let began = Instant::now();
            nonstop(&database.url(), &corpus_path(name), way).await.ends_with(0);
            eprintln!("{what}: {:.1} s", began.elapsed().as_secs_f64());
            let end = End::of(&database).await;
            assert_same(&expected.schema, &end.schema, &what);
            assert_eq!(expected.rows, end.rows, "{what}");
            nonstop(&database.url(), &corpus_path(name), &["status"])
                .await
                .ends_with(0);
            if folder.layout == LayoutChoice::Prisma
                && let Some(oracle) = Oracle::ready().await
            {
                let status = oracle.migrate("status", &database.url(), &corpus_path(name)).await;
                status.ends_with(0).says("Database schema is up to date!");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn langfuse() {
    deploys_like_as_written("langfuse", 434).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn trigger_dev() {
    deploys_like_as_written("trigger.dev", 820).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn crates_io() {
    deploys_like_as_written("crates-io", 285).await;
}
