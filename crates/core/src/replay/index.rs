//! `CREATE INDEX`, and indexes copied by `LIKE`.

use super::Certainty::{self, Known, Unknown};
use super::names::index_column_names;
use super::partition;
use crate::catalog::{Catalog, Constraint, ConstraintKind, Index, Origin, RelationKind};
use crate::quote::{Ident, Name};
use crate::sql::CreateIndex;

/// The name that an index has or would get.
pub fn index_name(catalog: &Catalog, table: &Name, index: &CreateIndex) -> String {
    if let Some(name) = &index.name {
        name.clone()
    } else {
        let all: Vec<String> = index.key_names.iter().chain(&index.include).cloned().collect();
        catalog.choose_index_name(table, &index_column_names(&all), None)
    }
}

pub(super) fn create(catalog: &mut Catalog, index: &CreateIndex) -> Certainty {
    let Some(table) = catalog.resolve(&index.table) else {
        return Unknown;
    };
    let name = index_name(catalog, &table, index);
    if catalog.index(&table.sibling(&name)).is_some() {
        return Known;
    }
    let partitioned = catalog
        .relation(&table)
        .is_some_and(|rel| rel.kind == RelationKind::PartitionedTable);
    let definition = crate::sql!("{} ON {} {}", Ident(&name), table, index.rest)
        .as_str()
        .to_owned();
    let has_children = catalog.children(&table).next().is_some();
    let Some(mut rel) = catalog.relations.get_mut(&table) else {
        return Unknown;
    };
    rel.indexes.push(Index {
        name: name.clone(),
        origin: Origin::Created,
        method: index.method.clone(),
        keys: index.keys.clone(),
        include: index.include.clone(),
        expressions: index.expressions.clone(),
        predicate: index.predicate.clone(),
        unique: index.unique,
        valid: !(partitioned && index.only && has_children),
        nulls_not_distinct: index.nulls_not_distinct,
        constraint: None,
        parent: None,
        definition: if index.unique {
            format!("CREATE UNIQUE INDEX {definition}")
        } else {
            format!("CREATE INDEX {definition}")
        },
    });
    drop(rel);
    if !partitioned || index.only {
        return Known;
    }
    partition::spread_index(catalog, &table, &name);
    Known
}

/// Makes the same index on another table, with its constraint, and the name that the server gives it.
pub(super) fn copy_index(catalog: &mut Catalog, table: &Name, source: &Name, index: &Index) {
    let constraint = index.constraint.as_ref().and_then(|name| {
        let own = catalog.relation(source)?.constraint(name)?;
        Some(own.clone())
    });
    let mut columns: Vec<String> = index.keys.clone();
    for column in columns.iter_mut().filter(|column| column.is_empty()) {
        "expr".clone_into(column);
    }
    columns.extend(index.include.iter().cloned());
    let columns = index_column_names(&columns);
    let name = match constraint.as_ref().map(|constraint| &constraint.kind) {
        Some(ConstraintKind::PrimaryKey) => catalog.choose_index_name(table, &[], Some("pkey")),
        Some(ConstraintKind::Exclude) => catalog.choose_index_name(table, &columns, Some("excl")),
        Some(_) => catalog.choose_index_name(table, &columns, Some("key")),
        None => catalog.choose_index_name(table, &columns, None),
    };
    let Some(mut rel) = catalog.relations.get_mut(table) else {
        return;
    };
    rel.indexes.push(Index {
        name: name.clone(),
        origin: Origin::Created,
        parent: None,
        constraint: constraint.as_ref().map(|_| name.clone()),
        ..index.clone()
    });
    if let Some(constraint) = constraint {
        rel.constraints.push(Constraint {
            name: name.clone(),
            inherited: false,
            ..constraint
        });
    }
}
