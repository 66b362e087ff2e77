//! `ALTER TABLE` and its kin.

use super::Certainty::{self, Guessed, Known, Unknown};
use super::constraint::{self, Reach};
use super::names::without_null;
use super::{partition, remove, table as tables};
use crate::catalog::{Catalog, Constraint, ConstraintKind, Expression, Generated, Mention, Origin, Relation};
use crate::quote::Name;
use crate::sql::{Action, ActionKind, AlterTable, NameRef, ObjectKind};
use crate::version::ServerVersion;
use std::collections::BTreeSet;

/// The order in which PostgreSQL carries out the actions of one statement (`AlterTablePass` in `tablecmds.c`).
pub(crate) fn pass(kind: &ActionKind) -> u8 {
    match kind {
        ActionKind::DropColumn { .. }
        | ActionKind::DropConstraint { .. }
        | ActionKind::DropNotNull { .. }
        | ActionKind::DropDefault { .. }
        | ActionKind::DropIdentity { .. }
        | ActionKind::DropExpression { .. } => 0,
        ActionKind::AlterType { .. } => 1,
        ActionKind::AddColumn { .. } => 2,
        ActionKind::SetExpression { .. } => 3,
        ActionKind::SetNotNull { .. } | ActionKind::AddIdentity { .. } | ActionKind::SetIdentity { .. } => 4,
        ActionKind::AddConstraint(_) | ActionKind::SetDefault { .. } => 5,
        _ => 6,
    }
}

pub(super) fn table(catalog: &mut Catalog, alter: &AlterTable) -> Certainty {
    match alter.object {
        ObjectKind::Index => return index(catalog, alter),
        // Attributes of composite types are not kept.
        ObjectKind::Type => return Known,
        ObjectKind::Other => return Unknown,
        _ => {}
    }
    let Some(table) = catalog.resolve(&alter.name) else {
        return Unknown;
    };
    let reach = if alter.only { Reach::Alone } else { Reach::Family };
    let mut actions: Vec<&Action> = alter.actions.iter().collect();
    actions.sort_by_key(|action| pass(&action.kind));
    actions
        .into_iter()
        .map(|action| apply_to(catalog, &table, reach, &action.kind))
        .max()
        .unwrap_or(Known)
}

fn index(catalog: &mut Catalog, alter: &AlterTable) -> Certainty {
    let known = |catalog: &Catalog, name: &NameRef| {
        let (table, index) = catalog.resolve_index(name)?;
        Some((table.clone(), index.name.clone()))
    };
    for action in &alter.actions {
        let ActionKind::AttachPartition { child, .. } = &action.kind else {
            continue;
        };
        if let (Some((table, index)), Some((below, attached))) = (known(catalog, &alter.name), known(catalog, child)) {
            partition::attach_index(catalog, &table, &index, &below, &attached);
        }
    }
    Known
}

fn family(catalog: &Catalog, table: &Name) -> Vec<Name> {
    std::iter::once(table.clone())
        .chain(catalog.descendants(table))
        .collect()
}

fn each(catalog: &mut Catalog, table: &Name, mut change: impl FnMut(&mut Relation)) {
    for name in family(catalog, table) {
        if let Some(mut rel) = catalog.relations.get_mut(&name) {
            change(&mut rel);
        }
    }
}

fn each_column(catalog: &mut Catalog, table: &Name, column: &str, mut change: impl FnMut(&mut crate::catalog::Column)) {
    each(catalog, table, |rel| {
        rel.columns
            .iter_mut()
            .filter(|c| c.name == column)
            .for_each(&mut change);
    });
}

pub(crate) fn apply(catalog: &mut Catalog, table: &Name, action: &ActionKind) -> Certainty {
    apply_to(catalog, table, Reach::Family, action)
}

fn apply_to(catalog: &mut Catalog, table: &Name, reach: Reach, action: &ActionKind) -> Certainty {
    match action {
        ActionKind::AddColumn { column, .. } => {
            let present = catalog
                .relation(table)
                .is_some_and(|rel| rel.column(&column.name).is_some());
            // Present: either it says IF NOT EXISTS, or the server refuses it.
            if !present {
                tables::add_column(catalog, table, column);
            }
            Known
        }
        ActionKind::DropColumn { name, cascade, .. } => {
            if *cascade {
                remove::views_of_column(catalog, table, name);
            }
            drop_column(catalog, table, name);
            if *cascade { Guessed } else { Known }
        }
        ActionKind::SetDefault { column, default } => {
            each_column(catalog, table, column, |c| {
                c.default = without_null(Some(default.clone()));
            });
            Known
        }
        ActionKind::DropDefault { column } => {
            each_column(catalog, table, column, |c| c.default = None);
            Known
        }
        ActionKind::SetNotNull { column } => {
            tables::set_not_null(catalog, table, column);
            Known
        }
        ActionKind::DropNotNull { column } => {
            each_column(catalog, table, column, |c| c.not_null = false);
            each(catalog, table, |rel| {
                rel.constraints
                    .retain(|c| c.kind != ConstraintKind::NotNull || c.columns != [column.clone()]);
            });
            Known
        }
        ActionKind::AlterType { column, to, .. } => {
            let (type_name, user_type) = tables::column_type(catalog, to);
            each_column(catalog, table, column, |c| {
                c.type_name.clone_from(&type_name);
                c.user_type.clone_from(&user_type);
            });
            // Whatever becomes of its file, each index on the column is dropped and made again.
            each(catalog, table, |rel| {
                rel.indexes
                    .iter_mut()
                    .filter(|index| index.uses(column))
                    .for_each(|index| index.origin = Origin::Created);
            });
            Known
        }
        ActionKind::AddConstraint(def) => {
            constraint::add_constraint(catalog, table, def, reach);
            Known
        }
        ActionKind::DropConstraint { name, cascade, .. } => {
            drop_constraint(catalog, table, name, *cascade);
            if *cascade { Guessed } else { Known }
        }
        ActionKind::ValidateConstraint { name } => {
            each(catalog, table, |rel| {
                rel.constraints
                    .iter_mut()
                    .filter(|c| c.name == *name)
                    .for_each(|c| c.valid = true);
            });
            Known
        }
        ActionKind::AlterConstraint { name, enforced } => {
            let enforced = enforced.unwrap_or(true);
            each(catalog, table, |rel| {
                rel.constraints
                    .iter_mut()
                    .filter(|c| c.name == *name)
                    .for_each(|c| c.enforced = enforced);
            });
            Known
        }
        ActionKind::AddIdentity { column } => {
            tables::sequence_of(catalog, table, column);
            each_column(catalog, table, column, |c| c.generated = Generated::Identity);
            Guessed
        }
        ActionKind::DropIdentity { column, .. } => {
            each_column(catalog, table, column, |c| c.generated = Generated::No);
            catalog.relations.remove_mentioning(Mention::OwnedBy(table), |rel| {
                let of = rel.owned_by.as_ref();
                of.is_some_and(|(owner, owned)| owner == table && owned == column)
            });
            Guessed
        }
        ActionKind::DropExpression { column, .. } => {
            each_column(catalog, table, column, |c| {
                c.generated = Generated::No;
                c.default = None;
            });
            Guessed
        }
        ActionKind::SetExpression { .. } => Guessed,
        ActionKind::SetLogged { logged } => {
            set_logged(catalog, table, *logged);
            Known
        }
        ActionKind::AttachPartition { child, bound } => {
            let Some(child) = catalog.resolve(child) else {
                return Unknown;
            };
            if let Some(mut rel) = catalog.relations.get_mut(&child) {
                rel.parents = vec![table.clone()];
                rel.bound = Some(bound.clone());
            }
            partition::inherit(catalog, table, &child);
            Known
        }
        ActionKind::DetachPartition { child, .. } => {
            let Some(child) = catalog.resolve(child) else {
                return Unknown;
            };
            if let Some(mut rel) = catalog.relations.get_mut(&child) {
                rel.bound = None;
            }
            leave(catalog, &child, table);
            Known
        }
        ActionKind::Inherit { parent } => {
            let Some(parent) = catalog.resolve(parent) else {
                return Unknown;
            };
            if let Some(mut rel) = catalog.relations.get_mut(table) {
                rel.parents.push(parent);
            }
            Guessed
        }
        ActionKind::NoInherit { parent } => {
            let Some(parent) = catalog.resolve(parent) else {
                return Unknown;
            };
            leave(catalog, table, &parent);
            Guessed
        }
        ActionKind::Other { .. } => Unknown,
        ActionKind::Owner { .. } | ActionKind::OfType { .. } | ActionKind::ReplicaIdentity { .. } => {
            mark(catalog, table, action);
            Known
        }
        ActionKind::SetIdentity { .. }
        | ActionKind::ColumnOptions { .. }
        | ActionKind::ColumnStorage { .. }
        | ActionKind::RelationOptions
        | ActionKind::ClusterOn { .. }
        | ActionKind::RowSecurity
        | ActionKind::Trigger { .. }
        | ActionKind::Rule
        | ActionKind::SetTablespace { .. }
        | ActionKind::SetAccessMethod { .. } => Known,
    }
}

/// With a column go its indexes and its constraints, those over several columns too.
pub(super) fn drop_column(catalog: &mut Catalog, table: &Name, column: &str) {
    let uses = |expression: &Option<Expression>| expression.as_ref().is_some_and(|e| e.columns.contains(column));
    let own = BTreeSet::from([column.to_owned()]);
    each(catalog, table, |rel| {
        rel.columns.retain(|c| c.name != column);
        rel.indexes.retain(|i| {
            !(i.keys.iter().chain(&i.include).any(|key| key == column) || uses(&i.expressions) || uses(&i.predicate))
        });
        rel.constraints.retain(|c| match &c.kind {
            ConstraintKind::Check(expression) => expression.columns.is_disjoint(&own),
            _ => !c.columns.iter().any(|name| name == column),
        });
    });
    let points_at_it = |c: &Constraint| {
        matches!(&c.kind, ConstraintKind::ForeignKey { references, columns }
            if references == table && columns.iter().any(|c| c == column))
    };
    catalog
        .relations
        .change_mentioning([Mention::References(table)], |rel| {
            rel.constraints.retain(|c| !points_at_it(c));
        });
    catalog.relations.remove_mentioning(Mention::OwnedBy(table), |rel| {
        rel.owned_by
            .as_ref()
            .is_some_and(|(owner, owned)| owner == table && owned == column)
    });
}

fn set_logged(catalog: &mut Catalog, table: &Name, logged: bool) {
    each(catalog, table, |rel| rel.unlogged = !logged);
    // From 16 the sequences of a table go with it.
    if catalog.version >= ServerVersion::of_major(16) {
        catalog
            .relations
            .change_mentioning([Mention::OwnedBy(table)], |sequence| sequence.unlogged = !logged);
    }
}

/// A child that stands by itself again: what it has of its parent is its own.
fn leave(catalog: &mut Catalog, child: &Name, parent: &Name) {
    let Some(mut rel) = catalog.relations.get_mut(child) else {
        return;
    };
    rel.parents.retain(|known| known != parent);
    if !rel.parents.is_empty() {
        return;
    }
    rel.indexes.iter_mut().for_each(|index| index.parent = None);
    rel.constraints
        .iter_mut()
        .for_each(|constraint| constraint.inherited = false);
}

fn drop_constraint(catalog: &mut Catalog, table: &Name, name: &str, cascade: bool) {
    let Some(mut rel) = catalog.relations.get_mut(table) else {
        return;
    };
    let Some(dropped) = rel.constraints.iter().find(|c| c.name == name).cloned() else {
        return;
    };
    if dropped.kind == ConstraintKind::NotNull {
        rel.columns
            .iter_mut()
            .filter(|c| dropped.columns.contains(&c.name))
            .for_each(|c| c.not_null = false);
    }
    let index = rel.indexes.iter().find(|own| own.constraint.as_deref() == Some(name));
    let index = index.map(|own| own.name.clone());
    rel.constraints.retain(|c| c.name != name);
    drop(rel);
    if let Some(index) = index {
        partition::take_index(catalog, table, &index);
    }
    partition::take_constraint(catalog, table, &dropped);
    // Keys that point at it go with it.
    if cascade && matches!(dropped.kind, ConstraintKind::PrimaryKey | ConstraintKind::Unique) {
        let points_at_it = |c: &Constraint| {
            matches!(&c.kind, ConstraintKind::ForeignKey { references, columns }
                if references == table && *columns == dropped.columns)
        };
        catalog
            .relations
            .change_mentioning([Mention::References(table)], |rel| {
                rel.constraints.retain(|c| !points_at_it(c));
            });
    }
}

/// What is a mark on the table alone.
fn mark(catalog: &mut Catalog, table: &Name, action: &ActionKind) {
    let of_type = match action {
        ActionKind::OfType { name } => name.as_ref().and_then(|name| catalog.resolve_type(name)),
        _ => None,
    };
    let Some(mut rel) = catalog.relations.get_mut(table) else {
        return;
    };
    match action {
        ActionKind::Owner { role } => rel.owner.clone_from(role),
        ActionKind::OfType { .. } => rel.of_type = of_type,
        ActionKind::ReplicaIdentity { to } => rel.replica_identity.clone_from(to),
        _ => {}
    }
}

/// `REASSIGN OWNED`.
pub(super) fn reassign(catalog: &mut Catalog, roles: &[String], to: &str) -> Certainty {
    let theirs = |owner: &Option<String>| owner.as_ref().is_some_and(|owner| roles.contains(owner));
    catalog
        .relations
        .change(|rel| theirs(&rel.owner), |rel| rel.owner = Some(to.to_owned()));
    Known
}
