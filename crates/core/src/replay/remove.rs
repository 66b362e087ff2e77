//! `DROP`, `RENAME` and `SET SCHEMA`.

use super::Certainty::{self, Known, Unknown};
use crate::catalog::{Catalog, ConstraintKind, TypeDef};
use crate::quote::Name;
use crate::sql::{Drop, NameRef, ObjectKind, Rename};

pub(super) fn drop(catalog: &mut Catalog, drop: &Drop) -> Certainty {
    for (at, name) in drop.names.iter().enumerate() {
        let member = drop.members.get(at).map(String::as_str).unwrap_or_default();
        match drop.object {
            ObjectKind::Table
            | ObjectKind::View
            | ObjectKind::MaterializedView
            | ObjectKind::Sequence
            | ObjectKind::ForeignTable => {
                if let Some(name) = catalog.resolve(name) {
                    relation(catalog, &name);
                }
            }
            ObjectKind::Index => index(catalog, name),
            ObjectKind::Type | ObjectKind::Domain => {
                if let Some(name) = catalog.resolve_type(name) {
                    catalog.types.remove(&name);
                }
            }
            ObjectKind::Function => {
                if let Some(name) = catalog.resolve_function(name) {
                    catalog.functions.remove(&name);
                }
            }
            ObjectKind::Trigger | ObjectKind::Policy => {
                let table = catalog.resolve(name).and_then(|name| catalog.relations.get_mut(&name));
                if let Some(rel) = table {
                    rel.triggers
                        .retain(|t| drop.object != ObjectKind::Trigger || t.name != member);
                    rel.policies
                        .retain(|p| drop.object != ObjectKind::Policy || p.name != member);
                }
            }
            ObjectKind::Statistics => {
                let table = catalog.table_of_statistics(name);
                if let Some(rel) = table.and_then(|table| catalog.relations.get_mut(&table)) {
                    rel.statistics.retain(|own| own.name != name.name);
                }
            }
            ObjectKind::Schema => {
                catalog.schemas.remove(&name.name);
                catalog.relations.retain(|rel, _| rel.schema != name.name);
                catalog.types.retain(|rel, _| rel.schema != name.name);
                catalog.functions.retain(|rel, _| rel.schema != name.name);
            }
            ObjectKind::Extension => {
                catalog.extensions.remove(&name.name);
                return Unknown;
            }
            ObjectKind::Column
            | ObjectKind::Constraint
            | ObjectKind::Rule
            | ObjectKind::Attribute
            | ObjectKind::Other => {}
        }
    }
    // CASCADE takes along what the catalog may not hold.
    if drop.cascade { Unknown } else { Known }
}

/// Takes a relation out, with the keys that point at it and the sequences it owns.
pub(super) fn relation(catalog: &mut Catalog, name: &Name) {
    catalog.relations.remove(name);
    catalog
        .relations
        .retain(|_, rel| rel.owned_by.as_ref().is_none_or(|(owner, _)| owner != name));
    let partitions: Vec<Name> = catalog.children(name).cloned().collect();
    for rel in catalog.relations.values_mut() {
        rel.constraints
            .retain(|c| !matches!(&c.kind, ConstraintKind::ForeignKey { references, .. } if references == name));
    }
    for partition in partitions {
        relation(catalog, &partition);
    }
}

fn index(catalog: &mut Catalog, name: &NameRef) {
    let Some((table, found)) = catalog
        .resolve_index(name)
        .map(|(table, index)| (table.clone(), index.name.clone()))
    else {
        return;
    };
    super::partition::take_index(catalog, &table, &found);
}

pub(super) fn rename(catalog: &mut Catalog, rename: &Rename) -> Certainty {
    let to = &rename.to;
    match rename.object {
        ObjectKind::Table
        | ObjectKind::View
        | ObjectKind::MaterializedView
        | ObjectKind::Sequence
        | ObjectKind::ForeignTable
        | ObjectKind::Index => {
            if let Some(old) = catalog.resolve(&rename.name) {
                let new = old.sibling(to);
                move_relation(catalog, &old, &new);
            } else if let Some((table, index)) = catalog
                .resolve_index(&rename.name)
                .map(|(table, index)| (table.clone(), index.name.clone()))
            {
                rename_index(catalog, &table, &index, to);
            }
            Known
        }
        ObjectKind::Column => {
            let (Some(table), Some(from)) = (catalog.resolve(&rename.name), &rename.member) else {
                return Unknown;
            };
            rename_column(catalog, &table, from, to)
        }
        ObjectKind::Constraint => {
            let (Some(table), Some(from)) = (catalog.resolve(&rename.name), &rename.member) else {
                return Unknown;
            };
            if let Some(rel) = catalog.relations.get_mut(&table) {
                rel.constraints
                    .iter_mut()
                    .filter(|c| c.name == *from)
                    .for_each(|c| c.name.clone_from(to));
                for index in rel.indexes.iter_mut().filter(|i| i.constraint.as_deref() == Some(from)) {
                    index.name.clone_from(to);
                    index.constraint = Some(to.clone());
                }
            }
            Known
        }
        ObjectKind::Type | ObjectKind::Domain => {
            if let Some(old) = catalog.resolve_type(&rename.name) {
                move_type(catalog, &old, old.sibling(to));
            }
            Known
        }
        ObjectKind::Trigger | ObjectKind::Policy => {
            let (Some(table), Some(from)) = (catalog.resolve(&rename.name), &rename.member) else {
                return Unknown;
            };
            if let Some(rel) = catalog.relations.get_mut(&table) {
                rel.triggers
                    .iter_mut()
                    .filter(|t| t.name == *from)
                    .for_each(|t| t.name.clone_from(to));
                rel.policies
                    .iter_mut()
                    .filter(|p| p.name == *from)
                    .for_each(|p| p.name.clone_from(to));
            }
            Known
        }
        ObjectKind::Function => {
            if let Some(old) = catalog.resolve_function(&rename.name)
                && let Some(overloads) = catalog.functions.remove(&old)
            {
                catalog.functions.insert(old.sibling(to), overloads);
            }
            Known
        }
        ObjectKind::Schema
        | ObjectKind::Rule
        | ObjectKind::Attribute
        | ObjectKind::Extension
        | ObjectKind::Statistics
        | ObjectKind::Other => Unknown,
    }
}

fn rename_index(catalog: &mut Catalog, table: &Name, from: &str, to: &str) {
    let Some(rel) = catalog.relations.get_mut(table) else {
        return;
    };
    for index in rel.indexes.iter_mut().filter(|i| i.name == from) {
        to.clone_into(&mut index.name);
        if index.constraint.is_some() {
            index.constraint = Some(to.to_owned());
        }
    }
    rel.constraints
        .iter_mut()
        .filter(|c| {
            c.name == from
                && matches!(
                    c.kind,
                    ConstraintKind::PrimaryKey | ConstraintKind::Unique | ConstraintKind::Exclude
                )
        })
        .for_each(|c| to.clone_into(&mut c.name));
}

fn move_relation(catalog: &mut Catalog, old: &Name, new: &Name) {
    let Some(rel) = catalog.relations.remove(old) else {
        return;
    };
    catalog.relations.insert(new.clone(), rel);
    let swap = |name: &mut Name| {
        if name == old {
            name.clone_from(new);
        }
    };
    for rel in catalog.relations.values_mut() {
        rel.parents.iter_mut().for_each(swap);
        if let Some((owner, _)) = &mut rel.owned_by {
            swap(owner);
        }
        if let Some(columns) = rel.reads.remove(old) {
            rel.reads.insert(new.clone(), columns);
        }
        for constraint in &mut rel.constraints {
            if let ConstraintKind::ForeignKey { references, .. } = &mut constraint.kind {
                swap(references);
            }
        }
    }
}

fn move_type(catalog: &mut Catalog, old: &Name, new: Name) {
    let Some(def) = catalog.types.remove(old) else { return };
    for column in catalog.relations.values_mut().flat_map(|rel| &mut rel.columns) {
        if column.user_type.as_ref() == Some(old) {
            column.user_type = Some(new.clone());
            column.type_name = column.type_name.replace(&old.name, &new.name);
        }
    }
    catalog.types.insert(new, def);
}

/// Expressions keep the old name in their text; what they use is renamed.
fn rename_column(catalog: &mut Catalog, table: &Name, from: &str, to: &str) -> Certainty {
    let swap = |name: &mut String| {
        if name == from {
            to.clone_into(name);
        }
    };
    let swap_set = |set: &mut std::collections::BTreeSet<String>| {
        if set.remove(from) {
            set.insert(to.to_owned());
        }
    };
    for name in std::iter::once(table.clone()).chain(catalog.descendants(table)) {
        let Some(rel) = catalog.relations.get_mut(&name) else {
            continue;
        };
        rel.columns.iter_mut().for_each(|c| swap(&mut c.name));
        for constraint in &mut rel.constraints {
            constraint.columns.iter_mut().for_each(swap);
            if let ConstraintKind::Check(expression) = &mut constraint.kind {
                swap_set(&mut expression.columns);
            }
        }
        for index in &mut rel.indexes {
            index.keys.iter_mut().chain(&mut index.include).for_each(swap);
            let expressions = index.expressions.iter_mut().chain(&mut index.predicate);
            expressions.for_each(|expression| swap_set(&mut expression.columns));
        }
        rel.triggers.iter_mut().for_each(|t| swap_set(&mut t.columns));
        rel.policies.iter_mut().for_each(|p| swap_set(&mut p.columns));
    }
    for rel in catalog.relations.values_mut() {
        if let Some((owner, column)) = &mut rel.owned_by
            && owner == table
        {
            swap(column);
        }
        for constraint in &mut rel.constraints {
            if let ConstraintKind::ForeignKey { references, columns } = &mut constraint.kind
                && references == table
            {
                columns.iter_mut().for_each(swap);
            }
        }
    }
    // Index and constraint definitions hold the old name in their text.
    Unknown
}

pub(super) fn set_schema(catalog: &mut Catalog, object: ObjectKind, name: &NameRef, schema: &str) -> Certainty {
    match object {
        ObjectKind::Table | ObjectKind::View | ObjectKind::MaterializedView | ObjectKind::Sequence => {
            let Some(old) = catalog.resolve(name) else {
                return Unknown;
            };
            let owned = catalog
                .relations
                .iter()
                .filter(|(_, rel)| rel.owned_by.as_ref().is_some_and(|(owner, _)| *owner == old));
            let moved: Vec<Name> = owned.map(|(name, _)| name.clone()).chain([old.clone()]).collect();
            for old in moved {
                let new = Name::new(schema, &old.name);
                move_relation(catalog, &old, &new);
            }
            Known
        }
        ObjectKind::Type | ObjectKind::Domain => {
            let Some(old) = catalog.resolve_type(name) else {
                return Unknown;
            };
            if !matches!(catalog.types.get(&old), Some(TypeDef::Enum(_) | TypeDef::Domain { .. })) {
                return Unknown;
            }
            let new = Name::new(schema, &old.name);
            move_type(catalog, &old, new);
            Known
        }
        _ => Unknown,
    }
}
