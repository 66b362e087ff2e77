//! P1 and P2 on a quiet database, form by form: what a migration as written makes, nonstop makes too, on every major;
//! and where it fails as written, nothing is changed.

use nonstop_core::hash::sha256_hex;
use nonstop_core::migration::{Migration, TransactionModel};
use nonstop_core::settings::PlanSettings;
use nonstop_core::source::SourceFile;
use nonstop_engine::deploy::{DeployOptions, HistoryKind, Stop, deploy};
use nonstop_engine::event::{Event, Events, Outcome};
use nonstop_engine::manage;
use nonstop_engine::target::Target;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use testkit::TestDatabase;
use testkit::as_written::{self, AfterFailure, Tool};
use testkit::compare::{self, Except, Snapshot};
use tokio_postgres::{Client, SimpleQueryMessage};

/// One block of `cases.sql`.
#[derive(Default)]
struct Case {
    name: String,
    setup: String,
    expect: String,
    allow_blocking: bool,
    sql: String,
}

fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in include_str!("cases.sql").lines() {
        if let Some(name) = line.strip_prefix("-- case: ") {
            cases.push(Case {
                name: name.to_owned(),
                expect: "same".to_owned(),
                ..Case::default()
            });
            continue;
        }
        let Some(case) = cases.last_mut() else { continue };
        match line.split_once(": ") {
            Some(("-- setup", sql)) => sql.clone_into(&mut case.setup),
            Some(("-- expect", what)) => what.clone_into(&mut case.expect),
            Some(("-- allow", what)) => case.allow_blocking = what == "blocking",
            _ => {
                case.sql.push_str(line);
                case.sql.push('\n');
            }
        }
    }
    cases
}

fn migration(case: &Case) -> Migration {
    let path = format!("{}/migration.sql", case.name);
    Migration {
        name: format!("1_{}", case.name),
        up: Some(SourceFile::new(path.clone(), case.sql.clone())),
        path,
        down: None,
        checksum: sha256_hex(case.sql.as_bytes()),
        transaction: TransactionModel::Whole,
    }
}

/// The schema, and every table's rows as text.
async fn state(client: &Client) -> (Snapshot, BTreeMap<String, Vec<String>>) {
    let snapshot = compare::snapshot_except(client, &Except::history()).await.unwrap();
    let mut rows = BTreeMap::new();
    for table in compare::row_counts(client).await.unwrap().into_keys() {
        let (schema, name) = table.split_once('.').unwrap();
        let quoted = format!("\"{schema}\".\"{}\"", name.replace('"', "\"\""));
        // Columns by name: their order is a physical fact.
        let query = format!("SELECT to_jsonb(x)::text FROM ONLY {quoted} AS x ORDER BY 1");
        let found = client.simple_query(&query).await.unwrap();
        let texts = found.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        });
        rows.insert(table, texts.collect());
    }
    (snapshot, rows)
}

struct Deployed {
    outcome: Outcome,
    refusals: String,
}

async fn by_nonstop(database: &TestDatabase, case: &Case) -> Deployed {
    let target = Target::parse(&database.url()).unwrap();
    let before = Migration {
        name: "0_base".to_owned(),
        ..migration(case)
    };
    let migrations = [before, migration(case)];
    manage::baseline(
        &target,
        HistoryKind::Prisma,
        &migrations,
        "0_base",
        Duration::ZERO,
        &Events::new(|_| {}),
    )
    .await
    .unwrap();
    let options = DeployOptions {
        plan: PlanSettings {
            small_rows: 0,
            allow_blocking: case.allow_blocking,
            ..PlanSettings::default()
        },
        ..DeployOptions::default()
    };
    let failures = Arc::new(Mutex::new(String::new()));
    let heard = failures.clone();
    let events = Events::new(move |event| {
        if let Event::MigrationFailed { error, .. } = event {
            heard.lock().unwrap().push_str(&error.message);
        }
    });
    let ended = deploy(
        &target,
        &migrations,
        HistoryKind::Prisma,
        &options,
        &events,
        Stop::never(),
    )
    .await;
    let outcome = ended.unwrap_or_else(|error| error.outcome());
    let refusals = failures.lock().unwrap().clone();
    Deployed { outcome, refusals }
}

async fn check(base: &TestDatabase, case: &Case) -> Result<(), String> {
    let written = base.copy().await;
    let safe = base.copy().await;
    for database in [&written, &safe] {
        database.run(&case.setup).await;
    }
    let before = state(&safe.connect().await).await;
    let client = written.connect().await;
    client.batch_execute("SET search_path = public").await.unwrap();
    let ended = as_written::apply(&client, &[migration(case)], Tool::Prisma, AfterFailure::Stop)
        .await
        .unwrap();
    let deployed = by_nonstop(&safe, case).await;
    let after = state(&safe.connect().await).await;
    let wrong = |what: &str| {
        Err(format!(
            "{}: {what}: {:?} {}",
            case.name, deployed.outcome, deployed.refusals
        ))
    };
    if case.expect == "same" {
        if !ended.failed.is_empty() {
            return wrong(&format!("it fails as written: {:?}", ended.failed));
        }
        if deployed.outcome != Outcome::Done {
            return wrong("it should have arrived");
        }
        let expected = state(&written.connect().await).await;
        let differences: Vec<String> = compare::diff(&expected.0, &after.0)
            .iter()
            .filter(|d| !d.is_physical())
            .map(ToString::to_string)
            .collect();
        if !differences.is_empty() {
            return wrong(&format!("the schema differs: {}", differences.join("; ")));
        }
        return if expected.1 == after.1 {
            Ok(())
        } else {
            wrong("the rows differ")
        };
    }
    let outcome = match case.expect.as_str() {
        "fails" => Outcome::Failed,
        "part" => {
            return if deployed.outcome == Outcome::Resumable {
                Ok(())
            } else {
                wrong("it should stop part way")
            };
        }
        refused => {
            let rule = refused
                .strip_prefix("refused ")
                .expect("same, fails, part or refused RULE");
            if !deployed.refusals.contains(rule) {
                return wrong(&format!("it should be refused by {rule}"));
            }
            Outcome::Refused
        }
    };
    if deployed.outcome != outcome {
        return wrong(&format!("it should end {outcome:?}"));
    }
    if before == after {
        Ok(())
    } else {
        wrong("something was changed")
    }
}

async fn all_forms(major: u32) {
    if !testkit::majors().contains(&major) {
        eprintln!("SKIPPED: no PostgreSQL {major} on this machine");
        return;
    }
    let base = testkit::database(major).await;
    base.run(include_str!("base.sql")).await;
    let mut wrong = Vec::new();
    for case in cases() {
        wrong.extend(check(&base, &case).await.err());
    }
    assert!(wrong.is_empty(), "PostgreSQL {major}:\n{}", wrong.join("\n"));
}

#[tokio::test]
async fn on_14() {
    all_forms(14).await;
}

#[tokio::test]
async fn on_15() {
    all_forms(15).await;
}

#[tokio::test]
async fn on_16() {
    all_forms(16).await;
}

#[tokio::test]
async fn on_17() {
    all_forms(17).await;
}

#[tokio::test]
async fn on_18() {
    all_forms(18).await;
}
