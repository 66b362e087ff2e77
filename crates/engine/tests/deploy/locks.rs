//! Nobody waits for us, and we say whom we wait for.

use crate::stepwise::{COMPLETE, SEEN, all_kinds, prepared};
use crate::support::{Heard, by_hand, ddl, planned, target, value};
use nonstop_core::lock::LockMode::AccessExclusive;
use nonstop_engine::advisory::LockError;
use nonstop_engine::deploy::{DeployError, DeployOptions, HistoryKind, Stop, deploy_by};
use nonstop_engine::event::{Event, Events, Outcome};
use std::time::Duration;
use testkit::{TestDatabase, each_major};
use tokio::sync::mpsc;

/// Deploys, and passes every event on to what runs beside it.
async fn beside<T>(
    database: &TestDatabase,
    folder: &[nonstop_core::migration::Migration],
    options: &DeployOptions,
    other: impl AsyncFnOnce(mpsc::UnboundedReceiver<Event>) -> T,
) -> (Result<Outcome, DeployError>, Heard, T) {
    let heard = Heard::default();
    let keep = heard.sink();
    let (sender, receiver) = mpsc::unbounded_channel();
    let events = Events::new(move |event: Event| {
        let _ = sender.send(event.clone());
        keep.send(event);
    });
    let target = target(database);
    let run = async {
        let events = events;
        deploy_by(
            by_hand,
            &target,
            folder,
            HistoryKind::Prisma,
            options,
            (&events, Stop::never()),
        )
        .await
    };
    let (outcome, other) = tokio::join!(run, other(receiver));
    (outcome, heard, other)
}

async fn until(events: &mut mpsc::UnboundedReceiver<Event>, is: impl Fn(&Event) -> bool) -> Option<Event> {
    while let Some(event) = events.recv().await {
        if is(&event) {
            return Some(event);
        }
    }
    None
}

#[tokio::test]
async fn nobody_queues_behind_an_old_reader() {
    each_major(|database| async move {
        prepared(&database).await;
        let reader = database.connect().await;
        reader
            .batch_execute("SET application_name = 'report'; BEGIN; SELECT count(*) FROM t")
            .await
            .unwrap();
        let application = database.connect().await;
        let options = DeployOptions::default();
        let (outcome, heard, holder) = beside(&database, &[all_kinds()], &options, async |mut events| {
            let wait = until(
                &mut events,
                |event| matches!(event, Event::LockWait { step, .. } if step == "2"),
            )
            .await;
            // While we wait, the application reads and writes as if we were not there.
            let work = "SET lock_timeout = '1ms'; SELECT count(*) FROM t; UPDATE t SET c = c WHERE id = 1";
            for _ in 0..50 {
                application.batch_execute(work).await.unwrap();
            }
            reader.batch_execute("COMMIT").await.unwrap();
            match wait {
                Some(Event::LockWait {
                    holders, waiting_for, ..
                }) => (holders, waiting_for),
                _ => panic!("no wait was told"),
            }
        })
        .await;
        assert_eq!(outcome.unwrap(), Outcome::Done, "{:#?}", heard.all());
        let (holders, waiting_for) = holder;
        assert_eq!(waiting_for, "public.t (ACCESS EXCLUSIVE)");
        assert_eq!((holders.len(), holders[0].application.as_str()), (1, "report"));
        assert_eq!(holders[0].state, "idle in transaction");
        assert!(
            holders[0].query.contains("count(*)") && holders[0].age_ms > 0,
            "{holders:?}"
        );
        assert_eq!(value(&database, SEEN).await.unwrap(), COMPLETE);
    })
    .await;
}

#[tokio::test]
async fn patience_ends_and_nothing_is_left() {
    each_major(|database| async move {
        prepared(&database).await;
        let reader = database.connect().await;
        reader.batch_execute("BEGIN; SELECT count(*) FROM t").await.unwrap();
        let options = DeployOptions {
            patience: Duration::from_millis(600),
            ..DeployOptions::default()
        };
        let (outcome, heard, ()) = beside(&database, &[all_kinds()], &options, async |_| ()).await;
        assert_eq!(outcome.unwrap(), Outcome::Failed);
        let told = heard.all().into_iter().any(|event| {
            matches!(event, Event::MigrationFailed { error, .. } if error.sqlstate.as_deref() == Some("55P03")
                && error.message.contains("public.t") && error.message.contains("count(*)"))
        });
        assert!(told, "{:#?}", heard.all());
        assert_eq!(value(&database, SEEN).await.unwrap(), "001");
    })
    .await;
}

#[tokio::test]
async fn an_index_build_names_the_old_snapshot_and_waits() {
    each_major(|database| async move {
        prepared(&database).await;
        database.run("CREATE TABLE other (id int)").await;
        let old = database.connect().await;
        let begin =
            "SET application_name = 'report'; BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM other";
        old.batch_execute(begin).await.unwrap();
        let options = DeployOptions::default();
        let (outcome, heard, who) = beside(&database, &[all_kinds()], &options, async |mut events| {
            let wait = until(
                &mut events,
                |event| matches!(event, Event::LockWait { step, .. } if step == "5"),
            )
            .await;
            old.batch_execute("COMMIT").await.unwrap();
            match wait {
                Some(Event::LockWait { holders, .. }) => holders[0].application.clone(),
                _ => panic!("no wait was told"),
            }
        })
        .await;
        assert_eq!(outcome.unwrap(), Outcome::Done, "{:#?}", heard.all());
        assert_eq!(who, "report");
        assert_eq!(value(&database, SEEN).await.unwrap(), COMPLETE);
    })
    .await;
}

#[tokio::test]
async fn who_waits_for_the_history_lock_is_turned_away_during_a_build() {
    each_major(|database| async move {
        prepared(&database).await;
        let old = database.connect().await;
        old.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1")
            .await
            .unwrap();
        let waiter = database.connect().await;
        let options = DeployOptions::default();
        let (outcome, heard, waited) = beside(&database, &[all_kinds()], &options, async |mut events| {
            // The build cannot end before `old` does.
            let building = |event: &Event| matches!(event, Event::LockWait { step, .. } if step == "5");
            until(&mut events, building).await.expect("no wait was told");
            // As an older Prisma does it; its snapshot would hold up the build for ever.
            let waiting = waiter.batch_execute("SELECT pg_advisory_lock(72707369)");
            let waited = tokio::time::timeout(Duration::from_secs(30), waiting).await;
            old.batch_execute("COMMIT").await.unwrap();
            waited.expect("nobody turned it away")
        })
        .await;
        assert_eq!(outcome.unwrap(), Outcome::Done, "{:#?}", heard.all());
        assert_eq!(waited.unwrap_err().code().unwrap().code(), "57014");
        let told =
            |event: &Event| matches!(event, Event::Warning { message, .. } if message.starts_with("cancelled another"));
        assert!(heard.all().iter().any(told), "{:#?}", heard.all());
    })
    .await;
}

#[tokio::test]
async fn what_blocks_against_all_belief_is_cancelled() {
    each_major(|database| async move {
        prepared(&database).await;
        let mut slow = ddl("1", "SELECT pg_sleep(30)", &[("t", AccessExclusive)], "");
        slow.statement_timeout = None;
        let options = DeployOptions {
            patience: Duration::from_secs(1),
            ..DeployOptions::default()
        };
        let application = database.connect().await;
        let (outcome, heard, ()) = beside(&database, &[planned("slow", &[slow])], &options, async |mut events| {
            until(&mut events, |event| matches!(event, Event::StepStarted { .. })).await;
            // Without the watchdog this would wait for half a minute.
            while !events.is_closed() {
                application
                    .batch_execute("SET lock_timeout = '10s'; SELECT count(*) FROM t")
                    .await
                    .unwrap();
            }
        })
        .await;
        assert_eq!(outcome.unwrap(), Outcome::Failed, "{:#?}", heard.all());
        let mut cancels = 0;
        let mut why = None;
        for event in heard.all() {
            match event {
                Event::LockRetry { cancelled_for, .. } => cancels += u32::from(cancelled_for.is_some()),
                Event::MigrationFailed { error, .. } => why = Some(error),
                _ => {}
            }
        }
        let why = why.unwrap();
        let times = match cancels {
            1 => "the watchdog cancelled it because".to_owned(),
            times => format!("the watchdog cancelled it {times} times because"),
        };
        assert!(cancels > 0 && why.message.contains(&times), "{why:?}");
        assert!(why.message.contains("count(*) FROM t"), "{why:?}");
        assert!(why.hint.unwrap().contains("--allow blocking"));
    })
    .await;
}

#[tokio::test]
async fn what_the_user_allowed_to_block_is_let_be() {
    let Some(newest) = testkit::majors().into_iter().max() else {
        return;
    };
    let database = testkit::database(newest).await;
    prepared(&database).await;
    // Three times as long as anybody may wait.
    let mut slow = ddl("1", "SELECT pg_sleep(0.6)", &[("t", AccessExclusive)], "");
    slow.statement_timeout = None;
    slow.may_block = true;
    let options = DeployOptions::default();
    let application = database.connect().await;
    let (outcome, heard, ()) = beside(&database, &[planned("slow", &[slow])], &options, async |mut events| {
        until(&mut events, |event| matches!(event, Event::StepStarted { .. })).await;
        while !events.is_closed() {
            application.batch_execute("SELECT count(*) FROM t").await.unwrap();
        }
    })
    .await;
    assert_eq!(outcome.unwrap(), Outcome::Done, "{:#?}", heard.all());
    let let_go = |event: Event| {
        matches!(
            event,
            Event::LockRetry {
                cancelled_for: Some(_),
                ..
            }
        )
    };
    assert!(!heard.all().into_iter().any(let_go), "{:#?}", heard.all());
}

#[tokio::test]
async fn the_second_deploy_leaves_as_told() {
    each_major(|database| async move {
        prepared(&database).await;
        let holder = database.connect().await;
        holder.batch_execute("SELECT pg_advisory_lock(72707369)").await.unwrap();
        let options = DeployOptions {
            wait: Duration::ZERO,
            ..DeployOptions::default()
        };
        let (outcome, _, ()) = beside(&database, &[all_kinds()], &options, async |_| ()).await;
        assert!(matches!(outcome, Err(DeployError::HistoryLock(LockError::Held { .. }))));
        assert_eq!(value(&database, SEEN).await.unwrap(), "");
    })
    .await;
}
