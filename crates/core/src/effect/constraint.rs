//! `ADD`, `DROP` and `VALIDATE CONSTRAINT`.

use super::Builder;
use super::column::{has_invalid_not_null, proves_not_null};
use crate::catalog::{Constraint, ConstraintKind, Relation, RelationKind};
use crate::lock::LockMode::{AccessExclusive, AccessShare, Share, ShareRowExclusive, ShareUpdateExclusive};
use crate::quote::Name;
use crate::sql::{ConstraintDef, ConstraintKindDef, KeyDef};
use crate::step::Work;

impl Builder<'_> {
    pub(super) fn add_constraint(&mut self, table: &Name, only: bool, def: &ConstraintDef) {
        let trusted = def.not_valid || !def.enforced;
        let makes_index = matches!(
            def.kind,
            ConstraintKindDef::PrimaryKey(_) | ConstraintKindDef::Unique(_) | ConstraintKindDef::Exclude(_)
        );
        if let Some(name) = &def.name
            && !makes_index
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
            ConstraintKindDef::ForeignKey { .. } => self.add_foreign_key(table, only, def, true),
            ConstraintKindDef::Check(_) | ConstraintKindDef::NotNull => {
                self.check_error(table, only, def);
                let only = only || def.definition.as_str().ends_with("NO INHERIT");
                self.family_lock(table, only, AccessExclusive);
                if !trusted {
                    self.check_rows(table, only, def);
                }
            }
            ConstraintKindDef::PrimaryKey(key) | ConstraintKindDef::Unique(key) => {
                self.lock(table, AccessExclusive);
                self.lock_key(table, only, def);
                if let Some(index) = &key.using_index {
                    self.use_index(table, def, index);
                    self.key_name_error(table, def, Some(index));
                } else {
                    self.lock(table, Share);
                    self.unique_error(table, &def.columns);
                    self.build_key(table, only, def, key);
                }
                if matches!(def.kind, ConstraintKindDef::PrimaryKey(_)) {
                    self.primary_key_scan(table, only, def, key.using_index.as_deref());
                }
                if key.using_index.is_none() {
                    self.key_name_error(table, def, None);
                }
                if def.deferrable {
                    self.lock(table, ShareRowExclusive);
                }
            }
            ConstraintKindDef::Exclude(exclude) => {
                self.lock(table, AccessExclusive);
                self.lock(table, Share);
                self.lock_key(table, only, def);
                if self.is_partitioned(table) && !self.version(17) {
                    self.fails("0A000", "exclusion constraints are not supported on partitioned tables");
                }
                for (key, class) in exclude.keys.iter().zip(&exclude.classes) {
                    if !key.is_empty() {
                        self.need_key_column(table, key);
                    }
                    if class.is_none() {
                        self.need_class(table, key, &exclude.method);
                    }
                }
                self.key_name_error(table, def, None);
                if !(only && self.is_partitioned(table)) {
                    self.build_index(table, &|_| false);
                }
            }
        }
    }

    /// The locks on what is below: from 18 on it is altered as the table is, before it where a primary key makes columns
    /// NOT NULL.
    fn lock_key(&mut self, table: &Name, only: bool, def: &ConstraintDef) {
        if only {
            return;
        }
        let nullable = |column: &String| !self.column(table, column).is_some_and(|own| own.not_null);
        let fills = matches!(def.kind, ConstraintKindDef::PrimaryKey(_)) && def.columns.iter().any(nullable);
        let altered = fills || self.version(18);
        let built = self.is_partitioned(table);
        for below in self.catalog.descendants(table) {
            if built {
                self.lock(&below, Share);
            }
            if altered {
                self.lock(&below, AccessExclusive);
            }
        }
    }

    /// The index of a key takes its constraint's name among all relations.
    fn key_name_error(&mut self, table: &Name, def: &ConstraintDef, replaced: Option<&str>) {
        let Some(name) = def.name.as_deref().filter(|name| Some(*name) != replaced) else {
            return;
        };
        let taken = table.sibling(name);
        if self.catalog.index(&taken).is_some() || self.catalog.relation(&taken).is_some() {
            self.fails("42P07", format!("relation \"{name}\" already exists"));
        }
    }

    fn build_key(&mut self, table: &Name, only: bool, def: &ConstraintDef, key: &KeyDef) {
        if only && self.is_partitioned(table) {
            return;
        }
        let kind = match def.kind {
            ConstraintKindDef::PrimaryKey(_) => ConstraintKind::PrimaryKey,
            _ => ConstraintKind::Unique,
        };
        // An index that already serves a constraint of the same kind is attached.
        let catalog = self.catalog;
        let serves = |own: &crate::catalog::Index| {
            let constraint = own.constraint.as_ref();
            let all = catalog.relations.values().flat_map(|rel| &rel.constraints);
            constraint.is_some_and(|name| all.clone().any(|c| c.name == *name && c.kind == kind))
        };
        self.build_index(table, &|own| {
            own.unique
                && own.keys == def.columns
                && own.predicate.is_none()
                && own.nulls_not_distinct == key.nulls_not_distinct
                && serves(own)
        });
    }

    /// `CHECK` and `NOT NULL`: every table is read that does not have the constraint yet, or proves it.
    fn check_rows(&mut self, table: &Name, only: bool, def: &ConstraintDef) {
        let below = if only {
            Vec::new()
        } else {
            self.catalog.descendants(table)
        };
        for name in std::iter::once(table.clone()).chain(below) {
            let Some(rel) = self.catalog.relation(&name) else {
                continue;
            };
            let has_it = match &def.kind {
                ConstraintKindDef::NotNull => def.columns.iter().all(|column| is_not_null(rel, column)),
                _ => rel.constraints.iter().any(|own| {
                    Some(&own.name) == def.name.as_ref() && matches!(own.kind, ConstraintKind::Check(_)) && own.valid
                }),
            };
            let holds_rows = matches!(rel.kind, RelationKind::Table | RelationKind::MaterializedView);
            if holds_rows && !has_it {
                self.work(&name, Work::Scan);
            }
        }
    }

    fn check_error(&mut self, table: &Name, only: bool, def: &ConstraintDef) {
        let Some(rel) = self.catalog.relation(table) else {
            return;
        };
        let has_children = self.catalog.children(table).next().is_some();
        let not_inherited = def.definition.as_str().ends_with("NO INHERIT");
        let is_check = matches!(def.kind, ConstraintKindDef::Check(_));
        if is_check && rel.kind == RelationKind::PartitionedTable && not_inherited {
            self.fails("42P16", "cannot add NO INHERIT constraint to partitioned table");
        }
        if only && has_children && !not_inherited {
            self.fails("42P16", "constraint must be added to child tables too");
        }
        if !rel.columns.is_empty() && !is_check {
            let missing = def.columns.iter().find(|column| rel.column(column).is_none());
            if let Some(column) = missing.cloned() {
                self.fails(
                    "42703",
                    format!("column \"{column}\" of relation \"{}\" does not exist", table.name),
                );
            }
        }
    }

    /// `USING INDEX` (`transformIndexConstraint`): the index must be there, whole, and as a key would make it.
    fn use_index(&mut self, table: &Name, def: &ConstraintDef, name: &str) {
        let found = self.catalog.index(&table.sibling(name));
        let Some((owner, index)) = found.map(|(owner, index)| (owner.clone(), index.clone())) else {
            return self.fails("42704", format!("index \"{name}\" does not exist"));
        };
        self.lock_index(table, name, AccessShare);
        // It is renamed to its constraint.
        if def.name.as_ref().is_some_and(|constraint| constraint != name) {
            self.lock_index(table, name, ShareUpdateExclusive);
        }
        let error = if index.constraint.is_some() {
            Some(("55000", "is already associated with a constraint"))
        } else if owner != *table {
            Some(("55000", "belongs to another table"))
        } else if !index.valid {
            Some(("55000", "is not valid"))
        } else if !index.unique {
            Some(("42809", "is not a unique index"))
        } else if index.expressions.is_some() {
            Some(("42809", "contains expressions"))
        } else if index.predicate.is_some() {
            Some(("42809", "is a partial index"))
        } else if !has_default_order(&index.definition) {
            Some(("42809", "has a column without default sorting behavior"))
        } else if self.is_partitioned(table) {
            Some((
                "0A000",
                "belongs to a partitioned table, where USING INDEX is not supported",
            ))
        } else {
            None
        };
        if let Some((sqlstate, why)) = error {
            self.fails(sqlstate, format!("index \"{name}\" {why}"));
        }
    }

    /// A primary key makes its columns NOT NULL, which reads the table unless that is proved.
    pub(super) fn primary_key_scan(&mut self, table: &Name, only: bool, def: &ConstraintDef, using: Option<&str>) {
        let Some(rel) = self.catalog.relation(table) else {
            return;
        };
        let columns = match using.and_then(|index| rel.indexes.iter().find(|i| i.name == index)) {
            Some(index) => index.keys.clone(),
            None => def.columns.clone(),
        };
        let unproved = columns.iter().find(|column| has_invalid_not_null(rel, column)).cloned();
        if let Some(column) = unproved {
            self.fails(
                "55000",
                format!("cannot create primary key on column \"{column}\": its NOT NULL is not valid"),
            );
        }
        let below = if only {
            Vec::new()
        } else {
            self.catalog.descendants(table)
        };
        for name in std::iter::once(table.clone()).chain(below) {
            let Some(own) = self.catalog.relation(&name) else {
                continue;
            };
            let nullable = |column: &String| !is_not_null(own, column) && !proves_not_null(own, column);
            if own.kind != RelationKind::PartitionedTable && columns.iter().any(nullable) {
                self.work(&name, Work::Scan);
            }
        }
        if rel.constraints.iter().any(|c| c.kind == ConstraintKind::PrimaryKey) {
            self.fails(
                "42P16",
                format!("multiple primary keys for table \"{}\" are not allowed", table.name),
            );
        }
    }

    pub(super) fn drop_constraint(&mut self, table: &Name, only: bool, name: &str, if_exists: bool, cascade: bool) {
        // With ONLY too: the children's constraint becomes their own.
        self.lock_family(table, AccessExclusive);
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
        if constraint.inherited {
            self.fails("42P16", format!("cannot drop inherited constraint \"{name}\""));
        }
        let has_partitions = self.is_partitioned(table) && self.catalog.children(table).next().is_some();
        if only && has_partitions && matches!(constraint.kind, ConstraintKind::Check(_) | ConstraintKind::NotNull) {
            self.fails(
                "42P16",
                "cannot remove constraint from only the partitioned table when partitions exist",
            );
        }
        if let Some(parent) = super::create::referenced(&constraint) {
            self.lock_family(&parent, AccessExclusive);
        }
        let served = |own: &&crate::catalog::Index| own.constraint.as_deref() == Some(name);
        let index = self
            .catalog
            .relation(table)
            .and_then(|rel| rel.indexes.iter().find(served));
        if let Some(index) = index.map(|own| own.name.clone()) {
            self.lock_index_tree(table, &index, AccessExclusive);
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
        let is_checked = match constraint.kind {
            ConstraintKind::Check(_) | ConstraintKind::ForeignKey { .. } | ConstraintKind::NotNull => true,
            ConstraintKind::PrimaryKey | ConstraintKind::Unique | ConstraintKind::Exclude | ConstraintKind::Trigger => {
                false
            }
        };
        if !is_checked {
            self.fails(
                "42809",
                format!("constraint \"{name}\" is not a foreign key or check constraint"),
            );
        }
        if constraint.valid {
            return;
        }
        if let Some(parent) = super::create::referenced(&constraint) {
            let leaves = if only { vec![table.clone()] } else { self.leaves(table) };
            return self.check_key(&leaves, &parent, constraint.definition.contains("PERIOD"));
        }
        self.work_family(table, Work::Scan);
    }
}

fn is_not_null(rel: &Relation, column: &str) -> bool {
    rel.column(column).is_some_and(|c| c.not_null) && !has_invalid_not_null(rel, column)
}

/// Whether no key of the index is sorted other than a constraint's index would be.
fn has_default_order(definition: &str) -> bool {
    let mut quoted = false;
    let bare: String = definition
        .chars()
        .map(|c| {
            quoted ^= c == '"';
            if quoted { ' ' } else { c.to_ascii_uppercase() }
        })
        .collect();
    let mut words = bare.split(|c: char| !(c.is_alphanumeric() || c == '_'));
    !(bare.contains("NULLS FIRST") || words.any(|word| word == "DESC" || word.ends_with("_PATTERN_OPS")))
}
