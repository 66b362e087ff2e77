//! Table constraints, with the indexes of keys, and what partitions and children get of them.

use super::names::{addition, index_column_names};
use super::partition;
use super::table::set_not_null;
use crate::catalog::{Catalog, Constraint, ConstraintKind, Index, Origin, RelationKind};
use crate::quote::{Ident, Name};
use crate::sql::{ConstraintDef, ConstraintKindDef, ExcludeDef, KeyDef};
use std::collections::BTreeSet;

/// The name that a constraint has or would get.
pub fn constraint_name(catalog: &Catalog, table: &Name, def: &ConstraintDef) -> String {
    if let Some(name) = &def.name {
        return name.clone();
    }
    let joined = addition(&def.columns);
    let none = BTreeSet::new();
    match &def.kind {
        ConstraintKindDef::PrimaryKey(key) => match &key.using_index {
            Some(index) => index.clone(),
            None => catalog.choose_index_name(table, &[], Some("pkey")),
        },
        ConstraintKindDef::Unique(key) => {
            let all: Vec<String> = def.columns.iter().chain(&key.include).cloned().collect();
            let made = || catalog.choose_index_name(table, &index_column_names(&all), Some("key"));
            key.using_index.clone().unwrap_or_else(made)
        }
        ConstraintKindDef::Exclude(exclude) => {
            catalog.choose_index_name(table, &index_column_names(&exclude.key_names), Some("excl"))
        }
        ConstraintKindDef::ForeignKey { .. } => catalog.choose_constraint_name(table, Some(&joined), "fkey", &none),
        ConstraintKindDef::NotNull => catalog.choose_constraint_name(table, Some(&joined), "not_null", &none),
        ConstraintKindDef::Check(expression) => {
            let own = catalog.relation(table);
            let mut used = expression
                .columns
                .iter()
                .filter(|c| own.is_some_and(|rel| rel.column(c).is_some()));
            let single = match (used.next(), used.next()) {
                (Some(one), None) => Some(one.as_str()),
                _ => None,
            };
            catalog.choose_constraint_name(table, single, "check", &none)
        }
    }
}

/// Adds a table constraint, with its index where it has one, and to the children what they get of it. One whose name is
/// taken is not added: the server refuses it.
pub(super) fn add_constraint(catalog: &mut Catalog, table: &Name, def: &ConstraintDef, reach: Reach) {
    let name = constraint_name(catalog, table, def);
    if catalog
        .relation(table)
        .is_none_or(|rel| rel.constraint(&name).is_some())
    {
        return;
    }
    let kind = match &def.kind {
        ConstraintKindDef::Check(expression) => ConstraintKind::Check(expression.clone()),
        ConstraintKindDef::NotNull => ConstraintKind::NotNull,
        ConstraintKindDef::PrimaryKey(_) => ConstraintKind::PrimaryKey,
        ConstraintKindDef::Unique(_) => ConstraintKind::Unique,
        ConstraintKindDef::Exclude(_) => ConstraintKind::Exclude,
        ConstraintKindDef::ForeignKey {
            references, columns, ..
        } => {
            let references = catalog.resolve_or_target(references);
            let columns = if columns.is_empty() {
                primary_key(catalog, &references)
            } else {
                columns.clone()
            };
            ConstraintKind::ForeignKey { references, columns }
        }
    };
    let mut columns = match &kind {
        // What the text names and the table has.
        ConstraintKind::Check(_) => {
            let own = |column: &&String| catalog.relation(table).is_some_and(|rel| rel.column(column).is_some());
            let used = def.columns.iter().filter(own).cloned();
            in_order(catalog, table, &used.collect())
        }
        _ => def.columns.clone(),
    };
    if let ConstraintKindDef::PrimaryKey(key) | ConstraintKindDef::Unique(key) = &def.kind {
        if let Some(using) = &key.using_index {
            columns = index_columns(catalog, table, using);
            take_index(catalog, table, using, &name);
        } else {
            key_index(catalog, table, &name, def, key);
        }
    }
    if let ConstraintKindDef::Exclude(exclude) = &def.kind {
        exclude_index(catalog, table, &name, exclude);
    }
    if kind == ConstraintKind::PrimaryKey {
        for column in &columns {
            set_not_null(catalog, table, column);
        }
    }
    let added = Constraint {
        name: name.clone(),
        kind,
        columns,
        valid: !def.not_valid,
        enforced: def.enforced,
        inherited: false,
        definition: def.definition.as_str().to_owned(),
    };
    if added.kind == ConstraintKind::NotNull && !replace_not_null(catalog, table, &added) {
        return;
    }
    let Some(mut rel) = catalog.relations.get_mut(table) else {
        return;
    };
    rel.constraints.push(added.clone());
    if rel.kind == RelationKind::PartitionedTable && reach == Reach::Alone {
        let mut own = rel.indexes.iter_mut();
        if let Some(index) = own.find(|own| own.constraint.as_ref() == Some(&added.name)) {
            index.valid = false;
        }
    } else if reach == Reach::Family {
        drop(rel);
        if added.kind == ConstraintKind::NotNull {
            added
                .columns
                .iter()
                .for_each(|column| set_not_null(catalog, table, column));
        }
        partition::spread_constraint(catalog, table, &added);
        partition::spread_index(catalog, table, &added.name);
    }
}

/// Whether what is made goes to partitions and children too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// `ONLY`.
    Alone,
    /// All below as well.
    Family,
}

/// Columns in the order of the table, as the server lists those of a check.
fn in_order(catalog: &Catalog, table: &Name, columns: &BTreeSet<String>) -> Vec<String> {
    let all = catalog.relation(table).map_or(&[][..], |rel| &rel.columns);
    all.iter()
        .map(|c| c.name.clone())
        .filter(|name| columns.contains(name))
        .collect()
}

/// A column has one NOT NULL at the most; whether the constraint is to be added.
fn replace_not_null(catalog: &mut Catalog, table: &Name, added: &Constraint) -> bool {
    let Some(mut rel) = catalog.relations.get_mut(table) else {
        return false;
    };
    let present = rel
        .constraints
        .iter()
        .any(|c| c.kind == ConstraintKind::NotNull && c.columns == added.columns);
    for column in rel.columns.iter_mut().filter(|c| added.columns.contains(&c.name)) {
        column.not_null = true;
    }
    !present
}

/// Columns of a table's primary key.
pub(crate) fn primary_key(catalog: &Catalog, table: &Name) -> Vec<String> {
    let constraints = catalog.relation(table).map_or(&[][..], |rel| &rel.constraints);
    let key = constraints.iter().find(|c| c.kind == ConstraintKind::PrimaryKey);
    key.map(|c| c.columns.clone()).unwrap_or_default()
}

fn index_columns(catalog: &Catalog, table: &Name, index: &str) -> Vec<String> {
    catalog
        .index(&table.sibling(index))
        .map(|(_, index)| index.keys.clone())
        .unwrap_or_default()
}

fn take_index(catalog: &mut Catalog, table: &Name, index: &str, constraint: &str) {
    let Some(mut rel) = catalog.relations.get_mut(table) else {
        return;
    };
    if let Some(found) = rel.indexes.iter_mut().find(|i| i.name == index) {
        constraint.clone_into(&mut found.name);
        found.constraint = Some(constraint.to_owned());
    }
}

fn key_index(catalog: &mut Catalog, table: &Name, name: &str, def: &ConstraintDef, key: &KeyDef) {
    let Some(mut rel) = catalog.relations.get_mut(table) else {
        return;
    };
    let rest = key.index_rest.as_ref();
    rel.indexes.push(Index {
        name: name.to_owned(),
        origin: Origin::Created,
        method: "btree".to_owned(),
        keys: def.columns.clone(),
        include: key.include.clone(),
        expressions: None,
        predicate: None,
        unique: true,
        valid: true,
        nulls_not_distinct: key.nulls_not_distinct,
        constraint: Some(name.to_owned()),
        parent: None,
        definition: rest.map_or_else(String::new, |rest| {
            crate::sql!("CREATE UNIQUE INDEX {} ON {} {}", Ident(name), table, rest)
                .as_str()
                .to_owned()
        }),
    });
}

fn exclude_index(catalog: &mut Catalog, table: &Name, name: &str, exclude: &ExcludeDef) {
    let Some(mut rel) = catalog.relations.get_mut(table) else {
        return;
    };
    rel.indexes.push(Index {
        name: name.to_owned(),
        origin: Origin::Created,
        method: exclude.method.clone(),
        keys: exclude.keys.clone(),
        include: Vec::new(),
        expressions: exclude.expressions.clone(),
        predicate: exclude.predicate.clone(),
        unique: false,
        valid: true,
        nulls_not_distinct: false,
        constraint: Some(name.to_owned()),
        parent: None,
        definition: String::new(),
    });
}
