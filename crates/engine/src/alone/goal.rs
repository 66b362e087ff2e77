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
    /// An INVALID index, which has to go before anything else.
    Leftover(Name),
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
        Some(found) if found.plain => Found::Leftover(name.clone()),
        Some(_) | None => Found::Open,
    })
}

/// An interrupted DROP INDEX CONCURRENTLY leaves the index INVALID; dropping it again is the cure.
async fn index_gone(session: &Session, name: &Name) -> Result<Found, Error> {
    Ok(match index(session, name).await? {
        None => Found::Reached,
        Some(found) if found.valid || !found.plain => Found::Open,
        Some(_) => Found::Leftover(name.clone()),
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
