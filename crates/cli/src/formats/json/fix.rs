//! `nonstop.fix/1`.

use crate::commands::fix::{Change, Outcome, Report, State};
use crate::formats::human::fix::unified;
use nonstop_core::plan::Notice;
use serde::Serialize;
use std::io::{self, Write};

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    written: bool,
    database_asked: bool,
    migrations: Vec<Migration<'a>>,
    verified: Vec<Proof<'a>>,
    errors: Vec<String>,
    summary: Summary,
}

#[derive(Serialize)]
struct Migration<'a> {
    name: &'a str,
    file: &'a str,
    state: &'static str,
    reason: Option<&'a str>,
    files: Vec<File<'a>>,
    unfixed: Vec<Unfixed<'a>>,
    notes: &'a [String],
    look_first: Vec<Look<'a>>,
    lost: &'a [String],
}

#[derive(Serialize)]
struct File<'a> {
    migration: &'a str,
    path: &'a str,
    action: &'static str,
    does: &'a str,
    text: &'a str,
    diff: String,
}

#[derive(Serialize)]
struct Unfixed<'a> {
    rule: &'a str,
    statement: usize,
    line: usize,
    message: &'a str,
    help: &'a str,
}

#[derive(Serialize)]
struct Look<'a> {
    message: &'a str,
    sql: &'a str,
}

#[derive(Serialize)]
struct Proof<'a> {
    server_version: &'a str,
    same: bool,
    differences: &'a [String],
}

#[derive(Serialize)]
struct Summary {
    looked: usize,
    fixed: usize,
    refused: usize,
    unfixed: usize,
    applied: usize,
    files: usize,
}

/// Writes the report.
pub fn render(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let number = |wanted: fn(&Outcome) -> bool| report.migrations.iter().filter(|one| wanted(one)).count();
    let document = Document {
        schema: "nonstop.fix/1",
        written: report.is_written,
        database_asked: report.is_asked,
        migrations: report.migrations.iter().map(migration).collect(),
        verified: report
            .proofs
            .iter()
            .map(|proof| Proof {
                server_version: &proof.server_version,
                same: proof.differences.is_empty(),
                differences: &proof.differences,
            })
            .collect(),
        errors: report.errors.iter().map(ToString::to_string).collect(),
        summary: Summary {
            looked: report.looked,
            fixed: number(|one| one.state == State::Fixed),
            refused: number(Outcome::is_refused),
            unfixed: report.migrations.iter().map(|one| one.unfixed.len()).sum(),
            applied: report.applied,
            files: report.migrations.iter().map(|one| one.changes.len()).sum(),
        },
    };
    super::document(&document, out)
}

fn migration(one: &Outcome) -> Migration<'_> {
    let (state, reason) = match &one.state {
        State::Unchanged => ("unchanged", None),
        State::Fixed => ("fixed", None),
        State::Refused(reason) => ("refused", Some(reason.as_str())),
    };
    Migration {
        name: &one.name,
        file: &one.path,
        state,
        reason,
        files: one.changes.iter().map(file).collect(),
        unfixed: one.unfixed.iter().map(unfixed).collect(),
        notes: &one.notes,
        look_first: one
            .look_first
            .iter()
            .map(|look| Look {
                message: &look.message,
                sql: look.sql.as_str(),
            })
            .collect(),
        lost: &one.lost,
    }
}

fn file(change: &Change) -> File<'_> {
    File {
        migration: &change.migration,
        path: &change.path,
        action: if change.before.is_some() { "edit" } else { "create" },
        does: change.does,
        text: &change.after,
        diff: unified(change),
    }
}

fn unfixed(notice: &Notice) -> Unfixed<'_> {
    Unfixed {
        rule: &notice.rule,
        statement: notice.statement,
        line: notice.line,
        message: &notice.message,
        help: &notice.help,
    }
}
