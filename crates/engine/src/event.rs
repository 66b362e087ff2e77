//! What long commands say while they run: the only thing faces hear.

use serde::Serialize;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Where events go. Cheap to clone; what hears them must not block.
#[derive(Clone)]
pub struct Events(Arc<dyn Fn(Event) + Send + Sync>);

impl Events {
    /// Events go to this function.
    pub fn new(hear: impl Fn(Event) + Send + Sync + 'static) -> Self {
        Self(Arc::new(hear))
    }

    /// Nobody listens.
    pub fn silent() -> Self {
        Self::new(|_| {})
    }

    /// Tells one event.
    pub fn send(&self, event: Event) {
        (self.0)(event);
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Events")
    }
}

/// One event. Its JSON form is the `nonstop.event/1` line of `cli.md`; the face adds `schema` and `at`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// A deploy, rollback or the like begins.
    RunStarted {
        /// Our id of the run, also in `application_name`.
        run: String,
        /// Pending migrations by name, in order; of a rollback those that it takes back.
        migrations: Vec<String>,
        /// `back` of a rollback.
        #[serde(skip_serializing_if = "Direction::is_forward")]
        direction: Direction,
        /// The server's version.
        server_version: String,
    },
    /// The verdict of one gate.
    Gate {
        /// Its name, as `--skip` takes it.
        gate: &'static str,
        /// `ok`, `warning`, `stop` or `skipped`.
        verdict: Verdict,
        /// What was found.
        message: String,
    },
    /// A migration begins.
    MigrationStarted {
        /// Its name.
        migration: String,
        /// `back` where an applied one is taken back.
        #[serde(skip_serializing_if = "Direction::is_forward")]
        direction: Direction,
        /// How many steps it has.
        steps: usize,
        /// Steps already done by an earlier run that was cut off.
        resumed: usize,
    },
    /// A step begins.
    StepStarted {
        /// The migration.
        migration: String,
        /// The step's id.
        step: String,
        /// Its kind, in the words of `cli.md`.
        kind: String,
        /// What it does, in a line.
        summary: String,
    },
    /// We wait; somebody holds what we need.
    LockWait {
        /// The migration.
        migration: String,
        /// The step's id.
        step: String,
        /// What is waited for: relations, an old snapshot, or the history lock.
        waiting_for: String,
        /// Who holds it.
        holders: Vec<Holder>,
        /// Milliseconds waited so far.
        waited_ms: u64,
    },
    /// A try for the locks failed and another will follow.
    LockRetry {
        /// The migration.
        migration: String,
        /// The step's id.
        step: String,
        /// Which try it was, from 1.
        attempt: u32,
        /// Why, with the SQLSTATE where there is one.
        reason: String,
        /// Where the watchdog cancelled it: who had waited for it.
        cancelled_for: Option<Holder>,
        /// Pause before the next try.
        pause_ms: u64,
    },
    /// How far a long step is.
    Progress {
        /// The migration.
        migration: String,
        /// The step's id.
        step: String,
        /// The server's name of the phase, `building index: scanning table`.
        phase: String,
        /// Units done.
        done: u64,
        /// Units in all; 0 when unknown.
        total: u64,
        /// For rows that are changed in batches: how many a second.
        #[serde(skip_serializing_if = "Option::is_none")]
        rows_per_second: Option<u64>,
        /// About how long it takes yet, in milliseconds, where that is known.
        #[serde(skip_serializing_if = "Option::is_none")]
        left_ms: Option<u64>,
        /// For whom it rests between two batches, in words.
        #[serde(skip_serializing_if = "Option::is_none")]
        resting_for: Option<&'static str>,
    },
    /// Rows that are changed in batches wait until something is over.
    Pause {
        /// The migration.
        migration: String,
        /// The step's id.
        step: String,
        /// What for.
        reason: String,
        /// Milliseconds waited so far.
        waited_ms: u64,
    },
    /// Rows were changed in batches.
    RowsChanged {
        /// The migration.
        migration: String,
        /// The step's id.
        step: String,
        /// How many, by this run and those before it.
        rows: u64,
        /// In how many batches.
        batches: u64,
        /// Of a hundred updates of the table since this run began, how many needed no new index entry; not the application's
        /// apart from ours.
        hot_percent: Option<u64>,
        /// How much the table has grown since this run began, in bytes, without its indexes.
        grown_bytes: i64,
        /// Dead rows in it now, which autovacuum takes away.
        dead_rows: u64,
    },
    /// A step is complete.
    StepFinished {
        /// The migration.
        migration: String,
        /// The step's id.
        step: String,
        /// How long it took.
        duration_ms: u64,
    },
    /// A step was taken back.
    StepUndone {
        /// The migration.
        migration: String,
        /// The step's id.
        step: String,
    },
    /// A migration is complete and recorded.
    MigrationFinished {
        /// Its name.
        migration: String,
        /// `back` where an applied one was taken back.
        #[serde(skip_serializing_if = "Direction::is_forward")]
        direction: Direction,
        /// How long it took.
        duration_ms: u64,
    },
    /// A migration failed.
    MigrationFailed {
        /// Its name.
        migration: String,
        /// Everything known about the failure.
        error: Failure,
        /// What was undone, in words.
        undone: Vec<String>,
        /// Whether the next `deploy` goes on from here.
        resumable: bool,
    },
    /// Something the user should know, that stops nothing.
    Warning {
        /// The migration, if it is about one.
        migration: Option<String>,
        /// What.
        message: String,
    },
    /// The end. Always the last event.
    RunFinished {
        /// How it ended.
        outcome: Outcome,
        /// Migrations applied by this run.
        applied: usize,
        /// Migrations rolled back by this run.
        #[serde(skip_serializing_if = "is_none")]
        rolled_back: usize,
        /// How long it took.
        duration_ms: u64,
    },
}

/// Which way a run or a migration goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Migrations are applied.
    Forward,
    /// Applied ones are taken back.
    Back,
}

impl Direction {
    /// Whether migrations are applied.
    pub fn is_forward(&self) -> bool {
        *self == Direction::Forward
    }

    /// The verb that goes this way.
    pub fn verb(self) -> &'static str {
        match self {
            Direction::Forward => "nonstop deploy",
            Direction::Back => "nonstop rollback",
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over so")]
fn is_none(count: &usize) -> bool {
    *count == 0
}

/// A gate's verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing to say.
    Ok,
    /// Worth knowing; does not stop.
    Warning,
    /// Nothing may be touched.
    Stop,
    /// The user said `--skip`.
    Skipped,
}

/// How a run ended; decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Everything pending was applied.
    Done,
    /// There was nothing to do.
    Nothing,
    /// The database said no; nothing is half done.
    Failed,
    /// A gate or a refusal; nothing was touched.
    Refused,
    /// Stopped part way; the next `deploy` goes on.
    Resumable,
}

/// A session that holds what we need.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Holder {
    /// Its backend's pid; 0 for a prepared transaction.
    pub pid: i32,
    /// Its role.
    pub user: String,
    /// Its `application_name`.
    pub application: String,
    /// `active`, `idle in transaction`, ….
    pub state: String,
    /// Age of its transaction in milliseconds.
    pub age_ms: u64,
    /// Its present or last query, shortened.
    pub query: String,
    /// The mode it holds, where it is a table lock.
    pub mode: Option<String>,
    /// The relation, where it is a table lock.
    pub relation: Option<String>,
}

/// Everything known about a failed statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct Failure {
    /// The rule that refused the statement, where it is a refusal.
    pub rule: Option<String>,
    /// The statement.
    pub statement: Option<String>,
    /// The SQLSTATE.
    pub sqlstate: Option<String>,
    /// The server's message, or ours.
    pub message: String,
    /// The server's detail.
    pub detail: Option<String>,
    /// The server's hint, or what to do next.
    pub hint: Option<String>,
    /// Up to ten offending rows, as text, from a check.
    pub rows: Vec<String>,
}

/// Milliseconds of a duration, for events.
pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
