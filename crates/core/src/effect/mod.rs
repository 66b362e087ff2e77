//! The one table of PostgreSQL truth: statement × catalog × server version → locks and work.
//!
//! Every lock, scan and rewrite claimed here was measured on live servers; the live witness test runs the same
//! statements again. Nothing else in nonstop states what a statement locks. Background:
//! <https://www.postgresql.org/docs/current/explicit-locking.html> and `ATPrepCmd`/`AlterTableGetLockLevel` in
//! PostgreSQL's `tablecmds.c`.

mod alter_column;
mod alter_table;
mod body;
mod column;
mod composite;
mod constraint;
mod create;
mod data;
mod definition;
mod dependents;
mod drop;
mod foreign_key;
mod hanging;
mod index;
mod key;
mod keys;
mod partition;
mod proof;
mod prune;
mod publication;
mod storage;
mod transaction;
mod type_change;
mod view;
mod types;
mod volatility;

pub use body::{of_inner, with_triggers};
pub use column::proves_not_null;
pub(crate) use proof::{lies_inside, lies_outside};
pub(crate) use prune::{Bound, Edge, read_bound};
pub use transaction::Transaction;
pub(crate) use types::lacks_cast;
pub use volatility::{function_volatility, is_volatile};

use crate::catalog::{Catalog, Origin, RelationKind};
use crate::lock::LockMode;
use crate::migration::is_history_table;
use crate::quote::Name;
use crate::replay;
use crate::sql::{Kind, NameRef, ObjectKind, Statement};
use crate::step::Work;
use crate::version::ServerVersion;

/// What a statement does to other sessions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Effect {
    /// Every lock on a table, view, materialized view or sequence, in the order taken; TOAST left out.
    pub locks: Vec<EffectLock>,
    /// Every lock on an index. Plans and rules go by `locks`: whoever uses an index has locked its table before.
    pub index_locks: Vec<EffectLock>,
    /// Work per relation.
    pub work: Vec<RelationWork>,
    /// Relations that get a new file into which no row is copied: instant, but it shows as a rewrite on the server.
    pub new_files: Vec<Name>,
    /// Relations that are read in bulk without keeping anybody out: the statement may take long.
    pub reads: Vec<Name>,
    /// Relations of which any number of rows may be changed, and stay locked to the end of the transaction.
    pub changes: Vec<Name>,
    /// The error that the server is known to raise.
    pub error: Option<Predicted>,
    /// Why there may be more than is said here.
    pub opaque: Option<String>,
    /// It cannot run inside a transaction block (SQLSTATE 25001).
    pub outside_transaction: bool,
    /// What it takes away from code that is running.
    pub breaks: Vec<Breaks>,
}

/// One lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EffectLock {
    /// The relation.
    pub relation: Name,
    /// The mode.
    pub mode: LockMode,
    /// The relation was there before the migration, so others can wait for it.
    pub existing: bool,
}

/// Work on one relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelationWork {
    /// The relation.
    pub relation: Name,
    /// What is done.
    pub work: Work,
}

/// An error foreseen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Predicted {
    /// Its SQLSTATE.
    pub sqlstate: &'static str,
    /// Why.
    pub message: String,
}

/// How running code notices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breaks {
    /// The rule that reports it.
    pub rule: &'static str,
    /// One sentence.
    pub message: String,
    /// Data goes with it, and cannot come back.
    pub data_loss: bool,
}

/// What a statement does, given the catalog before it.
pub fn effect(statement: &Statement, catalog: &Catalog) -> Effect {
    let own = alone(statement, catalog);
    match replay::inside(catalog, statement) {
        Some(bodies) if own.error.is_none() => body::with(own, &bodies, catalog),
        _ => own,
    }
}

/// The statement by itself: what a block or a function holds is left out.
fn alone(statement: &Statement, catalog: &Catalog) -> Effect {
    let mut builder = Builder {
        catalog,
        effect: Effect::default(),
    };
    match statement.since {
        // A server that cannot read it does nothing.
        Some(since) if !builder.version(since.major) => builder.fails(
            "42601",
            format!("{} needs PostgreSQL {} or newer", since.syntax, since.major),
        ),
        _ => builder.statement(&statement.kind),
    }
    builder.effect
}

impl Effect {
    /// A statement that fails holds nothing and has done nothing.
    pub fn of_failure(error: Predicted) -> Self {
        Self {
            error: Some(error),
            ..Self::default()
        }
    }

    /// All work, also what keeps nobody out: rows that are read, and new files.
    pub fn all_work(&self) -> Vec<RelationWork> {
        let mut all = self.work.clone();
        let reads = self.reads.iter().map(|name| (name, Work::Scan));
        let files = self.new_files.iter().map(|name| (name, Work::Rewrite));
        for (relation, work) in reads.chain(files) {
            if !all
                .iter()
                .any(|entry| entry.relation == *relation && entry.work >= work)
            {
                all.push(RelationWork {
                    relation: relation.clone(),
                    work,
                });
            }
        }
        all
    }
}

/// Collects an effect.
struct Builder<'a> {
    catalog: &'a Catalog,
    effect: Effect,
}

impl Builder<'_> {
    fn version(&self, major: u32) -> bool {
        self.catalog.version >= ServerVersion::of_major(major)
    }

    /// One relation, whatever hangs below it.
    fn lock(&mut self, relation: &Name, mode: LockMode) {
        let existing = self
            .catalog
            .relation(relation)
            .is_none_or(crate::catalog::Relation::is_shared);
        let lock = EffectLock {
            relation: relation.clone(),
            mode,
            existing,
        };
        if !self.effect.locks.contains(&lock) {
            self.effect.locks.push(lock);
        }
    }

    /// A relation and its partitions or children.
    fn lock_family(&mut self, relation: &Name, mode: LockMode) {
        self.lock(relation, mode);
        for child in self.catalog.descendants(relation) {
            self.lock(&child, mode);
        }
    }

    /// An index, which belongs to a table.
    fn lock_index(&mut self, table: &Name, index: &str, mode: LockMode) {
        let relation = self.catalog.relation(table);
        let own = relation.and_then(|rel| rel.indexes.iter().find(|own| own.name == index));
        let lock = EffectLock {
            relation: table.sibling(index),
            mode,
            existing: relation.is_some_and(crate::catalog::Relation::is_shared)
                && own.is_some_and(|own| own.origin == Origin::Existing),
        };
        if !self.effect.index_locks.contains(&lock) {
            self.effect.index_locks.push(lock);
        }
    }

    /// All indexes of one relation.
    fn lock_indexes(&mut self, table: &Name, mode: LockMode) {
        let indexes = self.catalog.relation(table).map_or(&[][..], |rel| &rel.indexes);
        for index in indexes {
            self.lock_index(table, &index.name, mode);
        }
    }

    fn lock_refs(&mut self, names: &[NameRef], mode: LockMode) {
        for name in names {
            if let Some(name) = self.catalog.resolve(name) {
                self.lock(&name, mode);
            }
        }
    }

    fn work(&mut self, relation: &Name, work: Work) {
        let entry = RelationWork {
            relation: relation.clone(),
            work,
        };
        if work != Work::None && !self.effect.work.contains(&entry) {
            self.effect.work.push(entry);
        }
    }

    /// Tables that hold rows: leaves of a partitioned one, the table itself otherwise.
    fn work_family(&mut self, relation: &Name, work: Work) {
        for name in std::iter::once(relation.clone()).chain(self.catalog.descendants(relation)) {
            if self
                .catalog
                .relation(&name)
                .is_none_or(|rel| rel.kind != RelationKind::PartitionedTable)
            {
                self.work(&name, work);
            }
        }
    }

    /// Writes every table of a family anew that holds rows.
    fn rewrite_family(&mut self, table: &Name) {
        for name in std::iter::once(table.clone()).chain(self.catalog.descendants(table)) {
            let kind = self.catalog.relation(&name).map(|rel| rel.kind);
            if matches!(kind, None | Some(RelationKind::Table | RelationKind::MaterializedView)) {
                self.rewrite(&name);
            }
        }
    }

    fn fails(&mut self, sqlstate: &'static str, message: impl Into<String>) {
        self.effect.error.get_or_insert(Predicted {
            sqlstate,
            message: message.into(),
        });
    }

    fn opaque(&mut self, why: impl Into<String>) {
        self.effect.opaque.get_or_insert(why.into());
    }

    fn breaks(&mut self, rule: &'static str, message: String) {
        self.effect.breaks.push(Breaks {
            rule,
            message,
            data_loss: false,
        });
    }

    fn loses(&mut self, rule: &'static str, message: String) {
        self.effect.breaks.push(Breaks {
            rule,
            message,
            data_loss: true,
        });
    }

    /// The relation, or the error that it is missing.
    fn existing(&mut self, name: &NameRef, if_exists: bool) -> Option<Name> {
        let found = self.catalog.resolve(name);
        // The server's own are not in the catalog, and no file makes the table in which its tool notes what it ran.
        let is_history = is_history_table(&name.name);
        let system = match &name.schema {
            Some(schema) => schema.starts_with("pg_") || schema == "information_schema",
            None => name.name.starts_with("pg_"),
        };
        if found.is_none() && !if_exists && !system && !is_history {
            self.fails("42P01", format!("relation \"{name}\" does not exist"));
        }
        found
    }

    fn default_partition(&self, parent: &Name) -> Option<Name> {
        let default = |name: &&Name| {
            self.catalog
                .relation(name)
                .is_some_and(|rel| rel.bound.as_deref() == Some("DEFAULT"))
        };
        self.catalog.children(parent).find(default).cloned()
    }

    fn is_partitioned(&self, name: &Name) -> bool {
        self.catalog
            .relation(name)
            .is_some_and(|rel| rel.kind == RelationKind::PartitionedTable)
    }

    /// Whether a table is new and without rows, so that nothing is read for it.
    fn is_new_and_empty(&self, name: &Name) -> bool {
        self.catalog
            .relation(name)
            .is_some_and(|rel| !rel.is_shared() && rel.size.is_some_and(|size| size.rows == 0))
    }

    fn statement(&mut self, kind: &Kind) {
        match kind {
            Kind::CreateTable(create) => self.create_table(create),
            Kind::CreateTableAs(create) => self.create_table_as(create),
            Kind::CreateView {
                name,
                replace,
                temporary,
                columns,
                query,
                select,
            } => {
                let name = self.catalog.target_of(name, *temporary);
                self.create_view(&name, *replace, query);
                self.keep_columns(&name, columns, select);
            }
            Kind::Refresh {
                name,
                concurrently,
                with_data,
            } => self.refresh(name, *concurrently, *with_data),
            Kind::AlterTable(alter) => self.alter_table(alter),
            Kind::CreateIndex(index) => self.create_index(index),
            Kind::Drop(drop) => self.drop(drop),
            Kind::Rename(rename) => self.rename(rename),
            Kind::SetSchema { object, name, .. } => self.set_schema(*object, name),
            Kind::AlterDomain { name, reads_rows, .. } => self.alter_domain(name, *reads_rows),
            Kind::AlterSequence {
                name,
                owned_by,
                options,
            } => {
                if let Some(name) = self.existing(name, false) {
                    self.lock(&name, LockMode::ShareRowExclusive);
                    self.lock(&name, LockMode::RowExclusive);
                    if *options {
                        self.effect.new_files.push(name);
                    }
                }
                if let Some((table, _)) = owned_by {
                    self.lock_refs(std::slice::from_ref(table), LockMode::AccessShare);
                }
            }
            Kind::CreateSequence { owned_by, .. } => {
                if let Some((table, _)) = owned_by {
                    self.lock_refs(std::slice::from_ref(table), LockMode::AccessShare);
                }
            }
            Kind::CreateFunction(create) => self.create_function(create),
            Kind::CreateTrigger {
                table,
                from,
                before_row,
                ..
            } => {
                if let Some(table) = self.existing(table, false) {
                    if *before_row && self.is_partitioned(&table) && !self.version(13) {
                        self.fails("42809", format!("\"{}\" is a partitioned table", table.name));
                    }
                    self.lock_family(&table, LockMode::ShareRowExclusive);
                }
                if let Some(from) = from {
                    self.lock_refs(std::slice::from_ref(from), LockMode::AccessShare);
                }
            }
            Kind::Policy { table, .. } | Kind::CreateRule { table } => {
                if let Some(table) = self.existing(table, false) {
                    self.lock(&table, LockMode::AccessExclusive);
                }
            }
            Kind::Owned { roles, to } => self.owned(roles, to.is_some()),
            Kind::Publication(change) => self.publication(change),
            Kind::CreateStatistics { tables, .. } => {
                self.lock_refs(tables, LockMode::ShareUpdateExclusive);
            }
            Kind::Comment { object, name } => self.comment(*object, name.as_ref()),
            Kind::Grant { tables, .. } => {
                if self.version(18) {
                    self.lock_refs(tables, LockMode::AccessShare);
                }
            }
            Kind::CreateExtension { name, .. } => {
                if !self.catalog.extensions.contains(name) {
                    self.opaque(format!("the script of extension {name} may do anything"));
                }
            }
            Kind::CreateSchema {
                with_elements: true, ..
            } => self.opaque("CREATE SCHEMA with elements of its own"),
            Kind::Dml(dml) => self.dml(dml),
            Kind::Select(query) => self.query(query),
            Kind::Truncate {
                tables,
                only,
                cascade,
                restart,
            } => self.truncate(tables, only, *cascade, *restart),
            Kind::Copy {
                table,
                from,
                client_stream,
            } => self.copy(table.as_ref(), *from, *client_stream),
            Kind::Lock { tables, mode } => {
                for table in tables {
                    if let Some(table) = self.existing(table, false) {
                        self.lock_table(&table, *mode);
                    }
                }
            }
            Kind::Reindex { target, concurrently } => self.reindex(target, *concurrently),
            Kind::Compact { table, vacuum } => self.compact(table.as_ref(), *vacuum),
            Kind::Maintain { tables, vacuum } => self.maintain(tables, *vacuum),
            Kind::OutsideTransaction { .. } => self.effect.outside_transaction = true,
            Kind::Other { tag } => self.opaque(format!("{tag} is not known to nonstop")),
            Kind::Owner { .. }
            | Kind::CreateEnum { .. }
            | Kind::AddEnumValue { .. }
            | Kind::RenameEnumValue { .. }
            | Kind::CreateDomain { .. }
            | Kind::CreateType { .. }
            | Kind::AlterFunction { .. }
            | Kind::CreateSchema { .. }
            | Kind::Set { .. }
            | Kind::Transaction(_)
            // What they run is `effect/body.rs`'s.
            | Kind::Do { .. }
            | Kind::Call { .. }
            | Kind::NoRelation { .. } => {}
        }
    }

    fn comment(&mut self, object: ObjectKind, name: Option<&NameRef>) {
        if let (ObjectKind::Index, Some(name)) = (object, name) {
            if let Some((table, index)) = self.known_index(name) {
                self.lock_index(&table, &index.name, LockMode::ShareUpdateExclusive);
            }
            return;
        }
        let mode = match object {
            ObjectKind::Table
            | ObjectKind::View
            | ObjectKind::MaterializedView
            | ObjectKind::Sequence
            | ObjectKind::ForeignTable
            | ObjectKind::Column => LockMode::ShareUpdateExclusive,
            ObjectKind::Constraint | ObjectKind::Trigger | ObjectKind::Policy | ObjectKind::Rule => {
                LockMode::AccessShare
            }
            _ => return,
        };
        if let Some(name) = name.and_then(|name| self.catalog.resolve(name)) {
            self.lock(&name, mode);
        }
    }
}

#[cfg(test)]
mod tests;
