//! `CREATE`, `ALTER` and `DROP INDEX`, `REINDEX`.
//!
//! On a partitioned table the statement goes to every partition; on a parent by inheritance it does not. The checks are
//! those of `DefineIndex`, `ReindexPartitions` and `RemoveRelations`.

use super::Builder;
use crate::catalog::{Index, RelationKind};
use crate::lock::LockMode::{AccessExclusive, AccessShare, Share, ShareUpdateExclusive};
use crate::quote::Name;
use crate::sql::{ActionKind, AlterTable, CreateIndex, Drop, NameRef, ReindexTarget};
use crate::step::Work;

impl Builder<'_> {
    pub(super) fn create_index(&mut self, index: &CreateIndex) {
        self.effect.outside_transaction = index.concurrently;
        let Some(table) = self.existing(&index.table, false) else {
            return;
        };
        let partitioned = self.is_partitioned(&table);
        self.index_error(index, &table);
        if index.concurrently {
            self.lock(&table, ShareUpdateExclusive);
            if !self.is_taken(index, &table) {
                self.work(&table, Work::IndexBuild);
            }
            return;
        }
        self.lock(&table, Share);
        if partitioned && !index.only {
            for partition in self.catalog.descendants(&table) {
                self.lock(&partition, Share);
            }
        }
        if self.is_taken(index, &table) || partitioned && index.only {
            return;
        }
        self.build_index(&table, &|own| same_index(own, index));
    }

    /// Builds an index on a table, or on every partition that has none of the kind yet.
    pub(super) fn build_index(&mut self, table: &Name, same: &dyn Fn(&Index) -> bool) {
        if !self.is_partitioned(table) {
            return self.work(table, Work::IndexBuild);
        }
        let partitions: Vec<Name> = self.catalog.children(table).cloned().collect();
        for partition in partitions {
            let own = self.catalog.relation(&partition).map_or(&[][..], |rel| &rel.indexes);
            let ready = own.iter().find(|own| own.parent.is_none() && same(own));
            match ready.map(|own| own.name.clone()) {
                Some(own) => self.lock_index(&partition, &own, Share),
                None => self.build_index(&partition, same),
            }
        }
    }

    fn is_taken(&self, index: &CreateIndex, table: &Name) -> bool {
        index.name.as_ref().is_some_and(|name| {
            let name = table.sibling(name);
            self.catalog.index(&name).is_some() || self.catalog.relation(&name).is_some()
        })
    }

    fn index_error(&mut self, index: &CreateIndex, table: &Name) {
        let kind = self.catalog.relation(table).map(|rel| rel.kind);
        if matches!(
            kind,
            Some(RelationKind::View | RelationKind::Sequence | RelationKind::ForeignTable)
        ) {
            self.fails("42809", format!("cannot create index on relation \"{}\"", table.name));
        }
        // Said first, with ONLY and where the name is taken as well.
        if index.concurrently && kind == Some(RelationKind::PartitionedTable) {
            self.fails(
                "0A000",
                format!(
                    "cannot create index on partitioned table \"{}\" concurrently",
                    table.name
                ),
            );
        }
        if self.is_taken(index, table) && index.if_not_exists {
            return;
        }
        self.definition_error(table, index);
        if self.is_taken(index, table) {
            let name = index.name.as_deref().unwrap_or_default();
            self.fails("42P07", format!("relation \"{name}\" already exists"));
        }
    }

    pub(super) fn alter_index(&mut self, alter: &AlterTable) {
        let Some((table, index)) = self.known_index(&alter.name) else {
            if !alter.if_exists {
                self.fails("42P01", format!("relation \"{}\" does not exist", alter.name));
            }
            return;
        };
        for action in &alter.actions {
            match &action.kind {
                ActionKind::AttachPartition { child, .. } => self.attach_index(&table, &index, child),
                ActionKind::RelationOptions | ActionKind::ColumnOptions { .. } => {
                    self.lock_index(&table, &index.name, ShareUpdateExclusive);
                }
                _ => self.lock_index(&table, &index.name, AccessExclusive),
            }
        }
    }

    fn attach_index(&mut self, table: &Name, index: &Index, child: &NameRef) {
        let Some((partition, own)) = self.known_index(child) else {
            return self.fails("42P01", format!("relation \"{child}\" does not exist"));
        };
        self.lock_index(table, &index.name, ShareUpdateExclusive);
        self.lock(&partition, AccessShare);
        self.lock_index(&partition, &own.name, AccessExclusive);
        self.lock(table, AccessShare);
        let parent = table.sibling(&index.name);
        if own.parent.as_ref() == Some(&parent) {
            return;
        }
        let is_child = self
            .catalog
            .relation(&partition)
            .is_some_and(|rel| rel.parents.contains(table));
        if own.parent.is_some() || !is_child {
            self.fails(
                "55000",
                format!(
                    "cannot attach index \"{child}\" as a partition of index \"{}\"",
                    index.name
                ),
            );
        }
    }

    pub(super) fn drop_index(&mut self, name: &NameRef, drop: &Drop) {
        // Before it looks for the index, the server looks for the transaction.
        self.effect.outside_transaction |= drop.concurrently;
        let Some((table, index)) = self.known_index(name) else {
            if self.catalog.resolve(name).is_some() {
                self.fails("42809", format!("\"{name}\" is not an index"));
            } else if !drop.if_exists {
                self.fails("42704", format!("index \"{name}\" does not exist"));
            }
            return;
        };
        if drop.concurrently && (drop.cascade || drop.names.len() > 1) {
            self.fails("0A000", "DROP INDEX CONCURRENTLY takes one index, and no CASCADE");
        }
        if drop.concurrently && self.is_partitioned(&table) {
            self.fails(
                "0A000",
                format!("cannot drop partitioned index \"{name}\" concurrently"),
            );
        }
        if index.constraint.is_some() {
            self.fails(
                "2BP01",
                format!("cannot drop index {name} because a constraint requires it"),
            );
        }
        if let Some(parent) = &index.parent {
            self.fails(
                "2BP01",
                format!("cannot drop index {name} because index {parent} requires it"),
            );
        }
        let pointing = self.keys_that_need(&table, &index);
        if let (Some(child), false) = (pointing.first(), drop.cascade) {
            self.fails(
                "2BP01",
                format!("cannot drop index {name} because a foreign key of {child} needs it"),
            );
        }
        if drop.concurrently {
            self.lock(&table, ShareUpdateExclusive);
            self.lock_index(&table, &index.name, ShareUpdateExclusive);
            self.lock_index(&table, &index.name, AccessExclusive);
            return;
        }
        self.lock(&table, AccessExclusive);
        if self.is_partitioned(&table) {
            for partition in self.catalog.descendants(&table) {
                self.lock(&partition, AccessExclusive);
            }
        }
        self.lock_index_tree(&table, &index.name, AccessExclusive);
        for child in pointing {
            self.lock(&child, AccessExclusive);
        }
    }

    /// Tables whose foreign keys rest on a unique index that serves no constraint of its own.
    fn keys_that_need(&self, table: &Name, index: &Index) -> Vec<Name> {
        let as_key = |columns: &[String]| {
            index.unique
                && index.expressions.is_none()
                && index.predicate.is_none()
                && columns.len() == index.keys.len()
                && columns.iter().all(|column| index.keys.contains(column))
        };
        let Some(rel) = self.catalog.relation(table) else {
            return Vec::new();
        };
        // Which of several equal indexes the key rests on is not known.
        let others = rel.indexes.iter().filter(|own| own.unique && own.name != index.name);
        let alone = others
            .filter(|own| own.predicate.is_none() && own.keys.iter().all(|key| index.keys.contains(key)))
            .all(|own| own.keys.len() != index.keys.len());
        let pointing = self.catalog.referencing(table).filter(|(_, key)| {
            matches!(&key.kind, crate::catalog::ConstraintKind::ForeignKey { columns, .. } if as_key(columns))
        });
        pointing.map(|(name, _)| name.clone()).filter(|_| alone).collect()
    }

    /// An index and those of the partitions that are attached to it.
    pub(super) fn lock_index_tree(&mut self, table: &Name, index: &str, mode: crate::lock::LockMode) {
        self.lock_index(table, index, mode);
        let parent = table.sibling(index);
        let below: Vec<(Name, String)> = self
            .catalog
            .children(table)
            .filter_map(|child| {
                let own = &self.catalog.relation(child)?.indexes;
                let attached = own.iter().find(|own| own.parent.as_ref() == Some(&parent))?;
                Some((child.clone(), attached.name.clone()))
            })
            .collect();
        for (child, attached) in below {
            self.lock_index_tree(&child, &attached, mode);
        }
    }

    pub(super) fn known_index(&self, name: &NameRef) -> Option<(Name, Index)> {
        let (table, index) = self.catalog.resolve_index(name)?;
        Some((table.clone(), index.clone()))
    }

    pub(super) fn reindex(&mut self, target: &ReindexTarget, concurrently: bool) {
        self.effect.outside_transaction = concurrently;
        match target {
            ReindexTarget::Index(name) => {
                let Some((table, index)) = self.known_index(name) else {
                    return self.fails("42P01", format!("relation \"{name}\" does not exist"));
                };
                if !self.is_partitioned(&table) {
                    return self.reindex_one(&table, &|own| own.name == index.name, concurrently);
                }
                if !self.version(14) {
                    return self.fails("0A000", "REINDEX is not yet implemented for partitioned indexes");
                }
                self.effect.outside_transaction = true;
                self.lock(&table, if concurrently { ShareUpdateExclusive } else { Share });
                self.reindex_attached(&table, &index.name, concurrently);
            }
            ReindexTarget::Table(name) => {
                let Some(table) = self.existing(name, false) else {
                    return;
                };
                if !self.is_partitioned(&table) {
                    return self.reindex_one(&table, &|_| true, concurrently);
                }
                self.lock(&table, if concurrently { ShareUpdateExclusive } else { Share });
                // Before 14 it says that it skips the table.
                if !self.version(14) {
                    return;
                }
                self.effect.outside_transaction = true;
                for partition in self.catalog.descendants(&table) {
                    self.lock(&partition, Share);
                    if !self.is_partitioned(&partition) {
                        self.reindex_one(&partition, &|_| true, concurrently);
                    }
                }
            }
            ReindexTarget::Schema(schema) => {
                self.effect.outside_transaction = true;
                self.reindex_all(|name| name.schema == *schema, concurrently);
            }
            ReindexTarget::Database => {
                self.effect.outside_transaction = true;
                self.reindex_all(|_| true, concurrently);
            }
            ReindexTarget::System => self.effect.outside_transaction = true,
        }
    }

    fn reindex_attached(&mut self, table: &Name, index: &str, concurrently: bool) {
        let parent = table.sibling(index);
        let partitions: Vec<Name> = self.catalog.children(table).cloned().collect();
        for partition in partitions {
            let own = self.catalog.relation(&partition).map_or(&[][..], |rel| &rel.indexes);
            let Some(own) = own.iter().find(|own| own.parent.as_ref() == Some(&parent)) else {
                continue;
            };
            let own = own.name.clone();
            if self.is_partitioned(&partition) {
                self.reindex_attached(&partition, &own, concurrently);
            } else {
                self.reindex_one(&partition, &|index| index.name == own, concurrently);
            }
        }
    }

    fn reindex_all(&mut self, chosen: impl Fn(&Name) -> bool, concurrently: bool) {
        let holds_rows = |kind| matches!(kind, RelationKind::Table | RelationKind::MaterializedView);
        let tables: Vec<Name> = self
            .catalog
            .relations
            .iter()
            .filter(|(name, rel)| holds_rows(rel.kind) && chosen(name))
            .map(|(name, _)| name.clone())
            .collect();
        for table in tables {
            self.reindex_one(&table, &|_| true, concurrently);
        }
    }

    /// Some indexes of a table that holds rows.
    fn reindex_one(&mut self, table: &Name, chosen: &dyn Fn(&Index) -> bool, concurrently: bool) {
        let indexes = self.catalog.relation(table).map_or(&[][..], |rel| &rel.indexes);
        let indexes: Vec<Index> = indexes.iter().filter(|own| chosen(own)).cloned().collect();
        if !concurrently {
            self.lock(table, Share);
            for index in &indexes {
                self.lock_index(table, &index.name, AccessExclusive);
                self.work(table, Work::IndexBuild);
            }
            return;
        }
        self.lock(table, ShareUpdateExclusive);
        for index in &indexes {
            self.lock_index(table, &index.name, ShareUpdateExclusive);
            // The index of an exclusion constraint is left out, with a warning.
            if !self.serves_exclusion(table, index) {
                self.lock_index(table, &index.name, AccessExclusive);
                self.work(table, Work::IndexBuild);
            }
        }
    }

    fn serves_exclusion(&self, table: &Name, index: &Index) -> bool {
        let constraint = index.constraint.as_ref();
        let constraint = constraint.and_then(|name| self.catalog.relation(table)?.constraint(name));
        constraint.is_some_and(|own| own.kind == crate::catalog::ConstraintKind::Exclude)
    }
}

/// Whether an index is what a definition asks for, so that it is attached instead of built.
fn same_index(own: &Index, index: &CreateIndex) -> bool {
    let text = |expression: &Option<crate::catalog::Expression>| expression.as_ref().map(|e| e.sql.clone());
    own.method == index.method
        && own.keys == index.keys
        && own.include == index.include
        && own.unique == index.unique
        && own.nulls_not_distinct == index.nulls_not_distinct
        && text(&own.expressions) == text(&index.expressions)
        && text(&own.predicate) == text(&index.predicate)
}
