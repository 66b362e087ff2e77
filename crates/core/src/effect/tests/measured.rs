//! The rows of `locks.jsonl`; its first line explains the fields.

use crate::lock::LockMode;
use crate::step::Work;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A statement, and what it was seen to do.
pub(super) struct Row {
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) setup: String,
    pub(super) sql: String,
    pub(super) in_transaction: bool,
    pub(super) versions: Vec<(u32, Measured)>,
}

/// What one major did.
pub(super) struct Measured {
    /// `relation: MODE`, indexes among them.
    locks: BTreeMap<String, BTreeSet<String>>,
    work: BTreeMap<String, Work>,
    pub(super) error: Option<String>,
}

/// All rows, or nothing where the file is not there.
pub(super) fn rows() -> Option<Vec<Row>> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/facts/locks.jsonl");
    #[expect(clippy::disallowed_methods, reason = "the test reads the measured rows")]
    let text = std::fs::read_to_string(path).ok()?;
    Some(
        text.lines()
            .skip(1)
            .map(|line| row(&serde_json::from_str(line).unwrap()))
            .collect(),
    )
}

fn row(value: &Value) -> Row {
    let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
    let versions = value["versions"].as_object().unwrap();
    let mut versions: Vec<_> = versions
        .iter()
        .map(|(major, measured)| (major.parse().unwrap(), Measured::read(measured)))
        .collect();
    versions.sort_by_key(|(major, _)| *major);
    Row {
        id: text("id"),
        kind: text("kind"),
        setup: text("setup_sql"),
        sql: text("sql"),
        in_transaction: value["in_transaction"].as_bool().unwrap(),
        versions,
    }
}

impl Measured {
    fn read(value: &Value) -> Self {
        let mut locks: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for pair in value["locks"].as_array().unwrap() {
            let (name, mode) = (pair[0].as_str().unwrap(), pair[1].as_str().unwrap());
            if is_shown(name) {
                let mode = LockMode::from_sql(mode).unwrap();
                locks.entry(name.to_owned()).or_default().insert(mode.to_string());
            }
        }
        let mut work = BTreeMap::new();
        let mut note = |name: &str, kind: Work| {
            let entry = work.entry(name.to_owned()).or_insert(kind);
            *entry = kind.max(*entry);
        };
        let names = |key: &str| value[key].as_array().into_iter().flatten().filter_map(Value::as_str);
        names("scans")
            .filter(|name| is_shown(name))
            .for_each(|name| note(name, Work::Scan));
        names("rewrites")
            .filter(|name| is_shown(name))
            .for_each(|name| note(name, Work::Rewrite));
        for line in names("debug") {
            // An index build says its table: building index "i" on table "t".
            let table = line
                .strip_prefix("building index")
                .and_then(|rest| rest.split('"').nth(3));
            if let Some(table) = table.filter(|table| names("scans").any(|scanned| scanned == *table)) {
                note(table, Work::IndexBuild);
            }
        }
        Self {
            locks,
            work,
            error: value["error"].as_str().map(str::to_owned),
        }
    }

    /// The locks on tables, and those on indexes.
    pub(super) fn split(&self, indexes: &BTreeSet<String>) -> (BTreeSet<String>, BTreeSet<String>) {
        let all = self
            .locks
            .iter()
            .flat_map(|(name, modes)| modes.iter().map(move |mode| (name, mode)));
        let (of_indexes, of_tables): (Vec<_>, Vec<_>) = all.partition(|(name, _)| indexes.contains(*name));
        let join =
            |pairs: Vec<(&String, &String)>| pairs.iter().map(|(name, mode)| format!("{name}: {mode}")).collect();
        (join(of_tables), join(of_indexes))
    }

    /// The work per relation.
    pub(super) fn work(&self, indexes: &BTreeSet<String>) -> BTreeSet<String> {
        let tables = self.work.iter().filter(|(name, _)| !indexes.contains(*name));
        tables.map(|(name, work)| format!("{name}: {work:?}")).collect()
    }
}

/// What the statement made itself, TOAST and system catalogs are left out by nonstop.
fn is_shown(name: &str) -> bool {
    !name.starts_with('+') && !name.starts_with("toast") && !name.starts_with("pg_catalog.")
}
