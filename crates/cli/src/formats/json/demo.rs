//! `nonstop.demo/1`.

use crate::formats::demo::Demo;
use nonstop_engine::event::millis;
use nonstop_engine::load::{Figures, Way};
use serde::Serialize;
use std::io::{self, Write};

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    server_version: String,
    cores: usize,
    at: String,
    rows: i64,
    transactions_per_second: u32,
    hold_ms: u64,
    max_block_ms: u64,
    ways: Vec<WayTaken<'a>>,
    page: &'a str,
}

#[derive(Serialize)]
struct WayTaken<'a> {
    way: &'static str,
    #[serde(flatten)]
    figures: Figures,
    migrations: Vec<Migration<'a>>,
}

#[derive(Serialize)]
struct Migration<'a> {
    name: &'a str,
    duration_ms: u64,
}

/// Writes the figures.
pub fn render(demo: &Demo, page: &str, out: &mut dyn Write) -> io::Result<()> {
    let ways = demo.trials.iter().map(|trial| WayTaken {
        way: word(trial.way),
        figures: Figures::of(trial),
        migrations: trial
            .migrations
            .iter()
            .map(|ran| Migration {
                name: &ran.name,
                duration_ms: millis(ran.to.saturating_sub(ran.from)),
            })
            .collect(),
    });
    let document = Document {
        schema: "nonstop.demo/1",
        server_version: demo.server_version.to_string(),
        cores: demo.cores,
        at: demo.at.to_string(),
        rows: demo.settings.size.rows(),
        transactions_per_second: demo.settings.load.rate,
        hold_ms: millis(demo.settings.hold),
        max_block_ms: millis(demo.max_block),
        ways: ways.collect(),
        page,
    };
    super::document(&document, out)
}

fn word(way: Way) -> &'static str {
    match way {
        Way::AsWritten => "as-written",
        Way::ByHand { .. } => "by-hand",
        Way::Nonstop { .. } => "nonstop",
    }
}
