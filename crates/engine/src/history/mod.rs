//! What was applied, in the table that the team's own tool reads.
//!
//! Prisma's table is written to the row as Prisma writes it; folders without such a tool have the same table in schema
//! `nonstop`. Rows are texts first ([`SqlText`]), so that a migration that is one transaction commits its row with it.

use crate::session::in_words;
use crate::target::Target;
use jiff::{Timestamp, Unit};
use nonstop_core::hash;
use nonstop_core::migration::Migration;
use nonstop_core::quote::{Literal, Name, SqlText};
use nonstop_core::sql;
use serde::Serialize;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

mod back;
mod diagnosis;
mod own;
mod prisma;
mod resolve;

pub use back::Standing;
pub use diagnosis::{Applied, Attempt, Diagnosis, OutOfOrder, diagnose};

/// Whose table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum HistoryKind {
    /// `_prisma_migrations` in the target's schema.
    Prisma,
    /// `nonstop.migrations`.
    Own,
}

/// A history table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    kind: HistoryKind,
    /// The schema that the migrations are for.
    schema: String,
    table: Name,
}

/// One row of a history table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// A UUID as text.
    pub id: String,
    /// Of the file when it was started.
    pub checksum: String,
    /// When it was complete.
    pub finished_at: Option<Timestamp>,
    /// The migration.
    pub name: String,
    /// The error of a failed attempt; empty for a row made by `resolve --applied`.
    pub logs: Option<String>,
    /// When it was declared void.
    pub rolled_back_at: Option<Timestamp>,
    /// When it began.
    pub started_at: Timestamp,
    /// 1 after success.
    pub applied_steps_count: i32,
}

/// What a row says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowState {
    /// Complete.
    Applied,
    /// Failed, or still running: the table cannot tell.
    Open,
    /// To be ignored.
    RolledBack,
}

/// A row that is about to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// A fresh UUID v4.
    pub id: String,
    /// The migration.
    pub name: String,
    /// The checksum of its file as it stands on disk.
    pub checksum: String,
    /// Now, by our clock, in microseconds.
    pub started_at: Timestamp,
}

/// What is found where the history is, or should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// The table, with its rows, oldest first.
    Rows(Vec<Row>),
    /// No table, and the schema is empty or absent: a first deploy.
    Nothing,
    /// No table, but these tables of somebody's (the first few): Prisma's P3005.
    Foreign(Vec<String>),
}

/// Why a history cannot be read or changed. Prisma's codes are in the texts, because users look for them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HistoryError {
    /// P3005.
    #[error(
        "P3005: the schema {schema} is not empty ({}{}) and has no migration history. If these tables come from the first \
         migrations of the folder, say so: `nonstop baseline NAME`, with the last migration that is already there.",
        tables.join(", "), if tables.len() >= prisma::TABLES_NAMED { ", …" } else { "" }
    )]
    NotEmpty {
        /// The schema.
        schema: String,
        /// The first few of its tables.
        tables: Vec<String>,
    },
    /// P3008.
    #[error("P3008: the migration {name} is already recorded as applied in {table}.")]
    AlreadyApplied {
        /// The migration.
        name: String,
        /// The history table.
        table: Name,
    },
    /// P3011.
    #[error("P3011: the migration {name} cannot be marked rolled back: {table} has no attempt of it.")]
    NeverApplied {
        /// The migration.
        name: String,
        /// The history table.
        table: Name,
    },
    /// P3012.
    #[error("P3012: the migration {name} cannot be marked rolled back: it did not fail, {table} says applied.")]
    NotFailed {
        /// The migration.
        name: String,
        /// The history table.
        table: Name,
    },
    /// P3017.
    #[error("P3017: there is no migration {name} in the folder. Give the whole name, as `nonstop status` prints it.")]
    NotFound {
        /// The name given.
        name: String,
    },
    /// The server said no.
    #[error("cannot {doing} {table}: {}", in_words(source))]
    Database {
        /// What was tried.
        doing: &'static str,
        /// The history table.
        table: Name,
        /// The server's answer.
        source: tokio_postgres::Error,
    },
}

impl Row {
    /// What it says.
    pub fn state(&self) -> RowState {
        match (self.finished_at, self.rolled_back_at) {
            (_, Some(_)) => RowState::RolledBack,
            (Some(_), None) => RowState::Applied,
            (None, None) => RowState::Open,
        }
    }

    /// Whether its checksum is that of this migration's file, by Prisma's rule; true where there is no file.
    pub fn is_of(&self, migration: &Migration) -> bool {
        let text = migration.up.as_ref().map(|file| file.text.as_str());
        text.is_none_or(|text| self.checksum == migration.checksum() || hash::prisma_matches(&self.checksum, text))
    }
}

impl Entry {
    /// A row for an attempt that begins now.
    pub fn new(migration: &Migration) -> Self {
        Self {
            id: uuid::Uuid::new_v4().to_string(),
            name: migration.name.clone(),
            checksum: migration.checksum(),
            started_at: now(),
        }
    }
}

impl History {
    /// The history of a target.
    pub fn new(kind: HistoryKind, target: &Target) -> Self {
        let table = match kind {
            HistoryKind::Prisma => Name::new(&target.schema, prisma::TABLE),
            HistoryKind::Own => Name::new(own::SCHEMA, own::TABLE),
        };
        Self {
            kind,
            schema: target.schema.clone(),
            table,
        }
    }

    /// Whose table it is.
    pub fn kind(&self) -> HistoryKind {
        self.kind
    }

    /// The table.
    pub fn table(&self) -> &Name {
        &self.table
    }

    /// The schema that the migrations are for.
    pub fn schema(&self) -> &str {
        &self.schema
    }

    /// Looks, and changes nothing. Not inside a transaction: a missing table would abort it.
    pub async fn find(&self, client: &Client) -> Result<Found, HistoryError> {
        if let Some(rows) = self.read(client).await? {
            return Ok(Found::Rows(rows));
        }
        let tables = prisma::foreign_tables(client, &self.schema).await;
        let tables = tables.map_err(self.failed("look into the schema of"))?;
        Ok(if tables.is_empty() {
            Found::Nothing
        } else {
            Found::Foreign(tables)
        })
    }

    /// Its rows, oldest first; `None` without a table.
    pub async fn read(&self, client: &Client) -> Result<Option<Vec<Row>>, HistoryError> {
        let text = sql!(
            "SELECT id, checksum, finished_at, migration_name, logs, rolled_back_at, started_at, applied_steps_count \
             FROM {} ORDER BY started_at",
            self.table
        );
        match client.query_typed(text.as_str(), &[]).await {
            Ok(rows) => {
                let rows: Result<Vec<Row>, _> = rows.iter().map(row).collect();
                Ok(Some(rows.map_err(self.failed("read"))?))
            }
            Err(error)
                if [&SqlState::UNDEFINED_TABLE, &SqlState::INVALID_SCHEMA_NAME]
                    .map(Some)
                    .contains(&error.code()) =>
            {
                Ok(None)
            }
            Err(error) => Err(self.failed("read")(error)),
        }
    }

    /// Its rows; the table and its schema are made where they are missing, unless the schema holds tables already.
    /// Only for who holds the history lock.
    pub async fn ensure(&self, client: &Client) -> Result<Vec<Row>, HistoryError> {
        match self.find(client).await? {
            Found::Rows(rows) => Ok(rows),
            Found::Nothing => {
                self.create(client).await?;
                Ok(Vec::new())
            }
            Found::Foreign(tables) => Err(HistoryError::NotEmpty {
                schema: self.schema.clone(),
                tables,
            }),
        }
    }

    /// Makes the migrations' schema and the table where they are missing, whatever else is there.
    pub async fn create(&self, client: &Client) -> Result<(), HistoryError> {
        let schema = prisma::create_schema(client, &self.schema).await;
        schema.map_err(self.failed("make the schema for"))?;
        let made = match self.kind {
            HistoryKind::Prisma => prisma::create(client, &self.table).await,
            HistoryKind::Own => own::create(client, &self.table).await,
        };
        made.map_err(self.failed("create"))
    }

    /// The row of an attempt that begins; to be committed before the migration's first statement.
    pub fn start(&self, entry: &Entry) -> SqlText {
        sql!(
            "INSERT INTO {} (id, checksum, started_at, migration_name) VALUES ({}, {}, {}, {})",
            self.table,
            Literal(&entry.id),
            Literal(&entry.checksum),
            time(entry.started_at),
            Literal(&entry.name)
        )
    }

    /// The started row becomes a success.
    pub fn finish(&self, id: &str) -> SqlText {
        sql!(
            "UPDATE {} SET applied_steps_count = 1, finished_at = {} WHERE id = {}",
            self.table,
            time(now()),
            Literal(id)
        )
    }

    /// Start and success in one row, inside the transaction that is the migration. Its end is our clock at the start plus
    /// what the server's clock has counted since the transaction began.
    pub fn complete(&self, entry: &Entry) -> SqlText {
        sql!(
            "INSERT INTO {} (id, checksum, started_at, finished_at, migration_name, applied_steps_count) \
             VALUES ({}, {}, {}, {} + (clock_timestamp() - transaction_timestamp()), {}, 1)",
            self.table,
            Literal(&entry.id),
            Literal(&entry.checksum),
            time(entry.started_at),
            time(entry.started_at),
            Literal(&entry.name)
        )
    }

    /// The started row becomes a failure that stops the next deploy until it is resolved.
    pub fn fail(&self, id: &str, logs: &str) -> SqlText {
        sql!(
            "UPDATE {} SET logs = {} WHERE id = {}",
            self.table,
            Literal(&without_nul(logs)),
            Literal(id)
        )
    }

    /// The started row becomes a failure whose traces are gone: nothing of it stops anybody.
    pub fn fail_unwound(&self, id: &str, logs: &str) -> SqlText {
        sql!(
            "UPDATE {} SET logs = {}, rolled_back_at = {} WHERE id = {}",
            self.table,
            Literal(&without_nul(logs)),
            time(now()),
            Literal(id)
        )
    }

    /// A row whose process is dead becomes void; its logs stay as they are.
    pub fn void(&self, id: &str) -> SqlText {
        sql!(
            "UPDATE {} SET rolled_back_at = {} WHERE id = {} AND finished_at IS NULL AND rolled_back_at IS NULL",
            self.table,
            time(now()),
            Literal(id)
        )
    }

    fn failed(&self, doing: &'static str) -> impl FnOnce(tokio_postgres::Error) -> HistoryError {
        let table = self.table.clone();
        move |source| HistoryError::Database { doing, table, source }
    }
}

/// Names with a row that is not rolled back: deploy passes over them, as Prisma does.
pub fn recorded(rows: &[Row]) -> std::collections::BTreeSet<&str> {
    let standing = rows.iter().filter(|row| row.state() != RowState::RolledBack);
    standing.map(|row| row.name.as_str()).collect()
}

fn row(row: &tokio_postgres::Row) -> Result<Row, tokio_postgres::Error> {
    Ok(Row {
        id: row.try_get(0)?,
        checksum: row.try_get(1)?,
        finished_at: row.try_get(2)?,
        name: row.try_get(3)?,
        logs: row.try_get(4)?,
        rolled_back_at: row.try_get(5)?,
        started_at: row.try_get(6)?,
        applied_steps_count: row.try_get(7)?,
    })
}

fn now() -> Timestamp {
    let now = Timestamp::now();
    // Rounding to a unit fails only past the year 9999.
    now.round(Unit::Microsecond).unwrap_or(now)
}

/// `'2026-01-31T12:00:00.123456Z'::timestamptz`, the same under every `DateStyle`.
fn time(at: Timestamp) -> SqlText {
    sql!("{}::timestamptz", Literal(&format!("{at:.6}")))
}

/// The server takes no zero byte in a text.
fn without_nul(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

#[cfg(test)]
mod tests;
