//! `test-rollback`: the last migrations up, down and up again on a throw-away server. No database of yours is touched.
//!
//! What is tried is what `rollback` would run: the down script, or where there is none what the folder tells.

use super::{database, fix};
use crate::args::Format;
use crate::config::Settings;
use crate::exit::{Exit, Problem};
use crate::formats::{human, json};
use crate::layouts::Folder;
use crate::terminal::Terminal;
use clap::Args;
use nonstop_core::catalog::Catalog;
use nonstop_core::migration::Migration;
use nonstop_core::rollback::{Way, ways};
use nonstop_core::sql::with_room;
use nonstop_core::version::ServerVersion;
use nonstop_engine::rehearsal::{self, RoundTrip, Scene};
use nonstop_engine::server::{Options, Programs, Server, Wanted};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// Flags of `test-rollback`.
#[derive(Debug, Args)]
pub struct TestRollbackArgs {
    /// The last N migrations [default: all at the end of the folder that have a down script, else the last one]
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
    /// Those of them without a down script: their way back was made from the folder.
    pub derived: Vec<String>,
    /// Rows and values that do not come back, where the way back was made from the folder.
    pub lost: Vec<String>,
    /// Where the catalogs differ.
    pub trip: RoundTrip,
}

pub(super) fn run(args: &TestRollbackArgs, settings: &Settings, terminal: Terminal) -> Result<Exit, Problem> {
    let folder = database::folder(settings, terminal)?;
    database::known("--to", args.to.as_deref(), &folder)?;
    let (before, last) = folder.migrations.split_at(first(&folder, args));
    if last.is_empty() {
        let message = format_args!("there is nothing to go back from in {}", folder.path);
        return Err(Problem::usage(message));
    }
    let wanted = Wanted {
        dir: args.pg_bin.clone(),
        major: args.pg_version,
    };
    let programs = Programs::locate(&wanted)?;
    let ways = ways_back(&folder, last, programs.version())?;
    let scene = |migration: &Migration| fix::of_way(migration, ways.get(&migration.name)?);
    let before: Vec<Scene> = before.iter().filter_map(fix::of_migration).collect();
    let tried: Vec<Scene> = last.iter().filter_map(scene).collect();
    let trip = database::block_on_many(async {
        let server = Server::start(&programs, Options::default()).await?;
        Ok(rehearsal::round_trip(&server, &before, &tried).await?)
    })?;
    let tried = Tried {
        server_version: programs.version().to_string(),
        names: tried.into_iter().map(|scene| scene.name).collect(),
        derived: ways
            .values()
            .filter(|way| way.is_derived)
            .map(|way| way.migration.name.clone())
            .collect(),
        lost: ways.values().flat_map(|way| way.lost.iter().cloned()).collect(),
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
    count.saturating_sub(with_down.count().max(1))
}

/// The ways back of the last migrations, as `rollback` would go them. What the folder does not tell is refused there too.
fn ways_back(folder: &Folder, last: &[Migration], version: ServerVersion) -> Result<BTreeMap<String, Way>, Problem> {
    let wanted: BTreeSet<&str> = last.iter().map(|migration| migration.name.as_str()).collect();
    let found = with_room(|| ways(&folder.migrations, &wanted, Catalog::empty(version)));
    let unknown = found.values().flat_map(|way| {
        let name = &way.migration.name;
        way.missing.iter().map(move |what| format!("{name}: {what}"))
    });
    let unknown: Vec<String> = unknown.collect();
    if unknown.is_empty() {
        return Ok(found);
    }
    let message = "a way back is not known: there is no down script, and the folder does not tell";
    let problem = unknown
        .into_iter()
        .fold(Problem::new(Exit::Refused, message), Problem::detail);
    Err(problem.detail("write a down script; `nonstop fix` shows what of it can be made"))
}
