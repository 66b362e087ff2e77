//! Runs the steps of one migration, each with its journal row, and takes them back in reverse.

use crate::acquire::{self, Group, Proof};
use crate::alone;
use crate::check;
use crate::event::{Event, Failure, millis};
use crate::failpoint;
use crate::journal::{self, InFlight, MigrationState, StepState};
use crate::worker::{Place, StepError, Worker};
use nonstop_core::quote::SqlText;
use nonstop_core::sql;
use nonstop_core::step::{Goal, Step, StepKind, Undo, UndoStep};
use std::fmt::Write as _;
use std::time::Instant;

/// Rows that are made at the moment in which they are written.
pub(crate) type Rows<'r> = &'r (dyn Fn() -> Vec<SqlText> + Sync);

/// Runs what is not done yet. The rows of `end` commit together with the last step.
pub(crate) async fn run(worker: &mut Worker<'_>, flight: &mut InFlight, end: Rows<'_>) -> Result<(), StepError> {
    let mut ended = false;
    for at in 0..flight.steps.len() {
        let step = flight.steps[at].clone();
        if matches!(flight.done.get(&step.id), Some(StepState::Done | StepState::Found)) {
            continue;
        }
        if worker.stop.is_wanted() {
            return Err(StepError::Stopped);
        }
        worker.check_lock().await?;
        ended = at + 1 == flight.steps.len();
        let reached = one(worker, flight, &step, ended.then_some(end)).await?;
        flight.done.insert(step.id.clone(), reached);
        failpoint::pass("step-done").await;
    }
    if !ended {
        // No step was left to commit with.
        worker.record(&together(&end())).await?;
    }
    Ok(())
}

async fn one(
    worker: &mut Worker<'_>,
    flight: &InFlight,
    step: &Step,
    end: Option<Rows<'_>>,
) -> Result<StepState, StepError> {
    let place = Place {
        migration: flight.name.clone(),
        step: step.id.clone(),
    };
    let started = Instant::now();
    tell_started(worker, &place, step);
    let state = flight.done.get(&step.id).copied();
    let reached = match (step.kind, step.transaction) {
        (StepKind::Check, _) => {
            checks(worker, &place, step).await?;
            worker.record(&finished(&flight.id, step, StepState::Done, end)).await?;
            StepState::Done
        }
        (_, true) => {
            let mut records = vec![journal::step(&flight.id, &step.id, StepState::Done)];
            records.extend(end.map(|rows| rows()).unwrap_or_default());
            let proof = Proof::Step {
                id: &flight.id,
                step: &step.id,
            };
            if end.is_some() {
                failpoint::pass("before-finish").await;
            }
            let group = group(worker, step, records).await?;
            acquire::run(worker, &place, group, proof).await?;
            StepState::Done
        }
        (_, false) => {
            let reached = alone::run(worker, &place, (&flight.id, step), state).await?;
            if end.is_some() {
                failpoint::pass("before-finish").await;
            }
            worker.record(&finished(&flight.id, step, reached, end)).await?;
            reached
        }
    };
    worker.events.send(Event::StepFinished {
        migration: place.migration,
        step: place.step,
        duration_ms: millis(started.elapsed()),
    });
    Ok(reached)
}

/// The queries of a check step.
pub(crate) async fn checks(worker: &mut Worker<'_>, place: &Place, step: &Step) -> Result<(), StepError> {
    let violation = match &step.goal {
        Goal::NoRows(violation) => Some(violation),
        _ => None,
    };
    for query in &step.sql {
        check::run(worker, place, query, violation).await?;
    }
    Ok(())
}

async fn group<'s>(worker: &mut Worker<'_>, step: &'s Step, records: Vec<SqlText>) -> Result<Group<'s>, StepError> {
    Ok(Group {
        locks: acquire::tables_only(worker, &step.locks).await?,
        body: step.sql.iter().collect(),
        records,
        lock_timeout: step.lock_timeout,
        statement_timeout: step.statement_timeout,
    })
}

/// Says that a step begins.
pub(crate) fn tell_started(worker: &Worker<'_>, place: &Place, step: &Step) {
    worker.events.send(Event::StepStarted {
        migration: place.migration.clone(),
        step: place.step.clone(),
        kind: kind(step.kind).to_owned(),
        summary: summary(step),
    });
}

/// The step's kind in the words of the command line's contract.
fn kind(kind: StepKind) -> &'static str {
    match kind {
        StepKind::Ddl => "ddl",
        StepKind::Index => "index",
        StepKind::Validate => "validate",
        StepKind::Backfill => "backfill",
        StepKind::Check => "check",
        StepKind::Opaque => "opaque",
        StepKind::Contract => "contract",
    }
}

/// The step in one line: its first statement, or its note for a check.
fn summary(step: &Step) -> String {
    const MOST: usize = 120;
    let text = match step.kind {
        StepKind::Check if !step.note.is_empty() => step.note.clone(),
        _ => {
            let first = step.sql.first().map_or("", SqlText::as_str);
            first.split_whitespace().collect::<Vec<_>>().join(" ")
        }
    };
    let mut line: String = text.chars().take(MOST).collect();
    if line.len() < text.len() {
        line.push('…');
    }
    if step.sql.len() > 1 {
        let _ = write!(line, " (and {} more)", step.sql.len() - 1);
    }
    line
}

fn finished(id: &str, step: &Step, state: StepState, end: Option<Rows<'_>>) -> SqlText {
    let mut all = vec![journal::step(id, &step.id, state)];
    all.extend(end.map(|rows| rows()).unwrap_or_default());
    together(&all)
}

/// These in one transaction.
pub(crate) fn together(all: &[SqlText]) -> SqlText {
    let rows = all.iter().fold(sql!("BEGIN"), |text, row| sql!("{};\n{}", text, row));
    sql!("{};\nCOMMIT", rows)
}

/// What unwinding came to.
#[derive(Debug, Default)]
pub(crate) struct Unwound {
    /// What was taken back, in words.
    pub undone: Vec<String>,
    /// Why it had to stop on the way: a step that cannot be taken back.
    pub stuck: Option<String>,
}

/// How far unwinding goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Down to a step that cannot be taken back; from there the next command goes on.
    UntilStuck,
    /// All the way, because there is no plan to go on with; what cannot be taken back stays and is told.
    Whole,
}

/// Takes back, in reverse, what is done.
pub(crate) async fn unwind(
    worker: &mut Worker<'_>,
    flight: &mut InFlight,
    failure: Option<&Failure>,
    depth: Depth,
) -> Result<Unwound, StepError> {
    let mut rows = vec![journal::settle(&flight.id, MigrationState::Undoing)];
    rows.extend(failure.map(|failure| journal::failed(&flight.id, failure)));
    worker.record(&together(&rows)).await?;
    failpoint::pass("undo-begun").await;
    let mut unwound = Unwound::default();
    for step in flight.steps.clone().iter().rev() {
        let state = match flight.done.get(&step.id) {
            Some(state @ (StepState::Started | StepState::Done)) => *state,
            Some(StepState::Found | StepState::Undone) | None => continue,
        };
        worker.check_lock().await?;
        let place = Place {
            migration: flight.name.clone(),
            step: step.id.clone(),
        };
        let undo = match (&step.undo, leaves_something(worker, &place, step, state).await?) {
            (Undo::Nothing, _) | (_, false) => &[][..],
            (Undo::Steps(undo), true) => undo,
            (Undo::Impossible(reason), true) if depth == Depth::UntilStuck => {
                unwound.stuck = Some(reason.clone());
                break;
            }
            (Undo::Impossible(reason), true) => {
                worker.events.send(Event::Warning {
                    migration: Some(flight.name.clone()),
                    message: format!("stays, because it cannot be taken back: {} ({reason})", summary(step)),
                });
                &[][..]
            }
        };
        for (at, undo) in undo.iter().enumerate() {
            take_back(worker, &place, undo).await?;
            if at == 0 {
                failpoint::pass("undo-step-ran").await;
            }
        }
        worker
            .record(&journal::step(&flight.id, &step.id, StepState::Undone))
            .await?;
        failpoint::pass("undo-step-done").await;
        flight.done.insert(step.id.clone(), StepState::Undone);
        if !undo.is_empty() {
            unwound.undone.push(summary(step));
        }
        worker.events.send(Event::StepUndone {
            migration: place.migration,
            step: place.step,
        });
    }
    Ok(unwound)
}

/// Whether a step has left something; an INVALID index goes at once.
async fn leaves_something(
    worker: &mut Worker<'_>,
    place: &Place,
    step: &Step,
    state: StepState,
) -> Result<bool, StepError> {
    if state == StepState::Done {
        return Ok(true);
    }
    Ok(match alone::judge(worker, &step.goal).await? {
        alone::Found::Reached => true,
        alone::Found::Leftover(index) => {
            alone::drop_index(worker, place, &index).await?;
            // A drop that was cut off is undone by building the index again; a build by having dropped it.
            matches!(step.goal, Goal::IndexGone { .. })
        }
        alone::Found::Open | alone::Found::Building(_) => {
            matches!(step.goal, Goal::Repeatable)
        }
        alone::Found::Invisible => !alone::is_whole(step),
    })
}

async fn take_back(worker: &mut Worker<'_>, place: &Place, undo: &UndoStep) -> Result<(), StepError> {
    if !undo.transaction {
        return alone::repeat(worker, place, &undo.sql).await;
    }
    let limit = worker.bounds.max_block();
    let group = Group {
        locks: acquire::tables_only(worker, &undo.locks).await?,
        body: vec![&undo.sql],
        records: Vec::new(),
        lock_timeout: Some(nonstop_core::step::LockTimeout(limit)),
        statement_timeout: Some(nonstop_core::step::StatementTimeout(limit)),
    };
    acquire::run(worker, place, group, Proof::Repeatable).await
}
