//! Promise P3 under load, small enough for every run of the tests; the bench makes it full-size.
#![expect(clippy::unwrap_used, reason = "a test file")]

use nonstop_engine::event::{Event, Events};
use nonstop_engine::load::shop::{self, Size};
use nonstop_engine::load::{Trial, TrialSettings, Way};
use nonstop_engine::server::{Options, Server};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const MAX_BLOCK: Duration = Duration::from_millis(100);

const NONSTOP: Way = Way::Nonstop { max_block_ms: 100 };

async fn trial(server: &Server, way: Way, database: &str, size: Size, skip: usize, events: &Events) -> Trial {
    shop::copy(server, "shop", database).await.unwrap();
    shop::advance(server, database, skip).await.unwrap();
    let settings = TrialSettings {
        skip,
        hold: Duration::from_secs(2),
        warm_up: Duration::from_millis(500),
        margin: Duration::from_millis(500),
        ..TrialSettings::new(size)
    };
    Trial::run(way, &server.url(database), settings, events).await.unwrap()
}

/// Five migrations of a table that is read, written, and held by a report for two seconds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_waits_longer_than_max_block() {
    let Some(&major) = testkit::majors().last() else {
        eprintln!("SKIPPED: no PostgreSQL server programs on this machine");
        return;
    };
    let server = testkit::own_server(major, Options::default()).await.unwrap();
    let size = Size::of_orders(200_000);
    shop::build(&server, "shop", size).await.unwrap();

    let silent = Events::silent();
    let nonstop = trial(&server, NONSTOP, "nonstop", size, 0, &silent).await;
    keeps_the_promise(&nonstop, 0);
    let client = server.connect("nonstop").await.unwrap();
    let applied: i64 = client
        .query_one(
            "SELECT count(*) FROM _prisma_migrations WHERE finished_at IS NOT NULL",
            &[],
        )
        .await
        .unwrap()
        .get(0);
    assert_eq!(applied, 6);

    // Now the first thing asked for is a lock that the report stands against.
    let holders: Arc<Mutex<BTreeSet<String>>> = Arc::default();
    let heard = Arc::clone(&holders);
    let events = Events::new(move |event| {
        if let Event::LockWait { holders, .. } = event {
            let names = holders.into_iter().map(|holder| holder.application);
            heard.lock().unwrap().extend(names);
        }
    });
    let behind = trial(&server, NONSTOP, "behind", size, 1, &events).await;
    keeps_the_promise(&behind, 1);
    let holders = holders.lock().unwrap().clone();
    assert!(holders.contains("report"), "{holders:?}");

    // The witness is no good if it does not see what the same files do as they are.
    let as_written = trial(&server, Way::AsWritten, "as_written", size, 0, &silent).await;
    let longest = as_written.witnessed.longest();
    assert!(longest.is_some_and(|wait| wait.lasted > MAX_BLOCK), "{longest:#?}");
    assert_eq!(names(&as_written), names(&nonstop));
}

fn keeps_the_promise(trial: &Trial, skip: usize) {
    let longest = trial.witnessed.longest();
    assert!(longest.is_none_or(|wait| wait.lasted <= MAX_BLOCK), "{longest:#?}");
    let failed = trial.requests.iter().filter(|request| request.error.is_some());
    let failed: Vec<_> = failed.collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert!(trial.requests.len() > 400, "{} requests", trial.requests.len());
    assert_eq!(names(trial), shop::next_files().map(|(name, _)| name)[skip..]);
}

fn names(trial: &Trial) -> Vec<&str> {
    trial.migrations.iter().map(|ran| ran.name.as_str()).collect()
}
