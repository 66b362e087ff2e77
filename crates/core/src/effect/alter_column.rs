//! `ALTER COLUMN` in the forms that change no type: defaults, NOT NULL, identity, generation.

use super::Builder;
use super::types::Type;
use crate::catalog::Generated;
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
            ActionKind::SetIdentity { .. } => {
                if found.generated != Generated::Identity {
                    self.fails("55000", format!("column \"{column}\" is not an identity column"));
                }
                for sequence in self.sequences_of(table, column) {
                    self.lock(&sequence, ShareRowExclusive);
                    self.lock(&sequence, RowExclusive);
                    self.effect.new_files.push(sequence);
                }
            }
            ActionKind::DropIdentity { .. } => {
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
            ActionKind::DropExpression { .. } if found.generated == Generated::Virtual => {
                self.fails(
                    "0A000",
                    "DROP EXPRESSION is not supported for virtual generated columns",
                );
            }
            _ => {}
        }
    }

    fn sequences_of(&self, table: &Name, column: &str) -> Vec<Name> {
        let owned = self.catalog.relations.iter().filter(|(_, rel)| {
            rel.owned_by
                .as_ref()
                .is_some_and(|(owner, of)| owner == table && of == column)
        });
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
