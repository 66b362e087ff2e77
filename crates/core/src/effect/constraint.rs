//! `ADD`, `DROP` and `VALIDATE CONSTRAINT`.

use super::Builder;
use super::column::proves_not_null;
use crate::catalog::{Constraint, ConstraintKind};
use crate::lock::LockMode::{AccessExclusive, RowShare, Share, ShareRowExclusive, ShareUpdateExclusive};
use crate::quote::Name;
use crate::sql::{ConstraintDef, ConstraintKindDef};
use crate::step::Work;

impl Builder<'_> {
    pub(super) fn add_constraint(&mut self, table: &Name, only: bool, def: &ConstraintDef) {
        let trusted = def.not_valid || !def.enforced;
        if let Some(name) = &def.name
            && self
                .catalog
                .relation(table)
                .is_some_and(|rel| rel.constraint(name).is_some())
        {
            self.fails(
                "42710",
                format!("constraint \"{name}\" for relation \"{}\" already exists", table.name),
            );
        }
        match &def.kind {
            ConstraintKindDef::ForeignKey { references, .. } => {
                self.family_lock(table, only, ShareRowExclusive);
                let itself = self.catalog.resolve(references).as_ref() == Some(table);
                let Some(parent) = self.existing(references, false) else {
                    return;
                };
                if !itself {
                    self.lock_family(&parent, ShareRowExclusive);
                }
                if def.not_valid && self.is_partitioned(table) && !self.version(18) {
                    self.fails(
                        "42809",
                        format!(
                            "cannot add NOT VALID foreign key on partitioned table \"{}\"",
                            table.name
                        ),
                    );
                }
                if !trusted && !self.is_new_and_empty(table) {
                    self.lock(&parent, RowShare);
                    self.work_family(table, Work::Scan);
                    self.work_family(&parent, Work::Scan);
                }
            }
            ConstraintKindDef::Check(_) | ConstraintKindDef::NotNull => {
                self.family_lock(table, only, AccessExclusive);
                if !trusted {
                    self.work_family(table, Work::Scan);
                }
            }
            ConstraintKindDef::PrimaryKey(key) | ConstraintKindDef::Unique(key) => {
                self.lock(table, AccessExclusive);
                for child in if only {
                    Vec::new()
                } else {
                    self.catalog.descendants(table)
                } {
                    self.lock(&child, Share);
                }
                if let Some(index) = &key.using_index {
                    if self.catalog.index(&table.sibling(index)).is_none() {
                        self.fails("42704", format!("index \"{index}\" does not exist"));
                    }
                } else {
                    self.lock(table, Share);
                    if only {
                        self.work(table, Work::IndexBuild);
                    } else {
                        self.work_family(table, Work::IndexBuild);
                    }
                }
                if matches!(def.kind, ConstraintKindDef::PrimaryKey(_)) {
                    self.primary_key_scan(table, def, key.using_index.as_deref());
                }
                if def.deferrable {
                    self.lock(table, ShareRowExclusive);
                }
            }
            ConstraintKindDef::Exclude(_) => {
                self.lock(table, AccessExclusive);
                self.lock(table, Share);
                self.work_family(table, Work::IndexBuild);
            }
        }
    }

    /// A primary key makes its columns NOT NULL, which reads the table unless that is proved.
    pub(super) fn primary_key_scan(&mut self, table: &Name, def: &ConstraintDef, using: Option<&str>) {
        let Some(rel) = self.catalog.relation(table) else {
            return;
        };
        let columns = match using.and_then(|index| rel.indexes.iter().find(|i| i.name == index)) {
            Some(index) => index.keys.clone(),
            None => def.columns.clone(),
        };
        let nullable =
            |column: &String| rel.column(column).is_none_or(|c| !c.not_null) && !proves_not_null(rel, column);
        if columns.iter().any(nullable) {
            self.work_family(table, Work::Scan);
        }
        if rel.constraints.iter().any(|c| c.kind == ConstraintKind::PrimaryKey) {
            self.fails(
                "42P16",
                format!("multiple primary keys for table \"{}\" are not allowed", table.name),
            );
        }
    }

    pub(super) fn drop_constraint(&mut self, table: &Name, only: bool, name: &str, if_exists: bool, cascade: bool) {
        self.family_lock(table, only, AccessExclusive);
        let Some(rel) = self.catalog.relation(table) else {
            return;
        };
        let Some(constraint) = rel.constraint(name).cloned() else {
            if !if_exists {
                self.fails(
                    "42704",
                    format!("constraint \"{name}\" of relation \"{}\" does not exist", table.name),
                );
            }
            return;
        };
        if let Some(parent) = super::create::referenced(&constraint) {
            self.lock_family(&parent, AccessExclusive);
        }
        if matches!(constraint.kind, ConstraintKind::PrimaryKey | ConstraintKind::Unique) {
            let matches_key = |c: &Constraint| match &c.kind {
                ConstraintKind::ForeignKey { columns, .. } => {
                    columns.len() == constraint.columns.len() && columns.iter().all(|c| constraint.columns.contains(c))
                }
                _ => false,
            };
            let pointing: Vec<Name> = self
                .catalog
                .referencing(table)
                .filter(|(_, c)| matches_key(c))
                .map(|(name, _)| name.clone())
                .collect();
            for child in pointing {
                if cascade {
                    self.lock(&child, AccessExclusive);
                } else {
                    self.fails(
                        "2BP01",
                        format!("cannot drop constraint {name} because a foreign key of {child} needs it"),
                    );
                }
            }
        }
    }

    pub(super) fn validate(&mut self, table: &Name, only: bool, name: &str) {
        self.family_lock(table, only, ShareUpdateExclusive);
        let Some(constraint) = self
            .catalog
            .relation(table)
            .and_then(|rel| rel.constraint(name))
            .cloned()
        else {
            return self.fails(
                "42704",
                format!("constraint \"{name}\" of relation \"{}\" does not exist", table.name),
            );
        };
        if constraint.valid {
            return;
        }
        if let Some(parent) = super::create::referenced(&constraint) {
            self.lock(&parent, RowShare);
            self.work_family(&parent, Work::Scan);
        }
        self.work_family(table, Work::Scan);
    }
}
