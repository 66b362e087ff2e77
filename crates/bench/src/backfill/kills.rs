//! A hundred kills at random moments: each row is changed once.

use super::{backfill, value};
use crate::process;
use anyhow::{Result, ensure};
use nonstop_engine::load::shop;
use nonstop_engine::server::Server;
use std::process::Stdio;
use std::time::Duration;

const KILLS: u32 = 100;
/// Batches that are small, so that kills meet every point of many.
const FLAGS: [&str; 3] = ["--quiet", "--target-ms", "20"];

pub(super) async fn run(server: &Server, rows: i32) -> Result<()> {
    shop::copy(server, "shop", "trial").await?;
    let client = server.connect("trial").await?;
    client
        .batch_execute("ALTER TABLE orders ADD COLUMN was numeric; UPDATE orders SET was = total")
        .await?;
    let (mut kills, mut rounds) = (0, 0);
    while kills < KILLS {
        let mut child = backfill(server, "trial", &FLAGS)?
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let moment = Duration::from_millis(fastrand::u64(100..1_000));
        if let Ok(ended) = tokio::time::timeout(moment, child.wait()).await {
            ensure!(ended?.success(), "a backfill that nobody killed did not reach its end");
            rounds += 1;
        } else {
            child.kill().await?;
            kills += 1;
        }
    }
    let left = "SELECT count(*)::text FROM nonstop.migration WHERE history LIKE 'backfill:%' AND state = 'running'";
    if value(server, "trial", left).await? != "0" {
        process::run(backfill(server, "trial", &["--quiet"])?).await?;
        rounds += 1;
    }
    let seen = "SELECT min(total - was)::int || ' ' || max(total - was)::int FROM orders";
    let seen = value(server, "trial", seen).await?;
    ensure!(
        seen == format!("{rounds} {rounds}"),
        "{rounds} rounds, but rows have {seen}"
    );
    drop(client);
    server.drop_database("trial").await?;
    println!("{kills} kills in {rounds} rounds over {rows} rows: each row was changed {rounds} times, once in each.\n");
    Ok(())
}
