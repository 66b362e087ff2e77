//! How far a long statement is, from the server's progress view.

use tokio_postgres::{Client, Error};

/// One reading of `pg_stat_progress_create_index`,
/// <https://www.postgresql.org/docs/current/progress-reporting.html#CREATE-INDEX-PROGRESS-REPORTING>.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The server's name of the phase.
    pub phase: String,
    /// Blocks, tuples or lockers done, whichever the phase counts.
    pub done: u64,
    /// Of how many; 0 when the phase does not know.
    pub total: u64,
}

/// What the backend is building, if it is building an index.
pub async fn of_index_build(client: &Client, pid: i32) -> Result<Option<Progress>, Error> {
    let row = client
        .query_opt(
            "SELECT phase::text, \
               CASE WHEN phase LIKE 'waiting%' THEN lockers_done WHEN blocks_total > 0 THEN blocks_done ELSE tuples_done END, \
               CASE WHEN phase LIKE 'waiting%' THEN lockers_total WHEN blocks_total > 0 THEN blocks_total ELSE tuples_total END \
             FROM pg_stat_progress_create_index WHERE pid = $1",
            &[&pid],
        )
        .await?;
    Ok(row.map(|row| Progress {
        phase: row.get(0),
        done: u64::try_from(row.get::<_, i64>(1)).unwrap_or(0),
        total: u64::try_from(row.get::<_, i64>(2)).unwrap_or(0),
    }))
}
