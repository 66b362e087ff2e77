//! The atom of a plan.
//!
//! A step says everything that running it needs: SQL, locks, timeouts, how its completion is recognised after a crash,
//! and how it is undone. It is data: it can be printed, stored in the journal, and resumed by another process.

use crate::batch::Batch;
use crate::lock::LockMode;
use crate::quote::{Name, SqlText};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long a statement may wait for one lock; `lock_timeout` in PostgreSQL. Zero is never sent by accident: `None` is off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LockTimeout(pub Duration);

/// How long a statement may run in all; `statement_timeout` in PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StatementTimeout(pub Duration);

/// A lock that a step or a statement takes on a relation that others can see.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RelationLock {
    /// The relation.
    pub relation: Name,
    /// The mode.
    pub mode: LockMode,
}

/// What a statement does while it holds its locks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Work {
    /// Catalog only: instant.
    None,
    /// Reads every row.
    Scan,
    /// Builds an index.
    IndexBuild,
    /// Writes every row and every index anew.
    Rewrite,
}

/// What kind of step; the words of `cli.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepKind {
    /// Instant statements in one short transaction, locks taken together first.
    Ddl,
    /// `CREATE` / `DROP` / `REINDEX INDEX CONCURRENTLY`, alone, outside a transaction, no timeouts.
    Index,
    /// `VALIDATE CONSTRAINT`, alone; long but harmless.
    Validate,
    /// A batched change of rows.
    Backfill,
    /// A query that must return no rows.
    Check,
    /// Run as written: nobody knows, or the user allowed it.
    Opaque,
    /// Belongs to the contract phase.
    Contract,
}

impl StepKind {
    /// Its word in every output, `ddl`.
    pub const fn word(self) -> &'static str {
        match self {
            StepKind::Ddl => "ddl",
            StepKind::Index => "index",
            StepKind::Validate => "validate",
            StepKind::Backfill => "backfill",
            StepKind::Check => "check",
            StepKind::Opaque => "opaque",
            StepKind::Contract => "contract",
        }
    }
}

/// When a step runs, relative to the rollout of the new application version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// With `deploy`.
    Expand,
    /// With `contract`, when the old version is gone.
    Contract,
}

/// How it is seen that a step is complete; what a crash left behind is judged by this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Goal {
    /// The journal row that commits together with the step's transaction.
    Committed,
    /// A valid index of this name on this table. An INVALID one is dropped concurrently and built again.
    IndexValid {
        /// The table.
        table: Name,
        /// The index.
        index: Name,
    },
    /// No index of this name.
    IndexGone {
        /// The index.
        index: Name,
    },
    /// `REINDEX CONCURRENTLY` came to its end, and left no INVALID `…_ccnew` or `…_ccold` of what it builds anew. Repeating
    /// it is harmless.
    Reindexed {
        /// The table.
        table: Name,
        /// Its only index that is meant; `None` for all.
        index: Option<String>,
    },
    /// The constraint is there and validated.
    ConstraintValid {
        /// The table.
        table: Name,
        /// The constraint's name.
        constraint: String,
    },
    /// The query returned no row. Repeating it is harmless.
    NoRows(Violation),
    /// Repeating the step is harmless, so after a crash it is simply run again.
    Repeatable,
}

/// What it means when a check finds rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// One sentence, `duplicate values of (name, grade) in public.Class`.
    pub message: String,
    /// The SQLSTATE that the statement as written would have failed with, `23505`.
    pub sqlstate: String,
    /// A query for the user that finds all of them.
    pub find_all: SqlText,
}

/// How a finished step is taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Undo {
    /// It left nothing behind.
    Nothing,
    /// These, in this order.
    Steps(Vec<UndoStep>),
    /// It cannot be taken back; the reason is for the user.
    Impossible(String),
}

/// One statement of an undo.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndoStep {
    /// The SQL. It must be harmless when there is nothing left to undo (`IF EXISTS`).
    pub sql: SqlText,
    /// Inside a short transaction with its locks taken first, or alone (`DROP INDEX CONCURRENTLY`).
    pub transaction: bool,
    /// The locks it needs.
    pub locks: Vec<RelationLock>,
}

/// The atom of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// `1`, `2`, …: unique within its migration, and stable, because the journal names it.
    pub id: String,
    /// What kind.
    pub kind: StepKind,
    /// Expand or contract.
    pub phase: Phase,
    /// One transaction around `sql`, or each statement alone.
    pub transaction: bool,
    /// The statements.
    pub sql: Vec<SqlText>,
    /// For a change of rows in batches: how. `sql` is then the statement that it stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<Batch>,
    /// Locks on relations that were there before the migration, in the order in which they are taken: strongest first.
    /// For a transactional step they are taken before its first statement.
    pub locks: Vec<RelationLock>,
    /// The heaviest work done while holding those locks.
    pub work: Work,
    /// `None`: off, on purpose.
    pub lock_timeout: Option<LockTimeout>,
    /// `None`: off, on purpose.
    pub statement_timeout: Option<StatementTimeout>,
    /// Nobody knows how long it takes: it reads or changes any number of rows, runs what its text does not tell, or waits
    /// for other transactions to end.
    #[serde(default)]
    pub open_ended: bool,
    /// The user allowed it to keep the application out while it works: the watchdog only looks on.
    #[serde(default)]
    pub may_block: bool,
    /// How completion is recognised.
    pub goal: Goal,
    /// How it is taken back.
    pub undo: Undo,
    /// Which statements of the file it carries out, counted from 1.
    pub statements: Vec<usize>,
    /// Why this step is there, in a few words; empty where it is the statement as written.
    pub note: String,
    /// A guess of its duration from live sizes, in milliseconds; `None` without sizes.
    pub estimate_ms: Option<u64>,
}

impl Step {
    /// One statement alone, outside a transaction, that locks nothing and needs no way back; the rest is the caller's to say.
    pub fn alone(kind: StepKind, sql: SqlText, goal: Goal) -> Self {
        Self {
            id: String::new(),
            kind,
            phase: Phase::Expand,
            transaction: false,
            sql: vec![sql],
            batch: None,
            locks: Vec::new(),
            work: Work::None,
            lock_timeout: None,
            statement_timeout: None,
            open_ended: false,
            may_block: false,
            goal,
            undo: Undo::Nothing,
            statements: Vec::new(),
            note: String::new(),
            estimate_ms: None,
        }
    }
}
