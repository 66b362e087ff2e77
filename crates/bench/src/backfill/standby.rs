//! A hot standby of our own: how far it falls behind, and what happens when it stops.

use super::backfill;
use anyhow::{Context as _, Result, ensure};
use nonstop_engine::load::shop;
use nonstop_engine::server::Server;
use std::collections::VecDeque;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout};
use tokio::sync::oneshot;
use tokio_postgres::Client;

/// What nonstop is told.
const MOST: Duration = Duration::from_secs(1);
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How long the work is left alone between two events.
const MOMENT: Duration = Duration::from_secs(2);

pub(super) async fn run(server: &mut Server) -> Result<()> {
    // A standby that is slow to come finds what it needs. Both servers start again after this.
    let client = server.connect("postgres").await?;
    client.batch_execute("ALTER SYSTEM SET wal_keep_size = '16GB'").await?;
    drop(client);
    let mut follower = server.follower().await?;
    shop::copy(server, "shop", "trial").await?;
    let client = server.connect("trial").await?;
    caught_up(&client).await?;
    let (stop, stopped) = oneshot::channel();
    let sampler = tokio::spawn(longest_lag(server.connect("trial").await?, stopped));
    let (mut child, mut lines) = begin(server)?;
    until(&mut lines, "rows_changed").await?;
    ensure!(child.wait().await?.success(), "the backfill failed");
    let _ = stop.send(());
    let (longest, looks) = sampler.await??;
    println!(
        "A hot standby on the same machine, `--max-lag {} ms`: at most {:.0} ms behind, in {looks} looks.",
        MOST.as_millis(),
        longest.as_secs_f64() * 1e3
    );

    let (mut child, mut lines) = begin(server)?;
    until(&mut lines, "\"progress\"").await?;
    tokio::time::sleep(MOMENT.min(Duration::from_millis(500))).await;
    let began = Instant::now();
    follower.stop_fast();
    until(&mut lines, "\"pause\"").await?;
    let took = began.elapsed();
    let batches = "SELECT max(done_at)::text FROM nonstop.batch";
    let before: String = client.query_one(batches, &[]).await?.get(0);
    tokio::time::sleep(MOMENT).await;
    let after: String = client.query_one(batches, &[]).await?.get(0);
    ensure!(before == after, "a batch was done while the standby was gone");
    println!(
        "Stopped in the middle, the work paused {:.0} ms later.",
        took.as_secs_f64() * 1e3
    );
    follower.start_again().await?;
    until(&mut lines, "rows_changed").await?;
    ensure!(child.wait().await?.success(), "the backfill failed");
    println!("Started again, the work went on to its end.\n");
    Ok(())
}

fn begin(server: &Server) -> Result<(Child, Lines<BufReader<ChildStdout>>)> {
    let lag = format!("{}ms", MOST.as_millis());
    let mut child = backfill(server, "trial", &["--format", "json", "--max-lag", &lag])?
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let lines = BufReader::new(child.stdout.take().context("no output")?).lines();
    Ok((child, lines))
}

async fn until(lines: &mut Lines<BufReader<ChildStdout>>, words: &str) -> Result<()> {
    while let Some(line) = lines.next_line().await? {
        if line.contains(words) {
            return Ok(());
        }
    }
    anyhow::bail!("the backfill ended without {words}")
}

/// The copy of the shop has to arrive there as well.
async fn caught_up(client: &Client) -> Result<()> {
    let query =
        "SELECT coalesce(bool_and(replay_lsn >= pg_current_wal_lsn() - 1000000), false) FROM pg_stat_replication";
    while !client.query_one(query, &[]).await?.get::<_, bool>(0) {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}

/// For how long a place of the WAL was here and not replayed there; by marks of our own.
async fn longest_lag(client: Client, mut stopped: oneshot::Receiver<()>) -> Result<(Duration, u32)> {
    let query =
        "SELECT (pg_current_wal_lsn() - '0/0')::float8, (min(replay_lsn) - '0/0')::float8 FROM pg_stat_replication";
    let (mut marks, mut longest, mut looks) = (VecDeque::new(), Duration::ZERO, 0);
    while stopped.try_recv().is_err() {
        let row = client.query_one(query, &[]).await?;
        let (here, there): (f64, Option<f64>) = (row.get(0), row.get(1));
        let there = there.context("the standby is gone")?;
        marks.push_back((here, Instant::now()));
        while marks.front().is_some_and(|(lsn, _)| *lsn <= there) {
            marks.pop_front();
        }
        longest = marks.front().map_or(longest, |(_, seen)| longest.max(seen.elapsed()));
        looks += 1;
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok((longest, looks))
}
