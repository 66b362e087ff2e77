//! Plans of two moments side by side.

use super::{Index, Measured, Saved};
use crate::sql::normalised;
use std::collections::BTreeMap;

/// What became of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// The plan is the same.
    Same,
    /// It was not there before.
    New,
    /// It is not there any more.
    Gone,
    /// The plan is another one, and reads no more than before.
    Changed,
    /// The plan is another one, and reads more; or the query does not end in time any more.
    Worse,
    /// The server does not take the query any more.
    Failed,
}

/// A query before and after.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair<'a> {
    /// What became of it.
    pub verdict: Verdict,
    /// As it was.
    pub before: Option<&'a Measured>,
    /// As it is.
    pub after: Option<&'a Measured>,
}

/// What became of an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexFate {
    /// It was there and is.
    Kept,
    /// It was not there before.
    New,
    /// It is not there any more.
    Gone,
}

/// An index and its use between the two moments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexUse<'a> {
    /// What became of it.
    pub fate: IndexFate,
    /// As it is, or as it was where it is gone.
    pub index: &'a Index,
    /// Scans since then; of one that is gone, those before.
    pub scans: u64,
}

/// Two moments compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison<'a> {
    /// The queries, those of before first.
    pub queries: Vec<Pair<'a>>,
    /// The indexes, by table and name.
    pub indexes: Vec<IndexUse<'a>>,
}

impl Pair<'_> {
    /// Its name.
    pub fn name(&self) -> &str {
        self.after.or(self.before).map_or("", |measured| &measured.name)
    }
}

impl Comparison<'_> {
    /// The gravest of the verdicts.
    pub fn gravest(&self) -> Verdict {
        let verdicts = self.queries.iter().map(|pair| pair.verdict);
        verdicts.max().unwrap_or(Verdict::Same)
    }
}

/// Compares. A query whose text is another one is another query.
pub fn compare<'a>(before: &'a Saved, after: &'a Saved) -> Comparison<'a> {
    let is_same = |one: &Measured, other: &Measured| {
        one.name == other.name && normalised(one.sql.as_str()) == normalised(other.sql.as_str())
    };
    let mut queries: Vec<Pair<'_>> = before
        .queries
        .iter()
        .map(|was| {
            let is = after.queries.iter().find(|is| is_same(is, was));
            Pair {
                verdict: is.map_or(Verdict::Gone, |is| verdict(was, is)),
                before: Some(was),
                after: is,
            }
        })
        .collect();
    let new = after
        .queries
        .iter()
        .filter(|is| !before.queries.iter().any(|was| is_same(is, was)));
    queries.extend(new.map(|is| Pair {
        verdict: if is.error.is_some() {
            Verdict::Failed
        } else {
            Verdict::New
        },
        before: None,
        after: Some(is),
    }));
    Comparison {
        queries,
        indexes: indexes(before, after),
    }
}

fn verdict(before: &Measured, after: &Measured) -> Verdict {
    if after.error.is_some() {
        return if before.error.is_some() {
            Verdict::Same
        } else {
            Verdict::Failed
        };
    }
    if after.timed_out && !before.timed_out {
        return Verdict::Worse;
    }
    if before.nodes() == after.nodes() {
        return Verdict::Same;
    }
    if reads_more(before, after) {
        Verdict::Worse
    } else {
        Verdict::Changed
    }
}

/// More blocks where both were run, else a higher estimate; a tenth is within what another page or two make.
fn reads_more(before: &Measured, after: &Measured) -> bool {
    if let (Some(before), Some(after)) = (before.blocks(), after.blocks()) {
        return after > before + before / 10 + 10;
    }
    match (before.cost(), after.cost()) {
        (Some(before), Some(after)) => after > before * 1.1,
        _ => false,
    }
}

fn indexes<'a>(before: &'a Saved, after: &'a Saved) -> Vec<IndexUse<'a>> {
    let key = |index: &'a Index| (&index.schema, &index.table, &index.index);
    let mut all: BTreeMap<_, IndexUse<'a>> = before
        .indexes
        .iter()
        .map(|index| {
            let gone = IndexUse {
                fate: IndexFate::Gone,
                index,
                scans: index.scans,
            };
            (key(index), gone)
        })
        .collect();
    let counts_on = before.counted_since == after.counted_since;
    for index in &after.indexes {
        let was = all.get(&key(index)).map(|was| was.scans);
        // Whoever has reset the counters has counted from zero since.
        let scans = match was {
            Some(was) if counts_on => index.scans.saturating_sub(was),
            Some(_) | None => index.scans,
        };
        let fate = if was.is_some() { IndexFate::Kept } else { IndexFate::New };
        all.insert(key(index), IndexUse { fate, index, scans });
    }
    all.into_values().collect()
}
