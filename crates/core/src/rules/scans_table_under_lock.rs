//! The rule `scans-table-under-lock`.

use crate::rule::{Context, Cure, Found, rule};
use crate::step::Work;

rule! {
    /// A table is read from end to end while others wait.
    ///
    /// # What it catches
    /// `ALTER CONSTRAINT … ENFORCED` (18), and other statements that check every row of a table that was there before.
    ///
    /// # Why it hurts
    /// The rows are read under a lock that stops writes, and often reads, on each of the tables.
    ///
    /// # The safe way
    /// Prove the rule first by a constraint on the table that is `NOT VALID`, then validated: that keeps nobody out.
    ///
    /// # When it is fine
    /// The table is new or small, or the proof is there.
    ///
    /// ```sql bad
    /// -- on PostgreSQL 18
    /// CREATE TABLE "User" (id int PRIMARY KEY);
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, "userId" int UNIQUE);
    /// -- nonstop: allow not-enforced-guards-nothing because it will be
    /// ALTER TABLE "Tip" ADD CONSTRAINT k FOREIGN KEY ("userId") REFERENCES "User" (id) NOT ENFORCED;
    /// -- next migration
    /// ALTER TABLE "Tip" ALTER CONSTRAINT k ENFORCED;
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE "User" (id int PRIMARY KEY);
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, "userId" int UNIQUE);
    /// -- next migration
    /// ALTER TABLE "Tip" ADD CONSTRAINT k FOREIGN KEY ("userId") REFERENCES "User" (id) NOT VALID;
    /// -- next migration
    /// ALTER TABLE "Tip" VALIDATE CONSTRAINT k;
    /// ```
    code: "scans-table-under-lock",
    general: true,
    cure: Cure::Planned,
    help: "Prove the rule first by a constraint that is NOT VALID.",
    url: "https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-NOTES",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    context.explain(|block| matches!(block.work, Work::Scan | Work::None))
}
