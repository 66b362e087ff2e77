//! `CREATE TABLE`, and the columns of tables.

use super::Certainty::{self, Guessed, Known, Unknown};
use super::constraint::{Reach, add_constraint};
use super::names::without_null;
use super::partition;
use crate::catalog::{
    Catalog, Column, Constraint, ConstraintKind, Expression, Generated, Held, Relation, RelationKind, TEMPORARY,
};
use crate::quote::Name;
use crate::sql::{ColumnDef, CreateTable, Like, NameRef, TypeRef};
use crate::version::ServerVersion;
use std::collections::BTreeSet;

pub(super) fn create(catalog: &mut Catalog, create: &CreateTable) -> Certainty {
    let name = catalog.target_of(&create.name, create.temporary);
    if catalog.relations.contains_key(&name) {
        return Known;
    }
    let kind = match (&create.partition_key, create.foreign) {
        (Some(_), _) => RelationKind::PartitionedTable,
        (None, true) => RelationKind::ForeignTable,
        (None, false) => RelationKind::Table,
    };
    let mut rel = Relation::created(kind);
    rel.temporary = name.schema == TEMPORARY;
    rel.drop_on_commit = create.drop_on_commit;
    rel.unlogged = create.unlogged;
    rel.bound.clone_from(&create.bound);
    rel.of_type = create.of_type.as_ref().and_then(|of| catalog.resolve_type(of));
    rel.partition_key.clone_from(&create.partition_key);
    let sources = create.like.iter().map(|like| &like.source).chain(&create.parents);
    let all_known = sources.clone().all(|source| catalog.resolve(source).is_some());
    let is_alone = sources.clone().next().is_none();
    let parents: Vec<Name> = create
        .parents
        .iter()
        .map(|parent| catalog.resolve_or_target(parent))
        .collect();
    rel.parents.clone_from(&parents);
    catalog.relations.insert(name.clone(), rel);
    for parent in &parents {
        inherit_columns(catalog, &name, parent);
    }
    for at in 0..=create.columns.len() {
        for like in create.like.iter().filter(|like| like.after == at) {
            copy_columns(catalog, &name, like);
        }
        if let Some(column) = create.columns.get(at) {
            add_column(catalog, &name, column);
        }
    }
    for constraint in &create.constraints {
        add_constraint(catalog, &name, constraint, Reach::Family);
    }
    for parent in &parents {
        partition::inherit(catalog, parent, &name);
    }
    for like in &create.like {
        copy_objects(catalog, &name, like);
    }
    match (is_alone, all_known) {
        (true, _) => Known,
        // Names and order of what is brought along are the server's choice.
        (false, true) => Guessed,
        (false, false) => Unknown,
    }
}

/// A child's columns; one that it has already, from another parent, is merged.
fn inherit_columns(catalog: &mut Catalog, child: &Name, parent: &Name) {
    let columns = catalog
        .relation(parent)
        .map(|rel| rel.columns.clone())
        .unwrap_or_default();
    let is_partition = catalog.relation(child).is_some_and(|rel| rel.bound.is_some());
    for column in columns {
        let not_null = column.not_null;
        let Some(mut rel) = catalog.relations.get_mut(child) else {
            return;
        };
        if rel.column(&column.name).is_none() {
            let generated = match column.generated {
                // Only partitions have their parent's identity, and only from version 17.
                Generated::Identity if !is_partition || catalog.version < ServerVersion::of_major(17) => Generated::No,
                other => other,
            };
            rel.columns.push(Column {
                not_null: false,
                generated,
                ..column.clone()
            });
        }
        drop(rel);
        if not_null {
            let above = not_null_name(catalog, parent, &column.name);
            mark_not_null(catalog, child, &column.name, above, true);
        }
    }
}

fn copy_columns(catalog: &mut Catalog, table: &Name, like: &Like) {
    let source_name = catalog.resolve(&like.source);
    let source = source_name.as_ref().and_then(|source| catalog.relation(source));
    let columns = source.map(|rel| rel.columns.clone()).unwrap_or_default();
    for column in columns {
        let kept = match column.generated {
            Generated::No => like.includes(Like::DEFAULTS),
            Generated::Identity => like.includes(Like::IDENTITY),
            Generated::Stored | Generated::Virtual => like.includes(Like::GENERATED),
        };
        let not_null = column.not_null;
        if kept && column.generated == Generated::Identity {
            sequence_of(catalog, table, &column.name);
        }
        let Some(mut rel) = catalog.relations.get_mut(table) else {
            return;
        };
        rel.columns.push(Column {
            not_null: false,
            default: column.default.clone().filter(|_| kept),
            generated: if kept { column.generated } else { Generated::No },
            ..column.clone()
        });
        drop(rel);
        if not_null {
            let copied = source_name
                .as_ref()
                .and_then(|source| not_null_name(catalog, source, &column.name));
            mark_not_null(catalog, table, &column.name, copied, false);
        }
    }
}

fn copy_objects(catalog: &mut Catalog, table: &Name, like: &Like) {
    let Some(source) = catalog.resolve(&like.source) else {
        return;
    };
    let Some(from) = catalog.relation(&source) else { return };
    let (constraints, indexes) = (from.constraints.clone(), from.indexes.clone());
    let Some(mut rel) = catalog.relations.get_mut(table) else {
        return;
    };
    if like.includes(Like::CHECKS) {
        let checks = constraints
            .into_iter()
            .filter(|c| matches!(c.kind, ConstraintKind::Check(_)));
        rel.constraints.extend(checks.map(|check| Constraint {
            inherited: false,
            ..check
        }));
    }
    drop(rel);
    if like.includes(Like::INDEXES) {
        for index in indexes {
            super::index::copy_index(catalog, table, &source, &index);
        }
    }
}

/// A column's type as the catalog prints it, user types resolved.
pub(super) fn column_type(catalog: &Catalog, type_ref: &TypeRef) -> (String, Option<Name>) {
    (
        catalog.type_display(type_ref),
        // Each table is a row type too.
        type_ref
            .user
            .as_ref()
            .and_then(|user| catalog.resolve_type(user).or_else(|| catalog.resolve(user))),
    )
}

/// Adds a column with its inline constraints and, for a serial one, its sequence.
pub(super) fn add_column(catalog: &mut Catalog, table: &Name, def: &ColumnDef) {
    let (type_name, user_type) = column_type(catalog, &def.type_ref);
    let mut default = without_null(def.default.clone());
    if def.type_ref.serial || def.generated == Generated::Identity {
        let sequence = sequence_of(catalog, table, &def.name);
        if def.type_ref.serial {
            default = Some(Expression {
                sql: format!("nextval('{}'::regclass)", sequence.name),
                columns: BTreeSet::new(),
                functions: BTreeSet::from(["nextval".to_owned()]),
            });
        }
    }
    let column = Column {
        name: def.name.clone(),
        type_name,
        user_type,
        not_null: false,
        default,
        generated: def.generated,
    };
    for name in std::iter::once(table.clone()).chain(catalog.descendants(table)) {
        if let Some(mut rel) = catalog.relations.get_mut(&name) {
            rel.columns.retain(|existing| existing.name != column.name);
            rel.columns.push(column.clone());
        }
    }
    if def.not_null {
        set_not_null(catalog, table, &def.name);
    }
    for constraint in &def.inline {
        add_constraint(catalog, table, constraint, Reach::Family);
    }
}

/// The sequence of a serial or identity column, with the name that the server gives it.
pub(crate) fn sequence_of(catalog: &mut Catalog, table: &Name, column: &str) -> Name {
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
    let owner = catalog.relation(table);
    sequence.temporary = owner.is_some_and(|rel| rel.temporary);
    // From 16 a sequence is logged or not as its table is.
    sequence.unlogged = catalog.version >= ServerVersion::of_major(16) && owner.is_some_and(|rel| rel.unlogged);
    sequence.owned_by = Some((table.clone(), column.to_owned()));
    catalog.relations.insert(name.clone(), sequence);
    name
}

/// Marks a column NOT NULL, and that of its children; from version 18 that is a constraint of its own.
pub(super) fn set_not_null(catalog: &mut Catalog, table: &Name, column: &str) {
    let names: Vec<Name> = std::iter::once(table.clone())
        .chain(catalog.descendants(table))
        .collect();
    for name in names {
        let parent = catalog
            .relation(&name)
            .and_then(|rel| rel.parents.first())
            .filter(|_| name != *table);
        let above = parent.and_then(|parent| not_null_name(catalog, parent, column));
        mark_not_null(catalog, &name, column, above, name != *table);
    }
}

/// With the name of the constraint that it comes from, where it does.
fn mark_not_null(catalog: &mut Catalog, table: &Name, column: &str, of: Option<String>, inherited: bool) {
    let as_constraint = catalog.version >= ServerVersion::of_major(18);
    let choose = || catalog.choose_constraint_name(table, Some(column), "not_null", &BTreeSet::new());
    let name = as_constraint.then(|| of.unwrap_or_else(choose));
    let Some(mut rel) = catalog.relations.get_mut(table) else {
        return;
    };
    let rel = &mut *rel;
    let Some(found) = rel.columns.iter_mut().find(|c| c.name == column) else {
        return;
    };
    if let Some(name) = name.filter(|_| !found.not_null) {
        rel.constraints.push(Constraint {
            name,
            kind: ConstraintKind::NotNull,
            columns: vec![column.to_owned()],
            valid: true,
            enforced: true,
            inherited,
            definition: format!("NOT NULL {column}"),
        });
    }
    found.not_null = true;
}

/// A child's NOT NULL has the name of its parent's.
fn not_null_name(catalog: &Catalog, parent: &Name, column: &str) -> Option<String> {
    let constraints = &catalog.relation(parent)?.constraints;
    let own = constraints
        .iter()
        .find(|c| c.kind == ConstraintKind::NotNull && c.columns == [column]);
    own.map(|c| c.name.clone())
}

/// Columns that a name in a statement stands for; for callers that have only the name as written.
pub(super) fn relation_of<'a>(catalog: &'a mut Catalog, name: &NameRef) -> Option<Held<'a, Relation>> {
    let name = catalog.resolve(name)?;
    catalog.relations.get_mut(&name)
}
