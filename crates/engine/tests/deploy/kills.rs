//! kill -9 at every point of the journal and at random moments: one more deploy ends in a legal state.

use crate::stepwise::{COMPLETE, SEEN, all_kinds, prepared};
use crate::support::{by_hand, child, planned, run_by_hand, value};
use nonstop_core::migration::Migration;
use nonstop_engine::deploy::{DeployOptions, HistoryKind, Stop, deploy, deploy_by};
use nonstop_engine::event::{Events, Outcome};
use nonstop_engine::failpoint;
use nonstop_engine::target::Target;
use std::time::Duration;
use testkit::{TestDatabase, each_major};

/// What the child runs.
fn folder(case: &str) -> Vec<Migration> {
    let whole = planned(
        "0_whole",
        &[crate::support::ddl(
            "1",
            "CREATE TABLE w (id int)",
            &[],
            "DROP TABLE IF EXISTS w",
        )],
    );
    match case {
        "half" => vec![
            planned("1_first", &[]),
            planned("2_last", &[]),
            Migration {
                name: "3_half".to_owned(),
                ..all_kinds()
            },
        ],
        "whole" => vec![whole],
        _ => vec![all_kinds()],
    }
}

/// Not a test: the process that the others kill.
#[tokio::test]
#[ignore = "run by the other tests, as a process of its own"]
async fn the_child() {
    let (Ok(url), Ok(case)) = (std::env::var("NONSTOP_TEST_CHILD"), std::env::var("NONSTOP_TEST_CASE")) else {
        return;
    };
    let target = Target::parse(&url).unwrap();
    if matches!(case.as_str(), "batches" | "fill") {
        let folder = if case == "fill" {
            crate::batches::fill()
        } else {
            crate::batches::once()
        };
        let options = crate::batches::options();
        let events = Events::silent();
        let _ = deploy(&target, &folder, HistoryKind::Prisma, &options, &events, Stop::never()).await;
        return;
    }
    if let Some(back) = crate::chaos::direction(&case) {
        let _ = crate::chaos::go(&target, back, &Events::silent()).await;
        return;
    }
    if let Some(migrations) = crate::every_form::folder(&case) {
        crate::every_form::go(&target, &migrations, &Events::silent()).await;
        return;
    }
    if let Some(migrations) = crate::back::folder(&case) {
        let _ = crate::back::go(&target, &migrations, &Events::silent()).await;
        return;
    }
    let options = DeployOptions::default();
    let events = (&Events::silent(), Stop::never());
    let _ = deploy_by(by_hand, &target, &folder(&case), HistoryKind::Prisma, &options, events).await;
}

pub(crate) async fn died(mut child: std::process::Child) -> bool {
    let status = tokio::task::spawn_blocking(move || child.wait())
        .await
        .unwrap()
        .unwrap();
    !status.success()
}

/// Kills at a point, deploys again, and gives what is seen then.
async fn after_kill(database: &TestDatabase, case: &str, point: &str) -> (Outcome, String) {
    assert!(died(child(database, case, Some(point))).await, "{point} was not passed");
    let (outcome, heard) = run_by_hand(database, &folder(case)).await;
    let outcome = outcome.unwrap_or_else(|error| panic!("{point}: {error}: {:#?}", heard.all()));
    (outcome, value(database, SEEN).await.unwrap())
}

/// The oldest and the newest major; all of them with `NONSTOP_CHAOS`.
fn is_killed_on(major: u32) -> bool {
    let majors = testkit::majors();
    let end = majors.first() == Some(&major) || majors.last() == Some(&major);
    end || std::env::var_os("NONSTOP_CHAOS").is_some()
}

#[tokio::test]
async fn at_each_point_on_the_way_forward() {
    each_major(|database| async move {
        if !is_killed_on(database.major) {
            return;
        }
        for point in failpoint::ALL
            .iter()
            .filter(|point| !point.contains("undo") && !point.starts_with("batch") && **point != "atomic-sent")
        {
            let database = database_like(&database).await;
            let (outcome, seen) = after_kill(&database, "steps", point).await;
            let nothing_left = *point == "migration-finished";
            assert_eq!(
                outcome,
                if nothing_left { Outcome::Nothing } else { Outcome::Done },
                "{point}"
            );
            assert_eq!(seen, COMPLETE, "{point}");
        }
    })
    .await;
}

#[tokio::test]
async fn at_each_step_of_several() {
    let major = *testkit::majors().last().unwrap();
    for point in ["step-started", "step-ran", "step-done"] {
        for nth in [3, 5] {
            let database = testkit::database(major).await;
            prepared(&database).await;
            if died(child(&database, "steps", Some(&format!("{point}:kill:{nth}")))).await {
                let (outcome, heard) = run_by_hand(&database, &folder("steps")).await;
                let outcome = outcome.unwrap();
                assert!(
                    matches!(outcome, Outcome::Done | Outcome::Nothing),
                    "{point} {nth}: {:#?}",
                    heard.all()
                );
            }
            assert_eq!(value(&database, SEEN).await.unwrap(), COMPLETE, "{point} {nth}");
        }
    }
}

#[tokio::test]
async fn at_each_point_on_the_way_back() {
    each_major(|database| async move {
        if !is_killed_on(database.major) {
            return;
        }
        for point in failpoint::ALL
            .iter()
            .filter(|point| point.contains("undo") || **point == "before-undone")
        {
            let database = database_like(&database).await;
            database.run("UPDATE t SET d = 7 WHERE id <= 2").await;
            let (outcome, seen) = after_kill(&database, "steps", point).await;
            assert_eq!((outcome, seen.as_str()), (Outcome::Failed, "001,001"), "{point}");
            database.run("UPDATE t SET d = id").await;
            assert_eq!(run_by_hand(&database, &folder("steps")).await.0.unwrap(), Outcome::Done);
            let seen = value(&database, SEEN).await.unwrap();
            assert_eq!(seen, COMPLETE.replace("110", "001,001,110"), "{point}");
        }
    })
    .await;
}

#[tokio::test]
async fn one_transaction_is_there_or_not() {
    each_major(|database| async move {
        prepared(&database).await;
        assert!(died(child(&database, "whole", Some("atomic-sent"))).await);
        let rows = "SELECT count(*) FROM _prisma_migrations";
        assert_eq!(value(&database, rows).await.as_deref(), Some("0"));
        assert_eq!(run_by_hand(&database, &folder("whole")).await.0.unwrap(), Outcome::Done);
        assert_eq!(value(&database, rows).await.as_deref(), Some("1"));
    })
    .await;
}

/// A hundred with `NONSTOP_CHAOS=100`, as `./x chaos` says; a few in the normal suite.
#[tokio::test]
async fn at_random_moments() {
    let wanted: u32 = std::env::var("NONSTOP_CHAOS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(6);
    let major = *testkit::majors().last().unwrap();
    let (mut kills, mut applied, mut databases) = (0, 0, 0);
    while kills < wanted {
        let database = testkit::database(major).await;
        prepared(&database).await;
        let fails = databases % 3 == 0;
        databases += 1;
        if fails {
            database.run("UPDATE t SET d = 7 WHERE id <= 2").await;
        }
        // Several deaths in a row, then a deploy that is let live.
        for _ in 0..=fastrand::u32(..3) {
            let mut child = child(&database, "steps", None);
            tokio::time::sleep(Duration::from_millis(fastrand::u64(..200))).await;
            let _ = child.kill();
            kills += u32::from(died(child).await);
        }
        let (outcome, heard) = run_by_hand(&database, &folder("steps")).await;
        let outcome = outcome.unwrap_or_else(|error| panic!("{error}: {:#?}", heard.all()));
        let seen = value(&database, SEEN).await.unwrap();
        let (state, rows) = seen.rsplit_once(' ').unwrap_or(("", &seen));
        if fails {
            assert_eq!((outcome, state), (Outcome::Failed, ""), "{seen}: {:#?}", heard.all());
            assert!(rows.split(',').all(|row| row == "001"), "{rows}");
        } else {
            assert!(
                matches!(outcome, Outcome::Done | Outcome::Nothing),
                "{outcome:?}: {:#?}",
                heard.all()
            );
            assert_eq!((state, rows), (COMPLETE.strip_suffix(" 110").unwrap(), "110"));
            applied += 1;
        }
        let unfinished = "SELECT count(*) FROM nonstop.migration WHERE state IN ('running', 'undoing')";
        assert_eq!(value(&database, unfinished).await.as_deref(), Some("0"));
    }
    let undone = databases - applied;
    eprintln!(
        "kills at random moments: {kills} in {databases} databases; {applied} ended complete, {undone} as before"
    );
}

/// A fresh database on the same server, with the table of the steps.
async fn database_like(other: &TestDatabase) -> TestDatabase {
    let database = testkit::database(other.major).await;
    prepared(&database).await;
    database
}
