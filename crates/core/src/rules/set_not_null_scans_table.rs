//! The rule `set-not-null-scans-table`.

use crate::rule::{Context, Cure, Found, rule};
use crate::sql::ActionKind;

rule! {
    /// SET NOT NULL reads the table while reads and writes wait.
    ///
    /// # What it catches
    /// `SET NOT NULL` on a column of a table that was there before, where no valid constraint proves it yet.
    ///
    /// # Why it hurts
    /// Every row is read under ACCESS EXCLUSIVE. One such column in a statement brings the scan back for all columns of
    /// it.
    ///
    /// # The safe way
    /// Add `CHECK (column IS NOT NULL) NOT VALID`, `VALIDATE` it in a transaction of its own, then `SET NOT NULL`,
    /// which reads nothing now, and drop the check in another statement. From 18 a `NOT NULL … NOT VALID` that is then
    /// validated does the same. `nonstop deploy` does.
    ///
    /// # When it is fine
    /// A valid CHECK says `column IS NOT NULL`, alone or joined by AND; the table is new or small.
    ///
    /// ```sql bad also set-not-null-breaks-writes
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// ALTER TABLE "Tip" ALTER COLUMN amount SET NOT NULL;
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// ALTER TABLE "Tip" ADD CONSTRAINT proof CHECK (amount IS NOT NULL) NOT VALID;
    /// -- next migration
    /// ALTER TABLE "Tip" VALIDATE CONSTRAINT proof;
    /// -- next migration
    /// ALTER TABLE "Tip" ALTER COLUMN amount SET NOT NULL;
    /// ALTER TABLE "Tip" DROP CONSTRAINT proof;
    /// ```
    code: "set-not-null-scans-table",
    cure: Cure::Planned,
    help: "Prove it first: a CHECK (… IS NOT NULL) that is NOT VALID, then validated; `nonstop deploy` does.",
    url: "https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-DESC-SET-DROP-NOT-NULL",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    context.explain(|block| matches!(context.action(block), Some(ActionKind::SetNotNull { .. })))
}
