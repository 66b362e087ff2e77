//! Two databases compared, as the product does; and what only a test wants: a failure, and the rows too.

pub use crate::contents::{Contents, contents, contents_of_all, row_counts};
pub use nonstop_engine::compare::{
    COLUMN_ORDER, CompareError, Difference, EXISTS, Except, Snapshot, diff, snapshot, snapshot_except,
};

/// Fails with a readable list when two databases differ in more than physical facts.
#[track_caller]
pub fn assert_same(left: &Snapshot, right: &Snapshot, what: &str) {
    let differences: Vec<String> = diff(left, right)
        .iter()
        .filter(|difference| !difference.is_physical())
        .map(ToString::to_string)
        .collect();
    assert!(
        differences.is_empty(),
        "{what}: {} differences:\n{}",
        differences.len(),
        differences.join("\n")
    );
}
