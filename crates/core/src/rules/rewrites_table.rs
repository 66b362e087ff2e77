//! The rule `rewrites-table`.

use crate::rule::{Context, Cure, Found, rule};
use crate::step::Work;

rule! {
    /// A table is written anew while reads and writes wait.
    ///
    /// # What it catches
    /// `CLUSTER`, `VACUUM FULL`, `SET LOGGED`, `SET TABLESPACE`, `SET ACCESS METHOD` and the like on a table that was
    /// there before.
    ///
    /// # Why it hurts
    /// Every row and every index is written anew under ACCESS EXCLUSIVE, it needs the disk space twice, and all of it
    /// goes to the WAL.
    ///
    /// # The safe way
    /// Copy to a new table, keep the two equal by a trigger, and swap; or an extension that repacks online; or a quiet
    /// hour (`--allow blocking`).
    ///
    /// # When it is fine
    /// The table is new or small; it has that property already: then nothing is copied.
    ///
    /// ```sql bad
    /// CREATE UNLOGGED TABLE "Tip" (id int PRIMARY KEY);
    /// -- next migration
    /// ALTER TABLE "Tip" SET LOGGED;
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE "Tip" (id int PRIMARY KEY);
    /// -- next migration
    /// ALTER TABLE "Tip" SET LOGGED;
    /// ```
    code: "rewrites-table",
    general: true,
    cure: Cure::Planned,
    help: "Move the rows in batches, or run it in a quiet hour.",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    context.explain(|block| block.work == Work::Rewrite)
}
