//! Five migrations under load: as written, by hand with a `lock_timeout`, and nonstop.

use crate::table;
use anyhow::Result;
use nonstop_engine::event::Events;
use nonstop_engine::load::shop::{self, Size};
use nonstop_engine::load::{Figures, Trial, TrialSettings, Way};
use nonstop_engine::server::{Options, Programs, Server};

/// Rows of the table that is changed.
const ORDERS: i32 = 1_500_000;

const WAYS: [(&str, Way); 3] = [
    ("as written", Way::AsWritten),
    ("by hand, `lock_timeout = 2s`", Way::ByHand { lock_timeout_ms: 2_000 }),
    ("nonstop, `--max-block 100ms`", Way::Nonstop { max_block_ms: 100 }),
];

/// A line of the table: its words, and its cell for a way and for the first way.
type Line = (&'static str, fn(&Figures, &Figures) -> String);

const LINES: [Line; 8] = [
    ("longest wait caused", |of, _| waited(of.longest_wait_ms)),
    ("slowest request", |of, _| table::duration(of.slowest_request_ms)),
    ("99 of 100 requests faster than", |of, _| table::duration(of.p99_ms)),
    ("requests over 100 ms", |of, _| of.over_100ms.to_string()),
    ("failed requests", |of, _| of.failed.to_string()),
    ("requests", |of, _| of.requests.to_string()),
    ("time of the migrations", |of, _| table::duration(of.migration_ms)),
    ("… of the time as written", |of, first| {
        format!("{:.2}", of.migration_ms / first.migration_ms)
    }),
];

/// Runs each way on its own copy of the same shop.
pub(crate) async fn run(programs: &Programs) -> Result<()> {
    let size = Size::of_orders(ORDERS);
    let settings = TrialSettings::new(size);
    println!(
        "## Five migrations under load\n\nA table of {ORDERS} rows (a shop of {} in all), {} transactions a second on {} \
         connections, a report that holds the table for {} s.\n",
        size.rows(),
        settings.load.rate,
        settings.load.connections,
        settings.hold.as_secs()
    );
    let options = Options::default()
        .set("shared_buffers", "512MB")
        .set("max_wal_size", "16GB")
        .set("checkpoint_timeout", "30min");
    let server = Server::start(programs, options).await?;
    shop::build(&server, "shop", size).await?;
    tell(&trials(&server, settings).await?);
    println!("The last four of them: the first lock they need is one that the report stands against.\n");
    tell(&trials(&server, TrialSettings { skip: 1, ..settings }).await?);
    Ok(())
}

async fn trials(server: &Server, settings: TrialSettings) -> Result<Vec<Trial>> {
    let mut trials = Vec::new();
    for (_, way) in WAYS {
        shop::copy(server, "shop", "trial").await?;
        shop::advance(server, "trial", settings.skip).await?;
        trials.push(Trial::run(way, &server.url("trial"), settings, &Events::silent()).await?);
        server.drop_database("trial").await?;
    }
    Ok(trials)
}

fn tell(trials: &[Trial]) {
    let figures: Vec<Figures> = trials.iter().map(Figures::of).collect();
    let Some(first) = figures.first() else { return };
    let lines: Vec<Vec<String>> = LINES
        .iter()
        .map(|(words, cell)| {
            let cells = figures.iter().map(|of| cell(of, first));
            std::iter::once((*words).to_owned()).chain(cells).collect()
        })
        .collect();
    let head: Vec<&str> = std::iter::once("").chain(WAYS.map(|(name, _)| name)).collect();
    table::print(&head, &lines);
    // A trial that skips migrations has no rows for them.
    let files = shop::next_files();
    let migrations: Vec<Vec<String>> = files
        .iter()
        .filter_map(|(name, _)| {
            let took = trials
                .iter()
                .map(|trial| trial.migrations.iter().find(|ran| ran.name == *name));
            let took: Option<Vec<String>> = took
                .map(|ran| ran.map(|ran| table::duration(ran.to.saturating_sub(ran.from).as_secs_f64() * 1e3)))
                .collect();
            Some(std::iter::once(format!("`{name}`")).chain(took?).collect())
        })
        .collect();
    let head: Vec<&str> = std::iter::once("migration").chain(WAYS.map(|(name, _)| name)).collect();
    table::print(&head, &migrations);
    for ((name, _), trial) in WAYS.iter().zip(trials) {
        let seen = &trial.witnessed;
        println!(
            "- {name}: {} looks, the longest gap between two {:.0} ms; {} waits seen{}",
            seen.looks,
            seen.longest_gap.as_secs_f64() * 1e3,
            seen.waits.len(),
            seen.longest().map_or_else(String::new, |wait| format!(
                ", the longest by `{}` for `{}`",
                one_line(&wait.statement),
                one_line(&wait.ours)
            ))
        );
    }
    println!();
}

fn waited(millis: f64) -> String {
    if millis == 0.0 {
        "none seen".to_owned()
    } else {
        table::duration(millis)
    }
}

fn one_line(sql: &str) -> String {
    let flat: Vec<&str> = sql
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with("--"))
        .collect();
    flat.join(" ").replace('`', "'").chars().take(120).collect()
}
