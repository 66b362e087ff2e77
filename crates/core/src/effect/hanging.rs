//! What hangs on a column, and keeps it from being dropped or from changing its type
//! (`RememberAllDependentForRebuilding`).

use super::Builder;
use crate::catalog::{ConstraintKind, Generated, Relation};
use crate::quote::Name;

/// Something that uses a column.
pub(super) struct Dependent {
    /// What it is, for a message.
    pub(super) what: String,
    /// Which error the change of the column's type gets.
    pub(super) on_type: TypeError,
    /// The relation that goes, where CASCADE drops one.
    pub(super) relation: Option<Name>,
}

/// Why a column's type cannot change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TypeError {
    /// 0A000.
    Unsupported,
    /// 42601 up to 14, 0A000 from 15 on.
    Generated,
}

impl Builder<'_> {
    /// Views, rules, triggers, policies and generated columns that name the column.
    pub(super) fn dependents(&self, table: &Name, column: &str) -> Vec<Dependent> {
        let mut found = Vec::new();
        let mut note = |what: String, relation: Option<Name>| {
            found.push(Dependent {
                what,
                on_type: TypeError::Unsupported,
                relation,
            });
        };
        for (name, _) in self
            .catalog
            .readers(table)
            .filter(|(_, columns)| columns.contains(column))
        {
            note(format!("view {name}"), Some(name.clone()));
        }
        let Some(rel) = self.catalog.relation(table) else {
            return found;
        };
        for trigger in rel.triggers.iter().filter(|own| own.columns.contains(column)) {
            note(format!("trigger {}", trigger.name), None);
        }
        for policy in rel.policies.iter().filter(|own| own.columns.contains(column)) {
            note(format!("policy {}", policy.name), None);
        }
        found.extend(computed_from(rel, column).map(|name| Dependent {
            what: format!("generated column {name}"),
            on_type: TypeError::Generated,
            relation: None,
        }));
        found
    }

    /// Tables whose foreign keys point at the column.
    pub(super) fn pointing_at(&self, table: &Name, column: &str) -> Vec<Name> {
        let pointing = self.catalog.referencing(table).filter(|(_, key)| {
            matches!(&key.kind, ConstraintKind::ForeignKey { columns, .. } if columns.iter().any(|own| own == column))
        });
        pointing.map(|(name, _)| name.clone()).collect()
    }

    /// A table whose rows are stored in a column of another cannot be rewritten.
    pub(super) fn row_type_error(&mut self, table: &Name) {
        let user = self.catalog.typed(table).next();
        if let Some((name, column)) = user.map(|(name, _, holds)| (name.clone(), holds.name.clone())) {
            self.fails(
                "0A000",
                format!(
                    "cannot alter table \"{}\" because column \"{}.{column}\" uses its row type",
                    table.name, name.name
                ),
            );
        }
    }

    /// Whether a column comes from a parent.
    pub(super) fn is_inherited(&self, table: &Name, column: &str) -> bool {
        let parents = self.catalog.relation(table).map_or(&[][..], |rel| &rel.parents);
        parents.iter().any(|parent| self.column(parent, column).is_some())
    }

    /// Whether the table is divided by the column.
    pub(super) fn is_partition_key(&self, table: &Name, column: &str) -> bool {
        let key = self.catalog.relation(table).and_then(|rel| rel.partition_key.as_ref());
        key.is_some_and(|key| key.columns.contains(column))
    }
}

/// Generated columns that are computed from a column.
fn computed_from<'a>(rel: &'a Relation, column: &'a str) -> impl Iterator<Item = &'a str> {
    rel.columns
        .iter()
        .filter(move |own| {
            matches!(own.generated, Generated::Stored | Generated::Virtual)
                && own.default.as_ref().is_some_and(|from| from.columns.contains(column))
        })
        .map(|own| own.name.as_str())
}
