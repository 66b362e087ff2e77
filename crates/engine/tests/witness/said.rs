//! What the table says of a row, against the catalog of the server that is to run it.

use nonstop_core::catalog::{Catalog, RelationKind};
use nonstop_core::effect::{Effect, EffectLock, Transaction, effect};
use nonstop_core::migration::TransactionModel;
use nonstop_core::quote::Name;
use nonstop_core::replay;
use nonstop_core::source::SourceFile;
use nonstop_core::sql::{self, Kind, Statement, SyntaxError};
use nonstop_core::step::Work;
use std::collections::BTreeMap;
use testkit::truth::Locks;

/// All statements of a row together.
#[derive(Default)]
pub(super) struct Said {
    pub(super) locks: Locks,
    pub(super) index_locks: Locks,
    pub(super) work: BTreeMap<String, Work>,
    pub(super) error: Option<String>,
    renamed: BTreeMap<Name, Name>,
}

/// The statements of a text.
pub(super) fn statements(text: &str) -> Result<Vec<Statement>, SyntaxError> {
    Ok(sql::parse(&SourceFile::new("row", text))?.statements)
}

impl Said {
    pub(super) fn of(text: &str, in_transaction: bool, catalog: &Catalog) -> Self {
        let mut said = Said::default();
        let script = match statements(text) {
            Ok(script) => script,
            Err(error) => {
                said.error = Some(error.sqlstate().to_owned());
                return said;
            }
        };
        let mut catalog = catalog.clone();
        let mut transaction = Transaction::of_file(TransactionModel::PerStatement, script.len());
        if in_transaction {
            let begin = statements("BEGIN").unwrap();
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
        let add = |into: &mut Locks, lock: &EffectLock, name: String| {
            into.entry(name).or_default().insert(lock.mode);
        };
        for lock in effect.locks.iter().filter(|lock| lock.existing) {
            let name = self.name(&lock.relation);
            add(&mut self.locks, lock, name);
        }
        for lock in effect.index_locks.iter().filter(|lock| lock.existing) {
            let name = self.name(&lock.relation);
            add(&mut self.index_locks, lock, name);
        }
        // A sequence's file is a page; the witness leaves it out.
        let is_seen = |name: &Name| {
            let rel = catalog.relation(name);
            rel.is_none_or(|rel| rel.is_shared() && rel.kind != RelationKind::Sequence)
        };
        for entry in effect.all_work().iter().filter(|entry| is_seen(&entry.relation)) {
            let name = self.name(&entry.relation);
            let kind = self.work.entry(name).or_insert(entry.work);
            *kind = entry.work.max(*kind);
        }
        if self.error.is_none() {
            self.error = effect.error.as_ref().map(|error| error.sqlstate.to_owned());
        }
    }

    /// The witness names what a statement renamed by its old name.
    fn follow(&mut self, statement: &Statement, catalog: &Catalog) {
        if let Kind::Rename(rename) = &statement.kind
            && let Some(old) = catalog.resolve(&rename.name)
        {
            let original = self.renamed.remove(&old).unwrap_or_else(|| old.clone());
            self.renamed.insert(old.sibling(&rename.to), original);
        }
    }

    fn name(&self, name: &Name) -> String {
        self.renamed.get(name).unwrap_or(name).to_string()
    }
}
