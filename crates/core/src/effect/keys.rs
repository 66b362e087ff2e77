//! Foreign keys while rows change: the queries that their triggers run, on both sides of a key (`ri_triggers.c`).
//!
//! A key is looked at only where the change can touch it: an `UPDATE` that sets none of its columns runs no query. Whether
//! there are rows to change is not asked.

use super::Builder;
use crate::catalog::{Constraint, ConstraintKind, Relation};
use crate::lock::LockMode::{RowExclusive, RowShare};
use crate::quote::Name;
use crate::sql::{Dml, DmlVerb, Given};
use std::collections::BTreeSet;

/// What happens to the rows that point at a row.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OnChange {
    NoAction,
    Restrict,
    Delete,
    Set,
}

impl Builder<'_> {
    /// The keys that a change of rows makes the server look at.
    pub(super) fn check_keys(&mut self, dml: &Dml, target: &Name) {
        let Some(rel) = self.catalog.relation(target) else {
            return;
        };
        for key in rel.constraints.clone() {
            let ConstraintKind::ForeignKey { references, .. } = &key.kind else {
                continue;
            };
            if key.enforced && self.is_given(dml, rel, target, &key) {
                self.look(references);
            }
        }
        let set: BTreeSet<String> = dml.sets.iter().map(|(column, _)| column.clone()).collect();
        let rows = self.holding(target, &dml.query.rows.equals);
        let verbs = match dml.verb {
            DmlVerb::Merge => dml.branches.clone(),
            DmlVerb::Insert if set.is_empty() => Vec::new(),
            // ON CONFLICT DO UPDATE.
            DmlVerb::Insert | DmlVerb::Update => vec![DmlVerb::Update],
            DmlVerb::Delete => vec![DmlVerb::Delete],
        };
        for verb in verbs {
            match verb {
                DmlVerb::Update => self.follow(target, &rows, Some(&set), &mut BTreeSet::new()),
                DmlVerb::Delete => self.follow(target, &rows, None, &mut BTreeSet::new()),
                DmlVerb::Insert | DmlVerb::Merge => {}
            }
        }
    }

    /// The tables that hold rows with these values.
    fn holding(&self, table: &Name, equals: &[(String, String)]) -> Vec<Name> {
        if !self.is_partitioned(table) {
            return vec![table.clone()];
        }
        let partitions = super::prune::partitions(self.catalog, table, equals);
        partitions
            .iter()
            .flat_map(|partition| self.holding(partition, equals))
            .collect()
    }

    /// Whether the change gives the columns of a key a value other than NULL.
    fn is_given(&self, dml: &Dml, rel: &Relation, target: &Name, key: &Constraint) -> bool {
        let sets = |column: &String| dml.sets.iter().find(|(name, _)| name == column);
        let is_set = key.columns.iter().any(|column| sets(column).is_some())
            && key
                .columns
                .iter()
                .all(|column| sets(column).is_none_or(|(_, value)| !value.sql.eq_ignore_ascii_case("null")));
        match dml.verb {
            DmlVerb::Delete => false,
            DmlVerb::Update => is_set,
            DmlVerb::Merge => is_set || dml.branches.contains(&DmlVerb::Insert),
            DmlVerb::Insert => {
                let columns = self.columns_of(&dml.inserted, target);
                let has_default = |column: &String| rel.column(column).is_some_and(|c| c.default.is_some());
                let value = |row: &[Given], column: &String| {
                    let at = columns.iter().position(|name| name == column);
                    match at.and_then(|at| row.get(at)) {
                        Some(Given::Null) => false,
                        Some(Given::Constant(_) | Given::Other) => true,
                        Some(Given::Default) | None => has_default(column),
                    }
                };
                is_set
                    || match &dml.inserted.rows {
                        Some(rows) => rows
                            .iter()
                            .any(|row| key.columns.iter().all(|column| value(row, column))),
                        None => key
                            .columns
                            .iter()
                            .all(|column| columns.contains(column) || has_default(column)),
                    }
            }
        }
    }

    /// `SELECT 1 FROM ONLY referenced WHERE key = $1 FOR KEY SHARE`.
    fn look(&mut self, referenced: &Name) {
        self.lock_with_indexes(referenced, RowShare);
        for partition in self.catalog.descendants(referenced) {
            if self.is_partitioned(referenced) {
                self.lock_with_indexes(&partition, RowShare);
            }
        }
    }

    fn lock_with_indexes(&mut self, table: &Name, mode: crate::lock::LockMode) {
        self.lock(table, mode);
        if !self.is_partitioned(table) || self.version(16) {
            self.lock_indexes(table, mode);
        }
    }

    /// Keys that point at a table whose rows go, or whose columns are set.
    fn follow(&mut self, table: &Name, rows: &[Name], set: Option<&BTreeSet<String>>, seen: &mut BTreeSet<Name>) {
        if !seen.insert(table.clone()) {
            return;
        }
        // Keys that point at a partitioned table hold for the rows of its partitions.
        let above = std::iter::once(table.clone()).chain(self.catalog.partitioned_above(table));
        let above: Vec<Name> = above.collect();
        let pointing: Vec<(Name, Constraint)> = above
            .iter()
            .flat_map(|name| self.catalog.referencing(name))
            .filter(|(_, key)| !key.inherited && key.enforced)
            .map(|(name, key)| (name.clone(), key.clone()))
            .collect();
        for (child, key) in pointing {
            let ConstraintKind::ForeignKey { columns, .. } = &key.kind else {
                continue;
            };
            if set.is_some_and(|set| !columns.iter().any(|column| set.contains(column))) {
                continue;
            }
            let action = on_change(&key.definition, set.is_none());
            let mode = match action {
                OnChange::NoAction | OnChange::Restrict => RowShare,
                OnChange::Delete | OnChange::Set => RowExclusive,
            };
            // Another row with the same key would do.
            for leaf in rows.iter().filter(|_| action == OnChange::NoAction) {
                self.lock_with_indexes(leaf, RowShare);
            }
            for table in std::iter::once(child.clone()).chain(self.catalog.descendants(&child)) {
                self.lock_with_indexes(&table, mode);
                if !self.is_partitioned(&table) && !self.has_index_on(&table, &key.columns) {
                    self.effect.reads.push(table.clone());
                }
            }
            match action {
                OnChange::Delete => self.follow(&child, &self.holding(&child, &[]), None, seen),
                OnChange::Set => {
                    let set = key.columns.iter().cloned().collect();
                    self.follow(&child, &self.holding(&child, &[]), Some(&set), seen);
                }
                OnChange::NoAction | OnChange::Restrict => {}
            }
        }
    }

    fn has_index_on(&self, table: &Name, columns: &[String]) -> bool {
        self.catalog.relation(table).is_some_and(|rel| {
            rel.indexes
                .iter()
                .any(|index| index.valid && index.keys.first().is_some_and(|key| columns.contains(key)))
        })
    }
}

/// What the key's definition says of a change of the row it points at.
fn on_change(definition: &str, deleted: bool) -> OnChange {
    let words = if deleted { "ON DELETE " } else { "ON UPDATE " };
    match definition.split_once(words).map(|(_, action)| action) {
        Some(action) if action.starts_with("CASCADE") && deleted => OnChange::Delete,
        Some(action) if action.starts_with("CASCADE") || action.starts_with("SET") => OnChange::Set,
        Some(action) if action.starts_with("RESTRICT") => OnChange::Restrict,
        _ => OnChange::NoAction,
    }
}
