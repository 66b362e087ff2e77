//! Why a run could not be carried through, apart from a migration that failed.

use crate::advisory::LockError;
use crate::event::{Failure, Outcome};
use crate::failure::SqlError;
use crate::gates::GateError;
use crate::history::{HistoryError, Row};
use crate::session::ConnectError;

/// Why a run ended that is not the fault of a migration: those are told as events.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeployError {
    /// No session.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The history lock was not to be had.
    #[error(transparent)]
    HistoryLock(LockError),
    /// The server went away in the middle of a migration and did not come back in time.
    #[error("{0}. What was begun is in the journal; when the server is back, `nonstop deploy` goes on from there.")]
    Interrupted(Box<DeployError>),
    /// The history lock broke in the middle, and somebody else has it now.
    #[error("the history lock was lost, and another run has it now; what was begun is in the journal. {0}")]
    LockLost(LockError),
    /// Our own tables.
    #[error("nonstop cannot write its own records: {}", error.in_a_line())]
    Bookkeeping {
        /// What the server said.
        error: SqlError,
    },
    /// A query about the state of things failed.
    #[error("the server does not say what nonstop asks: {}", error.in_a_line())]
    Asking {
        /// What the server said.
        error: SqlError,
    },
    /// A backend of a dead run does not end.
    #[error(
        "the backend of an earlier run (pid {pid}) still works and does not end. Look at it in pg_stat_activity, end it, \
         and run `nonstop deploy` again."
    )]
    Orphan {
        /// Its pid.
        pid: i32,
    },
    /// An as-written file with transactions of its own was cut off, and nobody can know how far it came.
    #[error(
        "migration {migration} was cut off while a part ran that manages its own transactions, so nobody can tell what of it \
         was committed: {statement}. Look at the database, put it right, then say `nonstop resolve --applied {migration}` \
         or `nonstop resolve --rolled-back {migration}`."
    )]
    Unknowable {
        /// The migration.
        migration: String,
        /// The part.
        statement: String,
    },
    /// Somebody holds in ACCESS EXCLUSIVE what a plan touches, so that it cannot be read.
    #[error(
        "migration {migration} touches {relations}, which could not be read for {seconds} s, because it is held in ACCESS \
         EXCLUSIVE by {holders}. Nothing was touched. End or wait for who holds it, then run `nonstop deploy` again."
    )]
    Hidden {
        /// The migration.
        migration: String,
        /// What it touches.
        relations: String,
        /// How long it was waited for.
        seconds: u64,
        /// Who holds it.
        holders: String,
    },
    /// Rows of the history that say failed, and are not ours to go on with.
    #[error("{0}")]
    FailedHistory(String),
    /// The history table.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The gates could not be looked at.
    #[error(transparent)]
    Gate(#[from] GateError),
    /// The end of a migration could not be written down.
    #[error("what became of the migration could not be recorded: {}", failure.message)]
    NotRecorded {
        /// The server's answer.
        failure: Box<Failure>,
    },
    /// The user asked to stop while a row was written; nothing was changed.
    #[error("stopped on request")]
    StoppedRecording,
    /// `--until` names nothing.
    #[error("there is no migration {name} in the folder. Give the whole name, as `nonstop status` prints it.")]
    UnknownMigration {
        /// The name given.
        name: String,
    },
}

impl From<SqlError> for DeployError {
    fn from(error: SqlError) -> Self {
        DeployError::Asking { error }
    }
}

impl From<tokio_postgres::Error> for DeployError {
    fn from(error: tokio_postgres::Error) -> Self {
        DeployError::Asking { error: error.into() }
    }
}

impl DeployError {
    /// Rows that neither ended nor were declared void: Prisma's P3009.
    pub(crate) fn failed_history(rows: &[&Row]) -> Self {
        use std::fmt::Write as _;
        let mut text =
            String::from("P3009: the history holds migrations that began and did not end, so nothing more is run.\n");
        for row in rows {
            let _ = write!(text, "  {} (begun {})", row.name, row.started_at);
            match row.logs.as_deref().filter(|logs| !logs.is_empty()) {
                Some(logs) => {
                    let _ = writeln!(text, ": {}", logs.lines().next().unwrap_or_default());
                }
                None => text.push('\n'),
            }
        }
        text.push_str(
            "Look at what it left, then say `nonstop resolve --rolled-back NAME` to have it run again, or \
             `nonstop resolve --applied NAME` if it is complete.",
        );
        Self::FailedHistory(text)
    }

    /// Whether trying again a little later may help.
    pub fn is_transient(&self) -> bool {
        use nonstop_core::pace::Fault;
        match self {
            DeployError::Connect(error) | DeployError::HistoryLock(LockError::Connect(error)) => error.is_transient(),
            DeployError::Bookkeeping { error } | DeployError::Asking { error } => error.fault() != Fault::Final,
            DeployError::HistoryLock(LockError::Database(_)) | DeployError::Orphan { .. } => true,
            DeployError::HistoryLock(_)
            | DeployError::Interrupted(_)
            | DeployError::LockLost(_)
            | DeployError::Unknowable { .. }
            | DeployError::Hidden { .. }
            | DeployError::FailedHistory(_)
            | DeployError::History(_)
            | DeployError::Gate(_)
            | DeployError::NotRecorded { .. }
            | DeployError::StoppedRecording
            | DeployError::UnknownMigration { .. } => false,
        }
    }

    /// How the run ended, for the exit code.
    pub fn outcome(&self) -> Outcome {
        match self {
            DeployError::Interrupted(_) | DeployError::LockLost(_) | DeployError::StoppedRecording => {
                Outcome::Resumable
            }
            DeployError::HistoryLock(LockError::Pooled) => Outcome::Refused,
            _ => Outcome::Failed,
        }
    }
}
