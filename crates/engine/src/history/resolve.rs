//! Saying by hand what happened: `resolve --applied`, `resolve --rolled-back`, `baseline`; each one transaction.

use super::{History, HistoryError, Row, now, time};
use nonstop_core::migration::Migration;
use nonstop_core::quote::{Literal, SqlText};
use nonstop_core::sql;
use tokio_postgres::Client;

impl History {
    /// Records a migration of the folder as applied; its failed attempts become void. The table is made where it is missing,
    /// without looking what else is in the schema.
    pub async fn resolve_applied(
        &self,
        client: &Client,
        migrations: &[Migration],
        name: &str,
    ) -> Result<(), HistoryError> {
        let migration = known(migrations, name)?;
        self.create(client).await?;
        let rows = self.read(client).await?.unwrap_or_default();
        if is_applied(&rows, name) {
            return Err(HistoryError::AlreadyApplied {
                name: name.to_owned(),
                table: self.table.clone(),
            });
        }
        self.write(client, &self.applied(migration)).await
    }

    /// Records the failed attempts of a migration as void, so that the next deploy tries it again. Done twice it succeeds
    /// twice, as in Prisma.
    pub async fn resolve_rolled_back(&self, client: &Client, name: &str) -> Result<(), HistoryError> {
        let rows = self.read(client).await?.unwrap_or_default();
        let attempts: Vec<&Row> = rows.iter().filter(|row| row.name == name).collect();
        if attempts.is_empty() {
            return Err(HistoryError::NeverApplied {
                name: name.to_owned(),
                table: self.table.clone(),
            });
        }
        if attempts.iter().all(|row| row.finished_at.is_some()) {
            return Err(HistoryError::NotFailed {
                name: name.to_owned(),
                table: self.table.clone(),
            });
        }
        self.write(client, &self.rolled_back(name)).await
    }

    /// Records a migration and all before it as applied. Gives the names that were not recorded before.
    pub async fn baseline(
        &self,
        client: &Client,
        migrations: &[Migration],
        last: &str,
    ) -> Result<Vec<String>, HistoryError> {
        let end = known(migrations, last)?;
        self.create(client).await?;
        let rows = self.read(client).await?.unwrap_or_default();
        let upto = migrations.iter().position(|migration| migration.name == end.name);
        let mut text = sql!("");
        let mut recorded = Vec::new();
        for migration in migrations.iter().take(upto.map_or(0, |at| at + 1)) {
            if !is_applied(&rows, &migration.name) {
                text = sql!("{}{};\n", text, self.applied(migration));
                recorded.push(migration.name.clone());
            }
        }
        self.write(client, &text).await?;
        Ok(recorded)
    }

    fn applied(&self, migration: &Migration) -> SqlText {
        let at = time(now());
        sql!(
            "{}; INSERT INTO {} (id, checksum, started_at, finished_at, migration_name, logs, applied_steps_count) \
             VALUES ({}, {}, {}, {}, {}, '', 0)",
            self.rolled_back(&migration.name),
            self.table,
            Literal(&uuid::Uuid::new_v4().to_string()),
            Literal(&migration.checksum()),
            at,
            at,
            Literal(&migration.name)
        )
    }

    fn rolled_back(&self, name: &str) -> SqlText {
        sql!(
            "UPDATE {} SET rolled_back_at = {} \
             WHERE migration_name = {} AND finished_at IS NULL AND rolled_back_at IS NULL",
            self.table,
            time(now()),
            Literal(name)
        )
    }

    async fn write(&self, client: &Client, text: &SqlText) -> Result<(), HistoryError> {
        let written = client.batch_execute(text.as_str()).await;
        written.map_err(self.failed("write"))
    }
}

fn known<'a>(migrations: &'a [Migration], name: &str) -> Result<&'a Migration, HistoryError> {
    let found = migrations.iter().find(|migration| migration.name == name);
    found.ok_or_else(|| HistoryError::NotFound { name: name.to_owned() })
}

/// Any finished row of the name, as Prisma's P3008.
fn is_applied(rows: &[Row], name: &str) -> bool {
    rows.iter().any(|row| row.name == name && row.finished_at.is_some())
}
