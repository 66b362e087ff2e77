//! `nonstop.plan/1`.

use nonstop_core::plan::{MigrationPlan, Notice, Plan};
use nonstop_core::quote::Name;
use nonstop_core::step::{Phase, RelationLock, Step, StepKind, Undo, Work};
use nonstop_engine::trace::{Trace, TracedStep};
use serde::Serialize;
use std::io::{self, Write};
use std::time::Duration;

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    server_version: String,
    migrations: Vec<Migration<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<TraceOf<'a>>,
}

/// With `--trace`: where the steps were run.
#[derive(Serialize)]
struct TraceOf<'a> {
    server_version: &'a str,
    applied: usize,
    differences: &'a [String],
}

/// What was seen of a step.
#[derive(Serialize)]
struct Seen<'a> {
    locks: Vec<Lock>,
    work: Vec<WorkOn>,
    duration_ms: f64,
    sampled: bool,
    opaque: bool,
    unforeseen: &'a [String],
    error: Option<&'a str>,
}

#[derive(Serialize)]
struct WorkOn {
    relation: String,
    kind: Work,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<Seen<'a>>,
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
pub fn render(plan: &Plan, trace: Option<&Trace>, out: &mut dyn Write) -> io::Result<()> {
    let document = Document {
        schema: "nonstop.plan/1",
        server_version: plan.server_version.to_string(),
        migrations: plan.migrations.iter().map(|one| migration(one, trace)).collect(),
        trace: trace.map(|trace| TraceOf {
            server_version: &trace.server_version,
            applied: trace.applied,
            differences: &trace.differences,
        }),
    };
    super::document(&document, out)
}

fn migration<'a>(plan: &'a MigrationPlan, trace: Option<&'a Trace>) -> Migration<'a> {
    let seen = |step: &Step| trace.and_then(|trace| trace.find(&plan.name, &step.id)).map(seen);
    Migration {
        name: &plan.name,
        checksum: &plan.checksum,
        steps: plan.steps.iter().map(|one| step(one, seen(one))).collect(),
        warnings: plan.warnings.iter().map(notice).collect(),
        refusals: plan.refusals.iter().map(notice).collect(),
    }
}

fn seen(step: &TracedStep) -> Seen<'_> {
    let on = |(relation, kind): (&Name, &Work)| WorkOn {
        relation: relation.to_string(),
        kind: *kind,
    };
    Seen {
        locks: step.locks.iter().map(lock).collect(),
        work: step.work.iter().map(on).collect(),
        duration_ms: (step.duration.as_secs_f64() * 10_000.0).round() / 10.0,
        sampled: step.is_sampled,
        opaque: step.is_opaque,
        unforeseen: &step.unforeseen,
        error: step.error.as_deref(),
    }
}

fn lock(lock: &RelationLock) -> Lock {
    Lock {
        relation: lock.relation.to_string(),
        mode: lock.mode.as_sql(),
    }
}

fn step<'a>(step: &'a Step, trace: Option<Seen<'a>>) -> StepOf<'a> {
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
        locks: step.locks.iter().map(lock).collect(),
        work: step.work,
        lock_timeout_ms: step.lock_timeout.map(|timeout| millis(timeout.0)),
        statement_timeout_ms: step.statement_timeout.map(|timeout| millis(timeout.0)),
        undo,
        undo_impossible,
        estimate_ms: step.estimate_ms,
        statements: &step.statements,
        note: &step.note,
        trace,
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
