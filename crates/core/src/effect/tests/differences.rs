//! Rows in which the server's answer cannot be told from the statement, the catalog and the version, each with the reason.

use super::What::{self, Error, Unseen, Work};
use std::ops::RangeInclusive;

/// Row, majors, how it differs, reason.
const DIFFERENCES: &[(&str, RangeInclusive<u32>, What, &str)] = &[
    ("add-check-violated", 12..=18, Error, ROWS),
    ("add-fk-violated", 12..=18, Error, ROWS),
    ("add-unique-duplicates", 12..=18, Error, ROWS),
    ("create-index-concurrently-unique-duplicates", 12..=18, Error, ROWS),
    ("set-not-null-has-nulls", 12..=18, Error, ROWS),
    // The set-up writes to pg_index.
    ("add-unique-using-index-invalid", 12..=18, Error, SYSTEM),
    // The locks of these are held for less than a sample: the rows of other majors, or of other partitions, show them.
    ("reindex-table-partitioned", 13..=13, Unseen, SAMPLED),
    ("reindex-table-partitioned", 18..=18, Unseen, SAMPLED),
    ("reindex-index-partitioned", 14..=14, Unseen, SAMPLED),
    ("reindex-index-partitioned", 16..=18, Unseen, SAMPLED),
    ("reindex-table-concurrently-partitioned", 12..=17, Unseen, SAMPLED),
    ("cluster-partitioned", 15..=18, Unseen, SAMPLED),
    ("detach-partition-concurrently", 17..=17, Unseen, SAMPLED),
    ("update-where-key", 12..=17, Work, PLAN),
];

const ROWS: &str = "whether it fails is decided by the rows, which no catalog holds";
const PLAN: &str =
    "a table of a page is read in whole although an index would find the row: the planner's choice by size";
const SYSTEM: &str = "an UPDATE of the server's own catalog is not followed";
const SAMPLED: &str = "the lock is let go at once, and sampling has missed it";

/// How a row may differ on a major, and why.
pub(super) fn reason(id: &str, major: u32) -> Option<(What, &'static str)> {
    let mut found = DIFFERENCES.iter();
    let found = found.find(|(row, majors, ..)| *row == id && majors.contains(&major));
    found.map(|(_, _, what, reason)| (*what, *reason))
}
