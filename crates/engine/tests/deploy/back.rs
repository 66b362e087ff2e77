//! Rollbacks with ways back made by hand: complete, or as if never begun, whatever kills them.

use crate::kills::died;
use crate::stepwise::{SEEN, TABLE, all_kinds};
use crate::support::{Heard, by_hand, child, ddl, planned, run_by_hand, target, value};
use nonstop_core::migration::Migration;
use nonstop_engine::deploy::{BackTo, DeployError, DeployOptions, HistoryKind, Stop, rollback_by};
use nonstop_engine::event::{Direction, Event, Events, Outcome};
use nonstop_engine::failpoint;
use nonstop_engine::manage;
use nonstop_engine::target::Target;
use testkit::{TestDatabase, each_major};

/// As it is before, and after a way back that was taken back.
const APPLIED: &str = "110,110";
/// What [`all_kinds`] makes is the way back here: it is complete, and the row gone.
const GONE: &str = "column constraint true index true done 110";

/// Applied migrations of which the last goes back by these steps.
fn with_way(down: Migration) -> Vec<Migration> {
    let last = Migration {
        down: down.up,
        ..planned("2_last", &[])
    };
    vec![planned("1_first", &[]), last]
}

/// What the killed process rolls back.
pub(crate) fn folder(case: &str) -> Option<Vec<Migration>> {
    match case {
        "back" => Some(with_way(all_kinds())),
        "back-whole" => {
            let step = ddl("1", "COMMENT ON TABLE t IS 'done'", &[], "COMMENT ON TABLE t IS NULL");
            Some(with_way(planned("", &[step])))
        }
        _ => None,
    }
}

pub(crate) async fn go(target: &Target, migrations: &[Migration], events: &Events) -> Result<Outcome, DeployError> {
    let options = DeployOptions::default();
    let to = BackTo::Steps(1);
    let kind = HistoryKind::Prisma;
    rollback_by(
        by_hand,
        target,
        migrations,
        kind,
        (&options, &to),
        (events, Stop::never()),
    )
    .await
}

async fn back(database: &TestDatabase, migrations: &[Migration]) -> (Outcome, Heard) {
    let heard = Heard::default();
    let outcome = go(&target(database), migrations, &heard.sink()).await;
    let outcome = outcome.unwrap_or_else(|error| panic!("{error}: {:#?}", heard.all()));
    (outcome, heard)
}

/// Applied, on the table of the steps.
async fn applied(major: u32, case: &str) -> TestDatabase {
    let database = testkit::database(major).await;
    let (outcome, _) = run_by_hand(&database, &folder(case).unwrap()).await;
    assert_eq!(outcome.unwrap(), Outcome::Done);
    database.run(TABLE).await;
    assert_eq!(value(&database, SEEN).await.unwrap(), APPLIED);
    database
}

async fn seen(database: &TestDatabase) -> String {
    value(database, SEEN).await.unwrap()
}

#[tokio::test]
async fn in_steps_and_at_once() {
    each_major(|database| async move {
        for (case, end) in [("back", GONE), ("back-whole", "done 110")] {
            let database = applied(database.major, case).await;
            let migrations = folder(case).unwrap();
            let (outcome, heard) = back(&database, &migrations).await;
            assert_eq!((outcome, seen(&database).await.as_str()), (Outcome::Done, end));
            let told = heard.all();
            assert!(told.iter().any(|event| matches!(event,
                Event::MigrationFinished { migration, direction: Direction::Back, .. } if migration == "2_last")));
            assert!(matches!(
                told.last(),
                Some(Event::RunFinished {
                    applied: 0,
                    rolled_back: 1,
                    ..
                })
            ));
            // It is pending again.
            let (outcome, _) = run_by_hand(&database, &migrations).await;
            assert_eq!(outcome.unwrap(), Outcome::Done);
            assert!(seen(&database).await.ends_with("110,110"));
        }
    })
    .await;
}

#[tokio::test]
async fn a_failure_leaves_it_applied() {
    each_major(|database| async move {
        let database = applied(database.major, "back").await;
        database.run("UPDATE t SET d = 7 WHERE id <= 2").await;
        let (outcome, _) = back(&database, &folder("back").unwrap()).await;
        assert_eq!((outcome, seen(&database).await.as_str()), (Outcome::Failed, APPLIED));
    })
    .await;
}

/// Points at which a rollback is killed: a few, or with `NONSTOP_CHAOS` all.
fn points(few: &[&str], of_undo: bool) -> Vec<String> {
    let all = failpoint::ALL.iter().filter(|point| {
        let undo = point.contains("undo");
        undo == of_undo && !point.starts_with("batch") && **point != "atomic-sent"
    });
    let wanted = all.filter(|point| std::env::var_os("NONSTOP_CHAOS").is_some() || few.contains(point));
    wanted.map(|point| (*point).to_owned()).collect()
}

#[tokio::test]
async fn a_kill_is_finished_by_a_rollback_and_taken_back_by_a_deploy() {
    let Some(major) = testkit::majors().last().copied() else {
        return;
    };
    let migrations = folder("back").unwrap();
    for point in points(&["migration-begun", "step-ran", "step-done", "before-finish"], false) {
        for again in [Direction::Back, Direction::Forward] {
            let database = applied(major, "back").await;
            let point = match point.as_str() {
                "step-ran" | "step-done" => format!("{point}:kill:2"),
                _ => point.clone(),
            };
            assert!(
                died(child(&database, "back", Some(&point))).await,
                "{point} was not passed"
            );
            let begun = seen(&database).await;
            let ended = ["run-opened", "migration-finished"].contains(&point.as_str());
            let history = nonstop_engine::history::HistoryKind::Prisma;
            let status = manage::status(&target(&database), history, &migrations).await.unwrap();
            let unfinished = status.unfinished.map(|one| (one.name, one.direction));
            if ended {
                assert_eq!(unfinished, None, "{point}");
            } else {
                assert_eq!(unfinished, Some(("2_last".to_owned(), Direction::Back)), "{point}");
                assert!(begun.ends_with("110,100"), "Prisma's deploy stops there: {begun}");
            }
            let end = match again {
                Direction::Back if point == "migration-finished" => {
                    // That one is gone; the next step would be another migration's.
                    continue;
                }
                Direction::Back => {
                    assert_eq!(back(&database, &migrations).await.0, Outcome::Done, "{point}");
                    GONE.to_owned()
                }
                Direction::Forward => {
                    let (outcome, heard) = run_by_hand(&database, &migrations).await;
                    outcome.unwrap_or_else(|error| panic!("{point}: {error}: {:#?}", heard.all()));
                    match point.as_str() {
                        "migration-finished" => format!("{GONE},110"),
                        _ => APPLIED.to_owned(),
                    }
                }
            };
            assert_eq!(seen(&database).await, end, "{point} {again:?}");
        }
    }
}

#[tokio::test]
async fn a_kill_while_it_is_taken_back() {
    let Some(major) = testkit::majors().last().copied() else {
        return;
    };
    let migrations = folder("back").unwrap();
    for point in points(&["undo-begun", "undo-step-ran", "before-undone"], true) {
        let database = applied(major, "back").await;
        database.run("UPDATE t SET d = 7 WHERE id <= 2").await;
        assert!(
            died(child(&database, "back", Some(&point))).await,
            "{point} was not passed"
        );
        let (outcome, _) = run_by_hand(&database, &migrations).await;
        assert_eq!(
            (outcome.unwrap(), seen(&database).await.as_str()),
            (Outcome::Nothing, APPLIED),
            "{point}"
        );
    }
}

#[tokio::test]
async fn at_once_it_is_there_or_not() {
    each_major(|database| async move {
        let database = applied(database.major, "back-whole").await;
        assert!(died(child(&database, "back-whole", Some("atomic-sent"))).await);
        assert_eq!(seen(&database).await, APPLIED);
        assert_eq!(back(&database, &folder("back-whole").unwrap()).await.0, Outcome::Done);
        assert_eq!(seen(&database).await, "done 110");
    })
    .await;
}

#[tokio::test]
async fn a_half_of_a_migration_goes_first() {
    each_major(|database| async move {
        let database = applied(database.major, "back").await;
        let mut migrations = vec![planned("1_first", &[]), planned("2_last", &[])];
        migrations.push(Migration {
            name: "3_half".to_owned(),
            ..all_kinds()
        });
        let mut deploy = child(&database, "half", Some("step-done:kill:3"));
        let died = tokio::task::spawn_blocking(move || deploy.wait())
            .await
            .unwrap()
            .unwrap();
        assert!(!died.success());
        assert!(seen(&database).await.starts_with("column"));
        // It counts as the one step.
        let (outcome, _) = back(&database, &migrations).await;
        assert_eq!(
            (outcome, seen(&database).await.as_str()),
            (Outcome::Done, "110,110,001")
        );
    })
    .await;
}
