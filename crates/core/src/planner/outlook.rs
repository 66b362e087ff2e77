//! How far the catalog can be trusted after a planned migration: the next ones are planned without another look at the
//! server as long as they do not rest on a guess.

use crate::catalog::Catalog;
use crate::effect::Effect;
use crate::lock::LockMode;
use crate::quote::Name;
use crate::replay::Certainty;
use std::collections::BTreeSet;

/// What is not known for sure after a migration, and what its own plan rests on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outlook {
    /// Something may have changed that the text does not tell (a `DO` block, a function call).
    pub is_unknown: bool,
    /// Relations that are there, but with names or texts that the server may have chosen otherwise.
    pub guessed: BTreeSet<Name>,
    /// Relations that the plan was made from.
    uses: BTreeSet<Name>,
    /// An error was foreseen, which may come of a wrong guess.
    foresees_error: bool,
    /// The file, in small letters.
    text: String,
}

impl Outlook {
    pub(super) fn new(text: &str) -> Self {
        Self {
            text: text.to_lowercase(),
            ..Self::default()
        }
    }

    /// After a statement.
    pub(super) fn pass(&mut self, effect: &Effect, certainty: Certainty) {
        let locked = effect.locks.iter().map(|lock| &lock.relation);
        self.uses
            .extend(locked.chain(&effect.reads).chain(&effect.changes).cloned());
        self.foresees_error |= effect.error.is_some();
        match certainty {
            Certainty::Known => {}
            Certainty::Guessed => {
                let changed = effect
                    .locks
                    .iter()
                    .filter(|lock| lock.mode >= LockMode::ShareUpdateExclusive);
                self.guessed.extend(changed.map(|lock| lock.relation.clone()));
            }
            Certainty::Unknown => self.is_unknown = true,
        }
    }

    /// At the end: what was made beside a guess is guessed too, and so is what views show of it.
    pub(super) fn settle(&mut self, before: &Catalog, after: &Catalog, certainty: Certainty) {
        if certainty == Certainty::Known {
            return;
        }
        let made = after
            .relations
            .keys()
            .filter(|name| !before.relations.contains_key(name));
        self.guessed.extend(made.cloned());
        // A guess about something that is no relation cannot be kept apart.
        self.is_unknown |= self.guessed.is_empty();
        loop {
            let views = after.relations.iter().filter(|(name, relation)| {
                !self.guessed.contains(*name) && relation.reads.keys().any(|read| self.guessed.contains(read))
            });
            let views: Vec<Name> = views.map(|(name, _)| name.clone()).collect();
            if views.is_empty() {
                return;
            }
            self.guessed.extend(views);
        }
    }

    /// Whether the plan may be another one if these were guessed wrong.
    pub fn rests_on(&self, guessed: &BTreeSet<Name>) -> bool {
        let named = |name: &Name| self.uses.contains(name) || self.text.contains(&name.name.to_lowercase());
        !guessed.is_empty() && (self.foresees_error || guessed.iter().any(named))
    }
}
