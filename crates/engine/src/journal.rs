//! Our own memory in the database: what is being done, what of it is done, and how it is taken back.
//!
//! Writes are SQL text, so that they can stand in the very transaction whose work they record; reads are queries.
//! The journal lives in schema `nonstop`, away from the schema whose emptiness and drift other tools look at.

use crate::event::{Direction, Failure};
use crate::history::Standing;
use nonstop_core::quote::{Literal, SqlText};
use nonstop_core::sql;
use nonstop_core::step::Step;
use std::collections::BTreeMap;
use tokio_postgres::{Client, Error, Row};

/// What the journal says of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StepState {
    /// It was begun outside a transaction; whether it is complete is judged by its goal.
    Started,
    /// Its goal was reached before it ran: nothing to take back.
    Found,
    /// Complete.
    Done,
    /// Taken back.
    Undone,
}

impl StepState {
    const ALL: [Self; 4] = [Self::Started, Self::Found, Self::Done, Self::Undone];

    const fn as_str(self) -> &'static str {
        match self {
            StepState::Started => "started",
            StepState::Found => "found",
            StepState::Done => "done",
            StepState::Undone => "undone",
        }
    }
}

/// What the journal says of a migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MigrationState {
    /// Its steps are being done; without a live run it is resumable.
    Running,
    /// Its steps are being taken back.
    Undoing,
    /// Complete.
    Done,
    /// Taken back, recorded as rolled back.
    Undone,
    /// The user settled it by hand (`resolve`).
    Closed,
}

impl MigrationState {
    const fn as_str(self) -> &'static str {
        match self {
            MigrationState::Running => "running",
            MigrationState::Undoing => "undoing",
            MigrationState::Done => "done",
            MigrationState::Undone => "undone",
            MigrationState::Closed => "closed",
        }
    }
}

/// A migration that an earlier run, or this one, has not finished.
#[derive(Debug, Clone)]
pub struct InFlight {
    /// The id of its history row; of a way back one of our own.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The checksum of the text that was planned.
    pub checksum: String,
    /// The plan it is being run by.
    pub steps: Vec<Step>,
    /// Running or undoing.
    pub state: MigrationState,
    /// What is known of each step, by id; a step without entry was not begun.
    pub done: BTreeMap<String, StepState>,
    /// Why it stopped, if it stopped for a reason.
    pub failure: Option<String>,
    /// Of a way back: what the history row of the migration said before.
    pub takes_back: Option<Standing>,
}

impl InFlight {
    /// Whether it is a migration or a way back.
    pub fn direction(&self) -> Direction {
        match self.takes_back {
            None => Direction::Forward,
            Some(_) => Direction::Back,
        }
    }

    /// The id of the history row that it is about.
    pub fn row(&self) -> &str {
        self.takes_back.as_ref().map_or(&self.id, |row| &row.id)
    }

    /// Steps that need no more running.
    pub fn finished(&self) -> usize {
        let complete = |state: &&StepState| matches!(state, StepState::Done | StepState::Found);
        self.done.values().filter(complete).count()
    }
}

/// A backend of ours that a dead run may have left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backend {
    /// Its pid.
    pub pid: i32,
    /// `backend_start` as text, exact: a pid alone may have been given to somebody else.
    pub start: String,
}

/// Makes the schema and tables where they are missing. Does nothing, and needs no privilege, where they are there.
pub async fn ensure(client: &Client) -> Result<(), Error> {
    let present = "SELECT pg_catalog.to_regclass('nonstop.control') IS NOT NULL AND EXISTS (
        SELECT FROM pg_catalog.pg_attribute
        WHERE attrelid = pg_catalog.to_regclass('nonstop.migration') AND attname = 'takes_back')";
    if client.query_one(present, &[]).await?.get(0) {
        return Ok(());
    }
    client
        .batch_execute(concat!(
            "BEGIN; SET LOCAL client_min_messages = warning; SET LOCAL search_path = pg_catalog;",
            include_str!("journal.sql"),
            "COMMIT"
        ))
        .await
}

/// Whether there is a journal at all; without one nothing can be unfinished.
pub async fn exists(client: &Client) -> Result<bool, Error> {
    let present = "SELECT pg_catalog.to_regclass('nonstop.step') IS NOT NULL";
    Ok(client.query_one(present, &[]).await?.get(0))
}

/// A run begins; its worker is the session that runs this.
pub fn open_run(run: &str, version: &str) -> SqlText {
    sql!(
        "INSERT INTO nonstop.run (id, version, worker_pid, worker_start) \
         SELECT {}, {}, pid, backend_start FROM pg_catalog.pg_stat_activity WHERE pid = pg_catalog.pg_backend_pid() \
         ON CONFLICT (id) DO UPDATE SET worker_pid = EXCLUDED.worker_pid, worker_start = EXCLUDED.worker_start",
        Literal(run),
        Literal(version)
    )
}

/// A run ends.
pub fn close_run(run: &str, outcome: &str) -> SqlText {
    sql!(
        "UPDATE nonstop.run SET finished_at = pg_catalog.clock_timestamp(), outcome = {}, worker_pid = NULL WHERE id = {}",
        Literal(outcome),
        Literal(run)
    )
}

/// A migration in several steps begins.
pub fn begin(run: &str, history: &str, flight: &InFlight) -> SqlText {
    let plan = serde_json::to_string(&flight.steps).expect("steps have string keys and no failing serializer");
    sql!(
        "INSERT INTO nonstop.migration (id, run, history, name, checksum, plan, takes_back, state) \
         VALUES ({}, {}, {}, {}, {}, {}, {}, 'running')",
        Literal(&flight.id),
        Literal(run),
        Literal(history),
        Literal(&flight.name),
        Literal(&flight.checksum),
        Literal(&plan),
        kept(flight.takes_back.as_ref())
    )
}

fn kept(row: Option<&Standing>) -> SqlText {
    let Some(row) = row else { return sql!("NULL") };
    let row = serde_json::to_string(row).expect("a row has string keys and no failing serializer");
    sql!("{}", Literal(&row))
}

/// A migration that is one transaction is complete, or came to nothing; stands in the transaction that records that.
pub fn atomic(
    run: &str,
    history: &str,
    id: &str,
    (name, checksum, back): (&str, &str, Option<&Standing>),
    state: MigrationState,
) -> SqlText {
    sql!(
        "INSERT INTO nonstop.migration (id, run, history, name, checksum, takes_back, state, finished_at) \
         VALUES ({}, {}, {}, {}, {}, {}, {}, pg_catalog.clock_timestamp())",
        Literal(id),
        Literal(run),
        Literal(history),
        Literal(name),
        Literal(checksum),
        kept(back),
        Literal(state.as_str())
    )
}

/// A later run takes an unfinished migration over.
pub fn adopt(run: &str, id: &str) -> SqlText {
    sql!(
        "UPDATE nonstop.migration SET run = {} WHERE id = {}",
        Literal(run),
        Literal(id)
    )
}

/// What a step has come to.
pub fn step(id: &str, step: &str, state: StepState) -> SqlText {
    let finished = match state {
        StepState::Started => sql!("NULL"),
        StepState::Found | StepState::Done | StepState::Undone => sql!("pg_catalog.clock_timestamp()"),
    };
    sql!(
        "INSERT INTO nonstop.step (migration, step, state, finished_at) VALUES ({}, {}, {}, {}) \
         ON CONFLICT (migration, step) DO UPDATE SET state = EXCLUDED.state, finished_at = EXCLUDED.finished_at",
        Literal(id),
        Literal(step),
        Literal(state.as_str()),
        finished
    )
}

/// What a migration has come to.
pub fn settle(id: &str, state: MigrationState) -> SqlText {
    let finished = match state {
        MigrationState::Running | MigrationState::Undoing => sql!("NULL"),
        MigrationState::Done | MigrationState::Undone | MigrationState::Closed => sql!("pg_catalog.clock_timestamp()"),
    };
    sql!(
        "UPDATE nonstop.migration SET state = {}, finished_at = {} WHERE id = {}",
        Literal(state.as_str()),
        finished,
        Literal(id)
    )
}

/// Why a migration stopped.
pub fn failed(id: &str, failure: &Failure) -> SqlText {
    let failure = serde_json::to_string(failure).expect("a failure has string keys and no failing serializer");
    sql!(
        "UPDATE nonstop.migration SET failure = {} WHERE id = {}",
        Literal(&failure),
        Literal(id)
    )
}

macro_rules! flight {
    ($which:literal) => {
        concat!(
            "SELECT id, name, checksum, plan::text, state, failure ->> 'message', \
             pg_catalog.to_jsonb(m) ->> 'takes_back' FROM nonstop.migration m WHERE ",
            $which,
            " AND state IN ('running', 'undoing')"
        )
    };
}

/// The migration of this history that is neither done nor undone; there is at most one.
pub async fn unfinished(client: &Client, history: &str) -> Result<Option<InFlight>, Error> {
    let row = client.query_opt(flight!("history = $1"), &[&history]).await?;
    in_flight(client, row).await
}

/// The same by its id.
pub async fn unfinished_by_id(client: &Client, id: &str) -> Result<Option<InFlight>, Error> {
    let row = client.query_opt(flight!("id = $1"), &[&id]).await?;
    in_flight(client, row).await
}

async fn in_flight(client: &Client, found: Option<Row>) -> Result<Option<InFlight>, Error> {
    let Some(row) = found else { return Ok(None) };
    let id: String = row.get(0);
    let plan: Option<String> = row.get(3);
    let state: String = row.get(4);
    let steps = client
        .query("SELECT step, state FROM nonstop.step WHERE migration = $1", &[&id])
        .await?;
    Ok(Some(InFlight {
        name: row.get(1),
        checksum: row.get(2),
        steps: serde_json::from_str(plan.as_deref().unwrap_or("[]")).unwrap_or_default(),
        state: if state == "undoing" {
            MigrationState::Undoing
        } else {
            MigrationState::Running
        },
        done: steps
            .iter()
            .filter_map(|row| Some((row.get(0), step_state(row.get(1))?)))
            .collect(),
        failure: row.get(5),
        takes_back: row
            .get::<_, Option<String>>(6)
            .and_then(|text| serde_json::from_str(&text).ok()),
        id,
    }))
}

fn step_state(word: &str) -> Option<StepState> {
    StepState::ALL.into_iter().find(|state| state.as_str() == word)
}

/// Whether the journal knows this step as complete: the proof that its transaction was committed.
pub async fn step_is_done(client: &Client, id: &str, step: &str) -> Result<bool, Error> {
    let query = "SELECT EXISTS (SELECT FROM nonstop.step WHERE migration = $1 AND step = $2 AND state = 'done')";
    Ok(client.query_one(query, &[&id, &step]).await?.get(0))
}

/// The state of a migration, where the journal knows it.
pub async fn migration_is(client: &Client, id: &str, state: MigrationState) -> Result<bool, Error> {
    let query = "SELECT EXISTS (SELECT FROM nonstop.migration WHERE id = $1 AND state = $2)";
    Ok(client.query_one(query, &[&id, &state.as_str()]).await?.get(0))
}

/// Workers of other runs that ended without saying so, and are still there. A run concerns those whose ids begin alike:
/// deploys one another, and a backfill its own earlier runs.
pub async fn orphans(client: &Client, run: &str) -> Result<Vec<Backend>, Error> {
    let rows = client
        .query(
            "SELECT r.worker_pid, r.worker_start::text FROM nonstop.run r \
             JOIN pg_catalog.pg_stat_activity a ON a.pid = r.worker_pid AND a.backend_start = r.worker_start \
             WHERE r.finished_at IS NULL AND r.id <> $1 \
             AND pg_catalog.regexp_replace(r.id, '[^-]*$', '') = pg_catalog.regexp_replace($1, '[^-]*$', '')",
            &[&run],
        )
        .await?;
    let backend = |row: &Row| Backend {
        pid: row.get(0),
        start: row.get(1),
    };
    Ok(rows.iter().map(backend).collect())
}

/// The backend that a run's worker has now.
pub async fn worker(client: &Client, run: &str) -> Result<Option<Backend>, Error> {
    let query = "SELECT worker_pid, worker_start::text FROM nonstop.run WHERE id = $1 AND worker_pid IS NOT NULL";
    let row = client.query_opt(query, &[&run]).await?;
    Ok(row.map(|row| Backend {
        pid: row.get(0),
        start: row.get(1),
    }))
}

/// Marks such runs that ended without saying so; only for who holds the lock of their history.
pub fn close_dead_runs(run: &str) -> SqlText {
    sql!(
        "UPDATE nonstop.run SET finished_at = pg_catalog.clock_timestamp(), outcome = 'died' \
         WHERE finished_at IS NULL AND id <> {} \
         AND pg_catalog.regexp_replace(id, '[^-]*$', '') = pg_catalog.regexp_replace({}, '[^-]*$', '')",
        Literal(run),
        Literal(run)
    )
}
