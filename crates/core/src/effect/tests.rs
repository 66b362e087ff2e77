//! The table against the measured rows of `locks.jsonl`: the catalog is replayed from each row's own set-up.

use super::*;
use crate::replay;
use crate::source::SourceFile;
use crate::sql;
use std::collections::BTreeSet;

/// What nonstop says of a script, in the terms of `locks.jsonl`.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    locks: BTreeSet<(String, String)>,
    work: BTreeSet<String>,
    error: Option<String>,
}

fn say(setup: &str, script: &str, major: u32) -> Said {
    let mut catalog = Catalog::empty(ServerVersion::of_major(major));
    for statement in sql::parse(&SourceFile::new("setup", setup)).unwrap().statements {
        replay::apply(&mut catalog, &statement);
    }
    catalog.settle();
    let mut said = Said {
        locks: BTreeSet::new(),
        work: BTreeSet::new(),
        error: None,
    };
    let Ok(parsed) = sql::parse(&SourceFile::new("row", script)) else {
        said.error = Some("42601".to_owned());
        return said;
    };
    for statement in parsed.statements {
        let effect = effect(&statement, &catalog);
        let shared = effect.locks.iter().filter(|lock| lock.existing);
        said.locks
            .extend(shared.map(|lock| (lock.relation.name.clone(), lock.mode.to_string())));
        said.work
            .extend(effect.work.iter().map(|work| work.relation.name.clone()));
        said.error = said.error.or(effect.error.map(|error| error.sqlstate.to_owned()));
        replay::apply(&mut catalog, &statement);
    }
    said
}

/// The strongest mode per relation, which is what the plan goes by.
fn strongest(locks: &BTreeSet<(String, String)>) -> BTreeSet<(String, String)> {
    let mut best: std::collections::BTreeMap<String, LockMode> = std::collections::BTreeMap::new();
    for (relation, mode) in locks {
        let mode = LockMode::from_sql(mode).unwrap();
        let entry = best.entry(relation.clone()).or_insert(mode);
        *entry = (*entry).max(mode);
    }
    best.into_iter()
        .map(|(relation, mode)| (relation, mode.to_string()))
        .collect()
}

/// Says how many rows agree; the count may only grow.
#[test]
fn agrees_with_what_was_measured() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/facts/locks.jsonl");
    #[expect(clippy::disallowed_methods, reason = "the test reads the measured rows")]
    let Ok(rows) = std::fs::read_to_string(path) else {
        println!("left out: {path} is not there");
        return;
    };
    let (mut agree, mut all, mut misses) = (0, 0, Vec::new());
    for line in rows.lines().skip(1) {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| row[name].as_str().unwrap_or_default();
        for major in [14, 15, 16, 17, 18] {
            let Some(measured) = row["versions"].get(major.to_string()) else {
                continue;
            };
            let said = say(text("setup_sql"), text("sql"), major);
            let error = measured["error"]
                .as_object()
                .map(|e| e["sqlstate"].as_str().unwrap_or_default().to_owned())
                .or_else(|| measured["error"].as_str().map(str::to_owned));
            let tables: BTreeSet<(String, String)> = measured["locks"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|pair| {
                    (
                        pair[0].as_str().unwrap_or_default().to_owned(),
                        pair[1].as_str().unwrap_or_default().to_owned(),
                    )
                })
                .filter(|(name, _)| {
                    !name.starts_with('+') && !name.starts_with("toast") && !name.starts_with("pg_catalog.")
                })
                .collect();
            all += 1;
            let known = |name: &str| said.locks.iter().any(|(n, _)| n == name);
            // Indexes are left out by both sides: what we do not list must be an index.
            let measured_strong: BTreeSet<_> = strongest(&tables);
            let said_strong = strongest(&said.locks);
            let fine = if let Some(error) = &error {
                said.error.as_deref() == Some(error.as_str())
            } else {
                said.error.is_none()
                    && said_strong.iter().all(|entry| measured_strong.contains(entry))
                    && measured_strong
                        .iter()
                        .all(|(name, mode)| known(name) || is_index(text("setup_sql"), name) || mode == "ACCESS SHARE")
            };
            let ddl = [
                "create-index",
                "add-column",
                "alter-type",
                "alter-column",
                "add-constraint",
                "partition",
                "storage",
            ]
            .contains(&text("kind"));
            let touched: BTreeSet<String> = ["scans", "rewrites"]
                .iter()
                .flat_map(|key| measured[*key].as_array().into_iter().flatten())
                .filter_map(|name| name.as_str().map(str::to_owned))
                .filter(|name| {
                    !name.starts_with("toast") && !name.starts_with('+') && !is_index(text("setup_sql"), name)
                })
                .collect();
            if ddl && error.is_none() && said.error.is_none() && touched != said.work {
                misses.push(format!(
                    "{} {major}: WORK said {:?}; measured {touched:?}",
                    text("id"),
                    said.work
                ));
            }
            if fine {
                agree += 1;
            } else {
                misses.push(format!(
                    "{} {major}: said {:?} {:?}; measured {measured_strong:?} {error:?}",
                    text("id"),
                    said_strong,
                    said.error
                ));
            }
        }
    }
    println!("{agree} of {all} rows agree");
    for miss in &misses {
        println!("{miss}");
    }
    assert!(agree >= 2387, "{agree} of {all} rows agree; it were 2387 before");
}

fn is_index(setup: &str, name: &str) -> bool {
    name.ends_with("_pkey")
        || name.ends_with("_idx")
        || name.ends_with("_key")
        || setup.contains(&format!("index {name} "))
        || setup.contains(&format!("constraint {name} "))
}
