//! What statements of one transaction do to those behind them: locks stay held, and some statements fail only there.
//!
//! Whether a file is one transaction is decided by the tool that owns it, not by nonstop:
//! <https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-MULTI-STATEMENT>.

use super::{Effect, EffectLock, Predicted};
use crate::catalog::Catalog;
use crate::lock::LockMode;
use crate::migration::TransactionModel;
use crate::quote::Name;
use crate::sql::{Kind, Statement, TransactionVerb};
use crate::version::ServerVersion;
use std::collections::BTreeSet;

/// What the statements before have left, as far as their transaction is still open.
#[derive(Debug, Clone)]
pub struct Transaction {
    /// The whole file is one message of several statements, or one transaction.
    together: bool,
    /// A `BEGIN` of the file's own is open.
    block: bool,
    held: Vec<EffectLock>,
    /// The same, for a quick look.
    known: BTreeSet<(Name, LockMode)>,
    labels: Vec<Label>,
    made: BTreeSet<Name>,
    savepoints: Vec<Savepoint>,
}

/// How much there was when it was set.
#[derive(Debug, Clone)]
struct Savepoint {
    name: String,
    held: usize,
    labels: usize,
}

/// An enum label that is not committed yet.
#[derive(Debug, Clone)]
struct Label {
    of: Name,
    quoted: String,
}

impl Transaction {
    /// Before the first of so many statements.
    pub fn of_file(model: TransactionModel, statements: usize) -> Self {
        Self {
            together: model.is_together(statements),
            block: false,
            held: Vec::new(),
            known: BTreeSet::new(),
            labels: Vec::new(),
            made: BTreeSet::new(),
            savepoints: Vec::new(),
        }
    }

    /// Locks that earlier statements took and nobody has let go.
    pub fn held(&self) -> &[EffectLock] {
        &self.held
    }

    /// The error that the statement gets only because of what it shares its transaction with.
    pub fn error(&self, statement: &Statement, effect: &Effect, catalog: &Catalog) -> Option<Predicted> {
        if effect.outside_transaction && (self.together || self.block) {
            return Some(Predicted {
                sqlstate: "25001",
                message: "it cannot run inside a transaction block".to_owned(),
            });
        }
        // The body of a function in another language is first looked at when it is called.
        if let Kind::CreateFunction(function) = &statement.kind
            && function.language != "sql"
        {
            return None;
        }
        let text = statement.sql.as_str();
        let uses = |label: &&Label| text.contains(&label.quoted) && concerns(text, effect, catalog, &label.of);
        self.labels.iter().find(uses).map(|label| Predicted {
            sqlstate: "55P04",
            message: format!("unsafe use of new value {} of enum type {}", label.quoted, label.of),
        })
    }

    /// After the statement; the catalog is still that before it.
    pub fn pass(&mut self, statement: &Statement, effect: &Effect, catalog: &Catalog) {
        match &statement.kind {
            Kind::Transaction(TransactionVerb::Begin) => self.block = true,
            Kind::Transaction(TransactionVerb::Commit | TransactionVerb::Rollback | TransactionVerb::Prepared) => {
                self.block = false;
                self.forget();
            }
            Kind::Transaction(TransactionVerb::Savepoint(name)) => self.savepoints.push(Savepoint {
                name: name.clone(),
                held: self.held.len(),
                labels: self.labels.len(),
            }),
            Kind::Transaction(TransactionVerb::RollbackTo(name)) => self.back_to(name),
            Kind::CreateEnum { name, .. } => {
                self.made.insert(catalog.target(name));
            }
            Kind::AddEnumValue { name, label, .. } => {
                let of = catalog.resolve_type_or_target(name);
                // From 17 the labels of a type made in the same transaction can be used at once.
                if !(self.made.contains(&of) && catalog.version >= ServerVersion::of_major(17)) {
                    let quoted = format!("'{}'", label.replace('\'', "''"));
                    self.labels.push(Label { of, quoted });
                }
            }
            _ => {
                for lock in &effect.locks {
                    if self.known.insert((lock.relation.clone(), lock.mode)) {
                        self.held.push(lock.clone());
                    }
                }
            }
        }
        if !(self.together || self.block) {
            self.forget();
        }
    }

    /// What was taken behind a savepoint is let go with it.
    fn back_to(&mut self, name: &str) {
        let Some(at) = self.savepoints.iter().rposition(|savepoint| savepoint.name == name) else {
            return;
        };
        self.held.truncate(self.savepoints[at].held);
        self.labels.truncate(self.savepoints[at].labels);
        self.savepoints.truncate(at + 1);
    }

    fn forget(&mut self) {
        self.held.clear();
        self.known.clear();
        self.labels.clear();
        self.made.clear();
        self.savepoints.clear();
    }
}

/// The same letters may be another type's label: the statement must name this one, or touch a column of it.
fn concerns(text: &str, effect: &Effect, catalog: &Catalog, of: &Name) -> bool {
    let has_column = |name: &Name| {
        let relation = catalog.relation(name);
        relation.is_some_and(|relation| relation.columns.iter().any(|c| c.user_type.as_ref() == Some(of)))
    };
    text.contains(&of.name) || effect.locks.iter().any(|lock| has_column(&lock.relation))
}
