//! How far the catalog can be trusted after a planned migration: the next ones are planned without another look at the
//! server as long as they do not rest on a guess.

use crate::catalog::{Catalog, RelationKind};
use crate::effect::Effect;
use crate::lock::LockMode;
use crate::plan::MigrationPlan;
use crate::quote::Name;
use crate::replay::Certainty;
use crate::settings::{self, PlanSettings};
use crate::step::StepKind;
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
    /// The plan is one transaction and looks at nothing before: nothing of it is ever taken back by a definition.
    is_one_transaction: bool,
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
            Certainty::Unmeasured | Certainty::Unknown => self.is_unknown = true,
        }
    }

    /// At the end: what was changed beside a guess is guessed too, and so is what views show of it.
    pub(super) fn settle(&mut self, before: &Catalog, after: &Catalog, certainty: Certainty) {
        if certainty == Certainty::Known {
            return;
        }
        let changed = after
            .relations
            .iter()
            .filter(|(name, relation)| before.relations.get(name) != Some(relation));
        self.guessed.extend(changed.map(|(name, _)| name.clone()));
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

    /// When the plan is made.
    pub(super) fn close(&mut self, plan: &MigrationPlan) {
        let checks = plan.steps.iter().any(|step| step.kind == StepKind::Check);
        self.is_one_transaction = plan.is_atomic() && !checks;
    }

    /// Whether the plan may be another one if these were guessed wrong. `before` is the catalog that it was made from.
    ///
    /// A plan that is one transaction needs no definition to be taken back, and what it does to a small table is short
    /// whatever hangs on it: it rests on guesses about large tables alone.
    pub fn rests_on(&self, guessed: &BTreeSet<Name>, before: &Catalog, settings: &PlanSettings) -> bool {
        let named = |name: &Name| self.uses.contains(name) || self.text.contains(&name.name.to_lowercase());
        let harmless = |name: &Name| self.is_one_transaction && is_short(name, before, settings);
        let matters = |name: &Name| named(name) && !harmless(name);
        !guessed.is_empty() && (self.foresees_error || guessed.iter().any(matters))
    }
}

/// Whatever is done to it is short: it is there, and holds no rows of its own or is small with all its partitions.
fn is_short(name: &Name, catalog: &Catalog, settings: &PlanSettings) -> bool {
    let small = |name: &Name| {
        catalog.relation(name).is_some_and(|relation| {
            matches!(relation.kind, RelationKind::View | RelationKind::Sequence)
                || settings::is_small(relation.size, settings.small_rows)
        })
    };
    small(name) && catalog.descendants(name).iter().all(small)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Size;
    use crate::planner::plan_migration;
    use crate::planner::tests::{catalog, migration};

    /// Whether a migration on `t` of so many rows rests on a guess about it.
    fn rests(rows: u64, text: &str) -> bool {
        let mut before = catalog(15);
        let table = Name::new("public", "t");
        let size = Some(Size { rows, bytes: rows * 8 });
        before.relations.get_mut(&table).unwrap().size = size;
        let settings = PlanSettings::default();
        let planned = plan_migration(&migration(text), &mut before.clone(), &settings);
        planned.outlook.rests_on(&BTreeSet::from([table]), &before, &settings)
    }

    #[test]
    fn a_guess_matters_where_it_can_make_a_difference() {
        let instant = "ALTER TABLE t ADD COLUMN d int";
        let in_steps = "DROP INDEX CONCURRENTLY t_a_idx";
        // A name inside another word counts, and this text holds no t.
        let elsewhere = "ANALYZE u";
        assert_eq!((rests(10, instant), rests(1_000_000, instant)), (false, true));
        assert_eq!((rests(10, in_steps), rests(1_000_000, in_steps)), (true, true));
        assert!(!rests(1_000_000, elsewhere));
        // What is foreseen to fail may come of the guess.
        assert!(rests(10, "CREATE TABLE u (id int)"));
    }

    #[test]
    fn what_was_changed_beside_a_guess_is_guessed() {
        let mut catalog = catalog(15);
        let of = migration("CREATE VIEW v AS SELECT a FROM t; CREATE OR REPLACE VIEW v AS SELECT a, b FROM t");
        let outlook = plan_migration(&of, &mut catalog, &PlanSettings::default()).outlook;
        assert!(!outlook.is_unknown);
        assert_eq!(outlook.guessed, BTreeSet::from([Name::new("public", "v")]));
        let again = migration("CREATE OR REPLACE VIEW v AS SELECT a, b, c FROM t");
        let outlook = plan_migration(&again, &mut catalog, &PlanSettings::default()).outlook;
        assert!(!outlook.is_unknown);
        assert_eq!(outlook.guessed, BTreeSet::from([Name::new("public", "v")]));
    }
}
