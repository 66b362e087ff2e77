//! Rows in which the server's answer cannot be told from the statement, the catalog and the version, each with the reason.

use std::ops::RangeInclusive;

/// Row, majors, reason.
const DIFFERENCES: &[(&str, RangeInclusive<u32>, &str)] = &[
    ("add-check-violated", 12..=18, ROWS),
    ("add-fk-violated", 12..=18, ROWS),
    ("add-unique-duplicates", 12..=18, ROWS),
    ("create-index-concurrently-unique-duplicates", 12..=18, ROWS),
    ("set-not-null-has-nulls", 12..=18, ROWS),
    // The set-up writes to pg_index.
    ("add-unique-using-index-invalid", 12..=18, SYSTEM),
    // The locks of these are held for less than a sample: the rows of other majors, or of other partitions, show them.
    ("reindex-table-partitioned", 13..=13, SAMPLED),
    ("reindex-table-partitioned", 18..=18, SAMPLED),
    ("reindex-index-partitioned", 14..=14, SAMPLED),
    ("reindex-index-partitioned", 16..=18, SAMPLED),
    ("reindex-table-concurrently-partitioned", 12..=17, SAMPLED),
    ("cluster-partitioned", 15..=18, SAMPLED),
    ("detach-partition-concurrently", 17..=17, SAMPLED),
    ("update-where-key", 12..=17, PLAN),
];

const ROWS: &str = "whether it fails is decided by the rows, which no catalog holds";
const PLAN: &str =
    "a table of a page is read in whole although an index would find the row: the planner's choice by size";
const SYSTEM: &str = "an UPDATE of the server's own catalog is not followed";
const SAMPLED: &str = "the lock is let go at once, and sampling has missed it";

/// Why a row differs on a major.
pub(super) fn reason(id: &str, major: u32) -> Option<&'static str> {
    let found = DIFFERENCES
        .iter()
        .find(|(row, majors, _)| *row == id && majors.contains(&major));
    found.map(|(_, _, reason)| *reason)
}
