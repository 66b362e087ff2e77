//! Why a backfill did not begin, or what broke it.

use crate::advisory::{LockError, holder_in_words};
use crate::event::{Failure, Outcome};
use crate::worker::{DeployError, StepError};
use nonstop_core::sql::PartError;

/// Why a backfill did not begin, or what broke it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackfillError {
    /// A part of what the user wrote does not parse, or is more than it should be.
    #[error(transparent)]
    Part(#[from] PartError),
    /// There is no such table.
    #[error("there is no table {table} in this database; give its name as in SQL, with its schema where it is another")]
    NoTable {
        /// As the user wrote it.
        table: String,
    },
    /// What becomes of a row depends on more than that row.
    #[error("it cannot be done in batches: {reason}")]
    Refused {
        /// Why.
        reason: String,
    },
    /// The server does not take the statement.
    #[error("the server does not take it: {}", failure.message)]
    Typing {
        /// What it said.
        failure: Box<Failure>,
    },
    /// The role may not write down what it does.
    #[error("the role {role} may not write nonstop's journal, by which each row is changed once: {grant}")]
    Rights {
        /// The role.
        role: String,
        /// What it lacks, as SQL.
        grant: String,
    },
    /// Nothing unfinished has this number.
    #[error("there is no unfinished backfill {id}; `nonstop backfill list` shows all")]
    Unknown {
        /// The number.
        id: String,
    },
    /// No number was given, and there is not exactly one that could be meant.
    #[error("{}", which(ids))]
    Which {
        /// The unfinished ones.
        ids: Vec<String>,
    },
    /// It is a step of a migration.
    #[error("{id} is a step of a migration: `nonstop deploy` goes on with it, and Ctrl-C there stops it")]
    OfMigration {
        /// The migration's number.
        id: String,
    },
    /// The same is running.
    #[error("the same backfill is running: {who}. `nonstop backfill list` shows how far it is")]
    Running {
        /// Who holds its lock.
        who: String,
    },
    /// What also keeps a deploy from working.
    #[error(transparent)]
    Run(#[from] DeployError),
}

fn which(ids: &[String]) -> String {
    if ids.is_empty() {
        "no backfill is unfinished; `nonstop backfill list` shows all".to_owned()
    } else {
        format!("several backfills are unfinished; say which: {}", ids.join(", "))
    }
}

impl BackfillError {
    pub(super) fn of_lock(error: LockError) -> Self {
        match error {
            LockError::Held { holders, .. } => Self::Running {
                who: holders
                    .first()
                    .map_or_else(|| "in a session that has just ended".to_owned(), holder_in_words),
            },
            other => Self::Run(DeployError::HistoryLock(other)),
        }
    }

    pub(super) fn of_step(error: StepError) -> Self {
        match error {
            StepError::Failed(failure) => Self::Typing { failure },
            StepError::Stopped => Self::Run(DeployError::StoppedRecording),
            StepError::Lost(error) => Self::Run(*error),
        }
    }

    /// How the run ended, for the exit code.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Run(error) => error.outcome(),
            Self::Refused { .. } | Self::Rights { .. } | Self::Part(_) | Self::NoTable { .. } => Outcome::Refused,
            Self::Typing { .. }
            | Self::Unknown { .. }
            | Self::Which { .. }
            | Self::OfMigration { .. }
            | Self::Running { .. } => Outcome::Failed,
        }
    }
}
