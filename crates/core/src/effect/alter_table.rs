//! `ALTER TABLE`: the lock of each action (`AlterTableGetLockLevel` in `tablecmds.c`) and the work done under it.

use super::Builder;
use super::type_change::TypeChange;
use crate::catalog::{Column, ReplicaIdentity};
use crate::lock::LockMode::{AccessExclusive, AccessShare, Share, ShareRowExclusive, ShareUpdateExclusive};
use crate::quote::Name;
use crate::sql::{ActionKind, AlterTable, ObjectKind};
use crate::step::Work;

impl Builder<'_> {
    pub(super) fn alter_table(&mut self, alter: &AlterTable) {
        match alter.object {
            ObjectKind::Index => return self.alter_index(alter),
            ObjectKind::Type => return self.alter_composite(alter),
            ObjectKind::Other => return,
            _ => {}
        }
        let Some(table) = self.existing(&alter.name, alter.if_exists) else {
            return;
        };
        let mut actions: Vec<&ActionKind> = alter.actions.iter().map(|action| &action.kind).collect();
        actions.sort_by_key(|action| crate::replay::pass(action));
        if let [only] = actions[..] {
            return self.action(&table, alter.only, only, &actions);
        }
        // Each action is judged on the catalog that the actions before it left, as the server does.
        let mut changed = self.catalog.clone();
        for action in &actions {
            let mut inner = Builder {
                catalog: &changed,
                effect: std::mem::take(&mut self.effect),
            };
            inner.action(&table, alter.only, action, &actions);
            self.effect = inner.effect;
            crate::replay::apply_action(&mut changed, &table, action);
        }
    }

    pub(super) fn family_lock(&mut self, table: &Name, only: bool, mode: crate::lock::LockMode) {
        if only {
            self.lock(table, mode);
        } else {
            self.lock_family(table, mode);
        }
    }

    fn action(&mut self, table: &Name, only: bool, action: &ActionKind, all: &[&ActionKind]) {
        self.kind_error(table, action);
        match action {
            ActionKind::AddColumn { column, if_not_exists } => {
                self.add_column(table, only, column, *if_not_exists, all);
            }
            ActionKind::DropColumn {
                name,
                if_exists,
                cascade,
            } => self.drop_column(table, only, name, *if_exists, *cascade),
            ActionKind::SetNotNull { column } => {
                self.family_lock(table, only, AccessExclusive);
                self.need_column(table, column);
                if only && self.is_partitioned(table) && !self.column(table, column).is_some_and(|own| own.not_null) {
                    let below = self.catalog.children(table);
                    let nullable = |child: &Name| !self.column(child, column).is_some_and(|own| own.not_null);
                    if below.into_iter().any(nullable) {
                        self.fails("42P16", "constraint must be added to child tables too");
                    }
                }
                self.set_not_null(table, column, all);
            }
            ActionKind::AlterType {
                column,
                to,
                using,
                cast,
                collate,
                ..
            } => {
                self.family_lock(table, only, AccessExclusive);
                let change = TypeChange {
                    column,
                    to,
                    using: using.is_some(),
                    cast: cast.as_ref(),
                    collate: *collate,
                    columns: all.iter().filter_map(|action| changed_column(action)).collect(),
                };
                self.alter_type(table, only, &change);
            }
            ActionKind::AddConstraint(def) => self.add_constraint(table, only, def),
            ActionKind::DropConstraint {
                name,
                if_exists,
                cascade,
            } => self.drop_constraint(table, only, name, *if_exists, *cascade),
            ActionKind::ValidateConstraint { name } => self.validate(table, only, name),
            ActionKind::AlterConstraint { name, enforced } => self.alter_constraint(table, only, name, *enforced),
            ActionKind::SetDefault { column, .. }
            | ActionKind::DropDefault { column }
            | ActionKind::DropNotNull { column }
            | ActionKind::AddIdentity { column }
            | ActionKind::SetIdentity { column, .. }
            | ActionKind::DropIdentity { column, .. }
            | ActionKind::SetExpression { column }
            | ActionKind::DropExpression { column, .. }
            | ActionKind::ColumnStorage { column, .. } => self.alter_column(table, only, column, action),
            ActionKind::AttachPartition { child, bound } => self.attach(table, child, bound),
            ActionKind::DetachPartition {
                child,
                concurrently,
                finalize,
            } => self.detach(table, child, *concurrently, *finalize),
            ActionKind::ColumnOptions { .. } => self.family_lock(table, only, ShareUpdateExclusive),
            ActionKind::ClusterOn { index } => {
                self.family_lock(table, only, ShareUpdateExclusive);
                if let Some(index) = index {
                    self.lock_index(table, index, ShareUpdateExclusive);
                }
            }
            ActionKind::OfType { name } => {
                self.lock(table, AccessExclusive);
                if let Some(of) = name.as_ref().and_then(|name| self.catalog.resolve_type(name)) {
                    self.lock(&of, AccessShare);
                }
            }
            ActionKind::RelationOptions => self.lock(table, ShareUpdateExclusive),
            ActionKind::ReplicaIdentity { to } => {
                self.lock(table, AccessExclusive);
                if let ReplicaIdentity::Index(index) = to {
                    self.lock_index(table, index, Share);
                }
            }
            ActionKind::RowSecurity | ActionKind::Rule => self.lock(table, AccessExclusive),
            // Triggers are no business of children by inheritance.
            ActionKind::Trigger { .. } if !self.is_partitioned(table) => self.lock(table, ShareRowExclusive),
            ActionKind::Trigger { .. } => self.lock_family(table, ShareRowExclusive),
            ActionKind::Owner { .. } => {
                self.lock(table, AccessExclusive);
                self.lock_indexes(table, AccessExclusive);
                for sequence in self.owned_sequences(table) {
                    self.lock(&sequence, AccessExclusive);
                }
            }
            ActionKind::SetLogged { logged } => self.set_logged(table, *logged),
            ActionKind::SetTablespace { name } => {
                self.lock(table, AccessExclusive);
                if name != "pg_default" && !self.is_partitioned(table) {
                    self.work(table, Work::Rewrite);
                }
            }
            ActionKind::SetAccessMethod { name } => {
                self.lock(table, AccessExclusive);
                if name != "heap" && !self.is_partitioned(table) {
                    self.rewrite(table);
                }
            }
            ActionKind::Inherit { parent } => {
                self.lock(table, AccessExclusive);
                self.lock_refs(std::slice::from_ref(parent), ShareUpdateExclusive);
            }
            ActionKind::NoInherit { parent } => {
                self.lock(table, AccessExclusive);
                self.lock_refs(std::slice::from_ref(parent), AccessShare);
            }
            ActionKind::Other { tag } => {
                self.family_lock(table, only, AccessExclusive);
                self.opaque(format!("ALTER TABLE {tag} is not known to nonstop"));
            }
        }
    }

    pub(super) fn column(&self, table: &Name, column: &str) -> Option<&Column> {
        self.catalog.relation(table)?.column(column)
    }

    pub(super) fn need_column(&mut self, table: &Name, column: &str) {
        // Views and tables whose columns the catalog was not told have none.
        let known = self.catalog.relation(table).is_some_and(|rel| !rel.columns.is_empty());
        if known && self.column(table, column).is_none() {
            self.fails(
                "42703",
                format!("column \"{column}\" of relation \"{}\" does not exist", table.name),
            );
        }
    }

    pub(super) fn owned_sequences(&self, table: &Name) -> Vec<Name> {
        let owned = self.catalog.sequences_of(table);
        owned.map(|(name, _)| name.clone()).collect()
    }
}

/// The column whose type an action changes.
fn changed_column(action: &ActionKind) -> Option<&str> {
    match action {
        ActionKind::AlterType { column, .. } => Some(column),
        _ => None,
    }
}
