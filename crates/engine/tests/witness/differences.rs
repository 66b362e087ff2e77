//! Rows in which a server's answer cannot be told from the statement and the catalog, each with the reason.

use std::ops::RangeInclusive;

/// Row, majors, reason.
const DIFFERENCES: &[(&str, RangeInclusive<u32>, &str)] = &[
    ("add-check-violated", 14..=18, ROWS),
    ("add-fk-violated", 14..=18, ROWS),
    ("add-unique-duplicates", 14..=18, ROWS),
    ("create-index-concurrently-unique-duplicates", 14..=18, ROWS),
    ("set-not-null-has-nulls", 14..=18, ROWS),
    ("update-where-key", 14..=18, PLAN),
];

const ROWS: &str = "whether it fails is decided by the rows, which no catalog holds";
const PLAN: &str =
    "a table of a page is read in whole although an index would find the row: the planner's choice by size";

/// Why a row differs on a major.
pub(super) fn reason(id: &str, major: u32) -> Option<&'static str> {
    let found = DIFFERENCES
        .iter()
        .find(|(row, majors, _)| *row == id && majors.contains(&major));
    found.map(|(_, _, reason)| *reason)
}
