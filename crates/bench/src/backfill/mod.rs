//! Rows changed in batches: how fast beside one UPDATE, what an application feels of it, kills, and a hot standby.

mod kills;
mod latency;
mod reshape;
mod speed;
mod standby;

use anyhow::Result;
use nonstop_engine::load::shop::{self, Size};
use nonstop_engine::server::{Options, Programs, Server};
use std::env;
use tokio::process::Command;

/// What is done to each row; a row that is met twice, or not at all, shows.
const SET: &str = "total = total + 1";
const WHOLE: &str = "UPDATE orders SET total = total + 1";
/// The sum by which that shows.
const SUM: &str = "SELECT sum(total)::text FROM orders";

/// What can be asked for by itself.
pub(crate) const PARTS: [&str; 4] = [
    "backfill-speed",
    "backfill-latency",
    "backfill-kills",
    "backfill-standby",
];

/// Runs those that are wanted.
pub(crate) async fn run(programs: &Programs, wanted: impl Fn(&str) -> bool) -> Result<()> {
    let rows = rows();
    println!("## Rows in batches\n\nA table of {rows} rows, `{WHOLE}`; commits wait for the disk.\n");
    let mut server = Server::start(programs, options()).await?;
    shop::build(&server, "shop", Size::of_orders(rows)).await?;
    recycle(&server).await?;
    let [speed, latency, kills, standby] = PARTS;
    if wanted(speed) {
        speed::run(&server, rows).await?;
    }
    if wanted(latency) {
        latency::run(&server, rows).await?;
    }
    if wanted(kills) {
        kills::run(&server, rows).await?;
    }
    if wanted(standby) {
        standby::run(&mut server).await?;
    }
    Ok(())
}

/// Writes WAL, so that the next checkpoint leaves its segments for use again. On a new server each segment is first filled with
/// zeros while commits wait, which one that has been up for a while does not do.
async fn recycle(server: &Server) -> Result<()> {
    let client = server.connect("shop").await?;
    let write =
        "SELECT count(pg_logical_emit_message(false, 'bench', repeat('x', 1 << 20))) FROM generate_series(1, 3000)";
    client.batch_execute(write).await?;
    Ok(client.batch_execute("CHECKPOINT").await?)
}

/// Rows of the table; `NONSTOP_BENCH_ROWS` for a quick look.
fn rows() -> i32 {
    let given = env::var("NONSTOP_BENCH_ROWS").ok().and_then(|rows| rows.parse().ok());
    given.unwrap_or(1_500_000)
}

fn options() -> Options {
    Options::default()
        .set("shared_buffers", "512MB")
        .set("max_wal_size", "16GB")
        .set("min_wal_size", "4GB")
        .set("checkpoint_timeout", "30min")
        .set("fsync", "on")
        .set("full_page_writes", "on")
}

/// `nonstop backfill` of that change, with more flags.
fn backfill(server: &Server, database: &str, flags: &[&str]) -> Result<Command> {
    let mut command = Command::new(crate::nonstop()?);
    command
        .args(["backfill", "--table", "orders", "--set", SET])
        .args(flags)
        .env("NONSTOP_DATABASE_URL", server.url(database))
        .current_dir(env::temp_dir());
    Ok(command)
}

/// One value, as text.
async fn value(server: &Server, database: &str, query: &'static str) -> Result<String> {
    let client = server.connect(database).await?;
    Ok(client.query_one(query, &[]).await?.get(0))
}
