//! Pieces into steps: neighbours that are instant share one transaction, with the locks of all taken first.

use crate::effect::Effect;
use crate::lock::LockMode;
use crate::quote::SqlText;
use crate::rewrite::{Body, Instant, Piece, merge_lock, shared_locks};
use crate::settings::PlanSettings;
use crate::source::SourceFile;
use crate::sql::{Kind, Script};
use crate::step::{Goal, LockTimeout, Phase, RelationLock, StatementTimeout, Step, StepKind, Undo, UndoStep, Work};
use std::collections::BTreeSet;

/// A label that a later statement uses must be committed before it (55P04).
pub(crate) fn close_enum_values(pieces: &mut [Piece], script: &Script) {
    for statement in &script.statements {
        let Kind::AddEnumValue { label, .. } = &statement.kind else {
            continue;
        };
        let quoted = format!("'{}'", label.replace('\'', "''"));
        let later = script.statements.iter().filter(|s| s.ordinal > statement.ordinal);
        let mut users = later.filter(|s| !matches!(s.kind, Kind::AddEnumValue { .. }));
        let used =
            users.any(|s| s.sql.as_str().contains(&quoted) || matches!(s.kind, Kind::Do { .. } | Kind::Call { .. }));
        for piece in pieces
            .iter_mut()
            .filter(|piece| used && piece.statement == statement.ordinal)
        {
            if let Body::Instant(instant) = &mut piece.body {
                instant.commit_after = true;
            }
        }
    }
}

/// The steps of a migration, numbered from 1.
pub(super) fn steps(
    pieces: Vec<Piece>,
    script: &Script,
    settings: &PlanSettings,
    glued: &BTreeSet<usize>,
) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut group: Vec<Piece> = Vec::new();
    for piece in pieces {
        if matches!(piece.body, Body::Instant(_)) {
            if !joins(&group, &piece, glued) {
                close(&mut group, &mut steps, script, settings, glued);
            }
            group.push(piece);
        } else {
            close(&mut group, &mut steps, script, settings, glued);
            steps.push(lone(piece));
        }
    }
    close(&mut group, &mut steps, script, settings, glued);
    for (at, step) in steps.iter_mut().enumerate() {
        step.id = (at + 1).to_string();
    }
    steps
}

fn instant(piece: &Piece) -> Option<&Instant> {
    match &piece.body {
        Body::Instant(instant) => Some(instant),
        _ => None,
    }
}

/// A slow piece does not share a transaction with locks that keep the application out.
fn joins(group: &[Piece], piece: &Piece, glued: &BTreeSet<usize>) -> bool {
    let Some(last) = group.last() else { return true };
    if glued.contains(&last.statement) && glued.contains(&piece.statement) {
        return true;
    }
    let (Some(last), Some(next)) = (instant(last), instant(piece)) else {
        return false;
    };
    if last.commit_after {
        return false;
    }
    let strong = |instant: &Instant| instant.locks.iter().any(|lock| lock.mode.blocks_writes());
    let group_strong = group.iter().filter_map(instant).any(strong);
    let group_slow = group.iter().filter_map(instant).any(|i| i.slow);
    !((next.slow && (group_strong || strong(next))) || (group_slow && strong(next)))
}

fn close(
    group: &mut Vec<Piece>,
    steps: &mut Vec<Step>,
    script: &Script,
    settings: &PlanSettings,
    glued: &BTreeSet<usize>,
) {
    if group.is_empty() {
        return;
    }
    let pieces = std::mem::take(group);
    let instants: Vec<&Instant> = pieces.iter().filter_map(instant).collect();
    let mut locks: Vec<RelationLock> = Vec::new();
    // A copy whose loss is allowed, and not its block, takes the lock of its drop only when it comes to it.
    let late = |piece: &&Piece| {
        !settings.allow_blocking && glued.contains(&piece.statement) && glued.first() != Some(&piece.statement)
    };
    for lock in pieces
        .iter()
        .filter(|piece| !late(piece))
        .filter_map(instant)
        .flat_map(|i| &i.locks)
    {
        merge_lock(&mut locks, lock.clone());
    }
    order_locks(&mut locks);
    let blocks = locks.iter().any(|lock| lock.mode > LockMode::RowExclusive);
    let bounded = blocks && !instants.iter().any(|i| i.unbounded || i.slow);
    let work = instants.iter().map(|i| i.work).max().unwrap_or(Work::None);
    let mut statements: Vec<usize> = pieces.iter().map(|piece| piece.statement).collect();
    statements.dedup();
    let unknown = instants
        .iter()
        .any(|i| i.slow && i.locks.iter().any(|l| l.mode.blocks_writes()));
    steps.push(Step {
        id: String::new(),
        kind: if unknown { StepKind::Opaque } else { StepKind::Ddl },
        phase: Phase::Expand,
        transaction: true,
        sql: texts(&pieces, script),
        batch: None,
        locks: locks
            .into_iter()
            .filter(|lock| lock.mode > LockMode::AccessShare)
            .collect(),
        work,
        lock_timeout: Some(LockTimeout(settings.max_block)),
        statement_timeout: bounded.then_some(StatementTimeout(settings.max_block)),
        open_ended: !bounded && instants.iter().any(|i| i.open_ended),
        may_block: unknown && settings.allow_blocking,
        goal: Goal::Committed,
        undo: undo(&pieces),
        statements,
        note: notes(&pieces),
        estimate_ms: None,
    });
}

/// Strongest first, then by name: one fixed order, so that two deploys cannot deadlock on them.
fn order_locks(locks: &mut [RelationLock]) {
    locks.sort_by(|a, b| b.mode.cmp(&a.mode).then_with(|| a.relation.cmp(&b.relation)));
}

/// Parts of one statement that stand together are that statement as written.
fn texts(pieces: &[Piece], script: &Script) -> Vec<SqlText> {
    let mut out: Vec<SqlText> = Vec::new();
    let mut at = 0;
    while at < pieces.len() {
        let piece = &pieces[at];
        let siblings = pieces[at..]
            .iter()
            .take_while(|other| other.part && other.statement == piece.statement)
            .count();
        let all = pieces.iter().filter(|other| other.statement == piece.statement).count();
        let original = script.statements.iter().find(|s| s.ordinal == piece.statement);
        match (original, instant(piece)) {
            (Some(original), _) if siblings > 1 && siblings == all => {
                out.push(original.sql.clone());
                at += siblings;
            }
            (_, Some(instant)) => {
                out.push(instant.sql.clone());
                at += 1;
            }
            _ => at += 1,
        }
    }
    out
}

fn notes(pieces: &[Piece]) -> String {
    let mut notes: Vec<&str> = pieces
        .iter()
        .map(|piece| piece.note.as_str())
        .filter(|note| !note.is_empty())
        .collect();
    notes.dedup();
    notes.join("; ")
}

/// In reverse; one piece without a way back makes the whole so.
fn undo(pieces: &[Piece]) -> Undo {
    let mut steps: Vec<UndoStep> = Vec::new();
    for instant in pieces.iter().rev().filter_map(instant) {
        match &instant.undo {
            Undo::Nothing => {}
            Undo::Steps(own) => steps.extend(own.iter().cloned()),
            Undo::Impossible(why) => return Undo::Impossible(why.clone()),
        }
    }
    if steps.is_empty() {
        Undo::Nothing
    } else {
        Undo::Steps(steps)
    }
}

pub(super) fn lone(piece: Piece) -> Step {
    let step = match piece.body {
        Body::Lone(lone) => Step {
            // What is alone and works on nothing waits for others (DROP INDEX CONCURRENTLY), or is not known (VACUUM).
            open_ended: lone.work == Work::None,
            locks: lone.locks,
            work: lone.work,
            undo: lone.undo,
            ..Step::alone(lone.kind, lone.sql, lone.goal)
        },
        Body::Batches(batches) => Step {
            batch: Some(batches.batch),
            locks: batches.locks,
            undo: batches.undo,
            ..Step::alone(StepKind::Backfill, batches.sql, Goal::Committed)
        },
        Body::Check { query, violation } => Step {
            work: Work::Scan,
            ..Step::alone(StepKind::Check, query, Goal::NoRows(violation))
        },
        Body::Instant(instant) => Step::alone(StepKind::Ddl, instant.sql, Goal::Committed),
    };
    Step {
        statements: vec![piece.statement],
        note: piece.note,
        ..step
    }
}

/// The whole file in one step, or its statements one by one where the layout's own tool runs it so.
pub(super) fn as_written(
    file: &SourceFile,
    script: &Script,
    effects: &[Effect],
    (own_transactions, per_statement, open_ended): (bool, bool, bool),
    settings: &PlanSettings,
) -> Vec<Step> {
    let alone = effects.iter().any(|effect| effect.outside_transaction);
    let (body, _) = file.body();
    let whole = |transaction: bool, texts: Vec<SqlText>, effects: &[Effect], id: usize, statements: Vec<usize>| {
        let mut locks = Vec::new();
        for lock in effects.iter().flat_map(shared_locks) {
            merge_lock(&mut locks, lock);
        }
        order_locks(&mut locks);
        Step {
            id: id.to_string(),
            kind: StepKind::Opaque,
            phase: Phase::Expand,
            transaction,
            sql: texts,
            batch: None,
            locks: if transaction {
                locks.into_iter().filter(|l| l.mode > LockMode::AccessShare).collect()
            } else {
                Vec::new()
            },
            work: effects
                .iter()
                .flat_map(|e| &e.work)
                .map(|w| w.work)
                .max()
                .unwrap_or(Work::None),
            lock_timeout: (!alone).then_some(LockTimeout(settings.max_block)),
            statement_timeout: None,
            open_ended,
            may_block: settings.allow_blocking,
            goal: if transaction { Goal::Committed } else { Goal::Repeatable },
            undo: if transaction {
                Undo::Nothing
            } else {
                Undo::Impossible("it ran as written, outside nonstop's transaction".to_owned())
            },
            statements,
            note: "as written".to_owned(),
            estimate_ms: None,
        }
    };
    if per_statement && !own_transactions {
        let each = script.statements.iter().zip(effects).enumerate();
        return each
            .map(|(at, (statement, effect))| {
                whole(
                    !effect.outside_transaction,
                    vec![statement.sql.clone()],
                    std::slice::from_ref(effect),
                    at + 1,
                    vec![statement.ordinal],
                )
            })
            .collect();
    }
    if script.statements.is_empty() {
        return Vec::new();
    }
    let transaction = !(own_transactions || alone && script.statements.len() == 1);
    vec![whole(
        transaction,
        vec![SqlText::verbatim(body)],
        effects,
        1,
        script.statements.iter().map(|s| s.ordinal).collect(),
    )]
}
