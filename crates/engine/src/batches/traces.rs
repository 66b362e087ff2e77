//! What a change in batches leaves behind in its table: how much it grew, dead rows, and how many updates needed no new
//! index entry.

use crate::worker::{Worker, answered};
use nonstop_core::quote::Name;
use nonstop_core::sql;
use tokio_postgres::types::Type;

/// Counters of a table and its partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Traces {
    updated: i64,
    hot: i64,
    bytes: i64,
    dead: i64,
}

const READ: &str = "
    SELECT coalesce(sum(n_tup_upd), 0)::bigint, coalesce(sum(n_tup_hot_upd), 0)::bigint,
           coalesce(sum(pg_catalog.pg_table_size(relid)), 0)::bigint, coalesce(sum(n_dead_tup), 0)::bigint
    FROM pg_catalog.pg_stat_user_tables
    WHERE relid = $1::pg_catalog.regclass OR relid IN (SELECT relid FROM pg_catalog.pg_partition_tree($1::pg_catalog.regclass))";

/// Lets the server count what this session has done, which it else does once a second. Where that fails, or before PostgreSQL
/// 15, the counters come late, which stops nothing.
pub(super) async fn flush(worker: &Worker<'_>) {
    if worker.session.version().major() >= 15 {
        let _ = worker
            .short(&sql!("SELECT pg_catalog.pg_stat_force_next_flush()"))
            .await;
    }
}

impl Traces {
    /// As they are now; `None` where the server does not say, which stops nothing.
    pub(super) async fn read(worker: &Worker<'_>, table: &Name) -> Option<Self> {
        let name = sql!("{}", table);
        let (text, client) = (name.as_str(), worker.session.client());
        let row = answered(client.query_typed_one(READ, &[(&text, Type::TEXT)]))
            .await
            .ok()?;
        Some(Self {
            updated: row.get(0),
            hot: row.get(1),
            bytes: row.get(2),
            dead: row.get(3),
        })
    }

    /// Of a hundred updates since then, how many needed no new index entry; how much the table grew; dead rows in it now.
    pub(super) fn since(self, before: Self) -> (Option<u64>, i64, u64) {
        let unsigned = |number: i64| u64::try_from(number).unwrap_or(0);
        let updated = unsigned(self.updated - before.updated);
        let hot = (unsigned(self.hot - before.hot) * 100).checked_div(updated);
        (hot, self.bytes - before.bytes, unsigned(self.dead))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_came_since_counts() {
        let traces = |updated, hot, bytes| Traces {
            updated,
            hot,
            bytes,
            dead: 7,
        };
        assert_eq!(traces(300, 90, 80).since(traces(100, 40, 100)), (Some(25), -20, 7));
        assert_eq!(traces(100, 40, 100).since(traces(100, 40, 100)), (None, 0, 7));
    }
}
