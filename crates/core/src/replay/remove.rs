//! `DROP`, `RENAME` and `SET SCHEMA`.

use super::Certainty::{self, Guessed, Known, Unknown};
use super::{extensions, object};
use crate::catalog::{Catalog, Column, Constraint, ConstraintKind, Mention, Relation, RelationKind, Trigger, TypeDef};
use crate::quote::Name;
use crate::sql::{Drop, NameRef, ObjectKind, Rename};
use std::collections::BTreeSet;

pub(super) fn drop(catalog: &mut Catalog, drop: &Drop) -> Certainty {
    let mut certainty = Known;
    for (at, name) in drop.names.iter().enumerate() {
        let member = drop.members.get(at).map(String::as_str).unwrap_or_default();
        match drop.object {
            ObjectKind::Table
            | ObjectKind::View
            | ObjectKind::MaterializedView
            | ObjectKind::Sequence
            | ObjectKind::ForeignTable => {
                if let Some(name) = catalog.resolve(name) {
                    if drop.cascade {
                        views_of(catalog, &name);
                        defaults_of(catalog, &name);
                    }
                    relation(catalog, &name);
                }
            }
            ObjectKind::Index => index(catalog, name),
            ObjectKind::Type | ObjectKind::Domain => {
                if let Some(name) = catalog.resolve_type(name) {
                    catalog.types.remove(&name);
                    columns_of_type(catalog, &name);
                }
            }
            ObjectKind::Function => {
                if let Some(name) = catalog.resolve_function(name) {
                    let signature = drop.signatures.get(at).and_then(Option::as_deref);
                    object::drop_function(catalog, &name, signature);
                    if drop.cascade && !catalog.functions.contains_key(&name) {
                        let calls = |rel: &Relation| rel.triggers.iter().any(|trigger| trigger.function == name);
                        catalog.relations.change(calls, |rel| {
                            rel.triggers.retain(|trigger| trigger.function != name);
                        });
                    }
                }
            }
            ObjectKind::Trigger | ObjectKind::Policy => {
                let table = catalog.resolve(name).and_then(|name| catalog.relations.get_mut(&name));
                if let Some(mut rel) = table {
                    rel.triggers
                        .retain(|t| drop.object != ObjectKind::Trigger || t.name != member);
                    rel.policies
                        .retain(|p| drop.object != ObjectKind::Policy || p.name != member);
                }
            }
            ObjectKind::Statistics => {
                let table = catalog.table_of_statistics(name);
                if let Some(mut rel) = table.and_then(|table| catalog.relations.get_mut(&table)) {
                    rel.statistics.retain(|own| own.name.name != name.name);
                }
            }
            ObjectKind::Schema => schema(catalog, &name.name),
            ObjectKind::Extension => {
                let (types, own) = extensions::drop(catalog, &name.name);
                for name in &types {
                    columns_of_type(catalog, name);
                }
                certainty = certainty.max(own);
            }
            ObjectKind::Column
            | ObjectKind::Constraint
            | ObjectKind::Rule
            | ObjectKind::Attribute
            | ObjectKind::Other => {}
        }
    }
    // CASCADE takes along what the catalog may not hold: rules, operators, defaults by function.
    if drop.cascade {
        certainty.max(Guessed)
    } else {
        certainty
    }
}

fn schema(catalog: &mut Catalog, schema: &str) {
    catalog.schemas.remove(schema);
    let inside: Vec<Name> = catalog
        .relations
        .keys()
        .filter(|name| name.schema == schema)
        .cloned()
        .collect();
    for name in inside {
        views_of(catalog, &name);
        relation(catalog, &name);
    }
    let types: Vec<Name> = catalog
        .types
        .keys()
        .filter(|name| name.schema == schema)
        .cloned()
        .collect();
    for name in types {
        catalog.types.remove(&name);
        columns_of_type(catalog, &name);
    }
    catalog.functions.remove_those(|name, _| name.schema == schema);
    let gone = |trigger: &Trigger| trigger.function.schema == schema;
    catalog.relations.change(
        |rel| rel.triggers.iter().any(gone),
        |rel| rel.triggers.retain(|trigger| !gone(trigger)),
    );
}

/// Views that read a relation go with it, and those that read them.
fn views_of(catalog: &mut Catalog, read: &Name) {
    let views: Vec<Name> = readers(catalog, read, None);
    for view in views {
        views_of(catalog, &view);
        relation(catalog, &view);
    }
}

/// The same for one column.
pub(super) fn views_of_column(catalog: &mut Catalog, read: &Name, column: &str) {
    let views: Vec<Name> = readers(catalog, read, Some(column));
    for view in views {
        views_of(catalog, &view);
        relation(catalog, &view);
    }
}

fn readers(catalog: &Catalog, read: &Name, column: Option<&str>) -> Vec<Name> {
    let is_reader = |rel: &Relation| {
        let is_view = matches!(rel.kind, RelationKind::View | RelationKind::MaterializedView);
        let columns = rel.reads.get(read).filter(|_| is_view);
        columns.is_some_and(|columns| column.is_none_or(|column| columns.contains(column)))
    };
    let readers = catalog.relations.mentioning(Mention::Reads(read));
    let readers = readers.filter(|(_, rel)| is_reader(rel));
    readers.map(|(name, _)| name.clone()).collect()
}

/// Defaults that count with a sequence go with it.
fn defaults_of(catalog: &mut Catalog, sequence: &Name) {
    if catalog
        .relation(sequence)
        .is_none_or(|rel| rel.kind != RelationKind::Sequence)
    {
        return;
    }
    let counts = |column: &Column| {
        let default = column.default.as_ref();
        default.is_some_and(|default| default.functions.contains("nextval") && default.sql.contains(&sequence.name))
    };
    let counting = |rel: &Relation| rel.columns.iter().any(counts);
    catalog.relations.change(counting, |rel| {
        let columns = rel.columns.iter_mut().filter(|column| counts(column));
        columns.for_each(|column| column.default = None);
    });
}

/// Columns of a type that is gone.
fn columns_of_type(catalog: &mut Catalog, of: &Name) {
    let of_type = |rel: &Relation| {
        let own = rel
            .columns
            .iter()
            .filter(|column| column.user_type.as_ref() == Some(of));
        own.map(|column| column.name.clone()).collect::<Vec<_>>()
    };
    let users = catalog.relations.mentioning(Mention::Typed(of));
    let users: Vec<(Name, Vec<String>)> = users.map(|(name, rel)| (name.clone(), of_type(rel))).collect();
    for (table, columns) in users {
        for column in columns {
            views_of_column(catalog, &table, &column);
            super::alter::drop_column(catalog, &table, &column);
        }
    }
}

/// Takes a relation out, with the keys that point at it and the sequences it owns.
pub(super) fn relation(catalog: &mut Catalog, name: &Name) {
    catalog.relations.remove(name);
    catalog.relations.remove_mentioning(Mention::OwnedBy(name), |rel| {
        rel.owned_by.as_ref().is_some_and(|(owner, _)| owner == name)
    });
    let partitions: Vec<Name> = catalog.children(name).cloned().collect();
    let points_at_it =
        |c: &Constraint| matches!(&c.kind, ConstraintKind::ForeignKey { references, .. } if references == name);
    catalog.relations.change_mentioning([Mention::References(name)], |rel| {
        rel.constraints.retain(|c| !points_at_it(c));
    });
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
            if let Some(mut rel) = catalog.relations.get_mut(&table) {
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
                move_type(catalog, &old, &old.sibling(to));
            }
            Known
        }
        ObjectKind::Trigger | ObjectKind::Policy => {
            let (Some(table), Some(from)) = (catalog.resolve(&rename.name), &rename.member) else {
                return Unknown;
            };
            if let Some(mut rel) = catalog.relations.get_mut(&table) {
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
                let new = old.sibling(to);
                object::rename_called(catalog, &old, &new);
                catalog.functions.insert(new, overloads);
            }
            Known
        }
        ObjectKind::Schema => {
            rename_schema(catalog, &rename.name.name, to);
            Guessed
        }
        ObjectKind::Attribute => Known,
        ObjectKind::Rule | ObjectKind::Extension | ObjectKind::Statistics | ObjectKind::Other => Unknown,
    }
}

fn rename_index(catalog: &mut Catalog, table: &Name, from: &str, to: &str) {
    let Some(mut rel) = catalog.relations.get_mut(table) else {
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
    let moved: BTreeSet<String> = rel.indexes.iter().map(|index| index.name.clone()).collect();
    catalog.relations.insert(new.clone(), rel);
    let swap = |name: &mut Name| {
        if name == old {
            name.clone_from(new);
        }
    };
    let follow = |rel: &mut Relation| {
        rel.parents.iter_mut().for_each(swap);
        if let Some((owner, _)) = &mut rel.owned_by {
            swap(owner);
        }
        for index in &mut rel.indexes {
            // The indexes live in the schema of their table.
            if let Some(parent) = &mut index.parent
                && old.schema != new.schema
                && parent.schema == old.schema
                && moved.contains(&parent.name)
            {
                parent.schema.clone_from(&new.schema);
            }
        }
        if let Some(columns) = rel.reads.remove(old) {
            rel.reads.insert(new.clone(), columns);
        }
        for constraint in &mut rel.constraints {
            if let ConstraintKind::ForeignKey { references, .. } = &mut constraint.kind {
                swap(references);
            }
        }
    };
    if old.schema == new.schema {
        let what = [
            Mention::Parent(old),
            Mention::OwnedBy(old),
            Mention::Reads(old),
            Mention::References(old),
        ];
        catalog.relations.change_mentioning(what, follow);
    } else {
        catalog.relations.change(|_| true, follow);
    }
}

fn move_type(catalog: &mut Catalog, old: &Name, new: &Name) {
    let before = catalog.type_name(old);
    let Some(def) = catalog.types.remove(old) else { return };
    catalog.types.insert(new.clone(), def);
    let after = catalog.type_name(new);
    let is_of_it = |column: &Column| column.user_type.as_ref() == Some(old);
    catalog.relations.change_mentioning([Mention::Typed(old)], |rel| {
        for column in rel.columns.iter_mut().filter(|column| is_of_it(column)) {
            column.user_type = Some(new.clone());
            if let Some(rest) = column.type_name.strip_prefix(&before) {
                column.type_name = format!("{after}{rest}");
            }
        }
    });
}

fn rename_schema(catalog: &mut Catalog, from: &str, to: &str) {
    if !catalog.schemas.remove(from) {
        return;
    }
    catalog.schemas.insert(to.to_owned());
    let inside = |name: &&Name| name.schema == from;
    let relations: Vec<Name> = catalog.relations.keys().filter(inside).cloned().collect();
    for old in relations {
        move_relation(catalog, &old, &Name::new(to, &old.name));
    }
    let types: Vec<Name> = catalog.types.keys().filter(inside).cloned().collect();
    for old in types {
        let new = Name::new(to, &old.name);
        move_type(catalog, &old, &new);
    }
    let functions: Vec<Name> = catalog.functions.keys().filter(inside).cloned().collect();
    for old in functions {
        if let Some(overloads) = catalog.functions.remove(&old) {
            catalog.functions.insert(Name::new(to, &old.name), overloads);
        }
    }
    let is_from = |trigger: &Trigger| trigger.function.schema == from;
    let has_it = |rel: &Relation| rel.triggers.iter().any(is_from);
    catalog.relations.change(has_it, |rel| {
        for trigger in rel.triggers.iter_mut().filter(|trigger| is_from(trigger)) {
            to.clone_into(&mut trigger.function.schema);
        }
    });
}

/// Expressions keep the old name in their text; what they use is renamed.
fn rename_column(catalog: &mut Catalog, table: &Name, from: &str, to: &str) -> Certainty {
    let swap = |name: &mut String| {
        if name == from {
            to.clone_into(name);
        }
    };
    let swap_set = |set: &mut BTreeSet<String>| {
        if set.remove(from) {
            set.insert(to.to_owned());
        }
    };
    for name in std::iter::once(table.clone()).chain(catalog.descendants(table)) {
        let Some(mut rel) = catalog.relations.get_mut(&name) else {
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
        rel.partition_key.iter_mut().for_each(|key| swap_set(&mut key.columns));
        let defaults = rel.columns.iter_mut().filter_map(|c| c.default.as_mut());
        defaults.for_each(|default| swap_set(&mut default.columns));
    }
    let what = [
        Mention::Reads(table),
        Mention::OwnedBy(table),
        Mention::References(table),
    ];
    catalog.relations.change_mentioning(what, |rel| {
        if let Some(read) = rel.reads.get_mut(table) {
            swap_set(read);
        }
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
    });
    // Index and constraint definitions hold the old name in their text.
    Guessed
}

pub(super) fn set_schema(catalog: &mut Catalog, object: ObjectKind, name: &NameRef, schema: &str) -> Certainty {
    match object {
        ObjectKind::Table | ObjectKind::View | ObjectKind::MaterializedView | ObjectKind::Sequence => {
            let Some(old) = catalog.resolve(name) else {
                return Unknown;
            };
            let owned = catalog.sequences_of(&old);
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
            move_type(catalog, &old, &new);
            Known
        }
        _ => Unknown,
    }
}
