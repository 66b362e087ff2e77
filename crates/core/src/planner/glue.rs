//! Copy-then-drop: statements that must share one transaction with the locks of all taken first.
//!
//! `INSERT INTO new SELECT … FROM old; DROP TABLE old` (or `CREATE TABLE new AS …`) and `UPDATE t SET new = old; ALTER TABLE t DROP COLUMN old` lose
//! what is written between the two when they are apart.

use crate::catalog::{Catalog, Expression, Relation};
use crate::quote::Name;
use crate::replay;
use crate::rewrite::Scene;
use crate::settings::PlanSettings;
use crate::sql::{ActionKind, DmlVerb, Kind, NameRef, ObjectKind, Script, Statement};
use std::collections::BTreeSet;

/// Ordinals of the statements from each copy to its drop, where the table is large and in use.
pub(crate) fn copies_before_drops(script: &Script, catalog: &Catalog, settings: &PlanSettings) -> BTreeSet<usize> {
    let pairs = pairs(script, catalog, settings);
    pairs.into_iter().flat_map(|(copy, drop)| copy..=drop).collect()
}

/// Each copy with its drop.
pub(crate) fn pairs(script: &Script, catalog: &Catalog, settings: &PlanSettings) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    let copies: Vec<Copy<'_>> = script.statements.iter().filter_map(Copy::of).collect();
    let Some(first) = copies.first().map(|first| first.ordinal) else {
        return pairs;
    };
    let drops = |statement: &Statement| statement.ordinal > first && drops_something(&statement.kind);
    if !script.statements.iter().any(drops) {
        return pairs;
    }
    // What the migration itself makes is not in use.
    let mut replayed = catalog.clone();
    for statement in &script.statements {
        let scene = Scene {
            catalog: &replayed,
            settings,
            as_written: false,
        };
        let before = |copy: &&Copy<'_>| copy.ordinal < statement.ordinal && drops(statement);
        for copy in copies.iter().filter(before) {
            if drops_source(statement, copy, &scene) {
                pairs.push((copy.ordinal, statement.ordinal));
            }
        }
        replay::apply(&mut replayed, statement);
    }
    pairs
}

/// A table that a statement reads, and a later one of the same file changes: what is written between the two would be
/// neither copied nor kept.
pub(super) fn changed_later(script: &Script, statement: &Statement, catalog: &Catalog) -> Option<Name> {
    let Kind::Dml(dml) = &statement.kind else { return None };
    let sources: BTreeSet<Name> = dml
        .query
        .reads
        .iter()
        .filter_map(|read| catalog.resolve(read))
        .collect();
    let later = script
        .statements
        .iter()
        .filter(|other| other.ordinal > statement.ordinal);
    let mut changed = later.flat_map(|other| match &other.kind {
        Kind::Dml(dml) if dml.verb != DmlVerb::Insert => std::slice::from_ref(&dml.target),
        Kind::Truncate { tables, .. } => tables.as_slice(),
        Kind::Drop(drop) if drop.object == ObjectKind::Table => drop.names.as_slice(),
        _ => &[],
    });
    let in_use = |name: &Name| catalog.relation(name).is_some_and(Relation::is_shared);
    changed.find_map(|name| {
        catalog
            .resolve(name)
            .filter(|name| sources.contains(name) && in_use(name))
    })
}

/// A statement that writes rows which it reads elsewhere, or columns from others.
struct Copy<'a> {
    ordinal: usize,
    target: &'a NameRef,
    reads: &'a [NameRef],
    sets: &'a [(String, Expression)],
}

impl<'a> Copy<'a> {
    fn of(statement: &'a Statement) -> Option<Self> {
        let ordinal = statement.ordinal;
        let copy = match &statement.kind {
            Kind::Dml(dml) => Self {
                ordinal,
                target: &dml.target,
                reads: &dml.query.reads,
                sets: &dml.sets,
            },
            Kind::CreateTableAs(create) if create.with_data => Self {
                ordinal,
                target: &create.name,
                reads: &create.query.reads,
                sets: &[],
            },
            _ => return None,
        };
        // Nothing that is dropped later can have been the source of another.
        (!copy.reads.is_empty() || !copy.sets.is_empty()).then_some(copy)
    }
}

fn drops_something(kind: &Kind) -> bool {
    match kind {
        Kind::Drop(drop) => drop.object == ObjectKind::Table,
        Kind::AlterTable(alter) => {
            let mut actions = alter.actions.iter();
            actions.any(|action| matches!(action.kind, ActionKind::DropColumn { .. }))
        }
        _ => false,
    }
}

fn drops_source(statement: &Statement, copy: &Copy<'_>, scene: &Scene<'_>) -> bool {
    let large = |name: &NameRef| scene.catalog.resolve(name).is_some_and(|name| scene.any_large(&name));
    let same = |a: &NameRef, b: &NameRef| scene.catalog.resolve(a) == scene.catalog.resolve(b);
    match &statement.kind {
        Kind::Drop(drop) if drop.object == ObjectKind::Table => drop
            .names
            .iter()
            .any(|name| large(name) && copy.reads.iter().any(|read| same(read, name))),
        Kind::AlterTable(alter) if large(&alter.name) => alter.actions.iter().any(|action| match &action.kind {
            ActionKind::DropColumn { name, .. } => {
                let sets = copy
                    .sets
                    .iter()
                    .any(|(column, value)| column != name && value.columns.contains(name));
                (same(copy.target, &alter.name) && sets)
                    || copy
                        .reads
                        .iter()
                        .any(|read| same(read, &alter.name) && !same(read, copy.target))
            }
            _ => false,
        }),
        _ => false,
    }
}
