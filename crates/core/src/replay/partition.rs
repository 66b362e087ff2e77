//! What partitions get from their parents: indexes attached to the parent's, constraints of the same meaning.
//!
//! The rules are those of `DefineIndex`, `ATExecAddConstraint` and `addFkRecurseReferencing`: what a partition has already
//! is attached, what it lacks is made under a name of the server's choice.

use super::names::index_column_names;
use crate::catalog::{Catalog, Constraint, ConstraintKind, Index, Origin, RelationKind};
use crate::quote::{Ident, Name};
use std::collections::BTreeSet;

/// After an index was made on a partitioned table: one on each partition, attached to it.
pub(super) fn spread_index(catalog: &mut Catalog, table: &Name, index: &str) {
    let children: Vec<Name> = catalog.children(table).cloned().collect();
    for child in children {
        inherit_index(catalog, table, index, &child);
    }
}

/// All that a new partition gets from its parent.
pub(super) fn inherit(catalog: &mut Catalog, parent: &Name, child: &Name) {
    let Some(from) = catalog.relation(parent) else { return };
    let indexes: Vec<String> = from.indexes.iter().map(|index| index.name.clone()).collect();
    let constraints = from.constraints.clone();
    for constraint in &constraints {
        if constraint.kind != ConstraintKind::Trigger {
            inherit_constraint(catalog, child, constraint);
        }
    }
    // A child by inheritance has indexes of its own.
    if catalog.relation(child).is_some_and(|rel| rel.bound.is_some()) {
        for index in indexes {
            inherit_index(catalog, parent, &index, child);
        }
    }
}

/// One index of the parent.
fn inherit_index(catalog: &mut Catalog, parent: &Name, index: &str, child: &Name) {
    let found = catalog
        .relation(parent)
        .and_then(|rel| rel.indexes.iter().find(|own| own.name == index));
    let (Some(wanted), Some(rel)) = (found.cloned(), catalog.relation(child)) else {
        return;
    };
    if rel.kind == RelationKind::ForeignTable {
        return;
    }
    let kind = constraint_kind(catalog, parent, &wanted);
    let rel = catalog.relation(child);
    let ready = rel.and_then(|rel| {
        rel.indexes.iter().position(|own| {
            let same_use = kind.is_none() || constraint_kind(catalog, child, own) == kind;
            own.parent.is_none() && own.is_like(&wanted) && same_use
        })
    });
    let above = Some(parent.sibling(index));
    if let Some(at) = ready {
        if let Some(mut rel) = catalog.relations.get_mut(child) {
            rel.indexes[at].parent = above;
        }
        return;
    }
    let label = kind.as_ref().and_then(label);
    let columns: Vec<String> = wanted.keys.iter().map(|key| column_name(&wanted, key)).collect();
    let all: Vec<String> = columns.into_iter().chain(wanted.include.iter().cloned()).collect();
    let all = if label.is_some() {
        wanted.keys.clone()
    } else {
        index_column_names(&all)
    };
    let name = catalog.choose_index_name(child, &all, label);
    let own = Index {
        name: name.clone(),
        origin: Origin::Created,
        constraint: kind.is_some().then(|| name.clone()),
        parent: above,
        valid: true,
        definition: moved_definition(&wanted, parent, &name, child),
        ..wanted.clone()
    };
    let constraint = kind.map(|kind| Constraint {
        name: name.clone(),
        kind,
        columns: own.keys.clone(),
        valid: true,
        enforced: true,
        inherited: true,
        definition: String::new(),
    });
    if let Some(mut rel) = catalog.relations.get_mut(child) {
        rel.indexes.push(own);
        rel.constraints.extend(constraint);
    }
    spread_index(catalog, child, &name);
}

/// What the constraint is that an index serves, if any.
fn constraint_kind(catalog: &Catalog, table: &Name, index: &Index) -> Option<ConstraintKind> {
    let constraint = index.constraint.as_ref()?;
    Some(catalog.relation(table)?.constraint(constraint)?.kind.clone())
}

fn label(kind: &ConstraintKind) -> Option<&'static str> {
    match kind {
        ConstraintKind::PrimaryKey => Some("pkey"),
        ConstraintKind::Unique => Some("key"),
        ConstraintKind::Exclude => Some("excl"),
        ConstraintKind::Check(_)
        | ConstraintKind::NotNull
        | ConstraintKind::ForeignKey { .. }
        | ConstraintKind::Trigger => None,
    }
}

/// The name of an expression in an index: its function's, where it is a call.
fn column_name(index: &Index, key: &str) -> String {
    if !key.is_empty() {
        return key.to_owned();
    }
    let expression = index.expressions.as_ref();
    let called = expression.and_then(|e| e.functions.iter().find(|f| e.sql.starts_with(&format!("{f}("))));
    called.map_or_else(|| "expr".to_owned(), |f| f.rsplit('.').next().unwrap_or(f).to_owned())
}

fn moved_definition(index: &Index, parent: &Name, name: &str, child: &Name) -> String {
    let from = crate::sql!("{} ON {} ", Ident(&index.name), parent);
    let to = crate::sql!("{} ON {} ", Ident(name), child);
    index.definition.replace(from.as_str(), to.as_str())
}

/// After a constraint was made on a parent: on its children the same, as far as the kind is inherited.
pub(super) fn spread_constraint(catalog: &mut Catalog, table: &Name, constraint: &Constraint) {
    let children: Vec<Name> = catalog.children(table).cloned().collect();
    for child in children {
        inherit_constraint(catalog, &child, constraint);
    }
}

fn inherit_constraint(catalog: &mut Catalog, child: &Name, constraint: &Constraint) {
    let is_partition = catalog.relation(child).is_some_and(|rel| rel.bound.is_some());
    let mut own = Constraint {
        inherited: true,
        ..constraint.clone()
    };
    let Some(mut rel) = catalog.relations.get_mut(child) else {
        return;
    };
    let mut is_taken = false;
    match &constraint.kind {
        ConstraintKind::Check(_) => {
            if constraint.definition.ends_with("NO INHERIT") {
                return;
            }
            if let Some(same) = rel.constraints.iter_mut().find(|c| c.name == constraint.name) {
                same.inherited |= is_partition;
                return;
            }
        }
        ConstraintKind::NotNull => {
            let covered = |c: &Constraint| c.kind == ConstraintKind::NotNull && c.columns == constraint.columns;
            if let Some(same) = rel.constraints.iter_mut().find(|c| covered(c)) {
                same.inherited |= is_partition;
                return;
            }
        }
        ConstraintKind::ForeignKey { .. } => {
            if !is_partition {
                return;
            }
            if let Some(same) = rel.constraints.iter_mut().find(|c| c.is_same_key(constraint)) {
                same.inherited = true;
                return;
            }
            is_taken = rel.constraint(&constraint.name).is_some();
        }
        ConstraintKind::PrimaryKey | ConstraintKind::Unique | ConstraintKind::Exclude | ConstraintKind::Trigger => {
            return;
        }
    }
    drop(rel);
    if is_taken {
        let columns = super::names::addition(&constraint.columns);
        own.name = catalog.choose_constraint_name(child, Some(&columns), "fkey", &BTreeSet::new());
    }
    if let Some(mut rel) = catalog.relations.get_mut(child) {
        rel.constraints.push(own.clone());
    }
    spread_constraint(catalog, child, &own);
}

/// After a constraint of a parent was dropped: those of its children that came from it.
pub(super) fn take_constraint(catalog: &mut Catalog, table: &Name, constraint: &Constraint) {
    let children: Vec<Name> = catalog.children(table).cloned().collect();
    for child in children {
        let Some(mut rel) = catalog.relations.get_mut(&child) else {
            continue;
        };
        let from_above = |own: &Constraint| {
            own.inherited
                && match &own.kind {
                    ConstraintKind::ForeignKey { .. } => own.is_same_key(constraint),
                    ConstraintKind::NotNull => {
                        constraint.kind == ConstraintKind::NotNull && own.columns == constraint.columns
                    }
                    ConstraintKind::Check(_) => own.name == constraint.name,
                    ConstraintKind::PrimaryKey
                    | ConstraintKind::Unique
                    | ConstraintKind::Exclude
                    | ConstraintKind::Trigger => false,
                }
        };
        let Some(at) = rel.constraints.iter().position(from_above) else {
            continue;
        };
        let own = rel.constraints.remove(at);
        if own.kind == ConstraintKind::NotNull {
            rel.columns
                .iter_mut()
                .filter(|column| own.columns.contains(&column.name))
                .for_each(|column| column.not_null = false);
        }
        drop(rel);
        take_constraint(catalog, &child, &own);
    }
}

/// An index, the constraint that it serves, and those of the partitions attached to it.
pub(super) fn take_index(catalog: &mut Catalog, table: &Name, index: &str) {
    let Some(mut rel) = catalog.relations.get_mut(table) else {
        return;
    };
    let Some(at) = rel.indexes.iter().position(|own| own.name == index) else {
        return;
    };
    let gone = rel.indexes.remove(at);
    rel.constraints
        .retain(|own| Some(&own.name) != gone.constraint.as_ref());
    drop(rel);
    let above = table.sibling(index);
    let children: Vec<Name> = catalog.children(table).cloned().collect();
    for child in children {
        let own = catalog.relation(&child).map_or(&[][..], |rel| &rel.indexes);
        let attached = own.iter().find(|own| own.parent.as_ref() == Some(&above));
        if let Some(attached) = attached.map(|own| own.name.clone()) {
            take_index(catalog, &child, &attached);
        }
    }
}

/// `ALTER INDEX … ATTACH PARTITION`; the parent's index is valid when every partition has one attached.
pub(super) fn attach_index(catalog: &mut Catalog, table: &Name, index: &str, child: &Name, attached: &str) {
    let above = table.sibling(index);
    if let Some(mut rel) = catalog.relations.get_mut(child)
        && let Some(own) = rel.indexes.iter_mut().find(|own| own.name == attached)
    {
        own.parent = Some(above.clone());
        let constraint = own.constraint.clone();
        let served = rel
            .constraints
            .iter_mut()
            .find(|own| Some(&own.name) == constraint.as_ref());
        if let Some(served) = served {
            served.inherited = true;
        }
    }
    let has_it = |name: &Name| {
        let own = catalog.relation(name).map_or(&[][..], |rel| &rel.indexes);
        own.iter().any(|own| own.valid && own.parent.as_ref() == Some(&above))
    };
    let complete = catalog.children(table).all(has_it);
    if let Some(mut rel) = catalog.relations.get_mut(table)
        && let Some(own) = rel.indexes.iter_mut().find(|own| own.name == index)
    {
        own.valid |= complete;
    }
}
