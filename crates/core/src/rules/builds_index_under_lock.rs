//! The rule `builds-index-under-lock`.

use crate::rule::{Context, Cure, Found, rule};
use crate::step::Work;

rule! {
    /// An index is built as a part of something else, while others wait.
    ///
    /// # What it catches
    /// `REINDEX`, and other statements that build an index of a table that was there before.
    ///
    /// # Why it hurts
    /// The build reads the whole table under a lock that stops writes, and often reads.
    ///
    /// # The safe way
    /// `REINDEX … CONCURRENTLY`.
    ///
    /// # When it is fine
    /// The table is new or small.
    ///
    /// ```sql bad
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// CREATE INDEX plain ON "Tip" (note);
    /// -- next migration
    /// REINDEX INDEX plain;
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// CREATE INDEX plain ON "Tip" (note);
    /// -- next migration
    /// REINDEX INDEX CONCURRENTLY plain;
    /// ```
    code: "builds-index-under-lock",
    general: true,
    cure: Cure::Planned,
    help: "Build the index CONCURRENTLY on the table itself first.",
    url: "https://www.postgresql.org/docs/current/sql-reindex.html#SQL-REINDEX-CONCURRENTLY",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    context.explain(|block| block.work == Work::IndexBuild)
}
