//! What a folder and a history table say together. All facts, also the ones that Prisma's `status` leaves out.

use super::{Row, RowState, recorded};
use crate::event::Holder;
use jiff::Timestamp;
use nonstop_core::migration::Migration;
use serde::Serialize;
use std::collections::BTreeMap;

/// Folder and history compared.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Diagnosis {
    /// Complete, in the order in which they were applied.
    pub applied: Vec<Applied>,
    /// In the folder and not recorded, in the folder's order: what `deploy` would run.
    pub pending: Vec<String>,
    /// Begun, not ended, and nobody is at it. Deploy stops at these.
    pub failed: Vec<Attempt>,
    /// Begun, not ended, and somebody holds the history lock.
    pub running: Option<Attempt>,
    /// Attempts that were declared void; they stop nothing.
    pub rolled_back: Vec<Attempt>,
    /// Applied, but not in the folder.
    pub unknown: Vec<String>,
    /// Applied, and the file in the folder is another one now.
    pub edited: Vec<String>,
    /// In the folder without its SQL file, and pending.
    pub without_file: Vec<String>,
    /// Pending, though a later one is applied.
    pub out_of_order: Vec<OutOfOrder>,
}

/// A complete migration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Applied {
    /// Its name.
    pub name: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it was complete.
    pub finished_at: Timestamp,
}

/// A row that is no success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attempt {
    /// The migration.
    pub name: String,
    /// When it began.
    pub started_at: Timestamp,
    /// The error; `None` where the process died before it could write one.
    pub logs: Option<String>,
    /// The row's id.
    pub id: String,
}

/// A migration that was added between others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OutOfOrder {
    /// The pending one.
    pub name: String,
    /// The last applied one, which the folder has after it.
    pub before: String,
}

/// Compares. The rows are oldest first, the migrations in the folder's order; the holder is of the history lock.
pub fn diagnose(rows: &[Row], migrations: &[Migration], holder: Option<&Holder>) -> Diagnosis {
    let mut diagnosis = Diagnosis::default();
    let folder: BTreeMap<&str, (usize, &Migration)> = migrations
        .iter()
        .enumerate()
        .map(|(at, migration)| (migration.name.as_str(), (at, migration)))
        .collect();
    let mut last_applied: Option<usize> = None;
    for row in rows {
        match (row.state(), row.finished_at) {
            (RowState::Applied, Some(finished_at)) => {
                diagnosis.applied.push(Applied {
                    name: row.name.clone(),
                    started_at: row.started_at,
                    finished_at,
                });
                match folder.get(row.name.as_str()) {
                    None => diagnosis.unknown.push(row.name.clone()),
                    Some((at, migration)) => {
                        last_applied = last_applied.max(Some(*at));
                        if !row.is_of(migration) {
                            diagnosis.edited.push(row.name.clone());
                        }
                    }
                }
            }
            (RowState::RolledBack, _) => diagnosis.rolled_back.push(attempt(row)),
            (RowState::Open | RowState::Applied, _) => diagnosis.failed.push(attempt(row)),
        }
    }
    if holder.is_some() {
        // Only the newest can be at work: nobody begins another while one is open.
        diagnosis.running = diagnosis.failed.pop();
    }
    let recorded = recorded(rows);
    for (at, migration) in migrations.iter().enumerate() {
        if recorded.contains(migration.name.as_str()) {
            continue;
        }
        diagnosis.pending.push(migration.name.clone());
        if migration.up.is_none() {
            diagnosis.without_file.push(migration.name.clone());
        }
        if let Some(last) = last_applied.filter(|last| at < *last) {
            diagnosis.out_of_order.push(OutOfOrder {
                name: migration.name.clone(),
                before: migrations[last].name.clone(),
            });
        }
    }
    diagnosis
}

fn attempt(row: &Row) -> Attempt {
    Attempt {
        name: row.name.clone(),
        started_at: row.started_at,
        logs: row.logs.clone().filter(|logs| !logs.is_empty()),
        id: row.id.clone(),
    }
}
