//! `ADD COLUMN`, `DROP COLUMN`, `SET NOT NULL`.

use super::Builder;
use super::dependents::Doomed;
use super::hanging::TypeError;
use super::types::Type;
use super::volatility::is_volatile;
use crate::catalog::{ConstraintKind, Generated, Relation, RelationKind};
use crate::lock::LockMode::{AccessExclusive, AccessShare, RowExclusive, ShareUpdateExclusive};
use crate::quote::Name;
use crate::sql::{ActionKind, ColumnDef, ConstraintKindDef};
use crate::step::Work;

impl Builder<'_> {
    pub(super) fn add_column(
        &mut self,
        table: &Name,
        only: bool,
        column: &ColumnDef,
        if_not_exists: bool,
        all: &[&ActionKind],
    ) {
        self.lock_family(table, AccessExclusive);
        if self.column(table, &column.name).is_some() {
            if !if_not_exists {
                self.fails(
                    "42701",
                    format!(
                        "column \"{}\" of relation \"{}\" already exists",
                        column.name, table.name
                    ),
                );
            }
            return;
        }
        self.added_error(table, only, column);
        let to = Type::of_ref(self.catalog, &column.type_ref);
        let owns_sequence = column.type_ref.serial || column.generated == Generated::Identity;
        let volatile = column.generated == Generated::No
            && column
                .default
                .as_ref()
                .is_some_and(|default| is_volatile(self.catalog, default));
        if owns_sequence {
            self.lock(table, AccessShare);
        }
        let rewrites = owns_sequence || volatile || column.generated == Generated::Stored || to.checked;
        if rewrites {
            self.rewrite_family(table);
            self.draw_defaults(table, column);
        }
        if rewrites || column.default.is_some() && column.generated != Generated::Virtual {
            self.row_type_error(table);
        }
        let default_set = all
            .iter()
            .any(|a| matches!(a, ActionKind::SetDefault { column: c, .. } if *c == column.name));
        let filled = has_default(column) || owns_sequence || column.generated != Generated::No;
        let unfilled = column.not_null && !filled;
        if unfilled && !rewrites || column.generated == Generated::Virtual && column.not_null {
            self.work_family(table, Work::Scan);
        }
        let relation = self.catalog.relation(table);
        let shared = relation.is_some_and(Relation::is_shared);
        // A domain may have a default of its own.
        let required = unfilled && column.type_ref.user.is_none();
        if required && !default_set && shared {
            self.breaks(
                "add-required-column-breaks-inserts",
                format!(
                    "code that inserts into {table} without {} fails, and so does this statement if there is a row",
                    column.name
                ),
            );
        }
        self.inline_constraints(table, column);
        if required && self.holds_rows(table) {
            self.fails(
                "23502",
                format!(
                    "column \"{}\" of relation \"{}\" contains null values",
                    column.name, table.name
                ),
            );
        }
    }

    /// Known to hold a row.
    fn holds_rows(&self, table: &Name) -> bool {
        let rows = |name: &Name| {
            let rel = self.catalog.relation(name);
            let known = rel.and_then(|rel| rel.size).map_or(0, |size| size.rows);
            known.max(rel.map_or(0, |rel| u64::from(rel.filled)))
        };
        self.leaves(table).iter().any(|leaf| rows(leaf) > 0)
    }

    /// Sequences that a default draws from for each row.
    fn draw_defaults(&mut self, table: &Name, column: &ColumnDef) {
        let Some(default) = &column.default else { return };
        if self.is_empty(table) || !default.functions.contains("nextval") {
            return;
        }
        let named = default.sql.split('\'').nth(1).unwrap_or_default();
        let sequence = crate::sql::NameRef::dotted(&named.replace('"', ""));
        self.lock_refs(std::slice::from_ref(&sequence), RowExclusive);
    }

    /// The constraints that stand in the column's definition, on the table with the column.
    fn inline_constraints(&mut self, table: &Name, column: &ColumnDef) {
        if column.inline.is_empty() {
            return;
        }
        let mut changed = self.catalog.clone();
        let bare = ColumnDef {
            inline: Vec::new(),
            ..column.clone()
        };
        let action = ActionKind::AddColumn {
            column: bare,
            if_not_exists: false,
        };
        crate::replay::apply_action(&mut changed, table, &action);
        let mut inner = Builder {
            catalog: &changed,
            effect: std::mem::take(&mut self.effect),
        };
        let has_default = column.default.is_some();
        for constraint in &column.inline {
            match &constraint.kind {
                // Without a default there is only NULL, which refers to nothing.
                ConstraintKindDef::ForeignKey { .. } => {
                    inner.add_foreign_key(table, false, constraint, has_default);
                }
                _ => inner.add_constraint(table, false, constraint),
            }
        }
        self.effect = inner.effect;
    }

    pub(super) fn drop_column(&mut self, table: &Name, only: bool, column: &str, if_exists: bool, cascade: bool) {
        self.lock_family(table, AccessExclusive);
        if super::key::SYSTEM_COLUMNS.contains(&column) {
            self.fails("0A000", format!("cannot drop system column \"{column}\""));
        }
        if !if_exists {
            self.need_column(table, column);
        }
        self.dropped_error(table, only, column, cascade);
        for parent in self.is_foreign_key_column(table, column) {
            self.lock(&parent, AccessExclusive);
        }
        for name in std::iter::once(table.clone()).chain(self.catalog.descendants(table)) {
            let indexes = self.catalog.relation(&name).map_or(&[][..], |rel| &rel.indexes);
            let using: Vec<String> = indexes
                .iter()
                .filter(|index| index.uses(column))
                .map(|index| index.name.clone())
                .collect();
            for index in using {
                self.lock_index(&name, &index, AccessExclusive);
            }
            if self.has_statistics(&name, column) {
                self.lock(&name, ShareUpdateExclusive);
            }
        }
        let mut gone = self.sequences_of(table, column);
        if cascade {
            gone.extend(
                self.dependents(table, column)
                    .into_iter()
                    .filter_map(|one| one.relation),
            );
            for name in self.pointing_at(table, column) {
                self.lock(&name, AccessExclusive);
            }
        }
        if !gone.is_empty() {
            self.doom(Doomed::relations(gone), true, "the column");
        }
        if self
            .catalog
            .relation(table)
            .is_some_and(|rel| rel.is_shared() && rel.column(column).is_some())
        {
            self.loses(
                "drop-column-breaks-code",
                format!("code that still uses {table}.{column} fails, and its values are gone"),
            );
        }
    }

    fn dropped_error(&mut self, table: &Name, only: bool, column: &str, cascade: bool) {
        if self.column(table, column).is_none() {
            return;
        }
        if self.is_inherited(table, column) {
            self.fails("42P16", format!("cannot drop inherited column \"{column}\""));
        }
        if self.is_partition_key(table, column) {
            self.fails(
                "42P16",
                format!("cannot drop column \"{column}\" because it is part of the partition key"),
            );
        }
        if only && self.is_partitioned(table) && self.catalog.children(table).next().is_some() {
            self.fails(
                "42P16",
                "cannot drop column from only the partitioned table when partitions exist",
            );
        }
        if cascade {
            return;
        }
        // Before 15 a generated column goes with what it is computed from.
        let goes_along = |one: &super::hanging::Dependent| one.on_type == TypeError::Generated && !self.version(15);
        let users = self.dependents(table, column).into_iter();
        let users = users.filter(|one| !goes_along(one)).map(|one| one.what);
        let keys = self.pointing_at(table, column);
        let keys = keys.iter().map(|name| format!("a foreign key of {name}"));
        if let Some(user) = users.chain(keys).next() {
            self.fails(
                "2BP01",
                format!("cannot drop column {column} of table {table} because {user} depends on it"),
            );
        }
    }

    pub(super) fn set_not_null(&mut self, table: &Name, column: &str, all: &[&ActionKind]) {
        let names: Vec<Name> = std::iter::once(table.clone())
            .chain(self.catalog.descendants(table))
            .collect();
        // One unproven column brings the scan back for all, and a proof that the same statement drops is none.
        let columns: Vec<&str> = all
            .iter()
            .filter_map(|action| match action {
                ActionKind::SetNotNull { column } => Some(column.as_str()),
                _ => None,
            })
            .chain([column])
            .collect();
        for name in names {
            let Some(rel) = self.catalog.relation(&name) else {
                continue;
            };
            if rel.kind == RelationKind::PartitionedTable {
                continue;
            }
            let proved = |column: &&str| {
                rel.column(column).is_some_and(|c| c.not_null) && !has_invalid_not_null(rel, column)
                    || proves_not_null(rel, column)
            };
            if !columns.iter().all(proved) {
                self.work(&name, Work::Scan);
            }
        }
    }
}

/// `DEFAULT NULL` is none.
fn has_default(column: &ColumnDef) -> bool {
    let default = column.default.as_ref();
    default.is_some_and(|default| !default.sql.trim().eq_ignore_ascii_case("null"))
}

pub(super) fn has_invalid_not_null(rel: &Relation, column: &str) -> bool {
    rel.constraints
        .iter()
        .any(|c| c.kind == ConstraintKind::NotNull && !c.valid && c.columns == [column.to_owned()])
}

/// Whether a valid CHECK implies that the column holds no NULL: `c IS NOT NULL`, alone or joined by AND.
pub fn proves_not_null(rel: &Relation, column: &str) -> bool {
    rel.constraints
        .iter()
        .filter(|c| c.valid && c.enforced)
        .any(|c| match &c.kind {
            ConstraintKind::Check(expression) => {
                let text = expression.sql.replace(['(', ')', '"'], " ");
                let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
                let no_or = !text.split(' ').any(|word| word.eq_ignore_ascii_case("OR"));
                no_or
                    && text.split(" AND ").any(|part| {
                        part.eq_ignore_ascii_case(&format!("{column} IS NOT NULL")) && part.starts_with(column)
                    })
            }
            _ => false,
        })
}
