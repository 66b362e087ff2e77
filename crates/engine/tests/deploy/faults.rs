//! Cut and frozen connections, backends that are ended, a server that crashes: a deploy goes on by itself.

use crate::stepwise::{COMPLETE, SEEN, all_kinds, prepared};
use crate::support::{Heard, by_hand, run_by_hand, target, value};
use nonstop_engine::deploy::{DeployError, DeployOptions, HistoryKind, Stop, deploy_by};
use nonstop_engine::event::{Event, Events, Outcome};
use nonstop_engine::server::Options;
use nonstop_engine::target::Target;
use testkit::proxy::{Proxy, port_of};
use testkit::{TestDatabase, each_major};
use tokio::sync::mpsc;

/// Deploys all kinds of step at a URL; when this step begins, `strike` is run.
async fn struck(url: &str, at: &str, strike: impl Future<Output = ()>) -> (Result<Outcome, DeployError>, Heard) {
    let heard = Heard::default();
    let (sender, mut steps) = mpsc::unbounded_channel();
    let keep = heard.sink();
    let events = Events::new(move |event| {
        if let Event::StepStarted { step, .. } = &event {
            let _ = sender.send(step.clone());
        }
        keep.send(event);
    });
    let target = Target::parse(url).unwrap();
    let options = DeployOptions::default();
    let folder = [all_kinds()];
    let run = Box::pin(async {
        // Ends with the run, and with it the wait for the step.
        let events = events;
        deploy_by(
            by_hand,
            &target,
            &folder,
            HistoryKind::Prisma,
            &options,
            (&events, Stop::never()),
        )
        .await
    });
    let strike = async {
        while let Some(step) = steps.recv().await {
            if step == at {
                return strike.await;
            }
        }
    };
    let (outcome, ()) = tokio::join!(run, strike);
    (outcome, heard)
}

async fn is_complete(database: &TestDatabase, (outcome, heard): (Result<Outcome, DeployError>, Heard)) {
    let outcome = outcome.unwrap_or_else(|error| panic!("{error}: {:#?}", heard.all()));
    assert_eq!(outcome, Outcome::Done, "{:#?}", heard.all());
    assert_eq!(value(database, SEEN).await.unwrap(), COMPLETE);
}

#[tokio::test]
async fn a_cut_connection_comes_back() {
    each_major(|database| async move {
        prepared(&database).await;
        let proxy = Proxy::start(port_of(&database.url()).unwrap()).await.unwrap();
        let url = proxy.url(&database.url()).unwrap();
        is_complete(&database, struck(&url, "5", async { proxy.cut() }).await).await;
    })
    .await;
}

#[tokio::test]
async fn cut_after_any_number_of_bytes() {
    let major = *testkit::majors().last().unwrap();
    for _ in 0..4 {
        let database = testkit::database(major).await;
        prepared(&database).await;
        let proxy = Proxy::start(port_of(&database.url()).unwrap()).await.unwrap();
        let url = proxy.url(&database.url()).unwrap();
        let bytes = fastrand::u64(10..6000);
        let (outcome, heard) = struck(&url, "2", async { proxy.cut_after(bytes) }).await;
        assert_eq!(outcome.unwrap(), Outcome::Done, "{bytes}: {:#?}", heard.all());
        assert_eq!(value(&database, SEEN).await.unwrap(), COMPLETE, "{bytes}");
    }
}

#[tokio::test]
async fn a_dead_connection_is_noticed() {
    let major = *testkit::majors().last().unwrap();
    let database = testkit::database(major).await;
    prepared(&database).await;
    let proxy = Proxy::start(port_of(&database.url()).unwrap()).await.unwrap();
    let url = proxy.url(&database.url()).unwrap();
    is_complete(&database, struck(&url, "5", async { proxy.freeze() }).await).await;
}

#[tokio::test]
async fn an_ended_backend_is_replaced() {
    each_major(|database| async move {
        for step in ["2", "4", "5"] {
            let database = testkit::database(database.major).await;
            prepared(&database).await;
            let strike =
                database.run("SELECT pg_terminate_backend(worker_pid) FROM nonstop.run WHERE finished_at IS NULL");
            is_complete(&database, struck(&database.url(), step, strike).await).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_crashed_server_comes_back() {
    let major = *testkit::majors().last().unwrap();
    let mut server = testkit::own_server(major, Options::default()).await.unwrap();
    server.create_database("app", None).await.unwrap();
    let url = server.url("app");
    let client = testkit::servers::connect(&url).await.unwrap();
    let target = Target::parse(&url).unwrap();
    let options = DeployOptions::default();
    let none = (&Events::silent(), Stop::never());
    deploy_by(by_hand, &target, &[], HistoryKind::Prisma, &options, none)
        .await
        .unwrap();
    client.batch_execute(crate::stepwise::TABLE).await.unwrap();
    // An old snapshot holds the index build up, so that the crash hits it.
    client
        .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1")
        .await
        .unwrap();
    let crash = async {
        server.stop_immediate();
        server.start_again().await.unwrap();
    };
    let (outcome, heard) = struck(&url, "5", crash).await;
    assert_eq!(outcome.unwrap(), Outcome::Done, "{:#?}", heard.all());
    let client = testkit::servers::connect(&url).await.unwrap();
    let rows = client.query_one(SEEN, &[]).await.unwrap();
    assert_eq!(rows.get::<_, String>(0), COMPLETE);
}

#[tokio::test]
async fn stopping_leaves_it_resumable() {
    each_major(|database| async move {
        prepared(&database).await;
        // Holds the index build up.
        let reader = database.connect().await;
        reader
            .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1")
            .await
            .unwrap();
        let (switch, stop) = Stop::new();
        let heard = Heard::default();
        let keep = heard.sink();
        let events = Events::new(move |event| {
            if matches!(&event, Event::LockWait { step, .. } if step == "5") {
                switch.stop();
            }
            keep.send(event);
        });
        let options = DeployOptions::default();
        let target = target(&database);
        let folder = [all_kinds()];
        let outcome = deploy_by(
            by_hand,
            &target,
            &folder,
            HistoryKind::Prisma,
            &options,
            (&events, stop),
        )
        .await;
        assert_eq!(outcome.unwrap(), Outcome::Resumable, "{:#?}", heard.all());
        reader.batch_execute("COMMIT").await.unwrap();
        let ours = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'migration:%' \
            AND datname = current_database() AND state <> 'idle'";
        assert_eq!(value(&database, ours).await.as_deref(), Some("0"));
        is_complete(&database, run_by_hand(&database, &folder).await).await;
    })
    .await;
}
