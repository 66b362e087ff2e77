//! Rows a second, by turns with one UPDATE of all, with nobody else there; and memory, which must not grow with the table.

use super::{SUM, WHOLE, backfill, value};
use crate::{process, table};
use anyhow::{Result, ensure};
use nonstop_engine::load::shop::{self, Size};
use nonstop_engine::server::Server;
use std::time::Instant;

/// Runs of each.
const RUNS: usize = 5;

pub(super) async fn run(server: &Server, rows: i32) -> Result<()> {
    let (mut lines, mut shares) = (Vec::new(), Vec::new());
    let mut peak = None;
    for _ in 0..RUNS {
        shop::copy(server, "shop", "trial").await?;
        let client = server.connect("trial").await?;
        let began = Instant::now();
        client.batch_execute(WHOLE).await?;
        let whole = began.elapsed().as_secs_f64();
        drop(client);
        let expected = value(server, "trial", SUM).await?;
        server.drop_database("trial").await?;

        shop::copy(server, "shop", "trial").await?;
        let cost = process::run(backfill(server, "trial", &["--quiet"])?).await?;
        let batched = cost.took.as_secs_f64();
        ensure!(
            value(server, "trial", SUM).await? == expected,
            "the rows are not those as written"
        );
        let batches = value(server, "trial", "SELECT count(*)::text FROM nonstop.batch").await?;
        server.drop_database("trial").await?;
        peak = cost.peak_kib.max(peak);
        let rate = |seconds: f64| format!("{:.0}", f64::from(rows) / seconds);
        shares.push(whole / batched);
        lines.push(vec![
            rate(whole),
            rate(batched),
            format!("{:.2}", whole / batched),
            batches,
        ]);
    }
    let head = ["one UPDATE, rows a second", "nonstop backfill", "share", "batches"];
    table::print(&head, &lines);
    shares.sort_by(f64::total_cmp);
    println!("The share in the middle: {:.2}.\n", shares[shares.len() / 2]);
    shop::build(server, "small", Size::of_orders(rows / 10)).await?;
    let small = process::run(backfill(server, "small", &["--quiet"])?).await?.peak_kib;
    server.drop_database("small").await?;
    let mib = |kib: Option<u64>| kib.map_or_else(|| "–".to_owned(), |kib| format!("{:.1} MiB", to_float(kib) / 1024.0));
    println!(
        "Peak memory: {}; of a table a tenth as large: {}.\n",
        mib(peak),
        mib(small)
    );
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "KiB of a process")]
fn to_float(kib: u64) -> f64 {
    kib as f64
}
