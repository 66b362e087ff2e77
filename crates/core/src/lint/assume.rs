//! What a statement names and the catalog does not know, where the catalog is not the whole truth: a file without its
//! folder, or a folder in which an earlier block did something that its text does not tell.

use crate::catalog::{Catalog, Column, Generated, Origin, Relation, RelationKind};
use crate::quote::Name;
use crate::sql::{ActionKind, ConstraintDef, ConstraintKindDef, Kind, NameRef, ObjectKind, Statement};
use std::collections::BTreeSet;

/// Puts the relations that a statement needs into the catalog: existing, of unknown size, columns not told.
pub(super) fn relations(catalog: &mut Catalog, statement: &Statement) {
    // A key that points at its own table needs no other.
    let own = match &statement.kind {
        Kind::CreateTable(create) => Some(catalog.target_of(&create.name, create.temporary)),
        _ => None,
    };
    for (name, kind) in needed(&statement.kind) {
        if Some(catalog.target(name)) == own {
            continue;
        }
        if catalog.resolve(name).is_none() && !is_of_system(name) {
            let relation = Relation {
                origin: Origin::Existing,
                size: None,
                ..Relation::created(kind)
            };
            let name = catalog.target(name);
            catalog.relations.insert(name, relation);
        }
    }
}

/// Forgets the columns of the table that a statement alters: one of them came from where nobody saw it.
pub(super) fn columns(catalog: &mut Catalog, statement: &Statement) {
    let table = match &statement.kind {
        Kind::AlterTable(alter) => &alter.name,
        Kind::CreateIndex(index) => &index.table,
        Kind::Rename(rename) => &rename.name,
        _ => return,
    };
    if let Some(name) = catalog.resolve(table)
        && let Some(mut relation) = catalog.relations.get_mut(&name)
    {
        relation.columns.clear();
    }
}

/// After a statement of which nobody knows what it did: of the tables that its text names, columns are no longer told.
pub(super) fn forget(catalog: &mut Catalog, statement: &Statement) {
    let names_words = matches!(
        statement.kind,
        Kind::Do { .. } | Kind::Call { .. } | Kind::Select(_) | Kind::Other { .. }
    );
    if !names_words {
        return;
    }
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let words: BTreeSet<&str> = statement.sql.as_str().split(|c| !is_word(c)).collect();
    let named = |(name, relation): &(&Name, &Relation)| {
        words.contains(name.name.as_str()) && relation.kind == RelationKind::Table
    };
    let named: Vec<Name> = catalog
        .relations
        .iter()
        .filter(named)
        .map(|(name, _)| name.clone())
        .collect();
    for name in named {
        if let Some(mut relation) = catalog.relations.get_mut(&name) {
            relation.columns.clear();
        }
    }
}

/// A column whose type changes, and of which nobody knows what it was: the change is taken to rewrite, unless it is to a
/// text without limit, which most often was a text before.
pub(super) fn types(catalog: &mut Catalog, statement: &Statement) {
    let Kind::AlterTable(alter) = &statement.kind else {
        return;
    };
    let Some(mut relation) = catalog
        .resolve(&alter.name)
        .and_then(|name| catalog.relations.get_mut(&name))
    else {
        return;
    };
    for action in &alter.actions {
        if let ActionKind::AlterType { column, to, .. } = &action.kind
            && !matches!(to.display.as_str(), "text" | "character varying")
            && relation.column(column).is_none()
        {
            relation.columns.push(Column {
                name: column.clone(),
                type_name: "another type".to_owned(),
                user_type: None,
                not_null: false,
                default: None,
                generated: Generated::No,
            });
        }
    }
}

fn is_of_system(name: &NameRef) -> bool {
    let schema = name.schema.as_deref().unwrap_or_default();
    schema.starts_with("pg_") || schema == "information_schema" || (schema.is_empty() && name.name.starts_with("pg_"))
}

fn needed(kind: &Kind) -> Vec<(&NameRef, RelationKind)> {
    use RelationKind::{MaterializedView, Sequence, Table, View};
    match kind {
        Kind::AlterTable(alter) => {
            let kind = match alter.object {
                ObjectKind::View => View,
                ObjectKind::MaterializedView => MaterializedView,
                ObjectKind::Sequence => Sequence,
                ObjectKind::Table => Table,
                _ => return Vec::new(),
            };
            let mut names = vec![(&alter.name, kind)];
            names.extend(alter.actions.iter().flat_map(|action| tables(of_action(&action.kind))));
            names
        }
        Kind::CreateTable(create) => {
            let inline = create.columns.iter().flat_map(|column| &column.inline);
            let mut names = references(inline.chain(&create.constraints));
            names.extend(create.parents.iter().chain(create.like.iter().map(|like| &like.source)));
            tables(names)
        }
        Kind::CreateTableAs(create) => tables(create.query.reads.iter().collect()),
        Kind::Refresh { name, .. } => vec![(name, MaterializedView)],
        Kind::CreateIndex(index) => tables(vec![&index.table]),
        Kind::Drop(drop) if !drop.if_exists => {
            let kind = match drop.object {
                ObjectKind::Table | ObjectKind::Trigger | ObjectKind::Policy | ObjectKind::Rule => Table,
                ObjectKind::View => View,
                ObjectKind::MaterializedView => MaterializedView,
                ObjectKind::Sequence => Sequence,
                _ => return Vec::new(),
            };
            drop.names.iter().map(|name| (name, kind)).collect()
        }
        Kind::Rename(rename) => match rename.object {
            ObjectKind::Table | ObjectKind::Column | ObjectKind::Constraint | ObjectKind::Trigger => {
                tables(vec![&rename.name])
            }
            _ => Vec::new(),
        },
        Kind::SetSchema {
            object: ObjectKind::Table,
            name,
            ..
        } => tables(vec![name]),
        Kind::CreateTrigger { table, .. } | Kind::Policy { table, .. } | Kind::CreateRule { table } => {
            tables(vec![table])
        }
        Kind::Dml(dml) => tables(std::iter::once(&dml.target).chain(&dml.query.reads).collect()),
        Kind::CreateView { query, .. } | Kind::Select(query) => tables(query.reads.iter().collect()),
        Kind::Truncate { tables: names, .. } | Kind::Lock { tables: names, .. } => tables(names.iter().collect()),
        _ => Vec::new(),
    }
}

fn tables(names: Vec<&NameRef>) -> Vec<(&NameRef, RelationKind)> {
    names.into_iter().map(|name| (name, RelationKind::Table)).collect()
}

fn of_action(action: &ActionKind) -> Vec<&NameRef> {
    match action {
        ActionKind::AddConstraint(constraint) => references(std::iter::once(constraint)),
        ActionKind::AddColumn { column, .. } => references(column.inline.iter()),
        ActionKind::AttachPartition { child, .. } | ActionKind::DetachPartition { child, .. } => vec![child],
        _ => Vec::new(),
    }
}

fn references<'a>(constraints: impl Iterator<Item = &'a ConstraintDef>) -> Vec<&'a NameRef> {
    constraints
        .filter_map(|constraint| match &constraint.kind {
            ConstraintKindDef::ForeignKey { references, .. } => Some(references),
            _ => None,
        })
        .collect()
}
