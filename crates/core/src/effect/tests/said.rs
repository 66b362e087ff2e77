//! What nonstop says of a row, in the terms of the rows.

use super::super::{Effect, EffectLock, Transaction, effect};
use super::measured::Row;
use crate::catalog::{Catalog, Relation};
use crate::migration::TransactionModel;
use crate::quote::Name;
use crate::replay;
use crate::source::SourceFile;
use crate::sql::{self, Kind, Statement, SyntaxError};
use crate::step::Work;
use crate::version::ServerVersion;
use std::collections::{BTreeMap, BTreeSet};

/// All statements of a row together.
#[derive(Default)]
pub(super) struct Said {
    pub(super) locks: BTreeSet<String>,
    pub(super) index_locks: BTreeSet<String>,
    work: BTreeMap<String, Work>,
    pub(super) error: Option<String>,
    /// Every index that there is after the set-up.
    pub(super) indexes: BTreeSet<String>,
    /// The rows name what a statement renamed by its old name.
    renamed: BTreeMap<Name, Name>,
}

impl Said {
    pub(super) fn of(row: &Row, major: u32) -> Self {
        let mut said = Said::default();
        let mut catalog = Catalog::empty(ServerVersion::of_major(major));
        catalog.time_zone = Some("UTC".to_owned());
        let (setup, script) = match (statements(&row.setup), statements(&row.sql)) {
            (Ok(setup), Ok(script)) => (setup, script),
            (Err(error), _) | (_, Err(error)) => {
                said.error = Some(error.sqlstate().to_owned());
                return said;
            }
        };
        for statement in &setup {
            let error = effect(statement, &catalog).error;
            said.error = said.error.or(error.map(|error| error.sqlstate.to_owned()));
            replay::apply(&mut catalog, statement);
        }
        catalog.settle();
        for (table, relation) in &catalog.relations {
            let names = relation.indexes.iter().map(|index| shown(&table.sibling(&index.name)));
            said.indexes.extend(names);
        }
        let mut transaction = Transaction::of_file(TransactionModel::PerStatement, script.len());
        if row.in_transaction {
            let begin = statements("begin").unwrap();
            transaction.pass(&begin[0], &Effect::default(), &catalog);
        }
        for statement in &script {
            let mut effect = effect(statement, &catalog);
            if effect.error.is_none() {
                effect.error = transaction.error(statement, &effect, &catalog);
            }
            transaction.pass(statement, &effect, &catalog);
            said.note(&effect, &catalog);
            said.follow(statement, &catalog);
            replay::apply(&mut catalog, statement);
        }
        said
    }

    fn note(&mut self, effect: &Effect, catalog: &Catalog) {
        let say = |lock: &EffectLock| format!("{}: {}", self.name(&lock.relation), lock.mode);
        let existing = |locks: &[EffectLock]| locks.iter().filter(|lock| lock.existing).map(say).collect::<Vec<_>>();
        let (locks, index_locks) = (existing(&effect.locks), existing(&effect.index_locks));
        self.locks.extend(locks);
        self.index_locks.extend(index_locks);
        let shared = |name: &Name| catalog.relation(name).is_none_or(Relation::is_shared);
        for entry in effect.all_work().iter().filter(|entry| shared(&entry.relation)) {
            let name = self.name(&entry.relation);
            let kind = self.work.entry(name).or_insert(entry.work);
            *kind = entry.work.max(*kind);
        }
        if self.error.is_none() {
            self.error = effect.error.as_ref().map(|error| error.sqlstate.to_owned());
        }
    }

    fn follow(&mut self, statement: &Statement, catalog: &Catalog) {
        if let Kind::Rename(rename) = &statement.kind
            && let Some(old) = catalog.resolve(&rename.name)
        {
            let original = self.renamed.remove(&old).unwrap_or_else(|| old.clone());
            self.renamed.insert(old.sibling(&rename.to), original);
        }
    }

    fn name(&self, name: &Name) -> String {
        shown(self.renamed.get(name).unwrap_or(name))
    }

    /// The work per relation.
    pub(super) fn work(&self) -> BTreeSet<String> {
        self.work
            .iter()
            .map(|(name, work)| format!("{name}: {work:?}"))
            .collect()
    }
}

/// As the rows name a relation.
fn shown(name: &Name) -> String {
    if name.schema == "public" {
        name.name.clone()
    } else {
        name.to_string()
    }
}

fn statements(sql: &str) -> Result<Vec<Statement>, SyntaxError> {
    Ok(sql::parse(&SourceFile::new("row", sql))?.statements)
}
