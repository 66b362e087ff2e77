//! The rule `locks-many-tables`.

use crate::effect::EffectLock;
use crate::finding::Severity;
use crate::rule::{Context, Cure, Found, rule};

rule! {
    /// One transaction takes strong locks on several tables.
    ///
    /// # What it catches
    /// A statement that takes a lock which stops writes or reads on a table in use, behind one of the same transaction
    /// that took such a lock on another. A file that is sent as one message is one transaction.
    ///
    /// # Why it hurts
    /// An application that uses the two tables in the other order meets it half way: one of the two is ended as a
    /// deadlock (SQLSTATE 40P01). And the first table waits for the locks of the second.
    ///
    /// # The safe way
    /// One table in a transaction. `nonstop deploy` takes all locks of a transaction together, or none.
    ///
    /// # When it is fine
    /// nonstop runs it. That is why this rule speaks only when it is asked.
    ///
    /// ```sql bad
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// CREATE TABLE kind (id int);
    /// -- next migration
    /// ALTER TABLE "Tip" ADD COLUMN paid boolean;
    /// ALTER TABLE kind ADD COLUMN name text;
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// CREATE TABLE kind (id int);
    /// -- next migration
    /// ALTER TABLE "Tip" ADD COLUMN paid boolean;
    /// -- next migration
    /// ALTER TABLE kind ADD COLUMN name text;
    /// ```
    code: "locks-many-tables",
    severity: Severity::Warning,
    opt_in: true,
    once: true,
    cure: Cure::Always,
    help: "Change one table in a transaction; `nonstop deploy` takes all locks together.",
    url: "https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-DEADLOCKS",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    let mut locks = context.effect.locks.iter();
    let new = |lock: &&EffectLock| {
        let known = context.around.held.iter().any(|held| held.relation == lock.relation);
        lock.mode.blocks_writes() && context.is_in_use(&lock.relation) && !known
    };
    let (Some(held), Some(lock)) = (context.held_against_others(), locks.find(new)) else {
        return Vec::new();
    };
    vec![Found::said(format!(
        "It asks for {} on {} while its transaction holds {} on {}: who takes them in the other order deadlocks.",
        lock.mode, lock.relation, held.mode, held.relation
    ))]
}
