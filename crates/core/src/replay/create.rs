//! `CREATE`.

use super::Certainty::{self, Known, Unknown};
use super::constraint::{Reach, add_constraint};
use super::names::index_column_names;
use super::partition;
use crate::catalog::{
    Catalog, Column, Constraint, ConstraintKind, Expression, Function, Generated, Index, Origin, Policy, Relation,
    RelationKind, Size, Trigger, TypeDef,
};
use crate::quote::{Ident, Name};
use crate::sql::{ColumnDef, CreateFunction, CreateIndex, CreateTable, CreateTableAs, NameRef, Query, TypeRef};
use crate::version::ServerVersion;
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn table(catalog: &mut Catalog, create: &CreateTable) -> Certainty {
    let name = catalog.target(&create.name);
    if catalog.relations.contains_key(&name) {
        return Known;
    }
    let kind = match (&create.partition_key, create.foreign) {
        (Some(_), _) => RelationKind::PartitionedTable,
        (None, true) => RelationKind::ForeignTable,
        (None, false) => RelationKind::Table,
    };
    let mut rel = Relation::created(kind);
    rel.temporary = create.temporary;
    rel.unlogged = create.unlogged;
    rel.bound.clone_from(&create.bound);
    rel.partition_key.clone_from(&create.partition_key);
    let mut certainty = Known;
    for source in create.like.iter().chain(&create.parents) {
        match catalog
            .resolve(source)
            .and_then(|source| catalog.relations.get(&source))
        {
            Some(from) => rel.columns.extend(from.columns.iter().cloned()),
            None => certainty = Unknown,
        }
    }
    // What LIKE … INCLUDING and partitions bring besides columns (indexes, keys) is the server's to say.
    if !create.like.is_empty() || !create.parents.is_empty() {
        certainty = Unknown;
    }
    rel.parents = create
        .parents
        .iter()
        .map(|parent| catalog.resolve_or_target(parent))
        .collect();
    catalog.relations.insert(name.clone(), rel);
    for column in &create.columns {
        add_column(catalog, &name, column);
    }
    for constraint in &create.constraints {
        add_constraint(catalog, &name, constraint, Reach::Alone);
    }
    if create.bound.is_some() {
        for parent in &create.parents {
            let parent = catalog.resolve_or_target(parent);
            partition::inherit(catalog, &parent, &name);
        }
    }
    certainty
}

/// A column's type as the catalog prints it, user types resolved.
pub(super) fn column_type(catalog: &Catalog, type_ref: &TypeRef) -> (String, Option<Name>) {
    (
        type_ref.display.clone(),
        type_ref.user.as_ref().and_then(|user| catalog.resolve_type(user)),
    )
}

/// Adds a column with its inline constraints and, for a serial one, its sequence.
pub(super) fn add_column(catalog: &mut Catalog, table: &Name, def: &ColumnDef) {
    let (type_name, user_type) = column_type(catalog, &def.type_ref);
    let mut default = def.default.clone();
    if def.type_ref.serial || def.generated == Generated::Identity {
        let sequence = serial_sequence(catalog, table, &def.name);
        if def.type_ref.serial {
            default = Some(Expression {
                sql: format!("nextval('{}'::regclass)", sequence.name),
                columns: BTreeSet::new(),
                functions: BTreeSet::from(["nextval".to_owned()]),
            });
        }
    }
    let not_null = def.not_null;
    let column = Column {
        name: def.name.clone(),
        type_name,
        user_type,
        not_null: false,
        default,
        generated: def.generated,
    };
    for name in std::iter::once(table.clone()).chain(catalog.descendants(table)) {
        if let Some(rel) = catalog.relations.get_mut(&name) {
            rel.columns.retain(|existing| existing.name != column.name);
            rel.columns.push(column.clone());
        }
    }
    if not_null {
        set_not_null(catalog, table, &def.name);
    }
    for constraint in &def.inline {
        add_constraint(catalog, table, constraint, Reach::Family);
    }
}

fn serial_sequence(catalog: &mut Catalog, table: &Name, column: &str) -> Name {
    let mut number = 0;
    let name = loop {
        let label = if number == 0 {
            "seq".to_owned()
        } else {
            format!("seq{number}")
        };
        let name = table.sibling(super::names::make_object_name(&table.name, Some(column), &label));
        if !catalog.relations.contains_key(&name) && catalog.index(&name).is_none() {
            break name;
        }
        number += 1;
    };
    let mut sequence = Relation::created(RelationKind::Sequence);
    sequence.owned_by = Some((table.clone(), column.to_owned()));
    catalog.relations.insert(name.clone(), sequence);
    name
}

/// Marks a column NOT NULL; from version 18 that is a constraint of its own.
pub(super) fn set_not_null(catalog: &mut Catalog, table: &Name, column: &str) {
    let names: Vec<Name> = std::iter::once(table.clone())
        .chain(catalog.descendants(table))
        .collect();
    for name in names {
        let as_constraint = catalog.version >= ServerVersion::of_major(18);
        let chosen = catalog.choose_constraint_name(&name, Some(column), "not_null", &BTreeSet::new());
        let Some(rel) = catalog.relations.get_mut(&name) else {
            continue;
        };
        let Some(found) = rel.columns.iter_mut().find(|c| c.name == column) else {
            continue;
        };
        if !found.not_null && as_constraint {
            rel.constraints.push(Constraint {
                name: chosen,
                kind: ConstraintKind::NotNull,
                columns: vec![column.to_owned()],
                valid: true,
                enforced: true,
                inherited: name != *table,
                definition: format!("NOT NULL {column}"),
            });
        }
        found.not_null = true;
    }
}

/// The name that an index has or would get.
pub fn index_name(catalog: &Catalog, table: &Name, index: &CreateIndex) -> String {
    if let Some(name) = &index.name {
        name.clone()
    } else {
        let all: Vec<String> = index.key_names.iter().chain(&index.include).cloned().collect();
        catalog.choose_index_name(table, &index_column_names(&all), None)
    }
}

pub(super) fn index(catalog: &mut Catalog, index: &CreateIndex) -> Certainty {
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
    let Some(rel) = catalog.relations.get_mut(&table) else {
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
        valid: !(partitioned && index.only),
        nulls_not_distinct: index.nulls_not_distinct,
        constraint: None,
        parent: None,
        definition: if index.unique {
            format!("CREATE UNIQUE INDEX {definition}")
        } else {
            format!("CREATE INDEX {definition}")
        },
    });
    if partitioned && !index.only {
        partition::spread_index(catalog, &table, &name);
    }
    Known
}

pub(super) fn table_as(catalog: &mut Catalog, create: &CreateTableAs) -> Certainty {
    let kind = if create.materialized_view {
        RelationKind::MaterializedView
    } else {
        RelationKind::Table
    };
    let certainty = view(catalog, &create.name, &create.query, kind);
    let name = catalog.target(&create.name);
    let rows = super::added_rows(catalog, None, &create.query);
    if let Some(rel) = catalog.relations.get_mut(&name) {
        rel.temporary = create.temporary;
        if create.with_data {
            rel.size = rows.map(|rows| Size {
                rows,
                bytes: rows * 100,
            });
        }
    }
    certainty
}

/// Columns of a query are the server's to say; what it reads is known.
pub(super) fn view(catalog: &mut Catalog, name: &NameRef, query: &Query, kind: RelationKind) -> Certainty {
    let name = catalog.target(name);
    let mut rel = Relation::created(kind);
    if kind != RelationKind::Table {
        let reads = query.reads.iter().filter_map(|read| catalog.resolve(read));
        rel.reads = reads.map(|read| (read, BTreeSet::new())).collect::<BTreeMap<_, _>>();
    }
    if let Some(old) = catalog.relations.get(&name) {
        rel.origin = old.origin;
    }
    catalog.relations.insert(name, rel);
    Unknown
}

pub(super) fn sequence(
    catalog: &mut Catalog,
    name: &NameRef,
    temporary: bool,
    owned_by: Option<&(NameRef, String)>,
) -> Certainty {
    let target = catalog.target(name);
    let mut rel = Relation::created(RelationKind::Sequence);
    rel.temporary = temporary;
    catalog.relations.entry(target).or_insert(rel);
    own_sequence(catalog, name, owned_by);
    Known
}

pub(super) fn own_sequence(catalog: &mut Catalog, name: &NameRef, owned_by: Option<&(NameRef, String)>) {
    let Some((table, column)) = owned_by else { return };
    let owner = catalog.resolve(table).map(|table| (table, column.clone()));
    if let Some(rel) = catalog.resolve(name).and_then(|name| catalog.relations.get_mut(&name)) {
        rel.owned_by = owner;
    }
}

pub(super) fn enum_value(catalog: &mut Catalog, name: &NameRef, label: &str, beside: Option<&(String, bool)>) {
    let Some(name) = catalog.resolve_type(name) else { return };
    let Some(TypeDef::Enum(labels)) = catalog.types.get_mut(&name) else {
        return;
    };
    if labels.iter().any(|existing| existing == label) {
        return;
    }
    let place = beside.and_then(|(other, after)| {
        labels
            .iter()
            .position(|existing| existing == other)
            .map(|at| at + usize::from(*after))
    });
    labels.insert(place.unwrap_or(labels.len()), label.to_owned());
}

pub(super) fn function(catalog: &mut Catalog, create: &CreateFunction) -> Certainty {
    let name = catalog.target(&create.name);
    let made = Function {
        arguments: create.arguments.clone(),
        volatility: create.volatility,
        language: create.language.clone(),
        body: create.body.clone(),
    };
    let overloads = catalog.functions.entry(name).or_default();
    overloads.retain(|existing| existing.arguments != made.arguments);
    overloads.push(made);
    Known
}

pub(super) fn trigger(
    catalog: &mut Catalog,
    name: &str,
    table: &NameRef,
    function: &NameRef,
    columns: &[String],
) -> Certainty {
    let function = catalog
        .resolve_function(function)
        .unwrap_or_else(|| catalog.target(function));
    let Some(rel) = catalog
        .resolve(table)
        .and_then(|table| catalog.relations.get_mut(&table))
    else {
        return Unknown;
    };
    rel.triggers.retain(|existing| existing.name != name);
    rel.triggers.push(Trigger {
        name: name.to_owned(),
        function,
        columns: columns.iter().cloned().collect(),
    });
    Known
}

pub(super) fn policy(catalog: &mut Catalog, name: &str, table: &NameRef, uses: &Expression) -> Certainty {
    let Some(rel) = catalog
        .resolve(table)
        .and_then(|table| catalog.relations.get_mut(&table))
    else {
        return Unknown;
    };
    rel.policies.retain(|existing| existing.name != name);
    rel.policies.push(Policy {
        name: name.to_owned(),
        columns: uses.columns.clone(),
    });
    Known
}
