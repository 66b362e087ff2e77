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

/// What the two say, where they do not say the same.
fn difference(row: &Row, major: u32, said: &Said, measured: &Measured) -> Option<String> {
    if said.error != measured.error {
        return Some(format!("error {:?}, measured {:?}", said.error, measured.error));
    }
    if measured.error.is_some() {
        return None;
    }
    let mut found = Vec::new();
    let mut compare = |what: &str, said: BTreeSet<String>, measured: BTreeSet<String>| {
        let too_much: Vec<_> = said.difference(&measured).collect();
        let missing: Vec<_> = measured.difference(&said).collect();
        if !too_much.is_empty() || !missing.is_empty() {
            found.push(format!("{what} too much {too_much:?} missing {missing:?}"));
        }
    };
    let (tables, indexes) = measured.split(&said.indexes);
    compare("locks", said.locks.clone(), tables);
    if row.in_transaction {
        compare("indexes", said.index_locks.clone(), indexes);
    }
    compare("work", said.work(), measured.work(&said.indexes));
    if found.is_empty() {
        return None;
    }
    Some(format!("{major}: {}", found.join("; ")))
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
            let differs = difference(row, *major, &said, measured);
            let reason = differences::reason(&row.id, *major);
            let total = totals.entry(&row.kind).or_default();
            total.0 += 1;
            match (differs, reason) {
                (None, None) | (Some(_), Some(_)) => {}
                (None, Some(_)) => stale.push(format!("{} {major}", row.id)),
                (Some(differs), None) => {
                    total.1 += 1;
                    misses.push(format!("{} {major} {differs}", row.id));
                }
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
