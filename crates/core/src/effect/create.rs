//! `CREATE TABLE`, views, `CLUSTER`.

use super::Builder;
use crate::catalog::ConstraintKind;
use crate::lock::LockMode::{AccessExclusive, AccessShare, Exclusive, ShareRowExclusive, ShareUpdateExclusive};
use crate::quote::Name;
use crate::sql::{ConstraintKindDef, CreateTable, CreateTableAs, NameRef, Query};
use crate::step::Work;

impl Builder<'_> {
    pub(super) fn create_table(&mut self, create: &CreateTable) {
        let name = self.catalog.target(&create.name);
        if self.catalog.relations.contains_key(&name) {
            if !create.if_not_exists {
                self.fails("42P07", format!("relation \"{}\" already exists", create.name));
            }
            return;
        }
        self.lock_refs(&create.like, AccessShare);
        for parent in &create.parents {
            let Some(parent) = self.existing(parent, false) else {
                continue;
            };
            if create.bound.is_none() {
                self.lock(&parent, ShareUpdateExclusive);
                continue;
            }
            self.lock(&parent, AccessExclusive);
            if let Some(default) = self.default_partition(&parent) {
                self.lock(&default, AccessExclusive);
                self.work(&default, Work::Scan);
            }
            self.lock_partition_keys(&parent);
        }
        let inline = create.columns.iter().flat_map(|column| &column.inline);
        for constraint in inline.chain(&create.constraints) {
            if let ConstraintKindDef::ForeignKey { references, .. } = &constraint.kind {
                if self.catalog.target(references) == name {
                    continue;
                }
                if let Some(parent) = self.existing(references, false) {
                    self.lock_family(&parent, ShareRowExclusive);
                }
            }
        }
    }

    /// Tables that a new partition's inherited foreign keys point at, and those that point at its parent.
    pub(super) fn lock_partition_keys(&mut self, parent: &Name) {
        let own: Vec<Name> = self
            .catalog
            .relation(parent)
            .into_iter()
            .flat_map(|rel| &rel.constraints)
            .filter_map(referenced)
            .collect();
        for referenced in own {
            self.lock(&referenced, ShareRowExclusive);
        }
        let mode = if self.version(15) {
            ShareRowExclusive
        } else {
            AccessShare
        };
        let pointing: Vec<Name> = self.catalog.referencing(parent).map(|(name, _)| name.clone()).collect();
        for table in pointing {
            self.lock(&table, mode);
        }
    }

    pub(super) fn create_table_as(&mut self, create: &CreateTableAs) {
        let name = self.catalog.target(&create.name);
        if self.catalog.relations.contains_key(&name) {
            if !create.if_not_exists {
                self.fails("42P07", format!("relation \"{}\" already exists", create.name));
            }
            return;
        }
        self.query(&create.query);
        if !create.with_data {
            self.effect.reads.clear();
        }
    }

    pub(super) fn create_view(&mut self, name: &NameRef, replace: bool, query: &Query) {
        let target = self.catalog.target(name);
        if self.catalog.relations.contains_key(&target) {
            if replace {
                self.lock(&target, AccessExclusive);
            } else {
                self.fails("42P07", format!("relation \"{name}\" already exists"));
            }
        }
        self.lock_refs(&query.reads, AccessShare);
    }

    pub(super) fn refresh(&mut self, name: &NameRef, concurrently: bool, with_data: bool) {
        let Some(name) = self.existing(name, false) else { return };
        self.lock(&name, if concurrently { Exclusive } else { AccessExclusive });
        let reads: Vec<Name> = self
            .catalog
            .relation(&name)
            .into_iter()
            .flat_map(|rel| rel.reads.keys().cloned())
            .collect();
        for read in reads {
            self.lock(&read, AccessShare);
            self.effect.reads.push(read);
        }
        if with_data && !concurrently {
            self.work(&name, Work::Rewrite);
        }
    }

    pub(super) fn compact(&mut self, table: Option<&NameRef>, vacuum: bool) {
        let Some(table) = table else {
            self.effect.outside_transaction = true;
            return self.opaque("CLUSTER or VACUUM FULL of every table");
        };
        let Some(table) = self.existing(table, false) else {
            return;
        };
        // CLUSTER of a partitioned table commits after each leaf (15).
        self.effect.outside_transaction = vacuum || self.is_partitioned(&table);
        self.lock_family(&table, AccessExclusive);
        self.work_family(&table, Work::Rewrite);
    }
}

/// The table that a foreign key points at.
pub(super) fn referenced(constraint: &crate::catalog::Constraint) -> Option<Name> {
    match &constraint.kind {
        ConstraintKind::ForeignKey { references, .. } => Some(references.clone()),
        _ => None,
    }
}
