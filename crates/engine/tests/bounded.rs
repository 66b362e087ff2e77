//! Promise P3 under load, small enough for every run of the tests; the bench makes it full-size.
#![expect(clippy::unwrap_used, reason = "a test file")]

use nonstop_engine::event::Events;
use nonstop_engine::load::shop::{self, Size};
use nonstop_engine::load::{Trial, TrialSettings, Way};
use nonstop_engine::server::{Options, Server};
use std::time::Duration;

const MAX_BLOCK: Duration = Duration::from_millis(100);

async fn trial(server: &Server, way: Way, database: &str, size: Size) -> Trial {
    shop::copy(server, "shop", database).await.unwrap();
    let settings = TrialSettings {
        hold: Duration::from_secs(2),
        warm_up: Duration::from_millis(500),
        margin: Duration::from_millis(500),
        ..TrialSettings::new(size)
    };
    Trial::run(way, &server.url(database), settings, &Events::silent())
        .await
        .unwrap()
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

    let way = Way::Nonstop {
        max_block_ms: u64::try_from(MAX_BLOCK.as_millis()).unwrap(),
    };
    let nonstop = trial(&server, way, "nonstop", size).await;
    let longest = nonstop.witnessed.longest();
    assert!(longest.is_none_or(|wait| wait.lasted <= MAX_BLOCK), "{longest:#?}");
    let failed: Vec<_> = nonstop
        .requests
        .iter()
        .filter(|request| request.error.is_some())
        .collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert!(nonstop.requests.len() > 400, "{} requests", nonstop.requests.len());
    let names = |trial: &Trial| trial.migrations.iter().map(|ran| ran.name.clone()).collect::<Vec<_>>();
    let wanted = shop::next_files().map(|(name, _)| name.to_owned());
    assert_eq!(names(&nonstop), wanted);
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

    // The witness is no good if it does not see what the same files do as they are.
    let as_written = trial(&server, Way::AsWritten, "as_written", size).await;
    let longest = as_written.witnessed.longest();
    assert!(longest.is_some_and(|wait| wait.lasted > MAX_BLOCK), "{longest:#?}");
    assert_eq!(names(&as_written), wanted);
}
