//! Steps that run alone, outside a transaction: CONCURRENTLY, VALIDATE, and what is run as written.
//!
//! They run without short timeouts, under the watchdog. What a failed try leaves behind (an INVALID index) is taken away
//! before the next one, and before giving up.

use crate::acquire::setting;
use crate::event::{Event, Failure, millis};
use crate::failpoint;
use crate::failure::SqlError;
use crate::holders;
use crate::journal::{self, StepState};
use crate::message;
use crate::watchdog::Verdict;
use crate::worker::{Broken, DeployError, Place, StepError, Tries, Worker, answered};
use nonstop_core::pace::pause;
use nonstop_core::quote::{Name, SqlText};
use nonstop_core::sql;
use nonstop_core::step::{Goal, LockTimeout, StatementTimeout, Step};
use std::time::{Duration, Instant};

mod goal;

pub(crate) use goal::Found;

/// How long a leftover may take to go away when the user has asked to stop; later it is the next command's work.
const PARTING_LIMIT: Duration = Duration::from_secs(5);

/// The timeouts of a statement that runs alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Limits {
    pub lock: Option<LockTimeout>,
    pub statement: Option<StatementTimeout>,
}

impl Limits {
    fn of(step: &Step) -> Self {
        Self {
            lock: step.lock_timeout,
            statement: step.statement_timeout,
        }
    }

    fn settings(self) -> SqlText {
        let value = |limit: Option<Duration>| limit.map_or_else(|| sql!("0"), setting);
        sql!(
            "SET lock_timeout = {}; SET statement_timeout = {}",
            value(self.lock.map(|limit| limit.0)),
            value(self.statement.map(|limit| limit.0))
        )
    }
}

/// Runs a step to its goal. `state` is what an earlier run has told the journal about it.
pub(crate) async fn run(
    worker: &mut Worker<'_>,
    place: &Place,
    (id, step): (&str, &Step),
    state: Option<StepState>,
) -> Result<StepState, StepError> {
    let mut tries = Tries::new();
    let mut begun = state == Some(StepState::Started);
    let started = Instant::now();
    let mut looks = 0;
    loop {
        let found = judge(worker, &step.goal).await?;
        match &found {
            Found::Reached if begun => return Ok(StepState::Done),
            Found::Invisible if begun && state == Some(StepState::Started) => return Err(unknowable(place, step)),
            Found::Leftover(indexes) => drop_indexes(worker, place, indexes).await?,
            Found::Building(who) => {
                looks += 1;
                wait_for_builder(worker, place, who, (started, looks)).await?;
                continue;
            }
            Found::Reached | Found::Open | Found::Invisible => {}
        }
        // A goal that is reached before we begin is not our work: the server says what it thinks of the statement.
        let ours = found != Found::Reached;
        if ours && !begun {
            worker.record(&journal::step(id, &step.id, StepState::Started)).await?;
            begun = true;
            failpoint::pass("step-started").await;
        }
        let outcome = statements(worker, place, &step.sql, Limits::of(step)).await;
        failpoint::pass("step-ran").await;
        let (statement, broken) = match outcome {
            Ok(()) if !ours => return Ok(StepState::Found),
            Ok(()) => match judge(worker, &step.goal).await? {
                Found::Open if is_known_by_running(&step.goal) => return Ok(StepState::Done),
                Found::Reached | Found::Invisible => return Ok(StepState::Done),
                Found::Open | Found::Leftover(_) | Found::Building(_) => (None, not_reached(step)),
            },
            Err((at, broken)) => (step.sql.get(at), broken),
        };
        match tries.again(worker, place, &broken).await {
            Ok(()) if found != Found::Invisible || is_whole(step) => {}
            Ok(()) => return Err(tries.failed(statement, &broken)),
            Err(error @ StepError::Lost(_)) => return Err(error),
            Err(error) => {
                if ours {
                    take_leftover(worker, place, &step.goal).await;
                }
                return Err(match error {
                    StepError::Failed(_) => tries.failed(statement, &broken),
                    other => other,
                });
            }
        }
    }
}

/// Runs statements that are harmless to repeat until they are done.
pub(crate) async fn repeat(worker: &mut Worker<'_>, place: &Place, sql: &SqlText) -> Result<(), StepError> {
    let mut tries = Tries::new();
    loop {
        let one = std::slice::from_ref(sql);
        let Err((_, broken)) = statements(worker, place, one, Limits::default()).await else {
            return Ok(());
        };
        match tries.again(worker, place, &broken).await {
            Ok(()) => {}
            Err(StepError::Failed(_)) => return Err(tries.failed(Some(sql), &broken)),
            Err(other) => return Err(other),
        }
    }
}

/// INVALID indexes go the way that stops nobody.
pub(crate) async fn drop_indexes(worker: &mut Worker<'_>, place: &Place, indexes: &[Name]) -> Result<(), StepError> {
    for index in indexes {
        let sql = sql!("DROP INDEX CONCURRENTLY IF EXISTS {}", index);
        repeat(worker, place, &sql).await?;
    }
    Ok(())
}

/// Nothing on the server shows that it was done; only that it ran without an error does.
fn is_known_by_running(goal: &Goal) -> bool {
    matches!(goal, Goal::Repeatable | Goal::NoRows(_) | Goal::Reindexed { .. })
}

/// Looks for the goal, over a cut connection too.
pub(crate) async fn judge(worker: &mut Worker<'_>, goal: &Goal) -> Result<Found, StepError> {
    loop {
        match answered(goal::judge(&worker.session, goal)).await {
            Ok(found) => return Ok(found),
            Err(error) => worker.mend(error).await?,
        }
    }
}

/// Each statement is its own message. On failure, which one.
async fn statements(
    worker: &mut Worker<'_>,
    place: &Place,
    sql: &[SqlText],
    limits: Limits,
) -> Result<(), (usize, Broken)> {
    let broken = |at, error| {
        let verdict = Verdict::default();
        (at, Broken { error, verdict })
    };
    // A session has none, and each gives its own back.
    let is_limited = limits != Limits::default();
    if is_limited {
        let set = worker.short(&limits.settings()).await;
        set.map_err(|error| broken(0, error))?;
    }
    for (at, statement) in sql.iter().enumerate() {
        let queueing = limits.lock.unwrap_or(LockTimeout(Duration::ZERO));
        let ran = worker.watched(statement, place, queueing, true).await;
        ran.map_err(|broken| (at, broken))?;
    }
    if is_limited {
        let unset = worker.short(&Limits::default().settings()).await;
        unset.map_err(|error| broken(sql.len(), error))?;
    }
    Ok(())
}

/// Before giving up: no INVALID index stays. What cannot go now is in the journal, for the next command.
async fn take_leftover(worker: &mut Worker<'_>, place: &Place, goal: &Goal) {
    let Ok(Found::Leftover(indexes)) = judge(worker, goal).await else {
        return;
    };
    if worker.stop.is_wanted() {
        let dropped = async {
            for index in &indexes {
                let sql = sql!("DROP INDEX CONCURRENTLY IF EXISTS {}", index);
                message::run(worker.session.client(), &sql).await?;
            }
            Ok::<(), SqlError>(())
        };
        let _ = tokio::time::timeout(PARTING_LIMIT, dropped).await;
    } else {
        // Unwinding judges the step again.
        let _ = drop_indexes(worker, place, &indexes).await;
    }
}

async fn wait_for_builder(
    worker: &Worker<'_>,
    place: &Place,
    who: &[holders::Holding],
    (started, looks): (Instant, u32),
) -> Result<(), StepError> {
    let holders: Vec<_> = who.iter().map(|holding| holding.holder.clone()).collect();
    if started.elapsed() > worker.patience {
        return Err(StepError::Failed(Box::new(Failure {
            sqlstate: Some("55006".to_owned()),
            message: format!("somebody else is building this index: {}", holders::in_a_line(&holders)),
            hint: Some("Wait until that is done, or cancel it, then run `nonstop deploy` again.".to_owned()),
            ..Failure::default()
        })));
    }
    worker.events.send(Event::LockWait {
        migration: place.migration.clone(),
        step: place.step.clone(),
        waiting_for: "another build of the same index".to_owned(),
        holders,
        waited_ms: millis(started.elapsed()),
    });
    tokio::select! {
        () = tokio::time::sleep(pause(looks, fastrand::f64()) * 4) => Ok(()),
        () = worker.stop.wanted() => Err(StepError::Stopped),
    }
}

/// A file without transactions of its own is one implicit transaction: when it fails nothing of it stays, and it may be
/// run again. A file that names COMMIT anywhere is not trusted to be one.
pub(crate) fn is_whole(step: &Step) -> bool {
    let [one] = step.sql.as_slice() else { return false };
    !one.as_str().to_ascii_lowercase().contains("commit")
}

fn not_reached(step: &Step) -> Broken {
    let message = match &step.goal {
        Goal::IndexValid { index, .. } => format!("the index {index} is not valid after it was built"),
        Goal::IndexGone { index } => format!("the index {index} is still there after it was dropped"),
        Goal::ConstraintValid { constraint, .. } => format!("the constraint {constraint} is not valid after VALIDATE"),
        Goal::Reindexed { table, .. } => format!("REINDEX left an INVALID index of {table}"),
        Goal::Committed | Goal::NoRows(_) | Goal::Repeatable => "the step did not reach its goal".to_owned(),
    };
    Broken {
        // Read as a conflict, so that it is tried again.
        error: SqlError {
            sqlstate: Some("40001".to_owned()),
            ..SqlError::lost(&message, 0)
        },
        verdict: Verdict::default(),
    }
}

fn unknowable(place: &Place, step: &Step) -> StepError {
    let first = step.sql.first().map_or("", SqlText::as_str);
    DeployError::Unknowable {
        migration: place.migration.clone(),
        statement: message::shorten(first),
    }
    .into()
}
