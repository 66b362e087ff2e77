//! Rows: `INSERT`, `UPDATE`, `DELETE`, `TRUNCATE`, `COPY`, queries, and blocks of statements.

use super::Builder;
use super::create::referenced;
use crate::catalog::{ConstraintKind, RelationKind};
use crate::lock::LockMode::{AccessExclusive, AccessShare, RowExclusive, RowShare, Share};
use crate::quote::Name;
use crate::sql::{Body, Dml, DmlVerb, NameRef, Query};

impl Builder<'_> {
    pub(super) fn query(&mut self, query: &Query) {
        for read in &query.reads {
            if let Some(name) = self.catalog.resolve(read) {
                self.lock(&name, AccessShare);
                self.read(&name);
            }
        }
        for write in &query.writes {
            if let Some(name) = self.catalog.resolve(write) {
                self.lock(&name, RowExclusive);
                self.effect.changes.push(name);
            }
        }
        for function in &query.functions {
            if crate::replay::calls_user_code(self.catalog, std::slice::from_ref(function)) {
                self.opaque(format!("function {function} may do anything"));
            }
        }
    }

    /// A read of a view is a read of what the view reads.
    fn read(&mut self, name: &Name) {
        let Some(rel) = self.catalog.relation(name) else { return };
        if rel.kind == RelationKind::View {
            for below in rel.reads.keys().cloned().collect::<Vec<_>>() {
                self.lock(&below, AccessShare);
                self.read(&below);
            }
        } else {
            for member in std::iter::once(name.clone()).chain(self.catalog.descendants(name)) {
                self.lock(&member, AccessShare);
                if !self.effect.reads.contains(&member) {
                    self.effect.reads.push(member);
                }
            }
        }
    }

    pub(super) fn dml(&mut self, dml: &Dml) {
        self.query(&dml.query);
        let Some(target) = self.existing(&dml.target, false) else {
            return;
        };
        self.effect.reads.retain(|read| *read != target);
        if dml.verb == DmlVerb::Insert {
            self.lock(&target, RowExclusive);
        } else {
            self.lock_family(&target, RowExclusive);
        }
        let Some(rel) = self.catalog.relation(&target) else {
            return;
        };
        let keys: Vec<Name> = rel.constraints.iter().filter_map(referenced).collect();
        let by_key = rel.indexes.iter().any(|index| {
            index.unique
                && index.predicate.is_none()
                && !index.keys.is_empty()
                && index.keys.iter().all(|key| dml.equal_columns.contains(key))
        });
        if matches!(dml.verb, DmlVerb::Insert | DmlVerb::Update | DmlVerb::Merge) {
            for key in keys {
                self.lock(&key, RowShare);
            }
        }
        if dml.verb == DmlVerb::Delete {
            let pointing: Vec<Name> = self
                .catalog
                .referencing(&target)
                .map(|(name, _)| name.clone())
                .collect();
            for child in pointing {
                self.lock(&child, RowExclusive);
            }
        }
        // An INSERT locks rows that nobody else can see yet.
        if dml.verb != DmlVerb::Insert && !by_key {
            self.effect.changes.push(target);
        }
    }

    pub(super) fn truncate(&mut self, tables: &[NameRef], cascade: bool) {
        for table in tables {
            let Some(table) = self.existing(table, false) else {
                continue;
            };
            self.lock_family(&table, AccessExclusive);
            self.lock_family(&table, Share);
            if cascade {
                let pointing: Vec<Name> = self.catalog.referencing(&table).map(|(name, _)| name.clone()).collect();
                for child in pointing {
                    self.lock_family(&child, AccessExclusive);
                    self.lock_family(&child, Share);
                }
            }
            if self
                .catalog
                .relation(&table)
                .is_some_and(crate::catalog::Relation::is_shared)
            {
                self.loses("truncate-loses-rows", format!("all rows of {table} are gone"));
            }
        }
    }

    pub(super) fn copy(&mut self, table: Option<&NameRef>, from: bool, client_stream: bool) {
        if client_stream {
            self.fails(
                "08P01",
                "COPY from or to the client's own stream is psql's, not a migration's",
            );
        }
        let Some(table) = table else { return };
        let Some(table) = self.existing(table, false) else {
            return;
        };
        self.lock(&table, if from { RowExclusive } else { AccessShare });
    }

    /// All that the statements of a block may do, whichever branch is taken.
    pub(super) fn block(&mut self, body: &Body) {
        if body.opaque {
            self.opaque("the block runs SQL that it puts together itself");
        }
        let mut catalog = self.catalog.clone();
        for statement in &body.statements {
            let inner = super::effect(statement, &catalog);
            for lock in inner.locks {
                if !self.effect.locks.contains(&lock) {
                    self.effect.locks.push(lock);
                }
            }
            self.effect.work.extend(inner.work);
            self.effect.reads.extend(inner.reads);
            self.effect.changes.extend(inner.changes);
            self.effect.breaks.extend(inner.breaks);
            if let Some(why) = inner.opaque {
                self.opaque(why);
            }
            // A branch may not be taken and an exception may be caught: its errors are not the block's.
            crate::replay::apply(&mut catalog, statement);
        }
    }

    pub(super) fn is_foreign_key_column(&self, table: &Name, column: &str) -> Vec<Name> {
        let own = self
            .catalog
            .relation(table)
            .into_iter()
            .flat_map(|rel| &rel.constraints);
        own.filter(|c| {
            matches!(c.kind, ConstraintKind::ForeignKey { .. }) && c.columns.iter().any(|name| name == column)
        })
        .filter_map(referenced)
        .collect()
    }
}
