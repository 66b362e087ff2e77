//! Migrations on a throw-away server: whether two ways come to the same end, and whether a way back leads back.
//!
//! Files go to the server as their own tool sends them. What fails only for the transaction that the tool makes of a file is
//! run again statement by statement: that is what its author meant.

use crate::compare::{CompareError, Difference, diff, snapshot};
use crate::server::{Server, ServerError};
use nonstop_core::migration::TransactionModel;
use nonstop_core::quote::SqlText;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

/// A migration to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scene {
    /// Its name.
    pub name: String,
    /// The whole file.
    pub up: SqlText,
    /// Its statements one by one.
    pub statements: Vec<SqlText>,
    /// The statements of its way back; `None` without one.
    pub down: Option<Vec<SqlText>>,
    /// How its tool sends it.
    pub transaction: TransactionModel,
}

/// Why there is no proof.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RehearsalError {
    /// The throw-away server.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// A session of it.
    #[error("the throw-away server: {0}")]
    Session(#[from] tokio_postgres::Error),
    /// Its catalog.
    #[error(transparent)]
    Compare(#[from] CompareError),
    /// A migration that an empty server refuses.
    #[error("{name} fails on the throw-away server {way}: {message}")]
    Fails {
        /// The migration.
        name: String,
        /// `as it stands`, `going back`, `going up again`.
        way: &'static str,
        /// What the server said.
        message: String,
    },
    /// There is no way back to try.
    #[error("{name} has no down script. `nonstop fix --write` writes one")]
    NoDown {
        /// The migration.
        name: String,
    },
}

/// What up, down, up comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoundTrip {
    /// What the way back leaves, or does not bring back.
    pub after_down: Vec<Difference>,
    /// What is not as it was after the first time.
    pub after_up: Vec<Difference>,
}

/// Where the ends of two ways differ, physical facts left out; `before` is common to both.
pub async fn differences(
    server: &Server,
    before: &[Scene],
    left: &[Scene],
    right: &[Scene],
) -> Result<Vec<Difference>, RehearsalError> {
    server.create_database("before", None).await?;
    let client = server.connect("before").await?;
    play(&client, before).await?;
    // A template must have no sessions; the server waits some seconds for them to go.
    drop(client);
    let mut ends = Vec::new();
    for (name, scenes) in [("left", left), ("right", right)] {
        server.create_database(name, Some("before")).await?;
        let client = server.connect(name).await?;
        play(&client, scenes).await?;
        ends.push(snapshot(&client).await?);
    }
    Ok(logical(diff(&ends[0], &ends[1])))
}

/// Goes up, back and up again with the last migrations.
pub async fn round_trip(server: &Server, before: &[Scene], tried: &[Scene]) -> Result<RoundTrip, RehearsalError> {
    if let Some(scene) = tried.iter().find(|scene| scene.down.is_none()) {
        let name = scene.name.clone();
        return Err(RehearsalError::NoDown { name });
    }
    server.create_database("trip", None).await?;
    let client = server.connect("trip").await?;
    play(&client, before).await?;
    let start = snapshot(&client).await?;
    play(&client, tried).await?;
    let first = snapshot(&client).await?;
    for scene in tried.iter().rev() {
        let down = scene.down.as_deref().unwrap_or_default();
        let text = down.iter().map(SqlText::as_str).collect::<Vec<_>>().join(";\n");
        send(&client, scene, &text, down, "going back").await?;
    }
    let back = snapshot(&client).await?;
    go_up(&client, tried, "going up again").await?;
    let again = snapshot(&client).await?;
    Ok(RoundTrip {
        after_down: logical(diff(&start, &back)),
        after_up: logical(diff(&first, &again)),
    })
}

fn logical(mut differences: Vec<Difference>) -> Vec<Difference> {
    differences.retain(|difference| !difference.is_physical());
    differences
}

/// Runs migrations, each as its tool sends it.
pub(crate) async fn play(client: &Client, scenes: &[Scene]) -> Result<(), RehearsalError> {
    go_up(client, scenes, "as it stands").await
}

async fn go_up(client: &Client, scenes: &[Scene], way: &'static str) -> Result<(), RehearsalError> {
    for scene in scenes {
        send(client, scene, scene.up.as_str(), &scene.statements, way).await?;
    }
    Ok(())
}

/// Sends a script as the migration's tool does.
async fn send(
    client: &Client,
    scene: &Scene,
    text: &str,
    statements: &[SqlText],
    way: &'static str,
) -> Result<(), RehearsalError> {
    let whole = scene.transaction == TransactionModel::Whole;
    if scene.transaction == TransactionModel::PerStatement {
        return one_by_one(client, scene, statements, way).await;
    }
    if whole {
        client.batch_execute("BEGIN").await?;
    }
    let ran = client.batch_execute(text).await;
    if whole {
        let end = if ran.is_ok() { "COMMIT" } else { "ROLLBACK" };
        client.batch_execute(end).await?;
    }
    match ran {
        Ok(()) => Ok(()),
        Err(error) if error.code().is_some_and(is_of_transaction) => one_by_one(client, scene, statements, way).await,
        Err(error) => Err(fails(scene, way, &error)),
    }
}

/// Errors that come only from the transaction around a file.
fn is_of_transaction(code: &SqlState) -> bool {
    [SqlState::ACTIVE_SQL_TRANSACTION, SqlState::UNSAFE_NEW_ENUM_VALUE_USAGE].contains(code)
}

async fn one_by_one(
    client: &Client,
    scene: &Scene,
    statements: &[SqlText],
    way: &'static str,
) -> Result<(), RehearsalError> {
    for statement in statements {
        let ran = client.batch_execute(statement.as_str()).await;
        ran.map_err(|error| fails(scene, way, &error))?;
    }
    Ok(())
}

fn fails(scene: &Scene, way: &'static str, error: &tokio_postgres::Error) -> RehearsalError {
    let message = match error.as_db_error() {
        Some(said) => format!("{} ({})", said.message(), said.code().code()),
        None => error.to_string(),
    };
    RehearsalError::Fails {
        name: scene.name.clone(),
        way,
        message,
    }
}
