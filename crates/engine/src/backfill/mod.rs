//! A change of rows that is asked for outside of any migration: judged as in a migration, done by the same batches, resumed
//! by its statement or its number.
//!
//! In the journal it is a migration of one step, with a history of its own: so two of the same cannot begin, and whatever
//! is cut off goes on where it was.

mod draft;
mod error;
mod list;
mod rights;
mod sample;

pub use error::BackfillError;
pub use list::{Listed, State, cancel, list, pause, resume, set_limits};
pub use sample::Sample;

use crate::advisory::{HistoryLock, LockError, LockKey};
use crate::batches;
use crate::event::{Direction, Event, Events, Failure, Outcome, millis};
use crate::journal::{self, InFlight, MigrationState, StepState};
use crate::session::Session;
use crate::steps::{self, together};
use crate::stop::Stop;
use crate::target::Target;
use crate::worker::{DeployError, Place, StepError, Worker, answered, application_name};
use draft::Draft;
use nonstop_core::batch::Limits;
use nonstop_core::hash::sha256_hex;
use nonstop_core::pace::Bounds;
use nonstop_core::sql;
use nonstop_core::sql::Change;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The words with which a backfill's history begins.
const HISTORY: &str = "backfill:";

/// How long the server may take to see that an earlier process is gone.
const LET_GO: Duration = Duration::from_secs(1);

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// This change; where it was begun before, it goes on.
    Change {
        /// The table, as in SQL.
        table: String,
        /// What becomes of its rows.
        change: Change,
        /// Of which; of all, if nothing is said.
        condition: Option<String>,
    },
    /// What was begun under this number.
    Begun(String),
}

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Order {
    /// What is to be done.
    pub work: Work,
    /// What it keeps to; `None`: what it kept to when it was begun.
    pub limits: Option<Limits>,
    /// What it keeps to where it was not begun and nothing else is said.
    pub defaults: Limits,
    /// The longest that a statement of the application may wait because of us.
    pub max_block: Duration,
    /// How long the same batch may fail.
    pub patience: Duration,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// All rows are changed.
    Done,
    /// The user stopped it; it goes on under this number.
    Stopped(String),
    /// The user gave it up; what is changed stays.
    Cancelled,
    /// The database said no; what is changed stays, and it goes on under this number when the cause is gone.
    Failed(String),
}

/// Rows, batches and time, from a sample. Changes nothing.
pub async fn estimate(target: &Target, order: &Order) -> Result<Sample, BackfillError> {
    let session = Session::open(target, "nonstop backfill")
        .await
        .map_err(DeployError::from)?;
    let draft = Draft::of(&session, target, order).await?;
    sample::take(&session, draft, order).await
}

/// Does it. What happens is told as events, the last of which is `run_finished`.
pub async fn run(target: &Target, order: &Order, events: &Events, stop: Stop) -> Result<End, BackfillError> {
    let started = Instant::now();
    let end = Box::pin(carry_out(target, order, (events, stop))).await;
    events.send(Event::RunFinished {
        outcome: match &end {
            Ok(End::Done) => Outcome::Done,
            Ok(End::Stopped(_) | End::Failed(_) | End::Cancelled) => Outcome::Resumable,
            Err(error) => error.outcome(),
        },
        applied: usize::from(matches!(end, Ok(End::Done))),
        rolled_back: 0,
        duration_ms: millis(started.elapsed()),
    });
    end
}

async fn carry_out(target: &Target, order: &Order, (events, stop): (&Events, Stop)) -> Result<End, BackfillError> {
    let session = Session::open(target, "nonstop backfill")
        .await
        .map_err(DeployError::from)?;
    if session.is_pooled() {
        return Err(DeployError::HistoryLock(LockError::Pooled).into());
    }
    let draft = Draft::of(&session, target, order).await?;
    rights::check(&session).await?;
    let hash = sha256_hex(draft.statement().as_bytes());
    let short = &hash[..16];
    let run = format!("backfill-{}-{}", &short[..8], &unique()[..8]);
    let name = application_name(&run);
    session.close().await;
    // The sessions of one run have one name.
    let session = Session::open(target, &name).await.map_err(DeployError::from)?;
    let key = LockKey::of(&u64::from_str_radix(short, 16).unwrap_or(0).to_be_bytes());
    let lock = HistoryLock::acquire_key(key, target, &name, LET_GO, events).await;
    let lock = lock.map_err(BackfillError::of_lock)?;
    journal::ensure(session.client()).await.map_err(DeployError::from)?;
    let history = format!("{HISTORY}{short}");
    let begun = journal::unfinished(session.client(), &history).await;
    let begun = begun.map_err(DeployError::from)?;
    let pace = (Bounds::new(order.max_block), order.patience);
    let version = session.version().to_string();
    let mut worker = Worker::new(target, &run, session, lock, pace, (events, &stop)).await?;
    worker.limits = match (&order.limits, &begun) {
        (None, None) => Some(order.defaults.clone()),
        (limits, _) => limits.clone(),
    };
    events.send(Event::RunStarted {
        run: run.clone(),
        migrations: Vec::new(),
        direction: Direction::Forward,
        server_version: version,
    });
    let mut job = Job {
        worker,
        history,
        cautions: draft.cautions.clone(),
        by_statement: matches!(order.work, Work::Change { .. }),
    };
    let end = job.work(draft, begun).await;
    job.worker.close(in_a_word(&end)).await;
    end
}

/// A run that holds its lock.
struct Job<'j> {
    worker: Worker<'j>,
    history: String,
    cautions: Vec<String>,
    /// Whoever gives a statement may not know that it was begun.
    by_statement: bool,
}

impl Job<'_> {
    async fn work(&mut self, draft: Draft, begun: Option<InFlight>) -> Result<End, BackfillError> {
        self.worker.open_run().await?;
        self.worker.end_orphans().await?;
        let limits = self.worker.limits.clone();
        if let Some(condition) = limits.and_then(|limits| limits.pause_while) {
            batches::try_condition(&mut self.worker, &condition)
                .await
                .map_err(BackfillError::of_step)?;
        }
        let resumed = begun.is_some() && self.by_statement;
        let flight = match begun {
            Some(flight) => {
                let adopt = journal::adopt(&self.worker.run, &flight.id);
                self.worker.record(&adopt).await?;
                flight
            }
            None => self.begin(draft).await?,
        };
        let Some(step) = flight.steps.first().cloned() else {
            return Err(BackfillError::Unknown { id: flight.id });
        };
        self.tell_begin(&flight, resumed);
        let started = Instant::now();
        let place = Place {
            may_block: false,
            migration: flight.name.clone(),
            step: step.id.clone(),
        };
        steps::tell_started(&self.worker, &place, &step);
        let state = flight.done.get(&step.id).copied();
        match batches::run(&mut self.worker, &place, (&flight.id, &step), state).await {
            Ok(()) => {
                let rows = [
                    journal::step(&flight.id, &step.id, StepState::Done),
                    journal::settle(&flight.id, MigrationState::Done),
                ];
                self.worker.record(&together(&rows)).await?;
                self.worker.events.send(Event::StepFinished {
                    migration: place.migration,
                    step: place.step,
                    duration_ms: millis(started.elapsed()),
                });
                Ok(End::Done)
            }
            Err(StepError::Stopped) => self.stopped(&flight).await,
            Err(StepError::Failed(failure)) => self.failed(&flight, *failure).await,
            Err(StepError::Lost(error)) => Err(DeployError::Interrupted(error).into()),
        }
    }

    async fn begin(&mut self, draft: Draft) -> Result<InFlight, BackfillError> {
        let id = unique()[..8].to_owned();
        let flight = InFlight {
            name: format!("{id} of {}", draft.table()),
            checksum: sha256_hex(draft.statement().as_bytes()),
            steps: vec![draft.into_step()],
            state: MigrationState::Running,
            done: BTreeMap::new(),
            failure: None,
            takes_back: None,
            id,
        };
        let begin = journal::begin(&self.worker.run, &self.history, &flight);
        self.worker
            .record(&sql!("{} ON CONFLICT (id) DO NOTHING", begin))
            .await?;
        Ok(flight)
    }

    fn tell_begin(&self, flight: &InFlight, resumed: bool) {
        self.worker.events.send(Event::MigrationStarted {
            migration: flight.name.clone(),
            direction: Direction::Forward,
            steps: 1,
            resumed: 0,
        });
        let resumed = resumed.then(|| "it was begun before, and goes on from there".to_owned());
        for message in self.cautions.iter().cloned().chain(resumed) {
            self.worker.events.send(Event::Warning {
                migration: Some(flight.name.clone()),
                message,
            });
        }
    }

    /// By Ctrl-C, or given up by another command.
    async fn stopped(&mut self, flight: &InFlight) -> Result<End, BackfillError> {
        let query = "SELECT cancelled FROM nonstop.control WHERE migration = $1";
        let row = answered(self.worker.session.client().query_opt(query, &[&flight.id])).await;
        if row.map_err(DeployError::from)?.is_some_and(|row| row.get(0)) {
            let rows = journal::settle(&flight.id, MigrationState::Closed);
            self.worker.record(&rows).await?;
            return Ok(End::Cancelled);
        }
        Ok(End::Stopped(flight.id.clone()))
    }

    async fn failed(&mut self, flight: &InFlight, failure: Failure) -> Result<End, BackfillError> {
        self.worker.record(&journal::failed(&flight.id, &failure)).await?;
        self.worker.events.send(Event::MigrationFailed {
            migration: flight.name.clone(),
            error: failure,
            undone: Vec::new(),
            resumable: true,
        });
        Ok(End::Failed(flight.id.clone()))
    }
}

fn in_a_word(end: &Result<End, BackfillError>) -> &'static str {
    match end {
        Ok(End::Done) => "done",
        Ok(End::Cancelled) => "cancelled",
        Ok(End::Stopped(_) | End::Failed(_)) => "resumable",
        Err(_) => "failed",
    }
}

fn unique() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}
