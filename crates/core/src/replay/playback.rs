//! A file's statements in the transactions in which they stand: what `ROLLBACK` takes back, and how long a `SET` lasts.
//!
//! `SET` lasts to the end of the file: the runner's next file may run in another session.

use super::Certainty::{self, Known};
use crate::catalog::{Catalog, Mention};
use crate::migration::TransactionModel;
use crate::sql::{Kind, Script, Statement, TransactionVerb};

/// A session in which one file runs, as far as it changes the catalog.
#[derive(Debug, Clone)]
pub struct Playback {
    /// As the session began.
    initial: Settings,
    /// The values that hold after the present transaction commits: `SET LOCAL` left out.
    lasting: Settings,
    /// The open transaction, and the savepoints in it.
    frames: Vec<Frame>,
    /// Statements share a transaction without `BEGIN`.
    together: bool,
    /// There is something that takes the catalog back.
    rolls_back: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Settings {
    search_path: Vec<String>,
    time_zone: Option<String>,
}

#[derive(Debug, Clone)]
struct Frame {
    /// The savepoint; empty for the transaction itself.
    savepoint: String,
    current: Settings,
    lasting: Settings,
    catalog: Option<Box<Catalog>>,
}

impl Settings {
    fn of(catalog: &Catalog) -> Self {
        Self {
            search_path: catalog.search_path.clone(),
            time_zone: catalog.time_zone.clone(),
        }
    }

    fn put(&self, catalog: &mut Catalog) {
        catalog.search_path.clone_from(&self.search_path);
        catalog.time_zone.clone_from(&self.time_zone);
    }

    /// `SET`, or without values back to what it was at the beginning.
    fn set(&mut self, name: &str, values: &[String], initial: &Settings) {
        match name {
            "" => self.clone_from(initial),
            "search_path" if values.is_empty() => self.search_path.clone_from(&initial.search_path),
            "search_path" => self.search_path = values.to_vec(),
            "timezone" => match values.first() {
                Some(zone) => self.time_zone = Some(zone.clone()),
                None => self.time_zone.clone_from(&initial.time_zone),
            },
            // Timeouts and the like change nothing that a catalog holds.
            _ => {}
        }
    }
}

impl Playback {
    /// Before the first statement of a file.
    pub fn open(catalog: &Catalog, model: TransactionModel, script: &Script) -> Self {
        let rolls_back = |statement: &Statement| {
            matches!(
                statement.kind,
                Kind::Transaction(TransactionVerb::Rollback | TransactionVerb::RollbackTo(_))
            )
        };
        let settings = Settings::of(catalog);
        let mut playback = Self {
            initial: settings.clone(),
            lasting: settings,
            frames: Vec::new(),
            together: model.is_together(script.statements.len()),
            rolls_back: script.statements.iter().any(rolls_back),
        };
        playback.begin_together(catalog);
        playback
    }

    /// Whether statements are in a transaction that is still open.
    pub fn is_in_transaction(&self) -> bool {
        !self.frames.is_empty()
    }

    /// Brings the catalog to the state after a statement that succeeds.
    pub fn apply(&mut self, catalog: &mut Catalog, statement: &Statement) -> Certainty {
        match &statement.kind {
            Kind::Transaction(verb) => {
                self.transaction(catalog, verb);
                Known
            }
            Kind::Set { name, values, local } => {
                self.set(catalog, name, values, *local);
                Known
            }
            _ => super::apply(catalog, statement),
        }
    }

    /// After the last statement: what is open commits, temporary things and settings are gone.
    pub fn close(mut self, catalog: &mut Catalog) {
        self.commit(catalog);
        self.initial.put(catalog);
        catalog
            .relations
            .remove_mentioning(Mention::Temporary, |rel| rel.temporary);
    }

    fn begin(&mut self, catalog: &Catalog, savepoint: &str) {
        self.frames.push(Frame {
            savepoint: savepoint.to_owned(),
            current: Settings::of(catalog),
            lasting: self.lasting.clone(),
            catalog: self.rolls_back.then(|| Box::new(catalog.clone())),
        });
    }

    fn begin_together(&mut self, catalog: &Catalog) {
        if self.together {
            self.begin(catalog, "");
        }
    }

    fn commit(&mut self, catalog: &mut Catalog) {
        self.lasting.put(catalog);
        if self.is_in_transaction() {
            catalog
                .relations
                .remove_mentioning(Mention::Temporary, |rel| rel.drop_on_commit);
        }
        self.frames.clear();
    }

    fn transaction(&mut self, catalog: &mut Catalog, verb: &TransactionVerb) {
        match verb {
            // A BEGIN inside a transaction is only warned of.
            TransactionVerb::Begin if self.is_in_transaction() => {}
            TransactionVerb::Begin => self.begin(catalog, ""),
            TransactionVerb::Commit | TransactionVerb::Prepared => {
                self.commit(catalog);
                self.begin_together(catalog);
            }
            TransactionVerb::Rollback => {
                self.back_to(catalog, 0);
                self.frames.clear();
                self.begin_together(catalog);
            }
            TransactionVerb::Savepoint(name) => self.begin(catalog, name),
            TransactionVerb::Release(name) => {
                if let Some(at) = self.savepoint(name) {
                    self.frames.truncate(at);
                }
            }
            TransactionVerb::RollbackTo(name) => {
                if let Some(at) = self.savepoint(name) {
                    self.back_to(catalog, at);
                    self.frames.truncate(at + 1);
                }
            }
        }
    }

    fn savepoint(&self, name: &str) -> Option<usize> {
        self.frames
            .iter()
            .rposition(|frame| frame.savepoint == name && !name.is_empty())
    }

    fn back_to(&mut self, catalog: &mut Catalog, at: usize) {
        let Some(frame) = self.frames.get(at) else { return };
        if let Some(before) = &frame.catalog {
            catalog.clone_from(before);
        }
        frame.current.put(catalog);
        self.lasting.clone_from(&frame.lasting);
    }

    fn set(&mut self, catalog: &mut Catalog, name: &str, values: &[String], local: bool) {
        // Outside a transaction SET LOCAL does nothing.
        if local && !self.is_in_transaction() {
            return;
        }
        let mut current = Settings::of(catalog);
        current.set(name, values, &self.initial);
        current.put(catalog);
        if !local {
            self.lasting.set(name, values, &self.initial);
        }
    }
}
