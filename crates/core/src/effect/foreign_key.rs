//! `ADD FOREIGN KEY` and its validation.
//!
//! A key makes triggers on both sides, and each trigger locks the other table in ACCESS SHARE. The check is one query over
//! both tables, which opens all their indexes (`RI_Initial_Check`); a partition that has the key already is not read again
//! (`tryAttachPartitionForeignKey`).

use super::Builder;
use super::types::{Type, comparable};
use crate::catalog::{Constraint, ConstraintKind, Index, Relation, RelationKind};
use crate::lock::LockMode::{AccessExclusive, AccessShare, RowShare, ShareRowExclusive};
use crate::quote::Name;
use crate::sql::{ConstraintDef, ConstraintKindDef};
use crate::step::Work;

impl Builder<'_> {
    /// `filled` is false for a column that the same statement adds without a default: no row has a value to look for.
    pub(super) fn add_foreign_key(&mut self, table: &Name, only: bool, def: &ConstraintDef, filled: bool) {
        let ConstraintKindDef::ForeignKey {
            references,
            columns,
            period,
            ..
        } = &def.kind
        else {
            return;
        };
        // From 18 on children by inheritance are prepared as partitions are.
        let alone = only || !self.is_partitioned(table) && !self.version(18);
        self.family_lock(table, alone, ShareRowExclusive);
        let Some(parent) = self.existing(references, false) else {
            return;
        };
        self.key_error(table, only, def, &parent, columns);
        self.lock(&parent, ShareRowExclusive);
        let partitioned = self.is_partitioned(table);
        if self.is_partitioned(&parent) {
            self.lock_family(&parent, ShareRowExclusive);
        }
        if !def.enforced {
            return;
        }
        let wanted = self.wanted_key(&parent, def, columns);
        let (ready, open): (Vec<Name>, Vec<Name>) = self
            .leaves(table)
            .into_iter()
            .partition(|leaf| partitioned && leaf != table && self.has_key(leaf, &wanted));
        self.lock(table, AccessShare);
        if !partitioned || !open.is_empty() || self.version(15) {
            self.lock(&parent, AccessShare);
        }
        if !ready.is_empty() {
            self.lock(&parent, AccessExclusive);
        }
        if filled && !def.not_valid && !open.is_empty() {
            self.check_key(&open, &parent, *period);
        }
    }

    /// The key as the catalog would hold it.
    fn wanted_key(&self, parent: &Name, def: &ConstraintDef, columns: &[String]) -> Constraint {
        let columns = if columns.is_empty() {
            crate::replay::primary_key(self.catalog, parent)
        } else {
            columns.to_vec()
        };
        Constraint {
            name: String::new(),
            kind: ConstraintKind::ForeignKey {
                references: parent.clone(),
                columns,
            },
            columns: def.columns.clone(),
            valid: true,
            enforced: true,
            inherited: false,
            definition: String::new(),
        }
    }

    fn has_key(&self, table: &Name, wanted: &Constraint) -> bool {
        let own = self.catalog.relation(table).map_or(&[][..], |rel| &rel.constraints);
        own.iter()
            .any(|own| own.is_same_key(wanted) && own.valid && own.enforced && !own.inherited)
    }

    /// The tables that hold the rows of a partitioned one; the table itself otherwise.
    pub(super) fn leaves(&self, table: &Name) -> Vec<Name> {
        if !self.is_partitioned(table) {
            return vec![table.clone()];
        }
        let below = self.catalog.descendants(table);
        below.into_iter().filter(|name| !self.is_partitioned(name)).collect()
    }

    /// Reads the referencing tables, and the referenced one unless there is nothing to look for.
    pub(super) fn check_key(&mut self, referencing: &[Name], parent: &Name, period: bool) {
        self.check_key_beside(referencing, parent, period, &|_, _| false);
    }

    /// The same, where some indexes are made new and nobody else's.
    pub(super) fn check_key_beside(
        &mut self,
        referencing: &[Name],
        parent: &Name,
        period: bool,
        new: &dyn Fn(&Name, &Index) -> bool,
    ) {
        self.lock(parent, RowShare);
        self.lock(parent, AccessShare);
        let mut any_row = false;
        for table in referencing {
            self.lock(table, AccessShare);
            if !self.is_new_and_empty(table) {
                self.work(table, Work::Scan);
            }
            any_row |= !self.is_empty(table);
            if !period {
                self.open_indexes(table, new);
            }
        }
        if period {
            return;
        }
        // The planner looks at the indexes of a partitioned table from 16 on.
        if !self.is_partitioned(parent) || self.version(16) {
            self.open_indexes(parent, new);
        }
        if self.is_partitioned(parent) {
            for partition in self.catalog.descendants(parent) {
                self.lock(&partition, AccessShare);
                if !self.is_partitioned(&partition) || self.version(16) {
                    self.open_indexes(&partition, new);
                }
            }
        }
        if any_row {
            for leaf in self.leaves(parent) {
                self.work(&leaf, Work::Scan);
            }
        }
    }

    fn open_indexes(&mut self, table: &Name, new: &dyn Fn(&Name, &Index) -> bool) {
        let indexes = self.catalog.relation(table).map_or(&[][..], |rel| &rel.indexes);
        let old: Vec<String> = indexes
            .iter()
            .filter(|index| !new(table, index))
            .map(|index| index.name.clone())
            .collect();
        for index in old {
            self.lock_index(table, &index, AccessShare);
        }
    }

    /// Known to hold no row.
    pub(super) fn is_empty(&self, table: &Name) -> bool {
        let relation = self.catalog.relation(table);
        relation.is_some_and(|rel| rel.size.is_some_and(|size| size.rows == 0))
    }

    fn key_error(&mut self, table: &Name, only: bool, def: &ConstraintDef, parent: &Name, columns: &[String]) {
        let (Some(child), Some(target)) = (self.catalog.relation(table), self.catalog.relation(parent)) else {
            return;
        };
        let partitioned = child.kind == RelationKind::PartitionedTable;
        let error = if partitioned && only {
            Some((
                "42809",
                format!(
                    "cannot use ONLY for foreign key on partitioned table \"{}\"",
                    table.name
                ),
            ))
        } else if partitioned && def.not_valid && !self.version(18) {
            Some((
                "42809",
                format!(
                    "cannot add NOT VALID foreign key on partitioned table \"{}\"",
                    table.name
                ),
            ))
        } else if !matches!(target.kind, RelationKind::Table | RelationKind::PartitionedTable) {
            Some((
                "42809",
                format!("referenced relation \"{}\" is not a table", parent.name),
            ))
        } else if child.temporary != target.temporary {
            Some((
                "42P16",
                "constraints on temporary tables go only to temporary tables, and others only to others".to_owned(),
            ))
        } else if !child.unlogged && !child.temporary && target.unlogged {
            Some((
                "42P16",
                "constraints on permanent tables may reference only permanent tables".to_owned(),
            ))
        } else {
            self.match_error(child, def, (parent, target), columns)
        };
        if let Some((sqlstate, message)) = error {
            self.fails(sqlstate, message);
        }
    }

    /// `transformFkeyCheckAttrs` and the look for an operator in `ATAddForeignKeyConstraint`.
    fn match_error(
        &self,
        child: &Relation,
        def: &ConstraintDef,
        (parent, target): (&Name, &Relation),
        columns: &[String],
    ) -> Option<(&'static str, String)> {
        // Tables whose columns the catalog was not told have none.
        if child.columns.is_empty() || target.columns.is_empty() {
            return None;
        }
        let missing = |rel: &Relation, names: &[String]| names.iter().find(|name| rel.column(name).is_none()).cloned();
        if let Some(column) = missing(child, &def.columns) {
            return Some((
                "42703",
                format!("column \"{column}\" referenced in foreign key constraint does not exist"),
            ));
        }
        let primary = target.constraints.iter().find(|c| c.kind == ConstraintKind::PrimaryKey);
        let columns = match (columns, primary) {
            ([], None) => {
                return Some((
                    "42704",
                    format!("there is no primary key for referenced table \"{}\"", parent.name),
                ));
            }
            ([], Some(primary)) => &primary.columns,
            (written, _) => written,
        };
        if let Some(column) = missing(target, columns) {
            return Some((
                "42703",
                format!("column \"{column}\" referenced in foreign key constraint does not exist"),
            ));
        }
        let is_unique = target.indexes.iter().any(|index| {
            index.unique
                && index.predicate.is_none()
                && index.expressions.is_none()
                && index.keys.len() == columns.len()
                && columns.iter().all(|column| index.keys.contains(column))
        });
        let overlaps = target
            .constraints
            .iter()
            .any(|c| c.definition.contains("WITHOUT OVERLAPS"));
        if !is_unique && !overlaps {
            return Some((
                "42830",
                format!(
                    "there is no unique constraint matching given keys for referenced table \"{}\"",
                    parent.name
                ),
            ));
        }
        if columns.len() != def.columns.len() {
            return Some((
                "42830",
                "number of referencing and referenced columns for foreign key disagree".to_owned(),
            ));
        }
        let types = def.columns.iter().zip(columns).find(|(own, other)| {
            let (Some(own), Some(other)) = (child.column(own), target.column(other)) else {
                return false;
            };
            let types = (Type::of_column(self.catalog, own), Type::of_column(self.catalog, other));
            comparable(&types.0, &types.1) == Some(false)
        });
        types.map(|(own, other)| {
            (
                "42804",
                format!(
                    "foreign key constraint cannot be implemented: \"{own}\" and \"{other}\" are of incompatible types"
                ),
            )
        })
    }
}
