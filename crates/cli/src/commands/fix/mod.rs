//! `fix`: the safe form of migrations as files.
//!
//! From files alone every existing table counts as large. A database that is named by hand tells what is pending, what exists
//! and how large it is; one that merely lies about (`DATABASE_URL`, the Prisma project) is asked before writing what is
//! applied, and nothing else: it may be a developer's, whose tables are all small.

mod changes;
mod verify;
mod write;

use super::{check, database};
use crate::args::Format;
use crate::config::Settings;
use crate::exit::{Exit, Problem};
use crate::formats::{human, json};
use crate::layouts::{LayoutChoice, Selection, Ways};
use crate::terminal::Terminal;
use clap::{Args, ValueEnum};
use nonstop_core::fix::Split;
use nonstop_core::sql::with_room;
use nonstop_core::version::ServerVersion;
use nonstop_engine::manage;
use std::collections::BTreeSet;
use std::path::PathBuf;

pub use changes::{Change, Ground, Outcome, Report, State, changes};
pub use verify::Verified;
pub(crate) use verify::{of_migration, of_way};

/// Flags of `fix`.
#[derive(Debug, Args)]
pub struct FixArgs {
    /// Folders of migrations, single migrations or plain .sql files; `-` reads standard input [default: --dir]. Of a folder
    /// those that are pending in the database of --database-url, else all with hazards
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Edit the migrations, and add the new ones and the down scripts; without it a diff is shown
    #[arg(long)]
    pub write: bool,
    /// What goes into migrations of its own
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    pub split: SplitChoice,
    /// Only migrations after this one
    #[arg(long, value_name = "NAME")]
    pub since: Option<String>,
    /// The server's major version to judge for [default: the database's, else 14]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(12..=18))]
    pub pg_version: Option<u32>,
    /// With a database: tables of at most N rows (and 8 MiB) are small [default: 10000]
    #[arg(long, value_name = "N")]
    pub small_rows: Option<u64>,
    /// Run the folder as written and as fixed on a throw-away server, and compare what they make
    #[arg(long)]
    pub verify: bool,
    /// Folder of PostgreSQL's server programs, for --verify [else: `NONSTOP_PG_BIN`, PATH, the usual folders]
    #[arg(long, value_name = "DIR", requires = "verify")]
    pub pg_bin: Option<PathBuf>,
    /// How to print it
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
}

/// The value of `--split`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum SplitChoice {
    /// What would keep the application out of a table that is there.
    #[default]
    Needed,
    /// Also indexes and foreign keys of tables that the same migration makes.
    All,
}

impl From<SplitChoice> for Split {
    fn from(choice: SplitChoice) -> Self {
        match choice {
            SplitChoice::Needed => Self::Needed,
            SplitChoice::All => Self::All,
        }
    }
}

pub(super) fn run(args: &FixArgs, settings: &Settings, terminal: Terminal) -> Result<Exit, Problem> {
    let mut report = Report::default();
    let selections = database::selections(&args.paths, Ways::Both, settings, terminal)?;
    for selection in &selections {
        if args.write && selection.folder.path == "-" {
            return Err(Problem::usage(
                "--write needs files: standard input cannot be written to",
            ));
        }
        if let Some(why) = changes::unwritable(&selection.folder) {
            return Err(Problem::usage(why));
        }
        let ground = ground(selection, args, settings, terminal)?;
        let since = args.since.as_deref();
        with_room(|| changes(selection, since, ground, args.split.into(), &mut report))?;
    }
    let mut stops = !report.errors.is_empty() || report.migrations.iter().any(Outcome::is_refused);
    if args.verify && !stops {
        for selection in &selections {
            let server = (args.pg_version, args.pg_bin.as_ref());
            let proof = verify::verify(&selection.folder, &report, server, terminal)?;
            stops |= !proof.differences.is_empty();
            report.proofs.push(proof);
        }
    }
    if args.write && !stops {
        write::write(&report)?;
        report.is_written = true;
    }
    match args.format {
        Format::Human if report.is_written => human::fix::written(&report, &mut terminal.out())?,
        Format::Human => {
            human::fix::diff(&report, &mut terminal.out())?;
            for line in human::fix::story(&report) {
                terminal.note(line);
            }
        }
        Format::Json => json::fix::render(&report, &mut terminal.out())?,
    }
    Ok(exit(&report))
}

fn exit(report: &Report) -> Exit {
    let any = |wanted: fn(&Outcome) -> bool| report.migrations.iter().any(wanted);
    if !report.errors.is_empty() {
        Exit::Usage
    } else if any(Outcome::is_refused) || report.proofs.iter().any(|proof| !proof.differences.is_empty()) {
        Exit::Refused
    } else if any(|one| !one.unfixed.is_empty()) || (!report.is_written && any(|one| !one.changes.is_empty())) {
        Exit::Findings
    } else {
        Exit::Done
    }
}

/// What is known before the first migration, and which of them must not be touched.
fn ground(selection: &Selection, args: &FixArgs, settings: &Settings, terminal: Terminal) -> Result<Ground, Problem> {
    let version = args.pg_version.or(settings.file.check.pg_version);
    let folder = &selection.folder;
    if settings.names_database() && folder.layout != LayoutChoice::Auto {
        let small_rows = settings.file.small_limit(args.small_rows);
        let (mut catalog, history) = check::live(folder, small_rows, settings, terminal)?;
        if let Some(version) = version {
            catalog.version = ServerVersion::of_major(version);
        }
        let pending = history
            .pending
            .iter()
            .chain(history.failed.iter().map(|failed| &failed.name));
        return Ok(Ground::live(catalog, small_rows, pending.cloned().collect()));
    }
    let version = ServerVersion::of_major(version.unwrap_or(check::OLDEST_MAJOR));
    let ground = Ground::files(version, selection);
    if !args.write || settings.database_if_any().is_none() || folder.layout == LayoutChoice::Auto {
        return Ok(ground);
    }
    // Whether a database that lies about can be reached does not matter to files.
    Ok(match applied(selection, settings, terminal) {
        Ok(applied) => ground.without(applied),
        Err(problem) => {
            terminal.detail(format_args!("the database was not asked: {}", problem.message));
            ground
        }
    })
}

/// What is applied, and nothing else of the database.
fn applied(selection: &Selection, settings: &Settings, terminal: Terminal) -> Result<BTreeSet<String>, Problem> {
    let target = database::target(settings, terminal)?;
    let kind = database::history_kind(selection.folder.layout);
    let status = database::block_on(async {
        let status = manage::status(&target, kind, &selection.folder.migrations).await;
        Ok(status?)
    })?;
    Ok(status.history.applied.into_iter().map(|applied| applied.name).collect())
}
