//! Said against measured: shares, and each miss with its place.

use super::measure::{Locks, Measured};
use super::said::StatementSaid;
use nonstop_core::lock::LockMode;
use nonstop_core::sql::{Action, ActionKind, Kind, Statement};
use nonstop_core::step::Work;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// How much of what was measured was said.
#[derive(Debug, Default)]
pub struct Score {
    /// Statements judged.
    pub statements: usize,
    /// Statements of which nothing can be learned here: the server lacks an extension, say.
    pub left_out: usize,
    /// Statements that keep writes out of a table that was there before the migration, while they work on it; as the
    /// findings of category `blocking` with work tell it, or that of a required column.
    pub blocking: Share,
    /// The same, as the effects tell it.
    pub effects: Share,
    /// Findings of category `blocking` without work: brief locks, and work under a lock of an earlier statement.
    pub without_work: BTreeMap<String, usize>,
    /// Statements whose locks on tables, views and sequences were said to the mode.
    pub same_locks: usize,
    /// Statements whose locks on indexes were said to the mode.
    pub same_index_locks: usize,
    /// Statements whose work was said to the kind.
    pub same_work: usize,
    /// Statements whose SQLSTATE, or success, was said.
    pub same_error: usize,
    /// Statements of which all four were said.
    pub same: usize,
    /// What differs, in the order of the history.
    pub misses: Vec<Miss>,
}

/// A count of true and false positives.
#[derive(Debug, Default, Clone, Copy)]
pub struct Share {
    /// Measured and said.
    pub found: usize,
    /// Measured, not said.
    pub missed: usize,
    /// Said, not measured.
    pub false_alarms: usize,
}

impl Share {
    /// How much of what was measured was said; of nothing all.
    pub fn recall(&self) -> f64 {
        ratio(self.found, self.found + self.missed)
    }

    /// How much of what was said was measured; of nothing all.
    pub fn precision(&self) -> f64 {
        ratio(self.found, self.found + self.false_alarms)
    }

    fn count(&mut self, said: bool, measured: bool) {
        match (said, measured) {
            (true, true) => self.found += 1,
            (false, true) => self.missed += 1,
            (true, false) => self.false_alarms += 1,
            (false, false) => {}
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "thousands of statements")]
fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}

/// A statement of which something else was measured than said.
#[derive(Debug)]
pub struct Miss {
    /// The file.
    pub path: String,
    /// Where the statement begins.
    pub line: usize,
    /// What differs: `BLOCKING` first.
    pub what: Vec<&'static str>,
    /// What was said.
    pub said: String,
    /// What was measured.
    pub measured: String,
    /// The statement's first words.
    pub words: String,
}

impl fmt::Display for Miss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}:{}: {}: {}",
            self.path,
            self.line,
            self.what.join(", "),
            self.words
        )?;
        writeln!(f, "    said     {}", self.said)?;
        write!(f, "    measured {}", self.measured)
    }
}

impl Score {
    /// Compares one statement.
    pub(super) fn add(
        &mut self,
        path: &str,
        line: usize,
        statement: &Statement,
        said: Option<&StatementSaid>,
        measured: &Measured,
        indexes: &BTreeSet<String>,
    ) {
        let nothing = StatementSaid::default();
        let said = said.unwrap_or(&nothing);
        self.statements += 1;
        if measured.left_out {
            self.left_out += 1;
            return;
        }
        // TRUNCATE gives the table a new file and touches no row.
        let is_instant = matches!(statement.kind, Kind::Truncate { .. });
        let found = said.blocking.iter().any(|(_, work)| *work != Work::None);
        // Whether a block reads a table before it locks it, or after, is not seen.
        let mut blocked = measured.blocked().map(|name| measured.work[name]);
        let counts_scans = found || !matches!(statement.kind, Kind::Do { .. });
        let blocks = !is_instant && blocked.any(|work| counts_scans || work != Work::Scan);
        let heavy = |name: &&String| !measured.sequences.contains(*name);
        let claimed = said
            .work
            .keys()
            .filter(heavy)
            .any(|name| measured.stops(&said.locks, name));
        self.blocking.count(found, blocks);
        self.effects.count(claimed && !is_instant, blocks);
        for (rule, _) in said.blocking.iter().filter(|(_, work)| *work == Work::None) {
            *self.without_work.entry(rule.clone()).or_default() += 1;
        }
        let fails = said.error.is_some() || measured.error.is_some();
        let (said_indexes, said_locks): (Locks, Locks) = said
            .locks
            .clone()
            .into_iter()
            .partition(|(name, _)| indexes.contains(name));
        let rows = touches_rows(&statement.kind);
        let locks = fails || same(said_locks, &measured.locks, rows);
        let index_locks = fails || same(said_indexes.clone(), &measured.index_locks, rows) || {
            let is_said = |(name, modes): (&String, &BTreeSet<LockMode>)| {
                said_indexes.get(name).is_some_and(|said| said.is_superset(modes))
            };
            measured.sampled && measured.index_locks.iter().all(is_said)
        };
        let work = fails || is_instant || same_work(&said.work, measured, rows);
        let error = said.error == measured.error;
        self.same_locks += usize::from(locks);
        self.same_index_locks += usize::from(index_locks);
        self.same_work += usize::from(work);
        self.same_error += usize::from(error);
        self.same += usize::from(locks && index_locks && work && error);
        let what: Vec<&'static str> = [
            (
                found != blocks,
                if blocks { "BLOCKING missed" } else { "BLOCKING false" },
            ),
            (!locks, "locks"),
            (!index_locks, "index locks"),
            (!work, "work"),
            (!error, "error"),
        ]
        .into_iter()
        .filter_map(|(differs, what)| differs.then_some(what))
        .collect();
        if what.is_empty() {
            return;
        }
        let mut all_locks = measured.locks.clone();
        all_locks.extend(measured.index_locks.clone());
        let rules: Vec<&str> = said.blocking.iter().map(|(rule, _)| rule.as_str()).collect();
        let mut told = shown(&said.locks, &said.work, said.error.as_deref());
        if !rules.is_empty() {
            told = format!("{told} [{}]", rules.join(", "));
        }
        self.misses.push(Miss {
            path: path.to_owned(),
            line,
            what,
            said: told,
            measured: shown(&all_locks, &measured.work, measured.error.as_deref()),
            words: words(statement.sql.as_str()),
        });
    }
}

/// Statements whose locks depend on the rows that they meet: foreign keys of those are checked, triggers fire for them.
fn touches_rows(kind: &Kind) -> bool {
    match kind {
        Kind::Dml(_) | Kind::Do { .. } | Kind::Copy { .. } | Kind::Select(_) | Kind::CreateTableAs(_) => true,
        Kind::AlterTable(alter) => {
            let adds = |action: &Action| {
                matches!(
                    action.kind,
                    ActionKind::AddConstraint(_) | ActionKind::AddColumn { .. } | ActionKind::AlterType { .. }
                )
            };
            alter.actions.iter().any(adds)
        }
        _ => false,
    }
}

/// Where rows matter, more of the weak modes may be said than empty tables show.
fn same(mut said: Locks, measured: &Locks, rows: bool) -> bool {
    if rows {
        for (name, modes) in &mut said {
            let shown = measured.get(name);
            modes.retain(|mode| *mode > LockMode::RowExclusive || shown.is_some_and(|shown| shown.contains(mode)));
        }
        said.retain(|_, modes| !modes.is_empty());
    }
    said == *measured
}

/// Work on relations that are held against DDL at least: whether a query scans a table or an index of it is the
/// planner's affair. The check of a foreign key stops before it reads the other table when its own is empty.
fn same_work(said: &BTreeMap<String, Work>, measured: &Measured, rows: bool) -> bool {
    let strong = |name: &str| {
        let modes: Option<&BTreeSet<LockMode>> = measured.locks.get(name);
        modes.is_none_or(|modes| modes.iter().any(|mode| *mode >= LockMode::ShareUpdateExclusive))
    };
    let unseen = |name: &str, work: Work| rows && work == Work::Scan && !measured.work.contains_key(name);
    let heavy = |name: &str| !measured.sequences.contains(name);
    let said = said
        .iter()
        .filter(|(name, work)| heavy(name) && strong(name) && !unseen(name, **work));
    said.eq(measured.work.iter().filter(|(name, _)| strong(name)))
}

fn shown(locks: &Locks, work: &BTreeMap<String, Work>, error: Option<&str>) -> String {
    let mut parts: Vec<String> = locks
        .iter()
        .map(|(name, modes)| {
            let modes: Vec<String> = modes.iter().map(ToString::to_string).collect();
            format!("{name} {}", modes.join(" + "))
        })
        .collect();
    parts.extend(work.iter().map(|(name, work)| format!("{work:?} of {name}")));
    parts.extend(error.map(|code| format!("error {code}")));
    if parts.is_empty() {
        "nothing".to_owned()
    } else {
        parts.join("; ")
    }
}

fn words(text: &str) -> String {
    let flat: Vec<&str> = text.split_whitespace().collect();
    flat.join(" ").chars().take(100).collect()
}
