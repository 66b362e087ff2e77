//! Publications, and how a published table names its old rows.

use crate::quote::Name;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A publication.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publication {
    /// `FOR ALL TABLES`.
    pub all_tables: bool,
    /// `FOR TABLES IN SCHEMA`.
    pub schemas: BTreeSet<String>,
    /// The tables named; a partitioned one stands for its partitions.
    pub tables: BTreeSet<Name>,
    /// Whether an UPDATE is published.
    pub updates: bool,
    /// Whether a DELETE is published.
    pub deletes: bool,
}

/// `REPLICA IDENTITY`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReplicaIdentity {
    /// The primary key.
    #[default]
    Default,
    /// The whole row.
    Full,
    /// Nothing.
    Nothing,
    /// A unique index.
    Index(String),
}

impl Publication {
    /// Whether a table is published by it, partitions of published tables left out.
    pub fn holds(&self, table: &Name) -> bool {
        self.all_tables || self.schemas.contains(&table.schema) || self.tables.contains(table)
    }
}
