//! Statements to be witnessed: the list that stands beside this test, and the measured rows where they are there.

use serde_json::Value;
use std::collections::BTreeMap;

/// Statements that run after one set-up, each by itself.
pub(super) struct Scene {
    pub(super) setup: String,
    pub(super) rows: Vec<Row>,
}

/// One of them.
pub(super) struct Row {
    pub(super) id: String,
    pub(super) sql: String,
    pub(super) in_transaction: bool,
}

const OWN: [(&str, &str); 6] = [
    ("tables", include_str!("rows/tables.sql")),
    ("columns", include_str!("rows/columns.sql")),
    ("indexes", include_str!("rows/indexes.sql")),
    ("partitions", include_str!("rows/partitions.sql")),
    ("rows", include_str!("rows/rows.sql")),
    ("odd", include_str!("rows/odd.sql")),
];

/// Divides the set-up from the rows, which empty lines divide from each other.
const EACH: &str = "-- each of these by itself\n";

/// All scenes.
pub(super) fn scenes() -> Vec<Scene> {
    let mut scenes: Vec<Scene> = OWN.iter().map(|(name, text)| own(name, text)).collect();
    scenes.extend(measured());
    scenes
}

fn own(name: &str, text: &str) -> Scene {
    let (setup, rows) = text.split_once(EACH).expect("a line divides set-up and rows");
    let rows = rows.split("\n\n").map(str::trim).filter(|sql| !sql.is_empty());
    let row = |(at, sql): (usize, &str)| Row {
        id: format!("{name}-{}", at + 1),
        sql: sql.to_owned(),
        in_transaction: !sql.starts_with("-- alone"),
    };
    Scene {
        setup: setup.to_owned(),
        rows: rows.enumerate().map(row).collect(),
    }
}

/// The rows that were measured once, with the same set-up together.
fn measured() -> Vec<Scene> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/facts/locks.jsonl");
    let Ok(text) = std::fs::read_to_string(path) else {
        return Vec::new();
    };
    let mut by_setup: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    for line in text.lines().skip(1) {
        let row: Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        // Enough rows to see a lock that is waited for; those were made to be sampled.
        let setup = text("setup_sql").replace("200000", "2000");
        by_setup.entry(setup).or_default().push(Row {
            id: text("id"),
            sql: text("sql"),
            in_transaction: row["in_transaction"].as_bool().unwrap(),
        });
    }
    let scenes = by_setup.into_iter().map(|(setup, rows)| Scene { setup, rows });
    scenes.collect()
}
