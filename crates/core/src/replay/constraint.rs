//! `ADD CONSTRAINT`, with the index that comes with it.

use super::create::set_not_null;
use super::names::{addition, index_column_names};
use super::partition;
use crate::catalog::{Catalog, Constraint, ConstraintKind, Index, Origin, RelationKind};
use crate::quote::{Ident, Name};
use crate::sql::{ConstraintDef, ConstraintKindDef, ExcludeDef, KeyDef};
use std::collections::BTreeSet;

/// Whether what is made goes to partitions and children too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// `ONLY`.
    Alone,
    /// All below as well.
    Family,
}

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
        ConstraintKindDef::Unique(key) => match &key.using_index {
            Some(index) => index.clone(),
            None => catalog.choose_index_name(table, &def.columns, Some("key")),
        },
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

/// Adds a table constraint, with its index where it has one.
pub(super) fn add_constraint(catalog: &mut Catalog, table: &Name, def: &ConstraintDef, reach: Reach) {
    let name = constraint_name(catalog, table, def);
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
    let mut columns = def.columns.clone();
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
    if matches!(kind, ConstraintKind::PrimaryKey | ConstraintKind::NotNull) && !def.not_valid {
        for column in &columns {
            mark_not_null(catalog, table, column, matches!(kind, ConstraintKind::NotNull));
        }
    }
    let Some(rel) = catalog.relations.get_mut(table) else {
        return;
    };
    let made = Constraint {
        name,
        kind,
        columns,
        valid: !def.not_valid,
        enforced: def.enforced,
        inherited: false,
        definition: def.definition.as_str().to_owned(),
    };
    rel.constraints.push(made.clone());
    let index = rel
        .indexes
        .iter_mut()
        .find(|own| own.constraint.as_ref() == Some(&made.name));
    if rel.kind == RelationKind::PartitionedTable && reach == Reach::Alone {
        if let Some(own) = index {
            own.valid = false;
        }
    } else {
        partition::spread_constraint(catalog, table, &made);
        partition::spread_index(catalog, table, &made.name);
    }
}

fn mark_not_null(catalog: &mut Catalog, table: &Name, column: &str, constraint_follows: bool) {
    if !constraint_follows {
        set_not_null(catalog, table, column);
    } else if let Some(found) = catalog
        .relations
        .get_mut(table)
        .and_then(|rel| rel.columns.iter_mut().find(|c| c.name == column))
    {
        found.not_null = true;
    }
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
    let Some(rel) = catalog.relations.get_mut(table) else {
        return;
    };
    if let Some(found) = rel.indexes.iter_mut().find(|i| i.name == index) {
        constraint.clone_into(&mut found.name);
        found.constraint = Some(constraint.to_owned());
    }
}

fn key_index(catalog: &mut Catalog, table: &Name, name: &str, def: &ConstraintDef, key: &KeyDef) {
    let Some(rel) = catalog.relations.get_mut(table) else {
        return;
    };
    let rest = key.index_rest.as_ref();
    rel.indexes.push(Index {
        name: name.to_owned(),
        origin: Origin::Created,
        method: "btree".to_owned(),
        keys: def.columns.clone(),
        include: Vec::new(),
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
    let Some(rel) = catalog.relations.get_mut(table) else {
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
