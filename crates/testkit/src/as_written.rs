//! Migrations applied as their own tool applies them: what every other way is compared with.
//!
//! Prisma sends a file as one simple query, Diesel puts BEGIN and COMMIT around it. Two errors come from that common
//! transaction alone, 25001 and 55P04; such a file is run again statement by statement, which is what its author meant.

use anyhow::{Context as _, Result};
use nonstop_core::migration::{Migration, TransactionModel};
use nonstop_core::source::SourceFile;
use nonstop_core::sql::parse;
use tokio_postgres::Client;
use tokio_postgres::error::{DbError, SqlState};

/// Whose way of sending files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// One simple query for the whole file.
    Prisma,
    /// BEGIN, the file, COMMIT; without both where `metadata.toml` says so.
    Diesel,
}

/// What to do after a migration that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterFailure {
    /// As the tools do.
    Stop,
    /// Go on with the next one.
    Continue,
}

/// What happened.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Migrations that arrived, in order, the cured ones among them.
    pub applied: Vec<String>,
    /// Migrations that failed in the common transaction, and arrived statement by statement.
    pub cured: Vec<(String, SqlState)>,
    /// Migrations that failed, with what the server said.
    pub failed: Vec<(String, DbError)>,
}

/// Applies migrations in their order. The client's `search_path` must be what the tool would set.
pub async fn apply(
    client: &Client,
    migrations: &[Migration],
    tool: Tool,
    after_failure: AfterFailure,
) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    for migration in migrations {
        let name = migration.name.clone();
        let file = migration.up.as_ref().with_context(|| format!("{name} has no file"))?;
        match sent(client, file, tool, migration.transaction).await? {
            Sent::Whole => outcome.applied.push(name),
            Sent::Apart(code) => {
                outcome.cured.push((name.clone(), code));
                outcome.applied.push(name);
            }
            Sent::Failed(error) => outcome.failed.push((name, *error)),
        }
        if after_failure == AfterFailure::Stop && !outcome.failed.is_empty() {
            break;
        }
    }
    Ok(outcome)
}

/// What became of one file.
#[derive(Debug)]
pub enum Sent {
    /// It arrived in one message.
    Whole,
    /// It failed so with this code, and arrived statement by statement.
    Apart(SqlState),
    /// It failed.
    Failed(Box<DbError>),
}

/// Sends one file as Prisma does.
pub async fn send(client: &Client, file: &SourceFile) -> Result<Sent> {
    sent(client, file, Tool::Prisma, TransactionModel::Either).await
}

async fn sent(client: &Client, file: &SourceFile, tool: Tool, model: TransactionModel) -> Result<Sent> {
    Ok(match whole(client, file, tool, model).await? {
        Ok(()) => Sent::Whole,
        Err(error) if is_cured_by_splitting(error.code()) => match statement_by_statement(client, file).await? {
            Ok(()) => Sent::Apart(error.code().clone()),
            Err(error) => Sent::Failed(Box::new(error)),
        },
        Err(error) => Sent::Failed(Box::new(error)),
    })
}

/// Whether an error comes only from the transaction around the file.
pub fn is_cured_by_splitting(code: &SqlState) -> bool {
    [SqlState::ACTIVE_SQL_TRANSACTION, SqlState::UNSAFE_NEW_ENUM_VALUE_USAGE].contains(code)
}

type Run = Result<Result<(), DbError>>;

async fn whole(client: &Client, file: &SourceFile, tool: Tool, model: TransactionModel) -> Run {
    let text = file.body().0;
    match (tool, model) {
        (Tool::Diesel, TransactionModel::Whole) => {
            client.batch_execute("BEGIN").await?;
            let ran = run(client, text).await?;
            client
                .batch_execute(if ran.is_ok() { "COMMIT" } else { "ROLLBACK" })
                .await?;
            Ok(ran)
        }
        (Tool::Prisma | Tool::Diesel, _) => run(client, text).await,
    }
}

async fn statement_by_statement(client: &Client, file: &SourceFile) -> Run {
    for statement in parse(file)?.statements {
        let ran = run(client, statement.sql.as_str()).await?;
        if ran.is_err() {
            return Ok(ran);
        }
    }
    Ok(Ok(()))
}

/// What the server refuses is an outcome; a broken connection is an error.
async fn run(client: &Client, text: &str) -> Run {
    match client.batch_execute(text).await {
        Ok(()) => Ok(Ok(())),
        Err(error) => match error.as_db_error() {
            Some(said) => Ok(Err(said.clone())),
            None => Err(error.into()),
        },
    }
}
