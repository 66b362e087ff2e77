//! `DROP`, `RENAME`, `SET SCHEMA`.

use super::Builder;
use super::create::referenced;
use crate::catalog::RelationKind;
use crate::lock::LockMode::{AccessExclusive, ShareUpdateExclusive};
use crate::quote::Name;
use crate::sql::{Drop, NameRef, ObjectKind, Rename};

impl Builder<'_> {
    pub(super) fn drop(&mut self, drop: &Drop) {
        for name in &drop.names {
            match drop.object {
                ObjectKind::Table | ObjectKind::ForeignTable => self.drop_table(name, drop),
                ObjectKind::View | ObjectKind::MaterializedView | ObjectKind::Sequence => self.drop_view(name, drop),
                ObjectKind::Index => self.drop_index(name, drop),
                ObjectKind::Trigger | ObjectKind::Policy | ObjectKind::Rule => {
                    if let Some(table) = self.existing(name, drop.if_exists) {
                        if drop.object == ObjectKind::Trigger {
                            self.lock_family(&table, AccessExclusive);
                        } else {
                            self.lock(&table, AccessExclusive);
                        }
                    }
                }
                ObjectKind::Type | ObjectKind::Domain => self.drop_type(name, drop),
                ObjectKind::Function => self.drop_function(name, drop),
                ObjectKind::Schema => {
                    let inside: Vec<Name> = self
                        .catalog
                        .relations
                        .keys()
                        .filter(|rel| rel.schema == name.name)
                        .cloned()
                        .collect();
                    for rel in inside {
                        self.lock(&rel, AccessExclusive);
                    }
                    if drop.cascade {
                        self.loses("drop-schema-loses-data", format!("everything in schema {name} is gone"));
                    }
                }
                ObjectKind::Extension => {
                    self.opaque(format!("dropping extension {name} may drop columns that use its types"));
                }
                ObjectKind::Statistics
                | ObjectKind::Column
                | ObjectKind::Constraint
                | ObjectKind::Attribute
                | ObjectKind::Other => {}
            }
        }
    }

    fn drop_table(&mut self, name: &NameRef, drop: &Drop) {
        let Some(table) = self.existing(name, drop.if_exists) else {
            return;
        };
        let Some(rel) = self.catalog.relation(&table) else {
            return;
        };
        let (shared, parents) = (rel.is_shared(), rel.parents.clone());
        let is_partition = rel.bound.is_some();
        self.lock_family(&table, AccessExclusive);
        self.lock_indexes(&table, AccessExclusive);
        let family: Vec<Name> = std::iter::once(table.clone())
            .chain(self.catalog.descendants(&table))
            .collect();
        for member in &family {
            let keys: Vec<Name> = self
                .catalog
                .relation(member)
                .into_iter()
                .flat_map(|rel| &rel.constraints)
                // A partition's part of its parent's key goes without a look at the other table.
                .filter(|constraint| !constraint.inherited)
                .filter_map(referenced)
                .collect();
            for referenced in keys {
                self.lock(&referenced, AccessExclusive);
            }
            if drop.cascade {
                let pointing: Vec<Name> = self.catalog.referencing(member).map(|(name, _)| name.clone()).collect();
                for table in pointing {
                    self.lock(&table, AccessExclusive);
                }
                self.lock_readers(member);
            }
        }
        if is_partition {
            for parent in parents {
                self.lock(&parent, AccessExclusive);
                if let Some(default) = self.default_partition(&parent) {
                    self.lock(&default, AccessExclusive);
                }
            }
        }
        if shared {
            self.loses(
                "drop-table-breaks-code",
                format!("code that still uses {table} fails, and its rows are gone"),
            );
        }
    }

    /// Views that read a relation, and views that read those.
    fn lock_readers(&mut self, relation: &Name) {
        let readers: Vec<Name> = self
            .catalog
            .relations
            .iter()
            .filter(|(_, rel)| rel.reads.contains_key(relation))
            .map(|(name, _)| name.clone())
            .collect();
        for reader in readers {
            if !self.effect.locks.iter().any(|lock| lock.relation == reader) {
                self.lock(&reader, AccessExclusive);
                self.lock_readers(&reader);
            }
        }
    }

    fn drop_view(&mut self, name: &NameRef, drop: &Drop) {
        let Some(view) = self.existing(name, drop.if_exists) else {
            return;
        };
        self.lock(&view, AccessExclusive);
        if drop.cascade {
            self.lock_readers(&view);
            if drop.object == ObjectKind::Sequence {
                let users: Vec<Name> = self
                    .catalog
                    .relations
                    .iter()
                    .filter(|(_, rel)| {
                        rel.columns
                            .iter()
                            .any(|c| c.default.as_ref().is_some_and(|d| d.sql.contains(&view.name)))
                    })
                    .map(|(name, _)| name.clone())
                    .collect();
                for user in users {
                    self.lock(&user, AccessExclusive);
                }
            }
        }
        if drop.object != ObjectKind::Sequence
            && self
                .catalog
                .relation(&view)
                .is_some_and(crate::catalog::Relation::is_shared)
        {
            self.breaks("drop-view-breaks-code", format!("code that still reads {view} fails"));
        }
    }

    fn drop_type(&mut self, name: &NameRef, drop: &Drop) {
        let Some(dropped) = self.catalog.resolve_type(name) else {
            return;
        };
        let users: Vec<Name> = self
            .catalog
            .relations
            .iter()
            .filter(|(_, rel)| rel.columns.iter().any(|c| c.user_type.as_ref() == Some(&dropped)))
            .map(|(name, _)| name.clone())
            .collect();
        if users.is_empty() {
            return;
        }
        if !drop.cascade {
            return self.fails(
                "2BP01",
                format!("cannot drop type {name} because other objects depend on it"),
            );
        }
        for user in users {
            self.lock(&user, AccessExclusive);
            self.loses(
                "drop-type-drops-columns",
                format!("columns of {user} with type {name} are gone"),
            );
        }
    }

    fn drop_function(&mut self, name: &NameRef, drop: &Drop) {
        let Some(function) = self.catalog.resolve_function(name).filter(|_| drop.cascade) else {
            return;
        };
        let names_it = |functions: &std::collections::BTreeSet<String>| {
            functions
                .iter()
                .any(|f| self.catalog.resolve_function(&NameRef::dotted(f)).as_ref() == Some(&function))
        };
        let users: Vec<Name> = self
            .catalog
            .relations
            .iter()
            .filter(|(_, rel)| {
                rel.triggers.iter().any(|t| t.function == function)
                    || rel
                        .columns
                        .iter()
                        .any(|c| c.default.as_ref().is_some_and(|d| names_it(&d.functions)))
                    || rel
                        .indexes
                        .iter()
                        .any(|i| i.expressions.iter().chain(&i.predicate).any(|e| names_it(&e.functions)))
            })
            .map(|(name, _)| name.clone())
            .collect();
        for user in users {
            self.lock(&user, AccessExclusive);
        }
    }

    pub(super) fn rename(&mut self, rename: &Rename) {
        match rename.object {
            ObjectKind::Table
            | ObjectKind::View
            | ObjectKind::MaterializedView
            | ObjectKind::Sequence
            | ObjectKind::ForeignTable
            | ObjectKind::Index => {
                // ALTER TABLE … RENAME also takes indexes.
                let Some(name) = self.catalog.resolve(&rename.name) else {
                    return self.rename_index(rename);
                };
                self.lock(&name, AccessExclusive);
                let shared = self
                    .catalog
                    .relation(&name)
                    .is_some_and(|rel| rel.is_shared() && rel.kind != RelationKind::Sequence);
                if shared {
                    self.breaks("rename-table-breaks-code", format!("code that still says {name} fails"));
                }
            }
            ObjectKind::Column => {
                let Some(table) = self.existing(&rename.name, rename.if_exists) else {
                    return;
                };
                self.lock_family(&table, AccessExclusive);
                let member = rename.member.as_deref().unwrap_or_default();
                if self
                    .catalog
                    .relation(&table)
                    .is_some_and(crate::catalog::Relation::is_shared)
                {
                    self.breaks(
                        "rename-column-breaks-code",
                        format!("code that still says {table}.{member} fails"),
                    );
                }
            }
            ObjectKind::Constraint | ObjectKind::Trigger => {
                if let Some(table) = self.existing(&rename.name, rename.if_exists) {
                    self.lock_family(&table, AccessExclusive);
                    let rel = self.catalog.relation(&table);
                    let served = rel.and_then(|rel| rel.indexes.iter().find(|own| own.constraint == rename.member));
                    if let (ObjectKind::Constraint, Some(index)) = (rename.object, served.map(|own| own.name.clone())) {
                        self.lock_index(&table, &index, ShareUpdateExclusive);
                    }
                }
            }
            ObjectKind::Policy | ObjectKind::Rule => {
                if let Some(table) = self.existing(&rename.name, rename.if_exists) {
                    self.lock(&table, AccessExclusive);
                }
            }
            ObjectKind::Attribute
            | ObjectKind::Type
            | ObjectKind::Domain
            | ObjectKind::Function
            | ObjectKind::Schema
            | ObjectKind::Extension
            | ObjectKind::Statistics
            | ObjectKind::Other => {}
        }
    }

    fn rename_index(&mut self, rename: &Rename) {
        match self.known_index(&rename.name) {
            Some((table, index)) => self.lock_index(&table, &index.name, ShareUpdateExclusive),
            None if rename.if_exists => {}
            None => self.fails("42P01", format!("relation \"{}\" does not exist", rename.name)),
        }
    }

    pub(super) fn set_schema(&mut self, object: ObjectKind, name: &NameRef) {
        if !matches!(
            object,
            ObjectKind::Table
                | ObjectKind::View
                | ObjectKind::MaterializedView
                | ObjectKind::Sequence
                | ObjectKind::ForeignTable
        ) {
            return;
        }
        let Some(relation) = self.existing(name, false) else {
            return;
        };
        self.lock(&relation, AccessExclusive);
        let owned: Vec<Name> = self
            .catalog
            .relations
            .iter()
            .filter(|(_, rel)| rel.owned_by.as_ref().is_some_and(|(owner, _)| *owner == relation))
            .map(|(name, _)| name.clone())
            .collect();
        for sequence in owned {
            self.lock(&sequence, AccessExclusive);
        }
        if self
            .catalog
            .relation(&relation)
            .is_some_and(crate::catalog::Relation::is_shared)
        {
            self.breaks("set-schema-breaks-code", format!("code that says {relation} fails"));
        }
    }
}
