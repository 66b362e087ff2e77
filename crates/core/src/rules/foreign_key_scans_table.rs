//! The rule `foreign-key-scans-table`.

use crate::rule::{Context, Cure, Found, rule};
use crate::sql::ConstraintKindDef;

rule! {
    /// A foreign key is checked while writes to both tables wait.
    ///
    /// # What it catches
    /// `ADD FOREIGN KEY` without `NOT VALID` where one of the two tables was there before.
    ///
    /// # Why it hurts
    /// Every row of the referencing table is looked up under SHARE ROW EXCLUSIVE on both tables: all writes to both
    /// wait until the last row is checked.
    ///
    /// # The safe way
    /// Add it `NOT VALID` (instant; new rows are checked from then on), and `VALIDATE CONSTRAINT` in a transaction of
    /// its own, which keeps nobody out. `nonstop deploy` does, after it has looked for rows that would fail.
    ///
    /// # When it is fine
    /// The referencing table is new and empty: then nothing is read. The key comes with a new column without a default.
    ///
    /// ```sql bad
    /// CREATE TABLE "User" (id int PRIMARY KEY);
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// CREATE INDEX "Tip_userId_idx" ON "Tip" ("userId");
    /// -- next migration
    /// ALTER TABLE "Tip" ADD CONSTRAINT "Tip_userId_fkey" FOREIGN KEY ("userId") REFERENCES "User" (id);
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE "User" (id int PRIMARY KEY);
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// CREATE INDEX "Tip_userId_idx" ON "Tip" ("userId");
    /// -- next migration
    /// ALTER TABLE "Tip" ADD CONSTRAINT "Tip_userId_fkey" FOREIGN KEY ("userId") REFERENCES "User" (id) NOT VALID;
    /// -- next migration
    /// ALTER TABLE "Tip" VALIDATE CONSTRAINT "Tip_userId_fkey";
    /// ```
    code: "foreign-key-scans-table",
    cure: Cure::Planned,
    help: "Add it NOT VALID, then VALIDATE it in a step of its own; `nonstop deploy` does.",
    url: "https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-NOTES",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    context.explain(|block| matches!(context.added(block), Some(ConstraintKindDef::ForeignKey { .. })))
}
