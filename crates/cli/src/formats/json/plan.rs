//! `nonstop.plan/1`.

use nonstop_core::plan::{MigrationPlan, Notice, Plan};
use nonstop_core::step::{Phase, Step, StepKind, Undo, Work};
use serde::Serialize;
use std::io::{self, Write};
use std::time::Duration;

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    server_version: String,
    migrations: Vec<Migration<'a>>,
}

#[derive(Serialize)]
struct Migration<'a> {
    name: &'a str,
    checksum: &'a str,
    steps: Vec<StepOf<'a>>,
    warnings: Vec<NoticeOf<'a>>,
    refusals: Vec<NoticeOf<'a>>,
}

#[derive(Serialize)]
struct StepOf<'a> {
    id: &'a str,
    kind: StepKind,
    phase: Phase,
    transaction: bool,
    sql: Vec<&'a str>,
    locks: Vec<Lock>,
    work: Work,
    lock_timeout_ms: Option<u64>,
    statement_timeout_ms: Option<u64>,
    undo: Vec<&'a str>,
    undo_impossible: Option<&'a str>,
    estimate_ms: Option<u64>,
    statements: &'a [usize],
    note: &'a str,
}

#[derive(Serialize)]
struct Lock {
    relation: String,
    mode: &'static str,
}

#[derive(Serialize)]
struct NoticeOf<'a> {
    rule: &'a str,
    statement: usize,
    line: usize,
    message: &'a str,
    help: &'a str,
    sql: &'a str,
}

/// Writes the plan.
pub fn render(plan: &Plan, out: &mut dyn Write) -> io::Result<()> {
    let document = Document {
        schema: "nonstop.plan/1",
        server_version: plan.server_version.to_string(),
        migrations: plan.migrations.iter().map(migration).collect(),
    };
    super::document(&document, out)
}

fn migration(plan: &MigrationPlan) -> Migration<'_> {
    Migration {
        name: &plan.name,
        checksum: &plan.checksum,
        steps: plan.steps.iter().map(step).collect(),
        warnings: plan.warnings.iter().map(notice).collect(),
        refusals: plan.refusals.iter().map(notice).collect(),
    }
}

fn step(step: &Step) -> StepOf<'_> {
    let (undo, undo_impossible) = match &step.undo {
        Undo::Nothing => (Vec::new(), None),
        Undo::Steps(steps) => (steps.iter().map(|undo| undo.sql.as_str()).collect(), None),
        Undo::Impossible(reason) => (Vec::new(), Some(reason.as_str())),
    };
    StepOf {
        id: &step.id,
        kind: step.kind,
        phase: step.phase,
        transaction: step.transaction,
        sql: step.sql.iter().map(nonstop_core::quote::SqlText::as_str).collect(),
        locks: step
            .locks
            .iter()
            .map(|lock| Lock {
                relation: lock.relation.to_string(),
                mode: lock.mode.as_sql(),
            })
            .collect(),
        work: step.work,
        lock_timeout_ms: step.lock_timeout.map(|timeout| millis(timeout.0)),
        statement_timeout_ms: step.statement_timeout.map(|timeout| millis(timeout.0)),
        undo,
        undo_impossible,
        estimate_ms: step.estimate_ms,
        statements: &step.statements,
        note: &step.note,
    }
}

fn notice(notice: &Notice) -> NoticeOf<'_> {
    NoticeOf {
        rule: &notice.rule,
        statement: notice.statement,
        line: notice.line,
        message: &notice.message,
        help: &notice.help,
        sql: notice.sql.as_str(),
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
