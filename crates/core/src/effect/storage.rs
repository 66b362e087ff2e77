//! New files for old tables, and what looks after them: `CLUSTER`, `VACUUM`, `ANALYZE`, `SET LOGGED`.

use super::Builder;
use crate::catalog::RelationKind;
use crate::lock::LockMode::{AccessExclusive, AccessShare, RowExclusive, Share, ShareUpdateExclusive};
use crate::quote::Name;
use crate::sql::NameRef;
use crate::step::Work;

impl Builder<'_> {
    /// A table is written anew, and each of its indexes is built again (`make_new_heap`, `finish_heap_swap`).
    pub(super) fn rewrite(&mut self, table: &Name) {
        self.lock(table, AccessExclusive);
        self.lock(table, Share);
        self.lock_indexes(table, AccessExclusive);
        self.work(table, Work::Rewrite);
    }

    pub(super) fn compact(&mut self, table: Option<&NameRef>, vacuum: bool) {
        let Some(table) = table else {
            self.effect.outside_transaction = true;
            return self.opaque("CLUSTER or VACUUM FULL of every table");
        };
        let Some(table) = self.existing(table, false) else {
            return;
        };
        let partitioned = self.is_partitioned(&table);
        if partitioned && !vacuum && !self.version(15) {
            return self.fails("0A000", "cannot cluster a partitioned table");
        }
        // CLUSTER of a partitioned table commits after each leaf.
        self.effect.outside_transaction = vacuum || partitioned;
        self.lock(&table, AccessExclusive);
        let below = if partitioned {
            self.catalog.descendants(&table)
        } else {
            Vec::new()
        };
        for table in std::iter::once(table).chain(below) {
            if self.is_partitioned(&table) {
                continue;
            }
            self.rewrite(&table);
            if !vacuum {
                self.lock_indexes(&table, AccessShare);
            }
        }
    }

    pub(super) fn maintain(&mut self, tables: &[NameRef], vacuum: bool) {
        self.effect.outside_transaction = vacuum;
        if tables.is_empty() {
            let holds_rows = |kind| matches!(kind, RelationKind::Table | RelationKind::MaterializedView);
            let all = self.catalog.relations.iter().filter(|(_, rel)| holds_rows(rel.kind));
            for table in all.map(|(name, _)| name.clone()).collect::<Vec<_>>() {
                self.look_after(&table, vacuum);
            }
        }
        for table in tables {
            let Some(table) = self.existing(table, false) else {
                continue;
            };
            self.look_after(&table, vacuum);
            // From 18 on children by inheritance are looked after as well, as partitions always were.
            let with_below = self.is_partitioned(&table) || self.version(18);
            for child in self.catalog.descendants(&table) {
                if with_below {
                    self.look_after(&child, vacuum);
                }
                if !vacuum {
                    self.lock(&child, AccessShare);
                }
            }
        }
    }

    fn look_after(&mut self, table: &Name, vacuum: bool) {
        self.lock(table, ShareUpdateExclusive);
        if !self.is_partitioned(table) {
            self.lock_indexes(table, if vacuum { RowExclusive } else { AccessShare });
        }
    }

    pub(super) fn set_logged(&mut self, relation: &Name, logged: bool) {
        let Some(rel) = self.catalog.relation(relation) else {
            return;
        };
        let (kind, changes) = (rel.kind, rel.unlogged == logged);
        if kind == RelationKind::Sequence {
            if !self.version(15) {
                return self.fails("42809", format!("\"{}\" is not a table", relation.name));
            }
            return self.refill(relation);
        }
        self.lock(relation, AccessExclusive);
        if changes {
            self.rewrite(relation);
            // From 15 on the sequences of its columns go with it.
            if self.version(15) {
                for sequence in self.owned_sequences(relation) {
                    self.refill(&sequence);
                }
            }
        }
    }

    /// A sequence gets a new file, which is a page.
    pub(super) fn refill(&mut self, sequence: &Name) {
        self.lock(sequence, AccessExclusive);
        self.lock(sequence, RowExclusive);
        self.effect.new_files.push(sequence.clone());
    }
}
