//! What `nonstop check --effects --format json` says, read back from its document.

use super::measure::Locks;
use anyhow::{Context as _, Result};
use nonstop_core::lock::LockMode;
use nonstop_core::step::Work;
use serde_json::Value;
use std::collections::BTreeMap;

/// A document of `nonstop.check/1`.
#[derive(Debug, Default)]
pub struct Said {
    /// In the order in which they run.
    pub files: Vec<Told>,
}

/// What is said of a file.
#[derive(Debug)]
pub struct Told {
    /// Its path.
    pub path: String,
    /// Its statements by their number from 1.
    pub statements: BTreeMap<usize, StatementSaid>,
}

/// What is said of a statement.
#[derive(Debug, Default)]
pub struct StatementSaid {
    /// Modes of each relation that was there before the migration.
    pub locks: Locks,
    /// The heaviest work on each relation that is locked as existing.
    pub work: BTreeMap<String, Work>,
    /// The SQLSTATE foreseen.
    pub error: Option<String>,
    /// Findings of category `blocking`: the rule, and the work under a lock that the statement itself takes.
    pub blocking: Vec<(String, Work)>,
}

/// Reads a document.
pub fn read(document: &str) -> Result<Said> {
    let document: Value = serde_json::from_str(document)?;
    let mut said = Said::default();
    let effects = document["effects"].as_array().context("no effects: check --effects")?;
    for effect in effects {
        let path = text(effect, "file")?;
        if said.files.last().is_none_or(|told| told.path != path) {
            said.files.push(Told {
                path: path.to_owned(),
                statements: BTreeMap::new(),
            });
        }
        let told = said.files.last_mut().context("a file was pushed")?;
        told.statements.insert(ordinal(effect)?, statement(effect)?);
    }
    for finding in document["findings"].as_array().into_iter().flatten() {
        if finding["category"] != "blocking" {
            continue;
        }
        let path = text(finding, "file")?;
        let told = said.files.iter_mut().find(|told| told.path == path);
        let ordinal = ordinal(finding)?;
        if let Some(statement) = told.and_then(|told| told.statements.get_mut(&ordinal)) {
            let mut work = serde_json::from_value(finding["work"].clone())?;
            if !statement.holds(finding) {
                work = Work::None;
            }
            statement.blocking.push((text(finding, "rule")?.to_owned(), work));
        }
    }
    Ok(said)
}

impl StatementSaid {
    /// Whether the statement itself keeps writers out of what the finding is about. Otherwise an earlier one of its
    /// transaction does.
    fn holds(&self, finding: &Value) -> bool {
        let mut locks = finding["relations"].as_array().into_iter().flatten();
        locks.any(|lock| {
            let own = lock["name"].as_str().and_then(|name| self.locks.get(name));
            own.is_some_and(|own| own.iter().any(|mode| mode.blocks_writes()))
        })
    }
}

fn statement(effect: &Value) -> Result<StatementSaid> {
    let mut said = StatementSaid {
        error: effect["error"].as_str().map(str::to_owned),
        ..StatementSaid::default()
    };
    for lock in effect["locks"].as_array().into_iter().flatten() {
        if lock["existing"] == true {
            let mode: LockMode = serde_json::from_value(lock["mode"].clone())?;
            let modes = said.locks.entry(text(lock, "relation")?.to_owned()).or_default();
            modes.insert(mode);
        }
    }
    for work in effect["work"].as_array().into_iter().flatten() {
        let relation = text(work, "relation")?;
        let kind: Work = serde_json::from_value(work["kind"].clone())?;
        if said.locks.contains_key(relation) {
            let heaviest = said.work.entry(relation.to_owned()).or_insert(kind);
            *heaviest = (*heaviest).max(kind);
        }
    }
    Ok(said)
}

fn text<'a>(value: &'a Value, field: &str) -> Result<&'a str> {
    value[field]
        .as_str()
        .with_context(|| format!("no `{field}` in {value}"))
}

fn ordinal(value: &Value) -> Result<usize> {
    let number = value["statement"].as_u64().context("a statement without its number")?;
    Ok(usize::try_from(number)?)
}
