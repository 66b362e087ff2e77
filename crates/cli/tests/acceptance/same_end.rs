//! One statement after the other: the end through nonstop is the end as written, names that PostgreSQL makes included.
//!
//! Every case has a table of its own, so one deploy tests all of them. Their tables exist before and hold rows.

mod around;
mod on_rows;
mod on_tables;
mod partitions;
mod retyped;

use crate::support::{Project, nonstop, oldest_and_newest};
use nonstop_core::source::SourceFile;
use nonstop_core::sql::{Kind, parse};
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

fn cases() -> impl Iterator<Item = &'static Case> {
    [
        on_tables::INDEXES,
        on_tables::CONSTRAINTS,
        on_tables::COLUMNS,
        around::OTHERS,
        on_rows::ROWS,
        partitions::PARTITIONS,
        retyped::RETYPED,
    ]
    .into_iter()
    .flatten()
}

fn own(text: &str, case: &str) -> String {
    text.replace("$T", &format!("t_{case}"))
}

/// Cases that have a safe form throughout: nothing needs to be allowed for them.
fn is_safe(case: &Case) -> bool {
    case.0.starts_with("type_") || case.0.starts_with("attach_")
}

async fn ends_alike(major: u32, flags: &[&str], wanted: fn(&Case) -> bool) {
    let project = Project::new(&[]);
    let template = testkit::database(major).await;
    for (at, (name, before, sql)) in cases().filter(|case| wanted(case)).enumerate() {
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

/// What a setup makes, left empty: then nothing but its text tells the deploy what is there.
fn without_rows(setup: &str) -> String {
    let script = parse(&SourceFile::new("setup.sql", setup)).unwrap();
    let made = script.statements.iter().filter(|one| !matches!(one.kind, Kind::Dml(_)));
    made.flat_map(|one| [one.sql.to_string(), ";\n".to_owned()]).collect()
}

/// The setups are migrations of the same deploy, so that plans rest on what their files say and not on what a server
/// printed of it.
async fn ends_alike_in_one_deploy(major: u32, flags: &[&str]) {
    let project = Project::new(&[]);
    for (at, (name, before, sql)) in cases().enumerate() {
        project.add(&format!("{at:04}_a_{name}"), &without_rows(&own(before, name)));
        project.add(&format!("{at:04}_b_{name}"), &own(sql, name));
    }
    let (written, ours) = (testkit::database(major).await, testkit::database(major).await);
    let migrations = project.read().migrations;
    let client = written.connect().await;
    let outcome = apply(&client, &migrations, Tool::Prisma, AfterFailure::Continue)
        .await
        .unwrap();
    assert!(outcome.failed.is_empty(), "as written: {:#?}", outcome.failed);
    let arguments: Vec<&str> = ["deploy", "--quiet"].iter().chain(flags).copied().collect();
    nonstop(&ours.url(), &project.dir(), &arguments).await.ends_with(0);
    let what = format!("PostgreSQL {major}, in one deploy, {flags:?}");
    assert_same(
        &snapshot(&written.connect().await).await.unwrap(),
        &snapshot(&ours.connect().await).await.unwrap(),
        &what,
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn with_setups_in_the_same_deploy() {
    for major in oldest_and_newest() {
        let large = ["--small-rows", "0", "--allow", "blocking,data-loss"];
        ends_alike_in_one_deploy(major, &large).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_small_tables() {
    for major in oldest_and_newest() {
        ends_alike(major, &[], |_| true).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_tables_that_count_as_large() {
    for major in oldest_and_newest() {
        ends_alike(major, &["--small-rows", "0", "--allow", "blocking,data-loss"], |case| {
            !is_safe(case)
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_large_tables_and_nothing_allowed() {
    for major in oldest_and_newest() {
        ends_alike(major, &["--small-rows", "0"], is_safe).await;
    }
}
