//! The rule `validate-in-same-transaction`.

use crate::effect::EffectLock;
use crate::rule::{Context, Cure, Found, rule};
use crate::sql::{ActionKind, Kind};

rule! {
    /// A constraint is validated while its own ADD still keeps others out.
    ///
    /// # What it catches
    /// `VALIDATE CONSTRAINT` in the transaction that took a strong lock on the table, most often by adding the
    /// constraint NOT VALID. A file that is sent as one message is one transaction.
    ///
    /// # Why it hurts
    /// Locks last to the end of the transaction: the scan, which by itself keeps nobody out, now runs under the lock of
    /// the ADD, and nothing is gained by NOT VALID.
    ///
    /// # The safe way
    /// Give the VALIDATE a migration of its own. `nonstop deploy` runs the file as it is in two transactions.
    ///
    /// # When it is fine
    /// The table is new or small.
    ///
    /// ```sql bad
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// ALTER TABLE "Tip" ADD CONSTRAINT "Tip_amount_check" CHECK (amount > 0) NOT VALID;
    /// ALTER TABLE "Tip" VALIDATE CONSTRAINT "Tip_amount_check";
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// ALTER TABLE "Tip" ADD CONSTRAINT "Tip_amount_check" CHECK (amount > 0) NOT VALID;
    /// -- next migration
    /// ALTER TABLE "Tip" VALIDATE CONSTRAINT "Tip_amount_check";
    /// ```
    code: "validate-in-same-transaction",
    cure: Cure::Planned,
    help: "Validate in a migration of its own; `nonstop deploy` does it apart.",
    url: "https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-NOTES",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    let validates = match &context.statement.kind {
        Kind::AlterTable(alter) => alter
            .actions
            .iter()
            .any(|action| matches!(action.kind, ActionKind::ValidateConstraint { .. })),
        _ => false,
    };
    let scanned = |lock: &&EffectLock| {
        let mut work = context.effect.work.iter();
        work.any(|entry| entry.relation == lock.relation) && context.is_in_use(&lock.relation)
    };
    let strong = context.around.held.iter().filter(|lock| lock.mode.blocks_writes());
    let Some(held) = strong.filter(scanned).max_by_key(|lock| lock.mode) else {
        return Vec::new();
    };
    if !validates || !context.blocks.is_empty() {
        return Vec::new();
    }
    let (mode, relation) = (held.mode, &held.relation);
    let out = mode.blocks_in_words();
    vec![Found {
        message: format!(
            "It reads every row while its transaction still holds {mode} on {relation}: all {out} on {relation} wait until it is done."
        ),
        locks: vec![held.clone()],
        ..Found::default()
    }]
}
