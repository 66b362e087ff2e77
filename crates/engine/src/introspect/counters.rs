//! How far sequences have counted, for whoever wants to know how much is left.
//!
//! A query of its own: a deploy needs none of it, and the server takes a lock on each sequence for it.

use nonstop_core::catalog::Catalog;
use nonstop_core::quote::Name;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error};

/// Puts the last number of each sequence into the catalog, as far as the client may read it. Where somebody holds a
/// sequence, nothing is put: nobody is waited for.
///
/// The client must not be inside a transaction.
///
/// # Errors
/// The server's, but for a lock.
pub async fn read_counters(client: &Client, catalog: &mut Catalog) -> Result<(), Error> {
    client
        .batch_execute("BEGIN READ ONLY; SET LOCAL lock_timeout = '50ms'")
        .await?;
    let rows = client
        .query(
            "SELECT schemaname::text, sequencename::text, last_value FROM pg_catalog.pg_sequences",
            &[],
        )
        .await;
    client
        .batch_execute(if rows.is_ok() { "COMMIT" } else { "ROLLBACK" })
        .await?;
    let rows = match rows {
        Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => return Ok(()),
        rows => rows?,
    };
    for row in &rows {
        let name = Name::new(row.get::<_, &str>(0), row.get::<_, &str>(1));
        if let Some(mut sequence) = catalog.relations.get_mut(&name) {
            sequence.last_value = row.get(2);
        }
    }
    Ok(())
}
