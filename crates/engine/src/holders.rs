//! Who holds what we need.
//!
//! The look takes no lock and waits for nobody. Without `pg_read_all_stats` the server hides what other roles are doing:
//! then the pid and the mode are known, the age is not, and it is reckoned from when the pid was first seen.

use crate::event::Holder;
use nonstop_core::quote::Name;
use nonstop_core::step::RelationLock;
use std::time::Duration;
use tokio_postgres::{Client, Error, Row};

/// A session that holds something, with what pace needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holding {
    /// For the user.
    pub holder: Holder,
    /// The age of its transaction, zero where it is hidden.
    pub age: Duration,
    /// The relation it holds, where it is a table lock.
    pub relation: Option<Name>,
    /// An autovacuum that gives way to whoever waits longer than `deadlock_timeout`; one against wraparound does not.
    pub yields: bool,
}

/// The columns about a session `a`, or a prepared transaction `p`.
macro_rules! activity {
    () => {
        "coalesce(a.usename, p.owner, '')::text, \
         coalesce(a.application_name, '')::text, \
         coalesce(a.state, a.backend_type, CASE WHEN p.gid IS NULL THEN '' ELSE 'prepared' END)::text, \
         coalesce(greatest(0, extract(epoch FROM clock_timestamp() - coalesce(a.xact_start, p.prepared)) * 1000), 0)::bigint, \
         left(coalesce(a.query, 'PREPARE TRANSACTION ' || p.gid, ''), 200)::text, \
         (a.backend_type = 'autovacuum worker' AND a.query NOT LIKE '%(to prevent wraparound)%') IS TRUE \
           OR (a.backend_type IS NULL AND a.usesysid IS NULL AND a.pid IS NOT NULL)"
    };
}

/// Who holds a lock that conflicts with one of these.
pub async fn of_relations(client: &Client, locks: &[RelationLock]) -> Result<Vec<Holding>, Error> {
    let schemas: Vec<&str> = locks.iter().map(|lock| lock.relation.schema.as_str()).collect();
    let names: Vec<&str> = locks.iter().map(|lock| lock.relation.name.as_str()).collect();
    let conflicts = |lock: &RelationLock| {
        let modes = lock.mode.conflicts().iter().map(|mode| mode.as_pg_locks());
        modes.collect::<Vec<_>>().join(",")
    };
    let modes: Vec<String> = locks.iter().map(conflicts).collect();
    let query = concat!(
        "WITH wanted AS (SELECT c.oid, n.nspname, c.relname, w.modes \
          FROM unnest($1::text[], $2::text[], $3::text[]) AS w (schema, relation, modes) \
          JOIN pg_namespace n ON n.nspname = w.schema \
          JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = w.relation) \
        SELECT coalesce(l.pid, 0), ",
        activity!(),
        ", l.mode::text, wanted.nspname::text, wanted.relname::text \
        FROM wanted JOIN pg_locks l ON l.relation = wanted.oid AND l.locktype = 'relation' AND l.granted \
          AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
          AND l.mode = ANY (string_to_array(wanted.modes, ',')) \
        LEFT JOIN pg_stat_activity a ON a.pid = l.pid \
        LEFT JOIN pg_prepared_xacts p ON l.pid IS NULL AND p.transaction::text = split_part(l.virtualtransaction, '/', 2) \
        WHERE l.pid IS DISTINCT FROM pg_backend_pid()"
    );
    let rows = client.query(query, &[&schemas, &names, &modes]).await?;
    Ok(rows.iter().map(holding).collect())
}

/// Who these pids are; 0 is a prepared transaction.
pub async fn of_pids(client: &Client, pids: &[i32]) -> Result<Vec<Holding>, Error> {
    let query = concat!(
        "SELECT w.pid, ",
        activity!(),
        ", NULL::text, NULL::text, NULL::text FROM unnest($1::int[]) AS w (pid) \
        LEFT JOIN pg_stat_activity a ON a.pid = w.pid \
        LEFT JOIN pg_prepared_xacts p ON false"
    );
    let rows = client.query(query, &[&pids]).await?;
    Ok(rows.iter().map(holding).collect())
}

fn holding(row: &Row) -> Holding {
    let relation = match (row.get(8), row.get(9)) {
        (Some::<String>(schema), Some::<String>(name)) => Some(Name::new(schema, name)),
        _ => None,
    };
    let age_ms = u64::try_from(row.get::<_, i64>(4)).unwrap_or(0);
    Holding {
        holder: Holder {
            pid: row.get(0),
            user: row.get(1),
            application: row.get(2),
            state: row.get(3),
            age_ms,
            query: presentable(row.get(5)),
            mode: row.get(7),
            relation: relation.as_ref().map(Name::to_string),
        },
        age: Duration::from_millis(age_ms),
        relation,
        yields: row.get(6),
    }
}

/// On one line; a statement that may carry a password is not shown.
fn presentable(query: &str) -> String {
    if query.to_ascii_lowercase().contains("password") {
        return "(not shown: it may carry a password)".to_owned();
    }
    query.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Holders in a line, for messages.
pub fn in_a_line(holders: &[Holder]) -> String {
    let one = |holder: &Holder| {
        let what = if holder.query.is_empty() {
            &holder.state
        } else {
            &holder.query
        };
        let user = if holder.user.is_empty() { "?" } else { &holder.user };
        let seconds = Duration::from_millis(holder.age_ms).as_secs_f64();
        format!(
            "pid {} ({user}, {}, {seconds:.1} s): {what}",
            holder.pid, holder.application
        )
    };
    holders.iter().map(one).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_shown() {
        assert_eq!(presentable("SELECT 1\n  FROM t"), "SELECT 1 FROM t");
        assert!(!presentable("ALTER ROLE a PASSWORD 'secret'").contains("secret"));
    }
}
