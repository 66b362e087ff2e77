//! Plans of the queries that matter, kept and compared.
//!
//! What decides is the plan's structure and the blocks that it reads: these are the server's. Times stand beside them, since they
//! are also the machine's and the moment's.

mod asked;
mod compare;
mod tree;

pub use asked::{Asked, AskedError, asked};
pub use compare::{Comparison, IndexFate, IndexUse, Pair, Verdict, compare};
pub use tree::{Node, tree};

use crate::catalog::{SnapshotError, read_document};
use crate::quote::SqlText;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The schema that is written, and the only one that is read.
const SCHEMA: &str = "nonstop.explain/1";

/// Plans of one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Saved {
    schema: String,
    /// When, as the server's clock has it, in UTC.
    pub at: String,
    /// The server's version.
    pub server_version: String,
    /// Since when the server counts the use of indexes; `None` since it was made.
    pub counted_since: Option<String>,
    /// The queries, in the order in which they were given.
    pub queries: Vec<Measured>,
    /// The indexes of the database and their use so far.
    pub indexes: Vec<Index>,
}

/// A query and what the server made of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Its name.
    pub name: String,
    /// The file that it comes from.
    pub file: String,
    /// Its text.
    pub sql: SqlText,
    /// Why it was planned and not run.
    pub not_run: Option<String>,
    /// It was run, and ended by the limit of time.
    #[serde(default)]
    pub timed_out: bool,
    /// What the server said instead of a plan.
    pub error: Option<String>,
    /// The document of `EXPLAIN (FORMAT JSON)`, as the server wrote it.
    pub plan: Option<Value>,
}

/// An index, its size, and how often it was used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// The schema of both.
    pub schema: String,
    /// The table.
    pub table: String,
    /// The index.
    pub index: String,
    /// Scans that the server has counted.
    pub scans: u64,
    /// Its size, as the server has last written it down.
    pub bytes: u64,
    /// `false` for one that is being built, or was never finished.
    pub valid: bool,
}

impl Saved {
    /// Plans of this moment.
    pub fn new(at: String, server_version: String, queries: Vec<Measured>) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            at,
            server_version,
            counted_since: None,
            queries,
            indexes: Vec::new(),
        }
    }

    /// Its text, which ends with a line end.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("plans are strings, numbers and lists of them");
        text.push('\n');
        text
    }

    /// Reads what [`to_json`](Self::to_json) wrote.
    ///
    /// # Errors
    /// Text that is something else.
    pub fn from_json(text: &str) -> Result<Self, SnapshotError> {
        read_document(text, SCHEMA)
    }

    /// The same queries, to be asked again.
    ///
    /// # Errors
    /// One that is no query: somebody has written into the file.
    pub fn asked_again(&self) -> Result<Vec<Asked>, AskedError> {
        self.queries.iter().map(Asked::again).collect()
    }
}

impl Measured {
    fn root(&self) -> Option<&Value> {
        self.plan.as_ref()?.get("Plan")
    }

    /// The plan's nodes, the first on top.
    pub fn nodes(&self) -> Vec<Node> {
        self.root().map(tree).unwrap_or_default()
    }

    /// How long it ran, in milliseconds; `None` where it was not run.
    pub fn execution_ms(&self) -> Option<f64> {
        self.plan.as_ref()?.get("Execution Time")?.as_f64()
    }

    /// Blocks of tables and indexes that it asked for, found in memory or not; `None` where it was not run.
    pub fn blocks(&self) -> Option<u64> {
        self.execution_ms()?;
        let count = |key| self.root()?.get(key)?.as_u64();
        Some(count("Shared Hit Blocks")? + count("Shared Read Blocks")?)
    }

    /// Of these, how many were not in the server's memory.
    pub fn blocks_read(&self) -> Option<u64> {
        self.execution_ms()?;
        self.root()?.get("Shared Read Blocks")?.as_u64()
    }

    /// Rows that came out; `None` where it was not run.
    pub fn rows(&self) -> Option<u64> {
        self.execution_ms()?;
        let rows = self.root()?.get("Actual Rows")?;
        // From 18 on an average of loops, with a fraction.
        rows.as_u64().or_else(|| rows.as_f64().map(whole))
    }

    /// The planner's estimate of its cost.
    pub fn cost(&self) -> Option<f64> {
        self.root()?.get("Total Cost")?.as_f64()
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count of rows, and `as` saturates"
)]
fn whole(rows: f64) -> u64 {
    rows.round() as u64
}

#[cfg(test)]
mod tests;
