//! Rows: `INSERT`, `UPDATE`, `DELETE`, `TRUNCATE`, `COPY`, queries, and blocks of statements.
//!
//! A relation that the planner looks at is locked with all its indexes, in one mode (`get_relation_info` in `plancat.c`);
//! the executor lets the indexes of a plain `INSERT` go again.

use super::Builder;
use super::prune;
use crate::catalog::{ConstraintKind, Index, Relation, RelationKind};
use crate::lock::LockMode::{self, AccessExclusive, AccessShare, RowExclusive, RowShare, Share};
use crate::quote::Name;
use crate::sql::{Conflict, Dml, DmlVerb, Given, Inserted, NameRef, Query, Rows};

/// A change of so many rows at the most is short.
const BATCH: u64 = 10_000;

/// Columns that a statement compares with constants.
type Equals = [(String, String)];

impl Builder<'_> {
    pub(super) fn query(&mut self, query: &Query) {
        let equals = query.rows.equals.as_slice();
        for read in query.reads.iter().filter(|read| !query.rows.locked.contains(read)) {
            if let Some(name) = self.catalog.resolve(read) {
                self.plan(&name, AccessShare, equals);
            }
        }
        for locked in &query.rows.locked {
            if let Some(name) = self.catalog.resolve(locked) {
                self.plan(&name, RowShare, equals);
                if !self.finds_one(&name, equals) {
                    self.effect.changes.push(name);
                }
            }
        }
        for write in &query.writes {
            if let Some(name) = self.catalog.resolve(write) {
                self.lock(&name, RowExclusive);
                if query.rows.changed.contains(write) {
                    self.plan(&name, RowExclusive, &[]);
                }
                self.effect.changes.push(name);
            }
        }
        let columns = query.rows.serials.iter().filter_map(|(table, column)| {
            let table = self.catalog.resolve(table)?;
            let mut owned = self.catalog.sequences_of(&table);
            owned.find(|(_, own)| own == column).map(|(name, _)| name.clone())
        });
        for sequence in columns.collect::<Vec<_>>() {
            self.lock(&sequence, RowExclusive);
        }
        for sequence in &query.rows.sequences {
            if let Some(name) = self.catalog.resolve(sequence) {
                self.lock(&name, RowExclusive);
            }
        }
    }

    /// A relation of a plan with all that hangs below it: what a view reads, partitions that are not pruned, children.
    pub(super) fn plan(&mut self, name: &Name, mode: LockMode, equals: &Equals) {
        let Some(rel) = self.catalog.relation(name) else { return };
        self.lock(name, mode);
        match rel.kind {
            RelationKind::View => {
                for below in rel.reads.keys().cloned().collect::<Vec<_>>() {
                    self.plan(&below, mode, equals);
                }
            }
            RelationKind::PartitionedTable => {
                // The planner looks at the indexes of a partitioned table from 16 on.
                if self.version(16) {
                    self.lock_indexes(name, mode);
                }
                for partition in prune::partitions(self.catalog, name, equals) {
                    self.plan(&partition, mode, equals);
                }
            }
            RelationKind::Table | RelationKind::MaterializedView => {
                self.lock_indexes(name, mode);
                if mode != AccessShare {
                    self.lock_above(name);
                }
                if !self.finds_one(name, equals) && !self.effect.reads.contains(name) {
                    self.effect.reads.push(name.clone());
                }
                for child in self.catalog.children(name).cloned().collect::<Vec<_>>() {
                    self.plan(&child, mode, equals);
                }
            }
            RelationKind::ForeignTable | RelationKind::Sequence => {}
        }
    }

    /// Before 14 a partition's bounds were read under a lock on its parent that stayed.
    fn lock_above(&mut self, name: &Name) {
        let is_partition = |rel: &&Relation| rel.bound.is_some();
        if self.version(14) {
            return;
        }
        let Some(rel) = self.catalog.relation(name).filter(is_partition) else {
            return;
        };
        for parent in rel.parents.clone() {
            self.lock(&parent, AccessShare);
            self.lock_above(&parent);
        }
    }

    /// Whether the values given are those of a unique index: then at most one row is found, and by that index.
    fn finds_one(&self, name: &Name, equals: &Equals) -> bool {
        self.catalog.relation(name).is_some_and(|rel| {
            rel.indexes.iter().any(|index| {
                index.unique
                    && index.valid
                    && index.predicate.is_none()
                    && !index.keys.is_empty()
                    && index
                        .keys
                        .iter()
                        .all(|key| equals.iter().any(|(column, _)| column == key))
            })
        })
    }

    /// Whether the values given are so few of a unique index that what is changed is a batch.
    fn finds_few(&self, name: &Name, rows: &Rows) -> bool {
        let values = |key: &String| {
            let one = rows.equals.iter().any(|(column, _)| column == key).then_some(1);
            let few = rows.few.iter().filter(|(column, _)| column == key);
            one.or_else(|| few.map(|(_, values)| *values).min())
        };
        let is_few = |index: &Index| {
            let mut keys = index.keys.iter().map(values);
            let all = keys.try_fold(1_u64, |all, values| Some(all.saturating_mul(values?)));
            let unique = index.unique && index.valid && index.predicate.is_none() && !index.keys.is_empty();
            unique && all.is_some_and(|all| all <= BATCH)
        };
        let relation = self.catalog.relation(name);
        relation.is_some_and(|relation| relation.indexes.iter().any(is_few))
    }

    pub(super) fn dml(&mut self, dml: &Dml) {
        self.query(&dml.query);
        if let Some(target) = self.existing(&dml.target, false) {
            self.change(dml, &target);
        }
    }

    /// A change of a view is one of the table below it.
    fn change(&mut self, dml: &Dml, target: &Name) {
        let Some(rel) = self.catalog.relation(target) else {
            return;
        };
        if rel.kind == RelationKind::View {
            self.lock(target, RowExclusive);
            if let [below] = rel.reads.keys().collect::<Vec<_>>()[..] {
                self.change(dml, &below.clone());
            }
            return;
        }
        self.need_identity(dml.verb, target);
        match dml.verb {
            DmlVerb::Insert => self.insert(&dml.inserted, target),
            DmlVerb::Update | DmlVerb::Delete | DmlVerb::Merge => {
                let equals = dml.query.rows.equals.as_slice();
                self.plan(target, RowExclusive, equals);
                if !self.finds_few(target, &dml.query.rows) {
                    self.effect.changes.push(target.clone());
                }
            }
        }
        self.check_keys(dml, target);
    }

    fn insert(&mut self, inserted: &Inserted, target: &Name) {
        self.lock(target, RowExclusive);
        match &inserted.conflict {
            // The planner infers the index from its columns, and looks at all for it.
            Some(Conflict::Columns) => self.lock_indexes(target, RowExclusive),
            Some(Conflict::Constraint(name)) => self.lock_index(target, name, RowExclusive),
            Some(Conflict::Any) | None => {}
        }
        match &inserted.rows {
            Some(rows) => {
                for row in rows {
                    let given = self.given(inserted, row, target);
                    self.route(target, &given);
                }
            }
            None => self.route(target, &[]),
        }
        self.draw(inserted, target);
    }

    /// Constants that a row gives, by column.
    fn given(&self, inserted: &Inserted, row: &[Given], target: &Name) -> Vec<(String, String)> {
        let columns = self.columns_of(inserted, target);
        let pairs = columns.into_iter().zip(row).filter_map(|(column, given)| match given {
            Given::Constant(value) => Some((column, value.clone())),
            Given::Null | Given::Default | Given::Other => None,
        });
        pairs.collect()
    }

    /// The columns that an `INSERT` gives, in its order.
    pub(super) fn columns_of(&self, inserted: &Inserted, target: &Name) -> Vec<String> {
        if !inserted.columns.is_empty() {
            return inserted.columns.clone();
        }
        let rel = self.catalog.relation(target);
        rel.map_or(&[][..], |rel| &rel.columns)
            .iter()
            .map(|c| c.name.clone())
            .collect()
    }

    /// The partitions that a new row can go to.
    fn route(&mut self, table: &Name, given: &Equals) {
        if !self.is_partitioned(table) {
            return self.lock_above(table);
        }
        for partition in prune::partitions(self.catalog, table, given) {
            self.lock(&partition, RowExclusive);
            self.route(&partition, given);
        }
    }

    /// Sequences that fill columns which are not given.
    fn draw(&mut self, inserted: &Inserted, target: &Name) {
        let columns = self.columns_of(inserted, target);
        let given = |column: &str| {
            let at = columns.iter().position(|name| name == column);
            match (at, &inserted.rows) {
                (None, _) => false,
                (Some(_), None) => true,
                (Some(at), Some(rows)) => rows
                    .iter()
                    .all(|row| !matches!(row.get(at), None | Some(Given::Default))),
            }
        };
        let Some(rel) = self.catalog.relation(target) else {
            return;
        };
        let filled = rel.columns.iter().filter(|column| !given(&column.name));
        let filled: Vec<String> = filled.map(|column| column.name.clone()).collect();
        let owned = self.catalog.sequences_of(target);
        let sequences = owned.filter(|(_, column)| filled.iter().any(|filled| filled == column));
        let sequences: Vec<Name> = sequences.map(|(name, _)| name.clone()).collect();
        for sequence in sequences {
            self.lock(&sequence, RowExclusive);
        }
    }

    pub(super) fn truncate(&mut self, tables: &[NameRef], only: &[NameRef], cascade: bool, restart: bool) {
        let mut emptied: Vec<Name> = Vec::new();
        for table in tables {
            let Some(name) = self.existing(table, false) else {
                continue;
            };
            let alone = only.contains(table);
            if alone && self.is_partitioned(&name) {
                self.fails("42809", "cannot truncate only a partitioned table");
            }
            let below = if alone {
                Vec::new()
            } else {
                self.catalog.descendants(&name)
            };
            emptied.extend(std::iter::once(name).chain(below));
        }
        let mut at = 0;
        while at < emptied.len() {
            let above = self.catalog.partitioned_above(&emptied[at]);
            let named = std::iter::once(&emptied[at]).chain(&above);
            let pointing = named
                .flat_map(|table| self.catalog.referencing(table))
                .map(|(child, _)| child.clone());
            let outside: Vec<Name> = pointing.filter(|child| !emptied.contains(child)).collect();
            for child in outside {
                if cascade {
                    let below = self.catalog.descendants(&child);
                    emptied.extend(std::iter::once(child).chain(below));
                } else {
                    let table = &emptied[at];
                    self.fails(
                        "0A000",
                        format!("cannot truncate {table}, because a foreign key of {child} points at it"),
                    );
                }
            }
            at += 1;
        }
        for table in emptied {
            self.empty(&table, restart);
        }
    }

    /// A new file without rows; an empty index is built for each that was there.
    fn empty(&mut self, table: &Name, restart: bool) {
        self.lock(table, AccessExclusive);
        self.lock_above(table);
        if !self.is_partitioned(table) {
            self.lock(table, Share);
            self.lock_indexes(table, AccessExclusive);
            self.effect.new_files.push(table.clone());
        }
        if restart {
            for sequence in self.owned_sequences(table) {
                self.lock(&sequence, AccessExclusive);
                self.lock(&sequence, RowExclusive);
                self.effect.new_files.push(sequence);
            }
        }
        if self.catalog.relation(table).is_some_and(Relation::is_shared) {
            self.loses("truncate-loses-rows", format!("all rows of {table} are gone"));
        }
    }

    pub(super) fn copy(&mut self, table: Option<&NameRef>, from: bool, client_stream: bool) {
        if client_stream {
            self.fails(
                "08P01",
                "COPY from or to the client's own stream is psql's, not a migration's",
            );
        }
        let Some(table) = table else { return };
        let Some(table) = self.existing(table, false) else {
            return;
        };
        if from {
            self.lock(&table, RowExclusive);
            self.route(&table, &[]);
            return;
        }
        // Version 12 lets the lock go at the end of the statement.
        if self.version(13) {
            self.lock(&table, AccessShare);
        }
        self.effect.reads.push(table);
    }

    pub(super) fn is_foreign_key_column(&self, table: &Name, column: &str) -> Vec<Name> {
        let own = self
            .catalog
            .relation(table)
            .into_iter()
            .flat_map(|rel| &rel.constraints);
        own.filter(|c| {
            matches!(c.kind, ConstraintKind::ForeignKey { .. }) && c.columns.iter().any(|name| name == column)
        })
        .filter_map(super::create::referenced)
        .collect()
    }
}
