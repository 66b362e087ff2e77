//! The table against the measured rows of `locks.jsonl`, exactly: every table with every mode, the locks on indexes where
//! the statement was measured inside a transaction, the work, the error.
//!
//! The catalog is replayed from each row's own set-up. A row may differ only where [`differences`] says why, and a reason
//! that is no longer needed fails as well.

mod differences;
mod measured;
mod said;

use measured::{Measured, Row};
use said::Said;
use std::collections::{BTreeMap, BTreeSet};

/// How the table and a row can differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    /// Another error, or one where there is none.
    Error,
    /// A lock is said that was not seen.
    Unseen,
    /// A lock was seen that is not said.
    Unsaid,
    /// Other work.
    Work,
}

/// Where the two do not say the same.
fn differences(row: &Row, said: &Said, measured: &Measured) -> Vec<(What, String)> {
    if said.error != measured.error {
        let text = format!("error {:?}, measured {:?}", said.error, measured.error);
        return vec![(What::Error, text)];
    }
    if measured.error.is_some() {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut compare = |said: &BTreeSet<String>, measured: &BTreeSet<String>| {
        found.extend(said.difference(measured).map(|lock| (What::Unseen, lock.clone())));
        found.extend(measured.difference(said).map(|lock| (What::Unsaid, lock.clone())));
    };
    let (tables, indexes) = measured.split(&said.indexes);
    compare(&said.locks, &tables);
    if row.in_transaction {
        compare(&said.index_locks, &indexes);
    }
    let (work, seen) = (said.work(), measured.work(&said.indexes));
    if work != seen {
        found.push((What::Work, format!("{work:?}, measured {seen:?}")));
    }
    found
}

#[test]
fn agrees_with_what_was_measured() {
    let Some(rows) = measured::rows() else {
        println!("left out: the measured rows are not there");
        return;
    };
    let mut totals: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let (mut misses, mut stale) = (Vec::new(), Vec::new());
    for row in &rows {
        for (major, measured) in &row.versions {
            let said = Said::of(row, *major);
            let found = differences(row, &said, measured);
            let explained = differences::reason(&row.id, *major);
            let total = totals.entry(&row.kind).or_default();
            total.0 += 1;
            if found.is_empty() {
                stale.extend(explained.map(|(_, reason)| format!("{} {major}: {reason}", row.id)));
            } else if !found
                .iter()
                .all(|(what, _)| explained.is_some_and(|(other, _)| other == *what))
            {
                total.1 += 1;
                misses.push(format!("{} {major}: {found:?}", row.id));
            }
        }
    }
    for (kind, (all, missed)) in &totals {
        println!("{kind}: {missed} of {all} differ");
    }
    assert!(misses.is_empty(), "table and server disagree:\n{}", misses.join("\n"));
    assert_eq!(
        stale,
        Vec::<String>::new(),
        "these agree now: take them out of the differences"
    );
}
