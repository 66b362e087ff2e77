//! `ATTACH` and `DETACH PARTITION`, and what a partition shares with its parent's indexes and foreign keys.

use super::Builder;
use super::proof::{lies_inside, lies_outside};
use crate::catalog::{Constraint, ConstraintKind, Index, Relation};
use crate::lock::LockMode::{AccessExclusive, AccessShare, RowShare, Share, ShareRowExclusive, ShareUpdateExclusive};
use crate::quote::Name;
use crate::sql::NameRef;
use crate::step::Work;

impl Builder<'_> {
    pub(super) fn attach(&mut self, parent: &Name, child: &NameRef, bound: &str) {
        let Some(child) = self.existing(child, false) else {
            return;
        };
        self.fits(parent, &child);
        self.lock(parent, ShareUpdateExclusive);
        self.lock_family(&child, AccessExclusive);
        let is_proved = lies_inside(self.catalog, parent, &child, bound);
        if !is_proved {
            self.work_family(&child, Work::Scan);
        }
        if bound != "DEFAULT" {
            self.look_through_default(parent, bound);
        }
        self.attach_keys(parent, &child, is_proved);
        self.attach_indexes(parent, &child);
    }

    /// A default partition must hold none of the rows of a new one.
    pub(super) fn look_through_default(&mut self, parent: &Name, bound: &str) {
        let Some(default) = self.default_partition(parent) else {
            return;
        };
        self.lock_family(&default, AccessExclusive);
        for leaf in std::iter::once(default.clone()).chain(self.catalog.descendants(&default)) {
            if !self.is_partitioned(&leaf) && !lies_outside(self.catalog, parent, &leaf, bound) {
                self.work(&leaf, Work::Scan);
            }
        }
    }

    /// `MergeAttributesIntoExisting`: the columns must be the same ones.
    fn fits(&mut self, parent: &Name, child: &Name) {
        let (Some(above), Some(rel)) = (self.catalog.relation(parent), self.catalog.relation(child)) else {
            return;
        };
        if rel.bound.is_some() {
            return self.fails("42809", format!("\"{}\" is already a partition", child.name));
        }
        if above.columns.is_empty() || rel.columns.is_empty() {
            return;
        }
        if let Some(column) = rel.columns.iter().find(|own| above.column(&own.name).is_none()) {
            let message = format!(
                "table \"{}\" has a column \"{}\" that {parent} has not",
                child.name, column.name
            );
            return self.fails("42804", message);
        }
        for column in &above.columns {
            let Some(own) = rel.column(&column.name) else {
                return self.fails("42804", format!("child table is missing column \"{}\"", column.name));
            };
            let plain = own.user_type.is_none() && column.user_type.is_none();
            let known = !own.type_name.is_empty() && !column.type_name.is_empty();
            if plain && known && own.type_name != column.type_name {
                return self.fails(
                    "42804",
                    format!(
                        "child table \"{}\" has another type for column \"{}\"",
                        child.name, column.name
                    ),
                );
            }
            let invalid =
                |c: &&Constraint| c.kind == ConstraintKind::NotNull && !c.valid && c.columns == [column.name.clone()];
            if let Some(constraint) = rel.constraints.iter().find(invalid)
                && column.not_null
                && above.constraints.iter().filter(invalid).count() == 0
            {
                return self.fails(
                    "42P17",
                    format!(
                        "NOT VALID constraint \"{}\" of the child stands against the parent's",
                        constraint.name
                    ),
                );
            }
            if column.not_null && !own.not_null {
                return self.fails(
                    "42804",
                    format!("column \"{}\" in child table must be marked NOT NULL", column.name),
                );
            }
        }
    }

    /// Foreign keys from the parent, which the partition gets or has, and those that point at the parent.
    fn attach_keys(&mut self, parent: &Name, child: &Name, is_proved: bool) {
        let (own, pointing) = self.keys_of(parent);
        let rel = self.catalog.relation(child).cloned();
        for key in own {
            let Some(referenced) = super::create::referenced(&key) else {
                continue;
            };
            self.lock(&referenced, ShareRowExclusive);
            if rel
                .as_ref()
                .is_some_and(|rel| rel.constraints.iter().any(|own| own.is_same_key(&key)))
            {
                // The triggers of its own key go, those of the parent's stay.
                self.lock(&referenced, AccessExclusive);
                continue;
            }
            self.lock_family(child, ShareRowExclusive);
            self.lock_family(child, AccessShare);
            self.lock(&referenced, RowShare);
            self.lock(&referenced, AccessShare);
            self.lock_indexes(&referenced, AccessShare);
            if key.valid && key.enforced {
                self.work_family(child, Work::Scan);
                self.effect.reads.push(referenced);
                // The pass over the table is then for the key alone, in the mode of ATTACH (measured on 14 to 18).
                if is_proved {
                    self.lock_family(child, ShareUpdateExclusive);
                }
            }
        }
        for table in pointing {
            self.lock(child, ShareRowExclusive);
            self.lock_pointing(&table);
        }
    }

    /// Foreign keys of a parent, and tables that point at it.
    fn keys_of(&self, parent: &Name) -> (Vec<Constraint>, Vec<Name>) {
        let rel = self.catalog.relation(parent);
        let own = rel.into_iter().flat_map(|rel| &rel.constraints);
        let own = own.filter(|key| matches!(key.kind, ConstraintKind::ForeignKey { .. }));
        let pointing = self.catalog.referencing(parent).filter(|(_, key)| !key.inherited);
        (own.cloned().collect(), pointing.map(|(name, _)| name.clone()).collect())
    }

    /// What a new, empty partition makes of its parent's keys and indexes.
    pub(super) fn share_keys(&mut self, parent: &Name) {
        let (own, pointing) = self.keys_of(parent);
        for referenced in own.iter().filter_map(super::create::referenced) {
            self.lock(&referenced, ShareRowExclusive);
            self.lock(&referenced, AccessShare);
        }
        for table in pointing {
            self.lock_pointing(&table);
        }
        self.lock_indexes(parent, ShareUpdateExclusive);
    }

    /// Triggers of its own for the new partition came with 15.
    fn lock_pointing(&mut self, table: &Name) {
        self.lock(table, AccessShare);
        if self.version(15) {
            self.lock(table, ShareRowExclusive);
        }
    }

    fn attach_indexes(&mut self, parent: &Name, child: &Name) {
        self.lock_indexes(parent, ShareUpdateExclusive);
        let has = |index: &Index| {
            self.catalog.relation(child).is_some_and(|rel| {
                let mut own = rel.indexes.iter();
                own.any(|own| own.is_like(index) && own.valid && own.constraint.is_some() >= index.constraint.is_some())
            })
        };
        let lacks_one = self
            .catalog
            .relation(parent)
            .is_some_and(|rel| rel.indexes.iter().any(|index| !has(index)));
        if lacks_one {
            self.lock_family(child, Share);
            self.work_family(child, Work::IndexBuild);
        }
    }

    pub(super) fn detach(&mut self, parent: &Name, child: &NameRef, concurrently: bool, finalize: bool) {
        let Some(child) = self.existing(child, false) else {
            return;
        };
        let Some(rel) = self.catalog.relation(&child).cloned() else {
            return;
        };
        if !rel.parents.contains(parent) {
            return self.fails("42P01", format!("{child} is not a partition of {parent}"));
        }
        let default = self.default_partition(parent);
        self.effect.outside_transaction = concurrently;
        if finalize && !rel.detach_pending {
            return self.fails(
                "55000",
                format!(
                    "cannot complete detaching partition \"{}\": nobody has begun",
                    child.name
                ),
            );
        }
        if concurrently && default.is_some() {
            return self.fails(
                "55000",
                "cannot detach partitions concurrently when a default partition exists",
            );
        }
        if concurrently {
            // A first transaction marks the partition, a second one takes it out when nobody sees it any more.
            self.lock(parent, ShareUpdateExclusive);
            self.lock(parent, AccessShare);
            self.lock_family(&child, ShareUpdateExclusive);
            self.lock_family(&child, AccessExclusive);
        } else if finalize {
            self.lock(parent, ShareUpdateExclusive);
            self.lock_family(&child, AccessExclusive);
        } else {
            self.lock(parent, AccessExclusive);
            let mode = if self.version(14) {
                AccessExclusive
            } else {
                ShareUpdateExclusive
            };
            self.lock_family(&child, mode);
            if let Some(default) = default {
                self.lock(&default, AccessExclusive);
            }
        }
        self.detach_keys(parent, &child, &rel);
        if !concurrently && !finalize {
            self.breaks(
                "detach-partition-hides-rows",
                format!("rows of {child} are no longer seen through {parent}"),
            );
        }
    }

    fn detach_keys(&mut self, parent: &Name, child: &Name, rel: &Relation) {
        let (own, pointing) = self.keys_of(parent);
        for referenced in own.iter().filter_map(super::create::referenced) {
            self.lock(child, AccessShare);
            self.lock(&referenced, ShareRowExclusive);
        }
        for table in pointing {
            // No row of it may point at a row of the partition; then the part of its key that did is dropped.
            self.lock(parent, AccessShare);
            self.lock(child, AccessExclusive);
            self.lock(child, AccessShare);
            self.lock_indexes(child, AccessShare);
            self.lock(&table, Share);
            self.lock(&table, AccessShare);
            self.lock_indexes(&table, AccessShare);
            self.lock(&table, AccessExclusive);
            self.work_family(&table, Work::Scan);
        }
        for index in rel.indexes.iter().filter(|index| index.parent.is_some()) {
            self.lock_index(child, &index.name, AccessExclusive);
        }
    }
}
