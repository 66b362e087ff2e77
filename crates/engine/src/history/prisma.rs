//! Prisma Migrate's `_prisma_migrations`: `create_migrations_table` of prisma-engines, compared with `\d`.

use nonstop_core::quote::{Ident, Name};
use nonstop_core::sql;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error};

/// The table's name.
pub(super) const TABLE: &str = "_prisma_migrations";

/// How many tables are named when a schema is not empty.
pub(super) const TABLES_NAMED: usize = 5;

/// Makes the table.
pub(super) async fn create(client: &Client, table: &Name) -> Result<(), Error> {
    let text = sql!(
        "CREATE TABLE IF NOT EXISTS {} (
    id                      VARCHAR(36) PRIMARY KEY NOT NULL,
    checksum                VARCHAR(64) NOT NULL,
    finished_at             TIMESTAMPTZ,
    migration_name          VARCHAR(255) NOT NULL,
    logs                    TEXT,
    rolled_back_at          TIMESTAMPTZ,
    started_at              TIMESTAMPTZ NOT NULL DEFAULT now(),
    applied_steps_count     INTEGER NOT NULL DEFAULT 0
)",
        table
    );
    client.batch_execute(text.as_str()).await
}

/// Looks first: `CREATE SCHEMA IF NOT EXISTS` asks for CREATE on the database even when the schema exists.
pub(super) async fn create_schema(client: &Client, schema: &str) -> Result<(), Error> {
    let known = client
        .query_typed_opt(
            "SELECT 1 FROM pg_namespace WHERE nspname = $1",
            &[(&schema, Type::NAME)],
        )
        .await?;
    if known.is_some() {
        return Ok(());
    }
    let text = sql!("CREATE SCHEMA IF NOT EXISTS {}", Ident(schema));
    client.batch_execute(text.as_str()).await
}

/// Ordinary tables of a schema, the first few. Those of an extension (`spatial_ref_sys`) are nobody's data.
pub(super) async fn foreign_tables(client: &Client, schema: &str) -> Result<Vec<String>, Error> {
    let limit = i64::try_from(TABLES_NAMED).unwrap_or(i64::MAX);
    let rows = client
        .query_typed(
            "SELECT c.relname::text
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
             WHERE n.nspname = $1 AND c.relkind = 'r' AND NOT EXISTS (
                 SELECT FROM pg_depend d
                 WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
             ORDER BY 1 LIMIT $2",
            &[(&schema, Type::NAME), (&limit, Type::INT8)],
        )
        .await?;
    rows.iter().map(|row| row.try_get(0)).collect()
}
