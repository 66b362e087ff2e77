//! What a run of ours has begun and neither finished nor taken back, as the journal tells it to whoever only looks.

use crate::event::Direction;
use crate::history::History;
use serde::Serialize;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error};

const NOT_READABLE: [&SqlState; 3] = [
    &SqlState::UNDEFINED_TABLE,
    &SqlState::INVALID_SCHEMA_NAME,
    &SqlState::INSUFFICIENT_PRIVILEGE,
];

/// A migration between its two ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unfinished {
    /// The id of its history row.
    pub id: String,
    /// Its name.
    pub name: String,
    /// It is a migration, or the way back of one that was applied.
    pub direction: Direction,
    /// Its steps are being taken back.
    pub undoing: bool,
    /// Steps that are done.
    pub done: i64,
    /// Steps in all.
    pub steps: i64,
    /// Why it stopped, where it stopped for a reason.
    pub failure: Option<String>,
}

// The tables are those of journal.sql; one of an older version has no `takes_back`. `found` is a step whose goal was reached before it ran.
const QUERY: &str = "
    SELECT coalesce(to_jsonb(m) -> 'takes_back' ->> 'id', m.id), m.name, m.state = 'undoing',
           (SELECT count(*) FROM nonstop.step s WHERE s.migration = m.id AND s.state IN ('done', 'found')),
           coalesce(jsonb_array_length(m.plan), 0)::bigint, m.failure ->> 'message',
           to_jsonb(m) ->> 'takes_back' IS NOT NULL
    FROM nonstop.migration m
    WHERE m.history = $1 AND m.state IN ('running', 'undoing')";

/// What the journal holds; nothing without a journal, and nothing for a role that may not read it. One message, so that it
/// can be asked through a pooler; not inside a transaction, which a missing journal would abort.
pub async fn unfinished(client: &Client, history: &History) -> Result<Option<Unfinished>, Error> {
    let table = history.table().to_string();
    let row = match client.query_typed_opt(QUERY, &[(&table, Type::TEXT)]).await {
        Ok(row) => row,
        Err(error) if error.code().is_some_and(|code| NOT_READABLE.contains(&code)) => None,
        Err(error) => return Err(error),
    };
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Unfinished {
        id: row.try_get(0)?,
        name: row.try_get(1)?,
        direction: if row.try_get(6)? {
            Direction::Back
        } else {
            Direction::Forward
        },
        undoing: row.try_get(2)?,
        done: row.try_get(3)?,
        steps: row.try_get(4)?,
        failure: row.try_get(5)?,
    }))
}
