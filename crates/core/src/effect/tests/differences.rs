//! Rows in which the server's answer cannot be told from the statement, the catalog and the version, each with the reason.

use std::ops::RangeInclusive;

/// Row, majors, reason.
const DIFFERENCES: &[(&str, RangeInclusive<u32>, &str)] = &[];

/// Why a row differs on a major.
pub(super) fn reason(id: &str, major: u32) -> Option<&'static str> {
    let found = DIFFERENCES
        .iter()
        .find(|(row, majors, _)| *row == id && majors.contains(&major));
    found.map(|(_, _, reason)| *reason)
}
