//! From migration to migration, with the catalog that each finds.

use super::ahead::{self, Parsed, Replayed};
use crate::exit::Problem;
use crate::layouts::{LayoutChoice, Selection};
use nonstop_core::catalog::Catalog;
use nonstop_core::effect::Effect;
use nonstop_core::finding::{Finding, Range};
use nonstop_core::lint::{self, Knowledge, Policy, Wanted};
use nonstop_core::migration::Migration;
use nonstop_core::source::SourceFile;
use nonstop_core::sql::SyntaxError;
use nonstop_core::version::ServerVersion;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// Everything that `check` found.
#[derive(Debug, Default)]
pub struct Report {
    /// In the order of the files.
    pub findings: Vec<Finding>,
    /// What every statement does, where somebody wants to know.
    pub effects: Vec<StatementReport>,
    /// What besides findings somebody wants to know.
    pub wanted: Wanted,
    /// The files that were looked at, by their paths.
    pub sources: BTreeMap<String, SourceFile>,
    /// Files that do not parse.
    pub errors: Vec<SyntaxError>,
    /// The names of the migrations that were looked at.
    pub looked: BTreeSet<String>,
    /// The names of all migrations of their folders.
    pub folders: BTreeSet<String>,
    /// The folder that paths are relative to; empty where nobody knows it.
    pub root: PathBuf,
    /// Migrations looked at.
    pub migrations: usize,
    /// Their files, in order.
    pub files: Vec<String>,
    /// Statements looked at.
    pub statements: usize,
}

/// What a statement does, and where it stands.
#[derive(Debug)]
pub struct StatementReport {
    /// The migration.
    pub migration: String,
    /// Its file.
    pub file: String,
    /// Which statement, from 1.
    pub statement: usize,
    /// Its place.
    pub range: Range,
    /// What it does.
    pub effect: Effect,
}

/// What exists before the first migration.
pub(super) struct Ground {
    pub(super) known: Knowledge,
    /// With a database: what is not applied yet. Without one all is replayed from nothing.
    pub(super) pending: Option<Vec<String>>,
}

impl Ground {
    /// Nothing is known but the files; of a file without its folder not even what exists.
    pub(super) fn files(version: ServerVersion, selection: &Selection) -> Self {
        Self {
            known: Knowledge::new(Catalog::empty(version), !is_plain_file(selection), 0),
            pending: None,
        }
    }
}

impl Ground {
    /// All is known, from a database or from what was saved of one.
    pub(super) fn known(mut catalog: Catalog, version: Option<u32>, small_rows: u64, pending: Vec<String>) -> Self {
        if let Some(version) = version {
            catalog.version = ServerVersion::of_major(version);
        }
        Self {
            known: Knowledge::new(catalog, true, small_rows),
            pending: Some(pending),
        }
    }
}

fn is_plain_file(selection: &Selection) -> bool {
    selection.folder.layout == LayoutChoice::Auto
}

/// Looks at what is selected, and replays what comes before it.
pub(super) fn walk<'a>(
    selection: &'a Selection,
    since: Option<&str>,
    mut ground: Ground,
    policy: &Policy,
    report: &mut Report,
) -> Result<(), Problem> {
    let migrations = &selection.folder.migrations;
    let first = match since.filter(|_| !is_plain_file(selection)) {
        None => 0,
        Some(name) => {
            let at = migrations.iter().position(|migration| migration.name == name);
            let folder = &selection.folder.path;
            let unknown = || Problem::usage(format_args!("--since {name}: there is no such migration in {folder}"));
            at.ok_or_else(unknown)? + 1
        }
    };
    report
        .folders
        .extend(migrations.iter().map(|migration| migration.name.clone()));
    let is_pending = |migration: &Migration| match &ground.pending {
        Some(pending) if !is_plain_file(selection) => pending.contains(&migration.name),
        _ => true,
    };
    let is_asked = |migration: &Migration| selection.only.as_ref().is_none_or(|only| *only == migration.name);
    let last = selection.only.as_ref().and_then(|only| {
        let mut names = migrations.iter().map(|migration| &migration.name);
        names.position(|name| name == only)
    });
    let until = last.map_or(migrations.len(), |last| last + 1);
    let visited: Vec<(bool, &Migration)> = migrations[..until]
        .iter()
        .enumerate()
        .filter(|(_, migration)| is_pending(migration))
        .map(|(at, migration)| (at >= first && is_asked(migration), migration))
        .collect();
    let asked: BTreeSet<&str> = visited
        .iter()
        .filter(|(asked, _)| *asked)
        .map(|(_, migration)| migration.name.as_str())
        .collect();
    let visited: Vec<&Migration> = visited.iter().map(|(_, migration)| *migration).collect();
    let is_live = ground.pending.is_some();
    let wanted = report.wanted;
    let replay = |migration: &'a Migration, parsed: &Parsed| {
        let known = &mut ground.known;
        let is_asked = asked.contains(migration.name.as_str());
        let replayed = match parsed {
            // To keep what each of so many statements finds, or to make it twice, would cost more than another core saves.
            Some(Ok(script)) if is_asked && script.statements.len() > MANY => {
                Replayed::Judged(look(migration, parsed, known, policy, wanted))
            }
            Some(Ok(script)) if is_asked => Replayed::ToJudge(known.pass_on(migration.transaction, script)),
            Some(Ok(script)) => {
                known.pass(migration.transaction, script);
                Replayed::Passed
            }
            None | Some(Err(_)) if is_asked => Replayed::ToJudge(known.clone()),
            None | Some(Err(_)) => Replayed::Passed,
        };
        known.catalog.settle();
        if !is_live {
            known.catalog.forget_sizes();
        }
        replayed
    };
    let looks = ahead::each(&visited, replay, |migration, parsed, mut known| {
        look(migration, parsed, &mut known, policy, wanted)
    });
    let mut findings = Vec::new();
    for look in looks {
        report.migrations += 1;
        report.looked.insert(look.migration.name.clone());
        report.files.push(look.migration.path.clone());
        report.statements += look.statements;
        if let Some(file) = look.migration.up.as_ref().filter(|_| look.is_shown()) {
            report.sources.insert(file.path.clone(), file.clone());
        }
        report.errors.extend(look.error);
        report.effects.extend(look.effects);
        findings.extend(look.findings);
    }
    lint::settle(&mut findings, &ground.known.catalog);
    report.findings.append(&mut findings);
    Ok(())
}

/// A file of more statements is judged where it is replayed.
const MANY: usize = 1_000;

/// What is to be said of one migration.
struct Look<'a> {
    migration: &'a Migration,
    statements: usize,
    findings: Vec<Finding>,
    effects: Vec<StatementReport>,
    error: Option<SyntaxError>,
}

impl Look<'_> {
    /// Whether its text is needed to say it.
    fn is_shown(&self) -> bool {
        self.error.is_some() || !self.findings.is_empty()
    }
}

fn look<'a>(
    migration: &'a Migration,
    parsed: &Parsed,
    known: &mut Knowledge,
    policy: &Policy,
    wanted: Wanted,
) -> Look<'a> {
    let mut look = Look {
        migration,
        statements: 0,
        findings: Vec::new(),
        effects: Vec::new(),
        error: None,
    };
    let (Some(file), Some(parsed)) = (&migration.up, parsed) else {
        look.findings.extend(lint::missing_file(migration, policy));
        return look;
    };
    let script = match parsed {
        Ok(script) => script,
        Err(error) => {
            look.error = Some(error.clone());
            return look;
        }
    };
    look.statements = script.statements.len();
    let judged = lint::lint(migration, file, script, known, policy, wanted);
    look.findings = judged.findings;
    let effects = judged.effects.into_iter();
    look.effects = effects
        .map(|one| StatementReport {
            migration: migration.name.clone(),
            file: file.path.clone(),
            statement: one.statement,
            range: Range::of(file, one.span),
            effect: one.effect,
        })
        .collect();
    look
}
