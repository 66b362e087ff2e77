//! What is done in batches in this database, by backfills and by migrations, and what its user wants of it from now on.

use super::BackfillError;
use crate::batches::control::Control;
use crate::journal::{self, MigrationState};
use crate::message;
use crate::session::Session;
use crate::target::Target;
use crate::worker::DeployError;
use nonstop_core::batch::Limits;
use nonstop_core::quote::{Literal, SqlText};
use nonstop_core::sql;
use serde::Serialize;
use tokio_postgres::Row;

/// Where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// At work.
    Running,
    /// A process is there, and waits because a user said so.
    Paused,
    /// No process is there; it can go on.
    Stopped,
    /// Complete.
    Done,
    /// Given up.
    Cancelled,
}

/// A change of rows in batches.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Listed {
    /// Its number.
    pub id: String,
    /// The migration to which it belongs; `None` for a backfill of its own.
    pub migration: Option<String>,
    /// What is run in batches.
    pub statement: String,
    /// Where it is.
    pub state: State,
    /// Rows behind it, about.
    pub done: i64,
    /// Rows in all, about.
    pub total: i64,
    /// Rows changed.
    pub changed: i64,
    /// Batches committed.
    pub batches: i64,
    /// How many rows a second, of late.
    pub rows_per_second: Option<i64>,
    /// About how long it takes yet, in milliseconds.
    pub left_ms: Option<i64>,
    /// Why it stopped, where it stopped for a reason.
    pub failure: Option<String>,
    /// When it was begun.
    pub started_at: String,
    /// What it keeps to.
    pub limits: Limits,
}

const LIST: &str = "
    SELECT m.id, m.name, m.history LIKE 'backfill:%', s.text, m.state,
           EXISTS (SELECT FROM nonstop.run r JOIN pg_catalog.pg_stat_activity a
                   ON a.pid = r.worker_pid AND a.backend_start = r.worker_start WHERE r.id = m.run AND r.finished_at IS NULL),
           coalesce(p.seen, 0), coalesce(p.total, 0), coalesce(p.changed, 0), coalesce(p.batches, 0), late.rate::bigint,
           m.failure ->> 'message', to_char(m.started_at, 'YYYY-MM-DD\"T\"HH24:MI:SSOF'),
           c.limits::text, c.paused, c.cancelled
    FROM nonstop.migration m
    CROSS JOIN LATERAL (SELECT step ->> 'id' AS id, step -> 'sql' ->> 0 AS text
                        FROM jsonb_array_elements(m.plan) AS step WHERE step ? 'batch') AS s
    LEFT JOIN nonstop.progress p ON p.migration = m.id AND p.step = s.id
    LEFT JOIN nonstop.control c ON c.migration = m.id
    LEFT JOIN LATERAL (SELECT sum(b.rows) / nullif(extract(epoch FROM max(b.done_at) - min(b.done_at)), 0) AS rate
                       FROM nonstop.batch b WHERE b.migration = m.id AND b.step = s.id AND b.number > p.batches - 50) AS late
                       ON true
    WHERE m.state IN ('running', 'undoing') OR m.history LIKE 'backfill:%'
    ORDER BY m.state IN ('running', 'undoing') DESC, m.started_at DESC LIMIT 100";

/// What is begun, and backfills that have ended; the newest first.
pub async fn list(target: &Target) -> Result<Vec<Listed>, BackfillError> {
    let session = open(target).await?;
    let client = session.client();
    let query = "SELECT pg_catalog.to_regclass('nonstop.control') IS NOT NULL";
    let exists: bool = client.query_one(query, &[]).await.map_err(DeployError::from)?.get(0);
    if !exists {
        return Ok(Vec::new());
    }
    let rows = client.query(LIST, &[]).await.map_err(DeployError::from)?;
    Ok(rows.iter().map(listed).collect())
}

fn listed(row: &Row) -> Listed {
    let (name, own): (String, bool) = (row.get(1), row.get(2));
    let (in_journal, is_there): (String, bool) = (row.get(4), row.get(5));
    let control = Control::of(row, 13);
    let state = match in_journal.as_str() {
        "done" => State::Done,
        "closed" | "undone" => State::Cancelled,
        _ if is_there && control.paused => State::Paused,
        _ if is_there => State::Running,
        _ => State::Stopped,
    };
    let (done, total): (i64, i64) = (row.get(6), row.get(7));
    let rows_per_second: Option<i64> = row.get::<_, Option<i64>>(10).filter(|_| state == State::Running);
    let left = total.max(done) - done;
    Listed {
        id: row.get(0),
        migration: (!own).then_some(name),
        statement: row.get::<_, Option<String>>(3).unwrap_or_default(),
        state,
        done,
        total: total.max(done),
        changed: row.get(8),
        batches: row.get(9),
        rows_per_second,
        left_ms: rows_per_second.and_then(|rate| (left * 1_000).checked_div(rate)),
        failure: row.get(11),
        started_at: row.get::<_, Option<String>>(12).unwrap_or_default(),
        limits: control.limits,
    }
}

/// From now on nothing is done, until it is resumed.
pub async fn pause(target: &Target, id: Option<&str>) -> Result<Listed, BackfillError> {
    let one = chosen(target, id).await?;
    let known = crate::batches::control::set(&one.id, None);
    let change = sql!(
        "{}; UPDATE nonstop.control SET paused = true WHERE migration = {}",
        known,
        Literal(&one.id)
    );
    tell(target, &change).await?;
    Ok(one)
}

/// It may go on. Whoever calls sees by the state whether a process is there to do so.
pub async fn resume(target: &Target, id: Option<&str>) -> Result<Listed, BackfillError> {
    let one = chosen(target, id).await?;
    let change = sql!(
        "UPDATE nonstop.control SET paused = false WHERE migration = {}",
        Literal(&one.id)
    );
    tell(target, &change).await?;
    if let (State::Stopped, Some(_)) = (one.state, &one.migration) {
        return Err(BackfillError::OfMigration { id: one.id });
    }
    Ok(one)
}

/// It is given up: what is changed stays, and nothing more is.
pub async fn cancel(target: &Target, id: Option<&str>) -> Result<Listed, BackfillError> {
    let one = chosen(target, id).await?;
    if one.migration.is_some() {
        return Err(BackfillError::OfMigration { id: one.id });
    }
    let known = crate::batches::control::set(&one.id, None);
    let mut change = sql!(
        "{}; UPDATE nonstop.control SET cancelled = true WHERE migration = {}",
        known,
        Literal(&one.id)
    );
    if one.state == State::Stopped {
        let settled = journal::settle(&one.id, MigrationState::Closed);
        change = sql!("{}; {}", change, settled);
    }
    tell(target, &change).await?;
    Ok(one)
}

/// It keeps to other limits from its next look on.
pub async fn set_limits(
    target: &Target,
    id: Option<&str>,
    change: impl FnOnce(Limits) -> Limits,
) -> Result<Listed, BackfillError> {
    let mut one = chosen(target, id).await?;
    one.limits = change(one.limits);
    tell(target, &crate::batches::control::set(&one.id, Some(&one.limits))).await?;
    Ok(one)
}

/// The unfinished one of this number, or the only one.
async fn chosen(target: &Target, id: Option<&str>) -> Result<Listed, BackfillError> {
    let all = list(target).await?;
    let mut open: Vec<Listed> = all
        .into_iter()
        .filter(|one| !matches!(one.state, State::Done | State::Cancelled))
        .collect();
    // Of a migration there may be several steps; what is said holds for all of them.
    open.dedup_by(|one, other| one.id == other.id);
    match id {
        Some(id) => {
            let found = open.into_iter().find(|one| one.id == id);
            found.ok_or_else(|| BackfillError::Unknown { id: id.to_owned() })
        }
        None => match (open.len(), open.pop()) {
            (1, Some(one)) => Ok(one),
            (_, last) => {
                let ids = open.into_iter().chain(last).map(|one| one.id).collect();
                Err(BackfillError::Which { ids })
            }
        },
    }
}

async fn open(target: &Target) -> Result<Session, BackfillError> {
    let session = Session::open(target, "nonstop backfill").await;
    Ok(session.map_err(DeployError::from)?)
}

async fn tell(target: &Target, change: &SqlText) -> Result<(), BackfillError> {
    let session = open(target).await?;
    let told = message::run(session.client(), change).await;
    told.map_err(|error| DeployError::Bookkeeping { error })?;
    session.close().await;
    Ok(())
}
