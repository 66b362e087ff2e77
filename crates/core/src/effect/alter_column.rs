//! `ALTER COLUMN` in the forms that change no type: defaults, NOT NULL, identity, generation.

use super::Builder;
use super::types::Type;
use crate::catalog::{ConstraintKind, Generated, RelationKind};
use crate::lock::LockMode::{AccessExclusive, AccessShare, RowExclusive, ShareRowExclusive};
use crate::quote::Name;
use crate::sql::ActionKind;

impl Builder<'_> {
    pub(super) fn alter_column(&mut self, table: &Name, only: bool, column: &str, action: &ActionKind) {
        self.family_lock(table, only, AccessExclusive);
        self.need_column(table, column);
        let Some(found) = self.column(table, column).cloned() else {
            return;
        };
        match action {
            ActionKind::SetDefault { default, .. } => {
                self.generated_error(table, column);
                let to = Type::of_column(self.catalog, &found);
                self.default_error(column, &to, default);
            }
            ActionKind::DropDefault { .. } => self.generated_error(table, column),
            ActionKind::DropNotNull { .. } => self.drop_not_null_error(table, column),
            ActionKind::AddIdentity { .. } => {
                self.lock(table, AccessShare);
                self.add_identity_error(table, column);
            }
            ActionKind::SetIdentity { sequence: changed, .. } => {
                if found.generated != Generated::Identity {
                    self.fails("55000", format!("column \"{column}\" is not an identity column"));
                }
                for sequence in self.sequences_of(table, column) {
                    self.lock(&sequence, ShareRowExclusive);
                    self.lock(&sequence, RowExclusive);
                    if *changed {
                        self.effect.new_files.push(sequence);
                    }
                }
            }
            ActionKind::DropIdentity { if_exists, .. } => {
                if found.generated != Generated::Identity && !if_exists {
                    self.fails("55000", format!("column \"{column}\" is not an identity column"));
                }
                for sequence in self.sequences_of(table, column) {
                    self.lock(&sequence, AccessExclusive);
                }
            }
            ActionKind::SetExpression { .. } => match found.generated {
                Generated::Stored => self.rewrite_family(table),
                Generated::Virtual => {}
                Generated::No | Generated::Identity => {
                    self.fails("55000", format!("column \"{column}\" is not a generated column"));
                }
            },
            ActionKind::DropExpression { if_exists, .. } => match found.generated {
                Generated::Stored => {}
                Generated::Virtual => self.fails(
                    "0A000",
                    "DROP EXPRESSION is not supported for virtual generated columns",
                ),
                Generated::No | Generated::Identity if *if_exists => {}
                Generated::No | Generated::Identity => {
                    self.fails("55000", format!("column \"{column}\" is not a generated column"));
                }
            },
            ActionKind::ColumnStorage { plain: false, .. } if Type::of_column(self.catalog, &found).is_fixed() => {
                let type_name = &found.type_name;
                self.fails(
                    "0A000",
                    format!("column data type {type_name} can only be stored plain"),
                );
            }
            _ => {}
        }
    }

    /// Views, materialized views and sequences take few of the actions.
    pub(super) fn kind_error(&mut self, table: &Name, action: &ActionKind) {
        use ActionKind as Kind;
        let kind = self.catalog.relation(table).map(|rel| rel.kind);
        let common = matches!(action, Kind::Owner { .. } | Kind::Other { .. });
        let allowed = match kind {
            Some(RelationKind::View) => matches!(
                action,
                Kind::SetDefault { .. } | Kind::DropDefault { .. } | Kind::RelationOptions
            ),
            Some(RelationKind::MaterializedView) => matches!(
                action,
                Kind::ColumnOptions { .. }
                    | Kind::ColumnStorage { .. }
                    | Kind::RelationOptions
                    | Kind::ClusterOn { .. }
                    | Kind::SetTablespace { .. }
                    | Kind::SetAccessMethod { .. }
            ),
            Some(
                RelationKind::Table
                | RelationKind::PartitionedTable
                | RelationKind::ForeignTable
                | RelationKind::Sequence,
            )
            | None => true,
        };
        if !allowed && !common {
            self.fails(
                "42809",
                format!("this ALTER action cannot be performed on relation \"{}\"", table.name),
            );
        }
    }

    pub(super) fn sequences_of(&self, table: &Name, column: &str) -> Vec<Name> {
        let owned = self.catalog.sequences_of(table).filter(|(_, of)| *of == column);
        owned.map(|(name, _)| name.clone()).collect()
    }

    /// `ALTER CONSTRAINT`: a foreign key that is enforced from now on is checked like a new one.
    pub(super) fn alter_constraint(&mut self, table: &Name, only: bool, name: &str, enforced: Option<bool>) {
        self.family_lock(table, only, AccessExclusive);
        let Some(rel) = self.catalog.relation(table) else {
            return;
        };
        let Some(constraint) = rel.constraint(name).cloned() else {
            if !rel.columns.is_empty() {
                self.fails(
                    "42704",
                    format!("constraint \"{name}\" of relation \"{}\" does not exist", table.name),
                );
            }
            return;
        };
        let Some(parent) = super::create::referenced(&constraint) else {
            if constraint.kind != ConstraintKind::NotNull {
                self.fails(
                    "42809",
                    format!("constraint \"{name}\" is not a foreign key constraint"),
                );
            }
            return;
        };
        match enforced {
            Some(true) if !constraint.enforced => {
                for side in [table, &parent] {
                    self.lock(side, ShareRowExclusive);
                    self.lock(side, AccessShare);
                }
                let leaves = self.leaves(table);
                self.check_key(&leaves, &parent, false);
            }
            Some(false) if constraint.enforced => self.lock(&parent, AccessExclusive),
            _ => {}
        }
    }
}
