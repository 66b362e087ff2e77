//! `test-rollback`: the last migrations up, down and up again on a throw-away server. No database of yours is touched.

use super::{database, fix};
use crate::args::Format;
use crate::config::Settings;
use crate::exit::{Exit, Problem};
use crate::formats::{human, json};
use crate::layouts::Folder;
use crate::terminal::Terminal;
use clap::Args;
use nonstop_engine::rehearsal::{self, RoundTrip, Scene};
use nonstop_engine::server::{Options, Programs, Server, Wanted};
use std::path::PathBuf;

/// Flags of `test-rollback`.
#[derive(Debug, Args)]
pub struct TestRollbackArgs {
    /// The last N migrations [default: all at the end of the folder that have a down script]
    #[arg(long, value_name = "N", conflicts_with = "to", value_parser = clap::value_parser!(u32).range(1..))]
    pub steps: Option<u32>,
    /// The migrations behind this one
    #[arg(long, value_name = "NAME")]
    pub to: Option<String>,
    /// The server's major version [default: the newest that is here]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(12..=18))]
    pub pg_version: Option<u32>,
    /// Folder of PostgreSQL's server programs [else: `NONSTOP_PG_BIN`, PATH, the usual folders]
    #[arg(long, value_name = "DIR")]
    pub pg_bin: Option<PathBuf>,
    /// How to print it
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
}

/// What it came to.
#[derive(Debug)]
pub struct Tried {
    /// On which PostgreSQL.
    pub server_version: String,
    /// The migrations that were tried, in order.
    pub names: Vec<String>,
    /// Where the catalogs differ.
    pub trip: RoundTrip,
}

pub(super) fn run(args: &TestRollbackArgs, settings: &Settings, terminal: Terminal) -> Result<Exit, Problem> {
    let folder = database::folder(settings, terminal)?;
    database::known("--to", args.to.as_deref(), &folder)?;
    let first = first(&folder, args);
    let scenes: Vec<Scene> = folder.migrations.iter().filter_map(fix::of_migration).collect();
    let is_tried = |scene: &Scene| {
        folder.migrations[first..]
            .iter()
            .any(|migration| migration.name == scene.name)
    };
    let (tried, before): (Vec<Scene>, Vec<Scene>) = scenes.into_iter().partition(is_tried);
    if tried.is_empty() {
        let message = format_args!("there is nothing to go back from in {}", folder.path);
        return Err(
            Problem::usage(message).detail("the last migration has no down script: `nonstop fix --write` adds them")
        );
    }
    let wanted = Wanted {
        dir: args.pg_bin.clone(),
        major: args.pg_version,
    };
    let programs = Programs::locate(&wanted)?;
    let trip = database::block_on_many(async {
        let server = Server::start(&programs, Options::default()).await?;
        Ok(rehearsal::round_trip(&server, &before, &tried).await?)
    })?;
    let tried = Tried {
        server_version: programs.version().to_string(),
        names: tried.into_iter().map(|scene| scene.name).collect(),
        trip,
    };
    match args.format {
        Format::Human => human::test_rollback::render(&tried, &mut terminal.out())?,
        Format::Json => json::test_rollback::render(&tried, &mut terminal.out())?,
    }
    let is_same = tried.trip.after_down.is_empty() && tried.trip.after_up.is_empty();
    Ok(if is_same { Exit::Done } else { Exit::Findings })
}

/// The first migration that is taken back.
fn first(folder: &Folder, args: &TestRollbackArgs) -> usize {
    let count = folder.migrations.len();
    if let Some(steps) = args.steps {
        return count.saturating_sub(usize::try_from(steps).unwrap_or(usize::MAX));
    }
    let mut names = folder.migrations.iter().map(|migration| &migration.name);
    if let Some(at) = args.to.as_ref().and_then(|to| names.position(|name| name == to)) {
        return at + 1;
    }
    let with_down = folder
        .migrations
        .iter()
        .rev()
        .take_while(|migration| migration.down.is_some());
    count - with_down.count()
}
