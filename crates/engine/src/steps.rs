//! Runs the steps of one migration, each with its journal row, and takes them back in reverse.

use crate::acquire::{self, Group, Proof};
use crate::alone;
use crate::batches;
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
        let reached = match one(worker, flight, &step, ended.then_some(end)).await {
            Ok(reached) => reached,
            Err(error) => {
                // Some of its batches may be done.
                if step.batch.is_some() {
                    flight.done.insert(step.id.clone(), StepState::Started);
                }
                return Err(error);
            }
        };
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
        may_block: step.may_block,
        migration: flight.name.clone(),
        step: step.id.clone(),
    };
    let started = Instant::now();
    tell_started(worker, &place, step);
    let state = flight.done.get(&step.id).copied();
    let reached = match (step.kind, step.transaction) {
        _ if step.batch.is_some() => {
            batches::run(worker, &place, (&flight.id, step), state).await?;
            if end.is_some() {
                failpoint::pass("before-finish").await;
            }
            worker.record(&finished(&flight.id, step, StepState::Done, end)).await?;
            StepState::Done
        }
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
        kind: step.kind.word().to_owned(),
        summary: summary(step),
    });
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

/// A step that is done, or may be, and cannot be taken back: what it was, and why. With one, nothing is taken back at all.
pub(crate) async fn stuck(worker: &mut Worker<'_>, flight: &InFlight) -> Result<Option<(String, String)>, StepError> {
    for step in &flight.steps {
        let Undo::Impossible(reason) = &step.undo else { continue };
        let Some(state) = to_take_back(flight, step) else {
            continue;
        };
        let place = Place {
            may_block: false,
            migration: flight.name.clone(),
            step: step.id.clone(),
        };
        if leaves_something(worker, &place, (&flight.id, step), state).await? {
            return Ok(Some((summary(step), reason.clone())));
        }
    }
    Ok(None)
}

/// The state of a step that may have left something of ours.
fn to_take_back(flight: &InFlight, step: &Step) -> Option<StepState> {
    match flight.done.get(&step.id) {
        Some(state @ (StepState::Started | StepState::Done)) => Some(*state),
        Some(StepState::Found | StepState::Undone) | None => None,
    }
}

/// Takes back, in reverse, all that is done, and gives what was taken back, in words. What cannot be is told and stays.
pub(crate) async fn unwind(
    worker: &mut Worker<'_>,
    flight: &mut InFlight,
    failure: Option<&Failure>,
) -> Result<Vec<String>, StepError> {
    let mut rows = vec![journal::settle(&flight.id, MigrationState::Undoing)];
    rows.extend(failure.map(|failure| journal::failed(&flight.id, failure)));
    worker.record(&together(&rows)).await?;
    failpoint::pass("undo-begun").await;
    let mut undone = Vec::new();
    for step in flight.steps.clone().iter().rev() {
        let Some(state) = to_take_back(flight, step) else {
            continue;
        };
        worker.check_lock().await?;
        let place = Place {
            may_block: false,
            migration: flight.name.clone(),
            step: step.id.clone(),
        };
        let undo = match (
            &step.undo,
            leaves_something(worker, &place, (&flight.id, step), state).await?,
        ) {
            (Undo::Nothing, _) | (_, false) => &[][..],
            (Undo::Steps(undo), true) => undo,
            (Undo::Impossible(reason), true) => {
                stays(worker, &place, step, &format!("it cannot be taken back ({reason})"));
                &[][..]
            }
        };
        for (at, undo) in undo.iter().enumerate() {
            match take_back(worker, &place, undo).await {
                Err(StepError::Failed(failure)) if is_about_nothing(&failure) => {
                    stays(worker, &place, step, &format!("it is not there ({})", failure.message));
                }
                other => other?,
            }
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
            undone.push(summary(step));
        }
        worker.events.send(Event::StepUndone {
            migration: place.migration,
            step: place.step,
        });
    }
    Ok(undone)
}

fn stays(worker: &Worker<'_>, place: &Place, step: &Step, why: &str) {
    worker.events.send(Event::Warning {
        migration: Some(place.migration.clone()),
        message: format!("stays as it is, because {why}: {}", summary(step)),
    });
}

/// What would be taken back is gone, with its table, schema or the like: somebody has cleaned up by hand.
fn is_about_nothing(failure: &Failure) -> bool {
    let gone = ["42P01", "42703", "42704", "42883", "3F000"];
    failure.sqlstate.as_deref().is_some_and(|state| gone.contains(&state))
}

/// Whether a step has left something; an INVALID index goes at once.
async fn leaves_something(
    worker: &mut Worker<'_>,
    place: &Place,
    (id, step): (&str, &Step),
    state: StepState,
) -> Result<bool, StepError> {
    if step.batch.is_some() {
        return batches::has_changed(worker, id, step).await;
    }
    if state == StepState::Done {
        return Ok(true);
    }
    Ok(match alone::judge(worker, &step.goal).await? {
        alone::Found::Reached => true,
        alone::Found::Leftover(indexes) => {
            alone::drop_indexes(worker, place, &indexes).await?;
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
