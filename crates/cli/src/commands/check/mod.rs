//! `check`: the hazards of migrations.
//!
//! From files alone the earlier migrations of the folder tell what exists, and every existing table counts as large. With
//! a database the catalog, the sizes and what is pending are the real ones.

mod ahead;
mod baseline;
mod policy;
mod snapshot;
mod walk;

use super::database;
use crate::args::FailOn;
use crate::config::Settings;
use crate::exit::{Exit, Problem};
use crate::formats::{github, gitlab, human, json, junit, sarif};
use crate::layouts::{Folder, Selection, Ways};
use crate::terminal::Terminal;
use baseline::Baseline;
use clap::{Args, ValueEnum};
use nonstop_core::catalog::{Catalog, Snapshot};
use nonstop_core::finding::Severity;
use nonstop_core::lint::{self, Policy, Wanted};
use nonstop_core::sql::with_room;
use nonstop_core::version::ServerVersion;
use nonstop_engine::history::Diagnosis;
use nonstop_engine::introspect::{introspect, read_counters};
use nonstop_engine::manage;
use nonstop_engine::session::Session;
use std::io::{BufWriter, Write as _};
use std::mem;
use std::path::{Path, PathBuf};
use walk::Ground;

pub(super) use policy::unknown as unknown_rule;
pub use walk::{Report, StatementReport};

/// Flags of `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Folders of migrations, single migrations or plain .sql files; `-` reads standard input [default: --dir]
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// The server's major version to judge for [default: the database's, else 14]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(12..=18))]
    pub pg_version: Option<u32>,
    /// Only migrations after this one
    #[arg(long, value_name = "NAME")]
    pub since: Option<String>,
    /// Only these rules: names, categories (blocking, compat, …), `default` or `all`
    #[arg(long, value_delimiter = ',', value_name = "RULE")]
    pub select: Vec<String>,
    /// Not these rules, or not this category
    #[arg(long, value_delimiter = ',', value_name = "RULE")]
    pub ignore: Vec<String>,
    /// The weakest severity that gives exit code 1 [default: error]
    #[arg(long, value_enum, value_name = "SEVERITY")]
    pub fail_on: Option<FailOn>,
    /// Pass over the findings that this file holds, and report those of its entries that are no longer found
    #[arg(long, value_name = "FILE", conflicts_with = "write_baseline")]
    pub baseline: Option<PathBuf>,
    /// Write what is found now into this file, for `--baseline`
    #[arg(long, value_name = "FILE")]
    pub write_baseline: Option<PathBuf>,
    /// Judge by this saved catalog instead of a database; what it does not hold as applied is pending
    #[arg(long, value_name = "FILE", conflicts_with = "save_catalog")]
    pub catalog: Option<PathBuf>,
    /// Write the live catalog with its sizes into this file, for `--catalog`
    #[arg(long, value_name = "FILE", conflicts_with = "paths")]
    pub save_catalog: Option<PathBuf>,
    /// Also what every statement locks and does, harmless ones too
    #[arg(long)]
    pub effects: bool,
    /// With a database: tables of at most N rows (and 8 MiB) are small [default: 10000]
    #[arg(long, value_name = "N")]
    pub small_rows: Option<u64>,
    /// How to print it
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: CheckFormat,
}

/// The value of `--format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum CheckFormat {
    /// For people.
    #[default]
    Human,
    /// One document.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// Annotations of GitHub Actions.
    Github,
    /// GitLab's Code Quality report.
    Gitlab,
    /// A test report.
    Junit,
}

/// The oldest major that is tested: what holds there holds on all.
pub(super) const OLDEST_MAJOR: u32 = 14;

pub(super) fn run(args: &CheckArgs, settings: &Settings, terminal: Terminal) -> Result<Exit, Problem> {
    let section = &settings.file.check;
    let policy = policy::of(&args.select, &args.ignore, section)?;
    let version = args.pg_version.or(section.pg_version);
    if let Some(path) = &args.save_catalog {
        return save_catalog(path, args, settings, terminal);
    }
    let baseline = settings.baseline(args.baseline.as_deref());
    let mut report = Report {
        wanted: Wanted {
            effects: args.effects,
            fingerprints: args.format != CheckFormat::Human || args.write_baseline.is_some() || baseline.is_some(),
        },
        ..Report::default()
    };
    for selection in database::selections(&args.paths, Ways::Forward, settings, terminal)? {
        let ground = ground(&selection, version, args, settings, terminal)?;
        let since = args.since.as_deref();
        with_room(|| walk::walk(&selection, since, ground, &policy, &mut report))?;
    }
    if let Some(path) = args.write_baseline.as_ref().filter(|_| report.errors.is_empty()) {
        baseline::write(path, &report.findings)?;
        let (findings, path) = (report.findings.len(), path.display());
        terminal.note(format_args!("{path} holds {}", human::count(findings, "finding")));
        return Ok(Exit::Done);
    }
    if let Some(path) = baseline {
        let passed = Baseline::read(&path)?.apply(&mut report, &policy);
        let path = path.display();
        terminal.note(format_args!(
            "{} of {path} passed over",
            human::count(passed, "finding")
        ));
    }
    lint::gather(&mut report.findings);
    report.root = std::env::current_dir().unwrap_or_default();
    let weakest = weakest(args.fail_on.or(section.fail_on).unwrap_or(FailOn::Error));
    let mut out = BufWriter::new(terminal.out());
    match args.format {
        // Taking colours out again would cost more than all else that is written.
        CheckFormat::Human if !terminal.has_colors() => {
            terminal
                .as_is()
                .write_all(human::check::findings(&report, false).as_bytes())?;
            human::check::rest(&report, args.effects, &mut out)?;
        }
        CheckFormat::Human => human::check::render(&report, args.effects, &mut out)?,
        CheckFormat::Json => json::check::render(&report, args.effects, &mut out)?,
        CheckFormat::Sarif => sarif::render(&report, &mut out)?,
        CheckFormat::Github => github::render(&report, &mut out)?,
        CheckFormat::Gitlab => gitlab::render(&report, &mut out)?,
        CheckFormat::Junit => junit::render(&report, weakest, &mut out)?,
    }
    out.flush()?;
    let exit = exit(&report, weakest);
    // The program ends here: to give back piece by piece what it holds would only take time.
    mem::forget(report);
    Ok(exit)
}

/// What is to be said of a selection from files alone, for whoever shows it while it is written.
pub(crate) fn examine(selection: &Selection, settings: &Settings) -> Result<Report, Problem> {
    let section = &settings.file.check;
    let policy = policy::of(&[], &[], section)?;
    let version = ServerVersion::of_major(section.pg_version.unwrap_or(OLDEST_MAJOR));
    let mut report = from_files(selection, version, &policy)?;
    if let Some(path) = settings.baseline(None) {
        Baseline::read(&path)?.apply(&mut report, &policy);
    }
    Ok(report)
}

/// What is to be said of a selection from files alone.
pub fn from_files(selection: &Selection, version: ServerVersion, policy: &Policy) -> Result<Report, Problem> {
    let mut report = Report {
        wanted: Wanted::ALL,
        ..Report::default()
    };
    with_room(|| walk::walk(selection, None, Ground::files(version, selection), policy, &mut report))?;
    Ok(report)
}

/// The weakest severity that counts.
fn weakest(fail_on: FailOn) -> Option<Severity> {
    match fail_on {
        FailOn::Error => Some(Severity::Error),
        FailOn::Warning => Some(Severity::Warning),
        FailOn::Never => None,
    }
}

fn exit(report: &Report, weakest: Option<Severity>) -> Exit {
    let counts = |severity| weakest.is_some_and(|weakest| severity >= weakest);
    if !report.errors.is_empty() {
        Exit::Usage
    } else if report.findings.iter().any(|finding| counts(finding.severity)) {
        Exit::Findings
    } else {
        Exit::Done
    }
}

/// What exists before the first migration that is looked at.
fn ground(
    selection: &Selection,
    version: Option<u32>,
    args: &CheckArgs,
    settings: &Settings,
    terminal: Terminal,
) -> Result<Ground, Problem> {
    if let Some(path) = &args.catalog {
        let saved = snapshot::read(path)?;
        let all = selection.folder.migrations.iter().map(|migration| &migration.name);
        let pending = all.filter(|name| !saved.applied.contains(name)).cloned().collect();
        return Ok(Ground::known(
            saved.catalog,
            version,
            settings.file.small_limit(args.small_rows),
            pending,
        ));
    }
    // A URL that merely lies about, for a database that may be down, must not stop a look at files.
    if !settings.names_database() {
        let version = ServerVersion::of_major(version.unwrap_or(OLDEST_MAJOR));
        return Ok(Ground::files(version, selection));
    }
    let folder = &selection.folder;
    let small_rows = settings.file.small_limit(args.small_rows);
    let (catalog, history) = live(folder, small_rows, settings, terminal)?;
    Ok(Ground::known(catalog, version, small_rows, history.pending))
}

/// The live catalog, and what of the folder is applied.
pub(super) fn live(
    folder: &Folder,
    small_rows: u64,
    settings: &Settings,
    terminal: Terminal,
) -> Result<(Catalog, Diagnosis), Problem> {
    let target = database::target(settings, terminal)?;
    let kind = database::history_kind(folder.layout);
    database::block_on(async {
        let status = manage::status(&target, kind, &folder.migrations).await?;
        let session = Session::open(&target, "migration:check").await?;
        let search_path = [target.schema.clone()];
        let catalog = introspect(session.client(), &search_path, small_rows).await;
        let mut catalog = catalog
            .map_err(|error| Problem::new(Exit::Database, format_args!("cannot read the live catalog: {error}")))?;
        read_counters(session.client(), &mut catalog)
            .await
            .map_err(|error| Problem::new(Exit::Database, format_args!("cannot read the sequences: {error}")))?;
        session.close().await;
        Ok((catalog, status.history))
    })
}

/// `--save-catalog`.
fn save_catalog(path: &Path, args: &CheckArgs, settings: &Settings, terminal: Terminal) -> Result<Exit, Problem> {
    let folder = database::folder(settings, terminal)?;
    let (catalog, history) = live(&folder, settings.file.small_limit(args.small_rows), settings, terminal)?;
    let names = history.applied.into_iter().map(|applied| applied.name);
    let saved = Snapshot::new(catalog, names.collect());
    snapshot::write(path, &saved)?;
    let (relations, path) = (saved.catalog.relations.len(), path.display());
    terminal.note(format_args!("{path} holds {}", human::count(relations, "relation")));
    Ok(Exit::Done)
}
