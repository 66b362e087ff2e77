//! The history of folders that no other tool keeps one for: Prisma's shape, in schema `nonstop`.

use super::prisma;
use nonstop_core::quote::Name;
use tokio_postgres::{Client, Error};

/// Our schema.
pub(super) const SCHEMA: &str = "nonstop";

/// The table's name.
pub(super) const TABLE: &str = "migrations";

/// Makes the schema and the table.
pub(super) async fn create(client: &Client, table: &Name) -> Result<(), Error> {
    prisma::create_schema(client, &table.schema).await?;
    prisma::create(client, table).await
}
