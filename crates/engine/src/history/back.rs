//! The row of an applied migration while it is taken back, and after.
//!
//! While it is between its two ends the row is open, as that of a migration that failed: Prisma's own deploy stops there.
//! Afterwards it is gone. Marked as `migrate resolve --rolled-back` does, Prisma's deploy would run it again and its status
//! say that there is nothing to run: that counts a row of the name, whatever it says. What it said stays in our journal.

use super::{Entry, History, Row, time, without_nul};
use jiff::Timestamp;
use nonstop_core::quote::{Literal, SqlText};
use nonstop_core::sql;
use serde::{Deserialize, Serialize};

/// What the row of an applied migration says before it is taken back; kept in the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The row's id.
    pub id: String,
    /// The migration.
    pub name: String,
    /// When it was complete.
    pub finished_at: Timestamp,
    /// Its logs.
    pub logs: Option<String>,
    /// 1 after success.
    pub applied_steps_count: i32,
}

impl Standing {
    /// What this row says; `None` where it is not applied.
    pub fn of(row: &Row) -> Option<Self> {
        Some(Self {
            id: row.id.clone(),
            name: row.name.clone(),
            finished_at: row.finished_at.filter(|_| row.rolled_back_at.is_none())?,
            logs: row.logs.clone(),
            applied_steps_count: row.applied_steps_count,
        })
    }
}

impl History {
    /// A migration, or its way back, begins in several steps.
    pub fn begin(&self, entry: &Entry, back: Option<&Standing>) -> SqlText {
        match back {
            None => self.start(entry),
            Some(row) => sql!(
                "UPDATE {} SET finished_at = NULL, logs = {} WHERE id = {}",
                self.table,
                Literal("nonstop rollback has begun to take it back"),
                Literal(&row.id)
            ),
        }
    }

    /// What was begun is complete.
    pub fn end(&self, id: &str, back: Option<&Standing>) -> SqlText {
        match back {
            None => self.finish(id),
            Some(row) => self.gone_back(row),
        }
    }

    /// A migration, or its way back, as one transaction, in which this stands.
    pub fn at_once(&self, entry: &Entry, back: Option<&Standing>) -> SqlText {
        match back {
            None => self.complete(entry),
            Some(row) => self.gone_back(row),
        }
    }

    /// What was begun stopped between its two ends.
    pub fn stop(&self, id: &str, back: Option<&Standing>, logs: &str) -> SqlText {
        self.fail(back.map_or(id, |row| row.id.as_str()), logs)
    }

    /// All of what was begun was taken back: a failed attempt, or a migration that stands as it stood.
    pub fn as_before(&self, id: &str, back: Option<&Standing>, logs: &str) -> SqlText {
        let Some(row) = back else {
            return self.fail_unwound(id, logs);
        };
        let logs = match &row.logs {
            Some(logs) => sql!("{}", Literal(&without_nul(logs))),
            None => sql!("NULL"),
        };
        sql!(
            "UPDATE {} SET finished_at = {}, rolled_back_at = NULL, logs = {}, applied_steps_count = {} WHERE id = {}",
            self.table,
            time(row.finished_at),
            logs,
            SqlText::verbatim(row.applied_steps_count.to_string()),
            Literal(&row.id)
        )
    }

    /// Another complete row of the same name would still say that it is applied.
    fn gone_back(&self, row: &Standing) -> SqlText {
        sql!(
            "DELETE FROM {} WHERE id = {} OR (migration_name = {} AND finished_at IS NOT NULL AND rolled_back_at IS NULL)",
            self.table,
            Literal(&row.id),
            Literal(&row.name)
        )
    }
}
