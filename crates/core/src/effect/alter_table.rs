//! `ALTER TABLE`: the lock of each action (`AlterTableGetLockLevel` in `tablecmds.c`) and the work done under it.

use super::Builder;
use super::type_change;
use super::volatility::is_volatile;
use crate::catalog::{Column, Constraint, ConstraintKind, Generated, Index, Relation, TypeDef};
use crate::lock::LockMode::{AccessExclusive, AccessShare, RowShare, Share, ShareRowExclusive, ShareUpdateExclusive};
use crate::quote::Name;
use crate::sql::{ActionKind, AlterTable, ColumnDef, ConstraintDef, ConstraintKindDef, NameRef, ObjectKind, TypeRef};
use crate::step::Work;

impl Builder<'_> {
    pub(super) fn alter_table(&mut self, alter: &AlterTable) {
        match alter.object {
            // Indexes: SHARE UPDATE EXCLUSIVE or ACCESS EXCLUSIVE on the index alone.
            ObjectKind::Index => return self.alter_index(alter),
            // Composite types: ACCESS EXCLUSIVE on the type's own relation.
            ObjectKind::Type | ObjectKind::Other => return,
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

    fn alter_index(&mut self, alter: &AlterTable) {
        let Some((table, _)) = self.catalog.resolve_index(&alter.name) else {
            if !alter.if_exists {
                self.fails("42P01", format!("relation \"{}\" does not exist", alter.name));
            }
            return;
        };
        let table = table.clone();
        if alter
            .actions
            .iter()
            .any(|action| matches!(&action.kind, ActionKind::Other { tag } if tag == "ATTACH PARTITION"))
        {
            self.lock(&table, AccessShare);
        }
    }

    fn family_lock(&mut self, table: &Name, only: bool, mode: crate::lock::LockMode) {
        if only {
            self.lock(table, mode);
        } else {
            self.lock_family(table, mode);
        }
    }

    fn action(&mut self, table: &Name, only: bool, action: &ActionKind, all: &[&ActionKind]) {
        match action {
            ActionKind::AddColumn { column, if_not_exists } => self.add_column(table, column, *if_not_exists, all),
            ActionKind::DropColumn {
                name,
                if_exists,
                cascade,
            } => self.drop_column(table, name, *if_exists, *cascade),
            ActionKind::SetNotNull { column } => {
                self.family_lock(table, only, AccessExclusive);
                self.need_column(table, column);
                self.set_not_null(table, column, all);
            }
            ActionKind::AlterType {
                column,
                to,
                using,
                collate,
            } => {
                self.family_lock(table, only, AccessExclusive);
                self.alter_type(table, column, to, using.as_ref().map(|u| u.sql.as_str()), *collate);
            }
            ActionKind::AddConstraint(def) => self.add_constraint(table, only, def),
            ActionKind::DropConstraint {
                name,
                if_exists,
                cascade,
            } => self.drop_constraint(table, only, name, *if_exists, *cascade),
            ActionKind::ValidateConstraint { name } => self.validate(table, only, name),
            ActionKind::AlterConstraint { name, enforced } => {
                self.family_lock(table, only, AccessExclusive);
                let constraint = self
                    .catalog
                    .relation(table)
                    .and_then(|rel| rel.constraint(name))
                    .cloned();
                if let Some(parent) = constraint.as_ref().and_then(super::create::referenced) {
                    match enforced {
                        Some(true) => {
                            self.lock(&parent, ShareRowExclusive);
                            self.lock(&parent, RowShare);
                            self.work_family(table, Work::Scan);
                        }
                        Some(false) => self.lock(&parent, AccessExclusive),
                        None => {}
                    }
                }
            }
            ActionKind::SetDefault { column, .. }
            | ActionKind::DropDefault { column }
            | ActionKind::DropNotNull { column }
            | ActionKind::AddIdentity { column }
            | ActionKind::SetIdentity { column }
            | ActionKind::DropIdentity { column }
            | ActionKind::DropExpression { column }
            | ActionKind::ColumnStorage { column } => {
                self.family_lock(table, only, AccessExclusive);
                self.need_column(table, column);
            }
            ActionKind::SetExpression { column } => {
                self.family_lock(table, only, AccessExclusive);
                let stored = self
                    .column(table, column)
                    .is_some_and(|c| c.generated == Generated::Stored);
                if stored {
                    self.work_family(table, Work::Rewrite);
                }
            }
            ActionKind::AttachPartition { child, bound } => self.attach(table, child, bound),
            ActionKind::DetachPartition {
                child,
                concurrently,
                finalize,
            } => self.detach(table, child, *concurrently, *finalize),
            ActionKind::ColumnOptions { .. } | ActionKind::ClusterOn => {
                self.family_lock(table, only, ShareUpdateExclusive);
            }
            ActionKind::RelationOptions => self.lock(table, ShareUpdateExclusive),
            ActionKind::ReplicaIdentity { index } => {
                self.lock(table, AccessExclusive);
                if index.is_some() {
                    self.lock(table, ShareUpdateExclusive);
                }
            }
            ActionKind::RowSecurity | ActionKind::Rule => self.lock(table, AccessExclusive),
            ActionKind::Trigger { .. } => self.lock_family(table, ShareRowExclusive),
            ActionKind::Owner => {
                self.lock(table, AccessExclusive);
                for sequence in self.owned_sequences(table) {
                    self.lock(&sequence, AccessExclusive);
                }
            }
            ActionKind::SetLogged { logged } => {
                self.lock(table, AccessExclusive);
                let unlogged = self.catalog.relation(table).is_some_and(|rel| rel.unlogged);
                if unlogged == *logged {
                    self.work(table, Work::Rewrite);
                }
            }
            ActionKind::SetTablespace { name } => {
                self.lock(table, AccessExclusive);
                if name != "pg_default" && !self.is_partitioned(table) {
                    self.work(table, Work::Rewrite);
                }
            }
            ActionKind::SetAccessMethod { name } => {
                self.lock(table, AccessExclusive);
                if name != "heap" && !self.is_partitioned(table) {
                    self.work(table, Work::Rewrite);
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

    fn column(&self, table: &Name, column: &str) -> Option<&Column> {
        self.catalog.relation(table)?.column(column)
    }

    fn need_column(&mut self, table: &Name, column: &str) {
        // Views and tables whose columns the catalog was not told have none.
        let known = self.catalog.relation(table).is_some_and(|rel| !rel.columns.is_empty());
        if known && self.column(table, column).is_none() {
            self.fails(
                "42703",
                format!("column \"{column}\" of relation \"{}\" does not exist", table.name),
            );
        }
    }

    fn owned_sequences(&self, table: &Name) -> Vec<Name> {
        let owned = self
            .catalog
            .relations
            .iter()
            .filter(|(_, rel)| rel.owned_by.as_ref().is_some_and(|(owner, _)| owner == table));
        owned.map(|(name, _)| name.clone()).collect()
    }

    fn add_column(&mut self, table: &Name, column: &ColumnDef, if_not_exists: bool, all: &[&ActionKind]) {
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
        let domain_checks = column
            .type_ref
            .user
            .as_ref()
            .filter(|_| !column.type_ref.array)
            .and_then(|user| self.catalog.resolve_type(user))
            .is_some_and(|name| {
                matches!(
                    self.catalog.types.get(&name),
                    Some(TypeDef::Domain { constrained: true, .. })
                )
            });
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
        let rows = self
            .catalog
            .relation(table)
            .is_some_and(|rel| rel.size.is_some_and(|size| size.rows > 0));
        if column.not_null && !filled && !default_set && rows {
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
                ConstraintKindDef::NotNull | ConstraintKindDef::Exclude => {}
            }
        }
    }

    fn drop_column(&mut self, table: &Name, column: &str, if_exists: bool, cascade: bool) {
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

    fn set_not_null(&mut self, table: &Name, column: &str, all: &[&ActionKind]) {
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

    fn add_constraint(&mut self, table: &Name, only: bool, def: &ConstraintDef) {
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
            ConstraintKindDef::Exclude => {
                self.lock(table, AccessExclusive);
                self.lock(table, Share);
                self.work_family(table, Work::IndexBuild);
            }
        }
    }

    /// A primary key makes its columns NOT NULL, which reads the table unless that is proved.
    fn primary_key_scan(&mut self, table: &Name, def: &ConstraintDef, using: Option<&str>) {
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

    fn drop_constraint(&mut self, table: &Name, only: bool, name: &str, if_exists: bool, cascade: bool) {
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

    fn validate(&mut self, table: &Name, only: bool, name: &str) {
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

    fn attach(&mut self, parent: &Name, child: &NameRef, bound: &str) {
        let Some(child) = self.existing(child, false) else {
            return;
        };
        self.lock(parent, ShareUpdateExclusive);
        self.lock_family(&child, AccessExclusive);
        self.work_family(&child, Work::Scan);
        if bound != "DEFAULT"
            && let Some(default) = self.default_partition(parent)
        {
            self.lock_family(&default, AccessExclusive);
            self.work_family(&default, Work::Scan);
        }
        self.lock_partition_keys(parent);
        let lacks = |index: &Index| {
            !self.catalog.relation(&child).is_some_and(|rel| {
                rel.indexes
                    .iter()
                    .any(|own| own.keys == index.keys && own.unique == index.unique)
            })
        };
        if self
            .catalog
            .relation(parent)
            .is_some_and(|rel| rel.indexes.iter().any(lacks))
        {
            self.lock(&child, Share);
            self.work_family(&child, Work::IndexBuild);
        }
    }

    fn detach(&mut self, parent: &Name, child: &NameRef, concurrently: bool, finalize: bool) {
        let Some(child) = self.existing(child, false) else {
            return;
        };
        let default = self.default_partition(parent);
        if concurrently || finalize {
            self.effect.outside_transaction = concurrently;
            self.lock(parent, ShareUpdateExclusive);
            self.lock_family(
                &child,
                if finalize {
                    AccessExclusive
                } else {
                    ShareUpdateExclusive
                },
            );
            if concurrently && default.is_some() {
                self.fails(
                    "55000",
                    "cannot detach partitions concurrently when a default partition exists",
                );
            }
            return;
        }
        self.lock(parent, AccessExclusive);
        self.lock_family(
            &child,
            if self.version(14) {
                AccessExclusive
            } else {
                ShareUpdateExclusive
            },
        );
        if let Some(default) = default {
            self.lock(&default, AccessExclusive);
        }
        self.breaks(
            "detach-partition-hides-rows",
            format!("rows of {child} are no longer seen through {parent}"),
        );
    }

    fn alter_type(&mut self, table: &Name, column: &str, to: &TypeRef, using: Option<&str>, collate: bool) {
        self.need_column(table, column);
        let Some(from) = self.column(table, column).map(|c| c.type_name.clone()) else {
            return;
        };
        let utc = matches!(
            self.catalog.time_zone.to_ascii_uppercase().as_str(),
            "UTC" | "ETC/UTC" | "GMT" | "ETC/GMT" | "ZULU" | "UCT"
        );
        let plain_using = using.is_none_or(|using| is_plain_cast(using, column));
        let free = plain_using && type_change::is_free(&from, &self.effective_type(to), utc);
        let shared = self
            .catalog
            .relation(table)
            .is_some_and(crate::catalog::Relation::is_shared);
        for name in std::iter::once(table.clone()).chain(self.catalog.descendants(table)) {
            if free {
                self.free_change(&name, column, &from, &to.display, collate);
            } else if !self.is_partitioned(&name) {
                self.work(&name, Work::Rewrite);
            }
        }
        let parents = self.is_foreign_key_column(table, column);
        for parent in parents {
            self.lock(&parent, AccessExclusive);
            self.lock(&parent, ShareRowExclusive);
        }
        let pointing: Vec<Name> = self
            .catalog
            .referencing(table)
            .filter(|(_, c)| matches!(&c.kind, ConstraintKind::ForeignKey { columns, .. } if columns.iter().any(|c| c == column)))
            .map(|(name, _)| name.clone())
            .collect();
        for child in pointing {
            self.lock(&child, AccessExclusive);
            self.lock(&child, ShareRowExclusive);
            if !free {
                self.work(&child, Work::Scan);
            }
        }
        if shared && !free {
            let to = &to.display;
            self.breaks(
                "type-change-breaks-plans",
                format!("prepared statements that return {table}.{column} fail once: {from} becomes {to}"),
            );
        }
    }

    /// An unconstrained domain is its base type.
    fn effective_type(&self, to: &TypeRef) -> String {
        let domain = to.user.as_ref().and_then(|user| self.catalog.resolve_type(user));
        match domain.and_then(|name| self.catalog.types.get(&name)) {
            Some(TypeDef::Domain {
                base,
                constrained: false,
            }) if !to.array => base.clone(),
            _ => to.display.clone(),
        }
    }

    /// No rewrite; but expression and partial indexes are rebuilt, and checks read again.
    fn free_change(&mut self, table: &Name, column: &str, from: &str, to: &str, collate: bool) {
        let Some(rel) = self.catalog.relation(table) else {
            return;
        };
        let uses = |expression: &Option<crate::catalog::Expression>| {
            expression.as_ref().is_some_and(|e| e.columns.contains(column))
        };
        let rebuilt = rel.indexes.iter().any(|index| {
            let key = index.keys.iter().any(|key| key == column);
            uses(&index.expressions)
                || uses(&index.predicate)
                || (key && (index.predicate.is_some() || collate || !type_change::keeps_index(from, to)))
        });
        let checked = rel
            .constraints
            .iter()
            .any(|c| matches!(&c.kind, ConstraintKind::Check(e) if e.columns.contains(column)));
        if rebuilt {
            self.lock(table, Share);
            self.work(table, Work::IndexBuild);
        }
        if checked {
            self.work(table, Work::Scan);
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
                let upper = text.to_ascii_uppercase();
                let no_or = !upper
                    .split(' ')
                    .any(|word| matches!(word, "OR" | "NOT" if word == "OR"));
                no_or
                    && text.split(" AND ").any(|part| {
                        part.eq_ignore_ascii_case(&format!("{column} IS NOT NULL")) && part.starts_with(column)
                    })
            }
            _ => false,
        })
}

/// `USING c::type` changes nothing that the cast itself would not.
fn is_plain_cast(using: &str, column: &str) -> bool {
    let head = using.split("::").next().unwrap_or(using).trim().trim_matches('"');
    using.contains("::") && !using.contains('(') && head == column && using.matches("::").count() == 1
}
