//! Views and materialized views; `LOCK TABLE`, which goes through views.

use super::Builder;
use crate::catalog::RelationKind;
use crate::lock::LockMode::{self, AccessExclusive, AccessShare, Exclusive, RowExclusive, Share};
use crate::quote::Name;
use crate::sql::{CreateTableAs, NameRef, Query, Select};
use crate::step::Work;

impl Builder<'_> {
    pub(super) fn create_table_as(&mut self, create: &CreateTableAs) {
        let name = self.catalog.target_of(&create.name, create.temporary);
        if self.catalog.relations.contains_key(&name) {
            if !create.if_not_exists {
                self.fails("42P07", format!("relation \"{}\" already exists", create.name));
            }
            return;
        }
        if create.with_data {
            self.query(&create.query);
        } else {
            // The query is looked at, and not planned.
            self.lock_refs(&create.query.reads, AccessShare);
        }
    }

    pub(super) fn create_view(&mut self, name: &Name, replace: bool, query: &Query) {
        if self.catalog.relations.contains_key(name) {
            if replace {
                self.lock(name, AccessExclusive);
            } else {
                self.fails("42P07", format!("relation \"{}\" already exists", name.name));
            }
        }
        self.lock_refs(&query.reads, AccessShare);
    }

    /// `checkViewColumns`: a view that is replaced keeps its columns; new ones come behind them.
    pub(super) fn keep_columns(&mut self, name: &Name, columns: &[String], select: &Select) {
        let old = self.catalog.relation(name);
        let Some(old) = old.filter(|rel| rel.kind == RelationKind::View && !rel.columns.is_empty()) else {
            return;
        };
        let Some(new) = crate::replay::view_columns(self.catalog, columns, select) else {
            return;
        };
        if new.len() < old.columns.len() {
            return self.fails("42P16", "cannot drop columns from view");
        }
        let other = old.columns.iter().zip(&new).find(|(old, new)| old.name != **new);
        if let Some((old, new)) = other {
            self.fails(
                "42P16",
                format!("cannot change name of view column \"{}\" to \"{new}\"", old.name),
            );
        }
    }

    pub(super) fn refresh(&mut self, name: &NameRef, concurrently: bool, with_data: bool) {
        let Some(name) = self.existing(name, false) else { return };
        let Some(rel) = self.catalog.relation(&name) else {
            return;
        };
        let reads: Vec<Name> = rel.reads.keys().cloned().collect();
        let whole = |index: &crate::catalog::Index| {
            index.unique && index.valid && index.predicate.is_none() && index.keys.iter().all(|key| !key.is_empty())
        };
        if concurrently && !rel.indexes.iter().any(whole) {
            return self.fails(
                "55000",
                format!(
                    "cannot refresh materialized view \"{name}\" concurrently without a unique index on columns of it"
                ),
            );
        }
        if with_data {
            for read in reads {
                self.plan(&read, AccessShare, &[]);
            }
        }
        self.lock(&name, Exclusive);
        if concurrently {
            // The new rows are compared with the old ones, and the difference is applied as any DML.
            for mode in [RowExclusive, AccessShare] {
                self.lock(&name, mode);
                self.lock_indexes(&name, mode);
            }
            self.effect.reads.push(name);
            return;
        }
        self.lock(&name, AccessExclusive);
        self.lock(&name, Share);
        self.lock_indexes(&name, AccessExclusive);
        if with_data {
            // Before 16 its own rule was looked at under a lock.
            if !self.version(16) {
                self.lock(&name, AccessShare);
            }
            self.work(&name, Work::Rewrite);
        } else {
            self.effect.new_files.push(name);
        }
    }

    /// `LOCK TABLE`; of a view also what it reads, with the privileges of its owner.
    pub(super) fn lock_table(&mut self, name: &Name, mode: LockMode) {
        self.lock_family(name, mode);
        let Some(rel) = self.catalog.relation(name) else { return };
        if rel.kind == RelationKind::View {
            for below in rel.reads.keys().cloned().collect::<Vec<_>>() {
                self.lock_table(&below, mode);
            }
        }
    }
}
