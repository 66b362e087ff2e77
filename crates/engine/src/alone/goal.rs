//! Whether a step outside a transaction has reached its goal: read from the server, never from the absence of an error.

use crate::holders::{self, Holding};
use crate::session::Session;
use nonstop_core::quote::Name;
use nonstop_core::step::Goal;
use tokio_postgres::Error;
use tokio_postgres::types::ToSql;

/// What is found of a goal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// It is reached.
    Reached,
    /// Nothing is there yet, or it was not yet taken away.
    Open,
    /// INVALID indexes, which have to go before anything else.
    Leftover(Vec<Name>),
    /// Somebody else is building that index now.
    Building(Vec<Holding>),
    /// The server does not show it: the journal must know.
    Invisible,
}

/// Looks.
pub(crate) async fn judge(session: &Session, goal: &Goal) -> Result<Found, Error> {
    match goal {
        Goal::IndexValid { table, index } => index_valid(session, table, index).await,
        Goal::IndexGone { index } => index_gone(session, index).await,
        Goal::Reindexed { table, index } => reindexed(session, table, index.as_deref()).await,
        Goal::ConstraintValid { table, constraint } => constraint_valid(session, table, constraint).await,
        Goal::Committed => Ok(Found::Invisible),
        Goal::NoRows(_) | Goal::Repeatable => Ok(Found::Open),
    }
}

/// Valid; table; whether DROP INDEX CONCURRENTLY takes it; who builds it.
struct IndexRow {
    valid: bool,
    table: Name,
    plain: bool,
    builders: Vec<i32>,
}

async fn index(session: &Session, name: &Name) -> Result<Option<IndexRow>, Error> {
    let look = session
        .prepared(
            "SELECT i.indisvalid AND i.indisready AND i.indislive, tn.nspname::text, t.relname::text, c.relkind = 'i', \
               ARRAY(SELECT p.pid FROM pg_stat_progress_create_index p \
                     WHERE p.index_relid = c.oid AND p.pid <> pg_backend_pid()) \
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_index i ON i.indexrelid = c.oid \
             JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace tn ON tn.oid = t.relnamespace \
             WHERE n.nspname = $1::text AND c.relname = $2::text",
        )
        .await?;
    let row = session.client().query_opt(&look, &[&name.schema, &name.name]).await?;
    Ok(row.map(|row| IndexRow {
        valid: row.get(0),
        table: Name::new(row.get::<_, String>(1), row.get::<_, String>(2)),
        plain: row.get(3),
        builders: row.get(4),
    }))
}

async fn index_valid(session: &Session, table: &Name, name: &Name) -> Result<Found, Error> {
    Ok(match index(session, name).await? {
        // Of another table: the statement will fail by itself, and nothing of others' is dropped.
        Some(found) if found.table != *table => Found::Open,
        Some(found) if found.valid => Found::Reached,
        Some(found) if !found.builders.is_empty() => {
            Found::Building(holders::of_pids(session.client(), &found.builders).await?)
        }
        Some(found) if found.plain => Found::Leftover(vec![name.clone()]),
        Some(_) | None => Found::Open,
    })
}

/// An interrupted DROP INDEX CONCURRENTLY leaves the index INVALID; dropping it again is the cure.
async fn index_gone(session: &Session, name: &Name) -> Result<Found, Error> {
    Ok(match index(session, name).await? {
        None => Found::Reached,
        Some(found) if found.valid || !found.plain => Found::Open,
        Some(_) => Found::Leftover(vec![name.clone()]),
    })
}

/// `REINDEX CONCURRENTLY` builds an index beside the old one, as `…_ccnew`, and lets the old one go as `…_ccold`. Cut off, it
/// leaves either of them INVALID, on a TOAST table as well. A long name is clipped before the ending.
async fn reindexed(session: &Session, table: &Name, index: Option<&str>) -> Result<Found, Error> {
    let look = session
        .prepared(
            "WITH RECURSIVE tables (oid, kind, toast) AS ( \
               SELECT c.oid, c.relkind, c.reltoastrelid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
               WHERE n.nspname = $1::text AND c.relname = $2::text \
               UNION ALL SELECT c.oid, c.relkind, c.reltoastrelid FROM tables t \
               JOIN pg_inherits h ON h.inhparent = t.oid JOIN pg_class c ON c.oid = h.inhrelid WHERE t.kind = 'p'), \
             meant (oid) AS ( \
               SELECT i.indexrelid FROM tables t JOIN pg_index i ON i.indrelid IN (t.oid, t.toast) \
               JOIN pg_class c ON c.oid = i.indexrelid \
               WHERE $3::text IS NULL OR i.indrelid = t.oid AND c.relname = $3::text \
               UNION SELECT h.inhrelid FROM meant m JOIN pg_inherits h ON h.inhparent = m.oid), \
             broken AS ( \
               SELECT i.indrelid, i.indexrelid, n.nspname, c.relname, \
                 regexp_replace(c.relname::text, '_cc(new|old)[0-9]*$', '') AS base \
               FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
               WHERE NOT i.indisvalid AND c.relkind = 'i' AND c.relname::text ~ '_cc(new|old)[0-9]*$') \
             SELECT b.nspname::text, b.relname::text, \
               ARRAY(SELECT p.pid FROM pg_stat_progress_create_index p \
                     WHERE p.relid = b.indrelid AND p.pid <> pg_backend_pid()) \
             FROM broken b WHERE EXISTS ( \
               SELECT FROM meant m JOIN pg_index i ON i.indexrelid = m.oid JOIN pg_class c ON c.oid = m.oid \
               WHERE i.indrelid = b.indrelid AND m.oid <> b.indexrelid AND (c.relname::text = b.base \
                 OR octet_length(b.relname::text) > 59 AND starts_with(c.relname::text, b.base))) ORDER BY 1, 2",
        )
        .await?;
    let rows = session
        .client()
        .query(&look, &[&table.schema, &table.name, &index])
        .await?;
    let builders: Vec<i32> = rows.iter().flat_map(|row| row.get::<_, Vec<i32>>(2)).collect();
    if !builders.is_empty() {
        return Ok(Found::Building(holders::of_pids(session.client(), &builders).await?));
    }
    let left: Vec<Name> = rows
        .iter()
        .map(|row| Name::new(row.get::<_, String>(0), row.get::<_, String>(1)))
        .collect();
    Ok(if left.is_empty() {
        Found::Open
    } else {
        Found::Leftover(left)
    })
}

async fn constraint_valid(session: &Session, table: &Name, constraint: &str) -> Result<Found, Error> {
    let look = session
        .prepared(
            "SELECT EXISTS (SELECT FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid \
             JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = $1::text AND c.relname = $2::text AND k.conname = $3::text AND k.convalidated)",
        )
        .await?;
    let name: [&(dyn ToSql + Sync); 3] = [&table.schema, &table.name, &constraint];
    let valid = session.client().query_one(&look, &name).await?;
    Ok(if valid.get(0) { Found::Reached } else { Found::Open })
}
