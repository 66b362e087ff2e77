//! `nonstop.check/1`.

use crate::commands::check::{Report, StatementReport};
use nonstop_core::finding::{Finding, Severity};
use nonstop_core::lock::LockMode;
use nonstop_core::sql::SyntaxError;
use nonstop_core::step::Work;
use serde::Serialize;
use std::io::{self, Write};

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    findings: &'a [Finding],
    #[serde(skip_serializing_if = "Option::is_none")]
    effects: Option<Vec<EffectOf<'a>>>,
    errors: Vec<ErrorOf<'a>>,
    summary: Summary,
}

#[derive(Serialize)]
struct EffectOf<'a> {
    migration: &'a str,
    file: &'a str,
    statement: usize,
    line: usize,
    end_line: usize,
    locks: Vec<LockOf>,
    work: Vec<WorkOf>,
    error: Option<&'static str>,
}

#[derive(Serialize)]
struct LockOf {
    relation: String,
    mode: LockMode,
    existing: bool,
}

#[derive(Serialize)]
struct WorkOf {
    relation: String,
    kind: Work,
}

/// A file that does not parse.
#[derive(Serialize)]
struct ErrorOf<'a> {
    file: &'a str,
    line: usize,
    column: usize,
    message: &'a str,
}

#[derive(Serialize)]
struct Summary {
    migrations: usize,
    statements: usize,
    errors: usize,
    warnings: usize,
}

/// Writes the report.
pub fn render(report: &Report, with_effects: bool, out: &mut dyn Write) -> io::Result<()> {
    let count = |severity| report.findings.iter().filter(|one| one.severity == severity).count();
    let document = Document {
        schema: "nonstop.check/1",
        findings: &report.findings,
        effects: with_effects.then(|| report.effects.iter().map(effect).collect()),
        errors: report.errors.iter().map(error).collect(),
        summary: Summary {
            migrations: report.migrations,
            statements: report.statements,
            errors: count(Severity::Error),
            warnings: count(Severity::Warning),
        },
    };
    super::document(&document, out)
}

fn effect(one: &StatementReport) -> EffectOf<'_> {
    let effect = &one.effect;
    EffectOf {
        migration: &one.migration,
        file: &one.file,
        statement: one.statement,
        line: one.range.line,
        end_line: one.range.end_line,
        locks: effect
            .locks
            .iter()
            .chain(&effect.index_locks)
            .map(|lock| LockOf {
                relation: lock.relation.to_string(),
                mode: lock.mode,
                existing: lock.existing,
            })
            .collect(),
        work: effect
            .all_work()
            .iter()
            .map(|entry| WorkOf {
                relation: entry.relation.to_string(),
                kind: entry.work,
            })
            .collect(),
        error: effect.error.as_ref().map(|predicted| predicted.sqlstate),
    }
}

fn error(error: &SyntaxError) -> ErrorOf<'_> {
    ErrorOf {
        file: &error.path,
        line: error.place.line,
        column: error.place.column,
        message: &error.message,
    }
}
