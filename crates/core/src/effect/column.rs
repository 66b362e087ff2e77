//! `ADD COLUMN`, `DROP COLUMN`, `SET NOT NULL`.

use super::Builder;
use super::volatility::is_volatile;
use crate::catalog::{ConstraintKind, Generated, Relation, TypeDef};
use crate::lock::LockMode::{AccessExclusive, RowShare, Share, ShareRowExclusive};
use crate::quote::Name;
use crate::sql::{ActionKind, ColumnDef, ConstraintKindDef};
use crate::step::Work;

impl Builder<'_> {
    pub(super) fn add_column(&mut self, table: &Name, column: &ColumnDef, if_not_exists: bool, all: &[&ActionKind]) {
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
        let user_type = column
            .type_ref
            .user
            .as_ref()
            .filter(|_| !column.type_ref.array)
            .and_then(|user| self.catalog.resolve_type(user))
            .and_then(|name| self.catalog.types.get(&name));
        let domain_checks = matches!(user_type, Some(TypeDef::Domain { constrained: true, .. }));
        // A domain may have a default of its own.
        let is_domain = matches!(user_type, Some(TypeDef::Domain { .. }));
        let volatile = column.generated == Generated::No
            && column
                .default
                .as_ref()
                .is_some_and(|default| is_volatile(self.catalog, default));
        let rewrites = column.type_ref.serial
            || volatile
            || matches!(column.generated, Generated::Identity | Generated::Stored)
            || domain_checks;
        if rewrites {
            self.work_family(table, Work::Rewrite);
        }
        if column.generated == Generated::Virtual && column.not_null {
            self.work_family(table, Work::Scan);
        }
        let default_set = all
            .iter()
            .any(|a| matches!(a, ActionKind::SetDefault { column: c, .. } if *c == column.name));
        let filled = column.default.is_some() || column.type_ref.serial || column.generated != Generated::No;
        let required = column.not_null && !filled && !default_set;
        let relation = self.catalog.relation(table);
        let rows = relation.is_some_and(|rel| rel.size.is_some_and(|size| size.rows > 0));
        let shared = relation.is_some_and(Relation::is_shared);
        if column.not_null && !filled && !is_domain {
            self.work_family(table, Work::Scan);
        }
        if required && shared && !is_domain {
            self.breaks(
                "add-required-column-breaks-inserts",
                format!(
                    "code that inserts into {table} without {} fails, and so does this statement if there is a row",
                    column.name
                ),
            );
        }
        if required && rows {
            self.fails(
                "23502",
                format!(
                    "column \"{}\" of relation \"{}\" contains null values",
                    column.name, table.name
                ),
            );
        }
        for constraint in &column.inline {
            match &constraint.kind {
                ConstraintKindDef::ForeignKey { references, .. } => {
                    self.lock(table, ShareRowExclusive);
                    if let Some(parent) = self.existing(references, false) {
                        self.lock_family(&parent, ShareRowExclusive);
                        if column.default.is_some() && !self.is_new_and_empty(table) {
                            self.lock(&parent, RowShare);
                            self.work_family(table, Work::Scan);
                            self.work_family(&parent, Work::Scan);
                        }
                    }
                }
                ConstraintKindDef::Check(_) => self.work_family(table, Work::Scan),
                ConstraintKindDef::Unique(_) | ConstraintKindDef::PrimaryKey(_) => {
                    self.lock_family(table, Share);
                    self.work_family(table, Work::IndexBuild);
                }
                ConstraintKindDef::NotNull | ConstraintKindDef::Exclude(_) => {}
            }
        }
    }

    pub(super) fn drop_column(&mut self, table: &Name, column: &str, if_exists: bool, cascade: bool) {
        self.lock_family(table, AccessExclusive);
        if !if_exists {
            self.need_column(table, column);
        }
        for parent in self.is_foreign_key_column(table, column) {
            self.lock(&parent, AccessExclusive);
        }
        if cascade {
            let pointing: Vec<Name> = self
                .catalog
                .referencing(table)
                .filter(|(_, c)| matches!(&c.kind, ConstraintKind::ForeignKey { columns, .. } if columns.iter().any(|c| c == column)))
                .map(|(name, _)| name.clone())
                .collect();
            let views = self
                .catalog
                .relations
                .iter()
                .filter(|(_, rel)| rel.reads.get(table).is_some_and(|columns| columns.contains(column)));
            let views: Vec<Name> = views.map(|(name, _)| name.clone()).collect();
            for name in pointing.into_iter().chain(views) {
                self.lock(&name, AccessExclusive);
            }
        } else {
            let view = self
                .catalog
                .relations
                .iter()
                .find(|(_, rel)| rel.reads.get(table).is_some_and(|columns| columns.contains(column)));
            if let Some((view, _)) = view {
                let message = format!("cannot drop column {column} of table {table} because view {view} depends on it");
                self.fails("2BP01", message);
            }
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
            let proved = |column: &&str| {
                rel.column(column).is_some_and(|c| c.not_null) && !has_invalid_not_null(rel, column)
                    || proves_not_null(rel, column)
            };
            if !columns.iter().all(proved) {
                self.work_family(&name, Work::Scan);
            }
        }
    }
}

fn has_invalid_not_null(rel: &Relation, column: &str) -> bool {
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
