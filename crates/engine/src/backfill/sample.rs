//! How much work a backfill is, from a sample of its table. Only reads.

use super::draft::Draft;
use super::{BackfillError, Order};
use crate::message;
use crate::session::Session;
use crate::worker::DeployError;
use nonstop_core::batch::Batch;
use nonstop_core::quote::{Literal, SqlText};
use nonstop_core::sql;
use serde::Serialize;
use std::time::{Duration, Instant};

/// Pages that are looked at, of a table with more.
const PAGES: u64 = 2_000;
/// What a changed row costs beside the reading, in microseconds: the row itself, and each index.
const ROW_MICROS: u64 = 6;
const INDEX_MICROS: u64 = 4;
/// What a batch costs beside its rows: its bound, its record, its commit.
const BATCH_MICROS: u64 = 15_000;
/// Rows in a batch where nobody knows yet.
const BATCH_ROWS: u64 = 20_000;

/// How much work it is, about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sample {
    /// The statement.
    pub statement: String,
    /// What the windows go over.
    pub key: String,
    /// What the user should know of it.
    pub cautions: Vec<String>,
    /// Rows of the table.
    pub table_rows: u64,
    /// Of these, rows that would be changed.
    pub rows: u64,
    /// Batches.
    pub batches: u64,
    /// Milliseconds, when nobody else is at work.
    pub estimate_ms: u64,
    /// Rows that were looked at.
    pub sampled_rows: u64,
}

pub(super) async fn take(session: &Session, draft: Draft, order: &Order) -> Result<Sample, BackfillError> {
    let batch = draft.batch();
    let facts = ask(session, &facts(batch)).await?;
    let (pages, indexes) = (number(&facts, 0), number(&facts, 1));
    let share = if pages <= PAGES {
        1.0
    } else {
        to_float(PAGES) / to_float(pages)
    };
    let began = Instant::now();
    let counts = ask(session, &sample(batch, share)).await?;
    let read = began.elapsed();
    let (sampled, matching) = (number(&counts, 0), number(&counts, 1));
    let scale = |count: u64| round(to_float(count) / share);
    let (table_rows, rows) = (scale(sampled), scale(matching));
    let size = order.limits.as_ref().and_then(|limits| limits.batch_size);
    let batches = table_rows.div_ceil(size.or(batch.size).unwrap_or(BATCH_ROWS).max(1));
    let written = rows * (ROW_MICROS + indexes * INDEX_MICROS) + batches * BATCH_MICROS;
    let took = read.div_f64(share) + Duration::from_micros(written);
    Ok(Sample {
        statement: draft.statement().to_owned(),
        key: batch.key.to_string(),
        cautions: draft.cautions.clone(),
        table_rows,
        rows,
        batches,
        estimate_ms: crate::event::millis(took),
        sampled_rows: sampled,
    })
}

/// Pages of the table, and the most indexes that one of its parts has.
fn facts(batch: &Batch) -> SqlText {
    let table = sql!("{}", batch.table);
    let literal = Literal(table.as_str());
    sql!(
        "WITH parts AS (SELECT {}::pg_catalog.regclass AS oid UNION \
           SELECT relid FROM pg_catalog.pg_partition_tree({}::pg_catalog.regclass)) \
         SELECT coalesce(sum(pg_catalog.pg_relation_size(oid)), 0)::bigint / pg_catalog.current_setting('block_size')::bigint, \
           (SELECT coalesce(max(n), 0) FROM (SELECT count(*) AS n FROM pg_catalog.pg_index i \
             JOIN parts p ON i.indrelid = p.oid GROUP BY i.indrelid) AS each) FROM parts",
        literal,
        literal
    )
}

/// How many rows there are in a share of the pages, and how many of them the condition is true for.
fn sample(batch: &Batch, share: f64) -> SqlText {
    let all = sql!("true");
    let condition = batch.condition.as_ref().unwrap_or(&all);
    let percent = format!("{:.6}", share * 100.0);
    sql!(
        "SELECT count(*), count(*) FILTER (WHERE {}) FROM {} TABLESAMPLE SYSTEM ({}::float8)",
        condition,
        batch.table,
        Literal(&percent)
    )
}

async fn ask(session: &Session, query: &SqlText) -> Result<Vec<Option<String>>, BackfillError> {
    let text = sql!(
        "BEGIN READ ONLY; SET LOCAL lock_timeout = '1s'; SET LOCAL statement_timeout = '60s'; {}; COMMIT",
        query
    );
    let rows = message::table(session.client(), &text).await;
    let rows = rows.map_err(|error| DeployError::Asking { error })?;
    Ok(rows.into_iter().next().unwrap_or_default())
}

fn number(row: &[Option<String>], at: usize) -> u64 {
    row.get(at).and_then(|value| value.as_ref()?.parse().ok()).unwrap_or(0)
}

#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn to_float(count: u64) -> f64 {
    count as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an estimate of something that is not negative"
)]
fn round(count: f64) -> u64 {
    count.round() as u64
}
