//! The history of folders that no other tool keeps one for: Prisma's shape, in schema `nonstop`.

use super::prisma::create_schema;
use nonstop_core::quote::Name;
use nonstop_core::sql;
use tokio_postgres::{Client, Error};

/// Our schema.
pub(super) const SCHEMA: &str = "nonstop";

/// The table's name.
pub(super) const TABLE: &str = "migrations";

/// Makes the schema and the table.
pub(super) async fn create(client: &Client, table: &Name) -> Result<(), Error> {
    create_schema(client, &table.schema).await?;
    let text = sql!(
        "CREATE TABLE IF NOT EXISTS {} (
    id                  varchar(36) PRIMARY KEY,
    checksum            varchar(64) NOT NULL,
    finished_at         timestamptz,
    migration_name      varchar(255) NOT NULL,
    logs                text,
    rolled_back_at      timestamptz,
    started_at          timestamptz NOT NULL DEFAULT now(),
    applied_steps_count integer NOT NULL DEFAULT 0
)",
        table
    );
    client.batch_execute(text.as_str()).await
}
