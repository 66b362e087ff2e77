//! `CREATE`.

use super::Certainty::{self, Known, Unknown};
use super::names::{addition, index_column_names};
use super::partition;
use crate::catalog::{
    Catalog, Column, Constraint, ConstraintKind, Expression, Function, Generated, Index, Origin, Policy, Relation,
    RelationKind, Size, Trigger, TypeDef,
};
use crate::quote::{Ident, Name};
use crate::sql::{
    ColumnDef, ConstraintDef, ConstraintKindDef, CreateFunction, CreateIndex, CreateTable, CreateTableAs, NameRef,
    Query, TypeRef,
};
use crate::sql::{ExcludeDef, KeyDef};
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

/// Whether what is made goes to partitions and children too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// `ONLY`.
    Alone,
    /// All below as well.
    Family,
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
