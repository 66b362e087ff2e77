//! Histories of real projects: the end is the one as written, also when every table counts as large.
//!
//! A usual run takes the oldest and the newest major both ways; `./x forms` takes every major.

use crate::support::{corpus, corpus_path, nonstop, oldest_and_newest};
use nonstop::layouts::{Folder, LayoutChoice, read_folder};
use std::collections::BTreeMap;
use std::path::Path;
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

/// Majors, each with how many of the ways: the long one shows seldom more on a major in the middle.
fn majors_and_ways() -> Vec<(u32, usize)> {
    let whole = std::env::var_os("NONSTOP_GENERATED").is_some();
    let ends = oldest_and_newest();
    let here = testkit::majors().into_iter();
    let of = |major: u32| match major {
        _ if whole || ends.contains(&major) => 2,
        // The one that most distributions have.
        15 => 1,
        _ => 0,
    };
    here.map(|major| (major, of(major)))
        .filter(|(_, ways)| *ways > 0)
        .collect()
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

async fn deploys_like_as_written(path: &Path, folder: &Folder) {
    for (major, ways) in majors_and_ways() {
        let expected = as_written(folder, major).await;
        for way in &WAYS[..ways] {
            let what = format!("{} on PostgreSQL {major}, {}", path.display(), way.join(" "));
            let database = testkit::database(major).await;
            let began = Instant::now();
            nonstop(&database.url(), path, way).await.ends_with(0);
            eprintln!("{what}: {:.1} s", began.elapsed().as_secs_f64());
            let end = End::of(&database).await;
            assert_same(&expected.schema, &end.schema, &what);
            assert_eq!(expected.rows, end.rows, "{what}");
            nonstop(&database.url(), path, &["status"]).await.ends_with(0);
            if folder.layout == LayoutChoice::Prisma
                && let Some(oracle) = Oracle::ready().await
            {
                let status = oracle.migrate("status", &database.url(), path).await;
                status.ends_with(0).says("Database schema is up to date!");
            }
        }
    }
}

async fn of_the_corpus(name: &str, migrations: usize) {
    let Some(folder) = corpus(name) else { return };
    assert_eq!(folder.migrations.len(), migrations);
    deploys_like_as_written(&corpus_path(name), &folder).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn langfuse() {
    of_the_corpus("langfuse", 434).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn trigger_dev() {
    of_the_corpus("trigger.dev", 820).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn crates_io() {
    of_the_corpus("crates-io", 285).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a folder of your own, in NONSTOP_HISTORY"]
async fn your_own() {
    let path = std::env::var_os("NONSTOP_HISTORY").expect("NONSTOP_HISTORY names a folder");
    let path = Path::new(&path);
    deploys_like_as_written(path, &read_folder(path, LayoutChoice::Auto).unwrap()).await;
}
