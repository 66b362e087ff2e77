//! Plans and timings of chosen queries on a live server, for `explain`.
//!
//! What only reads is run, in a read-only transaction and within a limit of time; the rest is planned. The text decides first, then
//! the server: whether a function is volatile only its catalog knows, and what the text hides a read-only transaction refuses.

use crate::session::{ConnectError, Session, in_words};
use crate::target::Target;
use nonstop_core::explain::{Asked, Index, Measured, Saved};
use nonstop_core::quote::{Ident, Literal, SqlText};
use nonstop_core::sql;
use serde_json::Value;
use std::time::Duration;
use tokio_postgres::error::SqlState;
use tokio_postgres::{SimpleQueryMessage, SimpleQueryRow};

/// What `application_name` says meanwhile.
const APPLICATION: &str = "nonstop explain";
/// The first major that plans a query without values for its parameters.
const GENERIC_PLANS: u32 = 16;

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueriesError {
    /// No connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// It broke, or the catalog could not be read.
    #[error("the connection broke while queries were explained: {}", in_words(.0))]
    Lost(#[from] tokio_postgres::Error),
    /// The server's answer is none.
    #[error("the server answers EXPLAIN with something else; is this PostgreSQL?")]
    Strange,
}

/// How queries are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manner {
    /// The longest that one may run.
    pub timeout: Duration,
    /// None is run.
    pub plan_only: bool,
}

/// The use of indexes so far, then plan and timings of each query.
pub async fn measure(target: &Target, asked: &[Asked], manner: Manner) -> Result<Saved, QueriesError> {
    let session = Session::open(target, APPLICATION).await?;
    // First: what we run ourselves is no use of an index.
    let (at, counted_since) = moment(&session).await?;
    let indexes = indexes(&session).await?;
    let volatile = volatile(&session, asked).await?;
    let mut queries = Vec::new();
    for one in asked {
        let not_run = why_not(one, &volatile, manner);
        queries.push(query(&session, target, one, not_run, manner).await?);
    }
    let version = session.version().to_string();
    session.close().await;
    let mut saved = Saved::new(at, version, queries);
    (saved.counted_since, saved.indexes) = (counted_since, indexes);
    Ok(saved)
}

async fn moment(session: &Session) -> Result<(String, Option<String>), QueriesError> {
    let row = session
        .client()
        .query_one(
            "SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'),
                    (SELECT to_char(stats_reset AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')
                     FROM pg_stat_database WHERE datname = current_database())",
            &[],
        )
        .await?;
    Ok((row.get(0), row.get(1)))
}

/// Sizes come from the catalog: whoever asks the file must wait for its lock.
async fn indexes(session: &Session) -> Result<Vec<Index>, QueriesError> {
    let rows = session
        .client()
        .query(
            "SELECT s.schemaname::text, s.relname::text, s.indexrelname::text, s.idx_scan,
                    greatest(c.relpages, 0)::int8 * current_setting('block_size')::int8, i.indisvalid
             FROM pg_stat_user_indexes AS s
             JOIN pg_class AS c ON c.oid = s.indexrelid
             JOIN pg_index AS i ON i.indexrelid = s.indexrelid
             WHERE s.schemaname <> 'nonstop'
             ORDER BY 1, 2, 3",
            &[],
        )
        .await?;
    let count = |number: i64| u64::try_from(number).unwrap_or(0);
    let index = |row: &tokio_postgres::Row| Index {
        schema: row.get(0),
        table: row.get(1),
        index: row.get(2),
        scans: count(row.get(3)),
        bytes: count(row.get(4)),
        valid: row.get(5),
    };
    Ok(rows.iter().map(index).collect())
}

/// Those of the functions called that are volatile, and not known to be harmless.
async fn volatile(session: &Session, asked: &[Asked]) -> Result<Vec<String>, QueriesError> {
    let called = asked.iter().flat_map(|one| &one.reading.functions);
    let names: Vec<&str> = called.map(|name| bare(name)).collect();
    let rows = session
        .client()
        .query(
            "SELECT DISTINCT proname::text FROM pg_proc
             WHERE proname = ANY ($1) AND provolatile = 'v'
               AND NOT (pronamespace = 'pg_catalog'::regnamespace
                        AND proname IN ('random', 'random_normal', 'clock_timestamp', 'timeofday', 'gen_random_uuid',
                                        'uuidv4', 'uuidv7'))",
            &[&names],
        )
        .await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// A function's name without its schema.
fn bare(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

fn why_not(asked: &Asked, volatile: &[String], manner: Manner) -> Option<String> {
    let reading = &asked.reading;
    if manner.plan_only {
        return Some("only plans were asked for".to_owned());
    }
    if reading.does.is_some() {
        return reading.does.clone();
    }
    let called = reading
        .functions
        .iter()
        .find(|name| volatile.iter().any(|one| one == bare(name)));
    if let Some(function) = called {
        return Some(format!("it calls {function}, which is volatile"));
    }
    reading
        .parameters
        .then(|| "it has $1, for which no value is known".to_owned())
}

async fn query(
    session: &Session,
    target: &Target,
    asked: &Asked,
    not_run: Option<String>,
    manner: Manner,
) -> Result<Measured, QueriesError> {
    let mut measured = Measured {
        name: asked.name.clone(),
        file: asked.file.clone(),
        sql: asked.sql.clone(),
        not_run,
        timed_out: false,
        error: None,
        plan: None,
    };
    if asked.reading.parameters && session.version().major() < GENERIC_PLANS {
        measured.error = Some(format!(
            "it has $1, which PostgreSQL plans without a value from {GENERIC_PLANS} on: write a value in its place"
        ));
        return Ok(measured);
    }
    let is_run = measured.not_run.is_none();
    match explained(session, target, asked, is_run, manner).await? {
        Ok(plan) => measured.plan = Some(plan),
        Err(said) if is_run && said.is_timeout => {
            measured.not_run = Some(format!("it did not end within {} s", manner.timeout.as_secs_f64()));
            measured.timed_out = true;
            match explained(session, target, asked, false, manner).await? {
                Ok(plan) => measured.plan = Some(plan),
                Err(said) => measured.error = Some(said.words),
            }
        }
        Err(said) => measured.error = Some(said.words),
    }
    Ok(measured)
}

/// What the server said instead of a plan.
struct Said {
    words: String,
    is_timeout: bool,
}

/// Asks in a transaction of its own that cannot write, and ends it whatever comes.
async fn explained(
    session: &Session,
    target: &Target,
    asked: &Asked,
    is_run: bool,
    manner: Manner,
) -> Result<Result<Value, Said>, QueriesError> {
    let millis = u64::try_from(manner.timeout.as_millis()).unwrap_or(u64::MAX);
    // The session's own settings are for changes of schemas; the application's are what counts here. `SET LOCAL` holds behind a
    // pooler too, and the parser that has read the text knows backslashes only as the standard has them.
    let begin = sql!(
        "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY; SET LOCAL statement_timeout = {}; SET LOCAL search_path = {}; \
         SET LOCAL standard_conforming_strings = on; SET LOCAL jit TO DEFAULT",
        Literal(&millis.to_string()),
        Ident(&target.schema)
    );
    session.run(&begin).await?;
    let how = match (is_run, asked.reading.parameters) {
        (true, _) => "ANALYZE, BUFFERS, SETTINGS, FORMAT JSON",
        (false, true) => "GENERIC_PLAN, SETTINGS, FORMAT JSON",
        (false, false) => "SETTINGS, FORMAT JSON",
    };
    let text = sql!("EXPLAIN ({}) {}", SqlText::verbatim(how), asked.sql);
    let answer = session.client().simple_query(text.as_str()).await;
    session.run(&sql!("ROLLBACK")).await?;
    match answer {
        Ok(messages) => plan(&messages).map(Ok).ok_or(QueriesError::Strange),
        Err(error) => match error.as_db_error() {
            Some(db) => Ok(Err(Said {
                words: format!("{} ({})", db.message(), db.code().code()),
                is_timeout: *db.code() == SqlState::QUERY_CANCELED,
            })),
            None => Err(error.into()),
        },
    }
}

/// The document is one row, which is a list of one plan.
fn plan(messages: &[SimpleQueryMessage]) -> Option<Value> {
    let row: &SimpleQueryRow = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    })?;
    match serde_json::from_str(row.get(0)?).ok()? {
        Value::Array(mut plans) if plans.len() == 1 => plans.pop(),
        _ => None,
    }
}
