//! `DROP`, `RENAME`, `SET SCHEMA`.

use super::Builder;
use super::dependents::Doomed;
use crate::catalog::{RelationKind, TypeDef};
use crate::lock::LockMode::{AccessExclusive, AccessShare, ShareUpdateExclusive};
use crate::quote::Name;
use crate::replay;
use crate::sql::{Drop, NameRef, ObjectKind, Rename};
use std::collections::BTreeSet;

impl Builder<'_> {
    pub(super) fn drop(&mut self, drop: &Drop) {
        match drop.object {
            ObjectKind::Table
            | ObjectKind::ForeignTable
            | ObjectKind::View
            | ObjectKind::MaterializedView
            | ObjectKind::Sequence => self.drop_relations(drop),
            ObjectKind::Index => drop.names.iter().for_each(|name| self.drop_index(name, drop)),
            ObjectKind::Trigger | ObjectKind::Policy | ObjectKind::Rule => {
                for (name, member) in drop.names.iter().zip(&drop.members) {
                    self.drop_member(name, member, drop);
                }
            }
            ObjectKind::Type | ObjectKind::Domain => self.drop_types(drop),
            ObjectKind::Function => {
                let found = drop.names.iter().filter_map(|name| self.catalog.resolve_function(name));
                // Of several by one name, nobody can tell which one others use.
                let only = |name: &Name| self.catalog.functions.get(name).is_some_and(|all| all.len() == 1);
                let found = found.filter(only).collect();
                self.doom(Doomed::functions(found), drop.cascade, &list(&drop.names));
            }
            ObjectKind::Schema => drop.names.iter().for_each(|name| self.drop_schema(name, drop.cascade)),
            ObjectKind::Extension => drop
                .names
                .iter()
                .for_each(|name| self.drop_extension(name, drop.cascade)),
            ObjectKind::Statistics => {
                for name in &drop.names {
                    if let Some(table) = self.catalog.table_of_statistics(name) {
                        self.lock(&table, ShareUpdateExclusive);
                    }
                }
            }
            ObjectKind::Column | ObjectKind::Constraint | ObjectKind::Attribute | ObjectKind::Other => {}
        }
    }

    fn drop_relations(&mut self, drop: &Drop) {
        let mut names = Vec::new();
        for name in &drop.names {
            names.extend(self.existing(name, drop.if_exists));
        }
        for name in &names {
            let Some(rel) = self.catalog.relation(name).filter(|rel| rel.is_shared()) else {
                continue;
            };
            match rel.kind {
                RelationKind::Table | RelationKind::PartitionedTable | RelationKind::ForeignTable => self.loses(
                    "drop-table-breaks-code",
                    format!("code that still uses {name} fails, and its rows are gone"),
                ),
                RelationKind::View | RelationKind::MaterializedView => {
                    self.breaks("drop-view-breaks-code", format!("code that still reads {name} fails"));
                }
                RelationKind::Sequence => {}
            }
        }
        self.doom(Doomed::relations(names), drop.cascade, &list(&drop.names));
    }

    /// A trigger, policy or rule: its table is looked at before it is locked for good.
    fn drop_member(&mut self, table: &NameRef, member: &str, drop: &Drop) {
        let Some(table) = self.existing(table, drop.if_exists) else {
            return;
        };
        if drop.if_exists && self.lacks(&table, member, drop.object) {
            return;
        }
        self.lock(&table, AccessShare);
        if drop.object == ObjectKind::Trigger {
            self.lock_family(&table, AccessExclusive);
        } else {
            self.lock(&table, AccessExclusive);
        }
    }

    /// A trigger or policy that is surely not there.
    fn lacks(&self, table: &Name, member: &str, object: ObjectKind) -> bool {
        let Some(rel) = self.catalog.relation(table) else {
            return false;
        };
        match object {
            // Of a relation that is only taken to be there nothing else is known either.
            _ if rel.columns.is_empty() => false,
            ObjectKind::Trigger => rel.triggers.iter().all(|own| own.name != member),
            ObjectKind::Policy => rel.policies.iter().all(|own| own.name != member),
            _ => false,
        }
    }

    fn drop_types(&mut self, drop: &Drop) {
        let names: Vec<Name> = drop
            .names
            .iter()
            .filter_map(|name| self.catalog.resolve_type(name))
            .collect();
        let users = names.iter().flat_map(|name| self.catalog.typed(name));
        let users: BTreeSet<Name> = users.map(|(user, ..)| user.clone()).collect();
        for user in users.iter().filter(|_| drop.cascade) {
            let types = list(&drop.names);
            self.loses(
                "drop-type-drops-columns",
                format!("columns of {user} with type {types} are gone"),
            );
        }
        let composite = |name: &&Name| self.catalog.types.get(name) == Some(&TypeDef::Composite);
        let composites: Vec<Name> = names.iter().filter(composite).cloned().collect();
        self.doom(Doomed::types(names), drop.cascade, &list(&drop.names));
        // A composite type has a relation of its own.
        for name in composites {
            self.lock(&name, AccessExclusive);
        }
    }

    /// Columns of its types go with an extension; what else uses it is not known.
    fn drop_extension(&mut self, name: &NameRef, cascade: bool) {
        self.opaque(format!(
            "dropping extension {name} may drop what uses its functions and operators"
        ));
        let types = replay::types_of_extension(&name.name);
        let is_its_own = |column: &crate::catalog::Column| {
            let plain = column
                .type_name
                .trim_end_matches("[]")
                .split('(')
                .next()
                .unwrap_or_default();
            types.contains(&plain.rsplit('.').next().unwrap_or(plain))
        };
        let users = self
            .catalog
            .relations
            .iter()
            .filter(|(_, rel)| rel.columns.iter().any(is_its_own));
        let users: Vec<Name> = users.map(|(table, _)| table.clone()).collect();
        for user in users {
            if !cascade {
                return self.fails(
                    "2BP01",
                    format!("cannot drop extension {name} because {user} depends on it"),
                );
            }
            self.lock(&user, AccessExclusive);
            self.loses(
                "drop-type-drops-columns",
                format!("columns of {user} with types of extension {name} are gone"),
            );
        }
    }

    /// All that belongs to some roles gets another owner, or goes; who owns it the catalog may not say.
    pub(super) fn owned(&mut self, roles: &[String], stays: bool) {
        let theirs = |owner: &Option<String>| owner.as_ref().is_some_and(|owner| roles.contains(owner));
        let owned = self.catalog.relations.iter().filter(|(_, rel)| theirs(&rel.owner));
        let owned: Vec<Name> = owned.map(|(name, _)| name.clone()).collect();
        if !stays {
            return self.doom(Doomed::relations(owned), true, "what they own");
        }
        for relation in owned {
            self.lock(&relation, AccessExclusive);
            self.lock_indexes(&relation, AccessExclusive);
        }
    }

    fn drop_schema(&mut self, name: &NameRef, cascade: bool) {
        fn of<'a>(schema: &str, names: impl Iterator<Item = &'a Name>) -> Vec<Name> {
            names.filter(|name| name.schema == schema).cloned().collect()
        }
        let relations = of(&name.name, self.catalog.relations.keys());
        let types = of(&name.name, self.catalog.types.keys());
        let functions = of(&name.name, self.catalog.functions.keys());
        if !cascade {
            if let Some(inside) = relations.iter().chain(&types).chain(&functions).next() {
                self.fails("2BP01", format!("cannot drop schema {name} because {inside} is in it"));
            }
            return;
        }
        self.doom(
            Doomed::relations(relations).with(types, functions),
            true,
            &name.to_string(),
        );
        self.loses("drop-schema-loses-data", format!("everything in schema {name} is gone"));
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
                    let missing = rel.is_some_and(|rel| {
                        let named = rename.member.as_deref().unwrap_or_default();
                        !rel.columns.is_empty() && rel.constraint(named).is_none()
                    });
                    if rename.object == ObjectKind::Constraint && missing {
                        let named = rename.member.clone().unwrap_or_default();
                        self.fails("42704", format!("constraint \"{named}\" does not exist"));
                    }
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
            ObjectKind::Attribute | ObjectKind::Type => {
                // A composite type has a relation of its own.
                let found = self.catalog.resolve_type(&rename.name);
                let is_composite = |name: &Name| self.catalog.types.get(name) == Some(&TypeDef::Composite);
                if let Some(name) = found.filter(is_composite) {
                    self.lock(&name, AccessExclusive);
                }
            }
            ObjectKind::Domain
            | ObjectKind::Function
            | ObjectKind::Schema
            | ObjectKind::Extension
            | ObjectKind::Statistics
            | ObjectKind::Other => {}
        }
    }

    fn rename_index(&mut self, rename: &Rename) {
        match self.known_index(&rename.name) {
            Some((table, index)) => {
                self.lock_index(&table, &index.name, ShareUpdateExclusive);
                let taken = table.sibling(&rename.to);
                if self.catalog.index(&taken).is_some() || self.catalog.relation(&taken).is_some() {
                    self.fails("42P07", format!("relation \"{}\" already exists", rename.to));
                }
            }
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
        let owned = self.owned_sequences(&relation);
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

fn list(names: &[NameRef]) -> String {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    names.join(", ")
}
