//! The rule `type-change-rewrites-table`.

use crate::rule::Block;
use crate::rule::{Context, Cure, Found, rule};
use crate::sql::ActionKind;
use crate::step::Work;

rule! {
    /// A type change writes every row anew while reads and writes wait.
    ///
    /// # What it catches
    /// `ALTER COLUMN … TYPE` to a type that is stored or computed differently, on a table that was there before.
    ///
    /// # Why it hurts
    /// Table, TOAST and all indexes are written anew under ACCESS EXCLUSIVE, foreign keys of the column are checked
    /// again, and it needs the disk space twice.
    ///
    /// # The safe way
    /// A new column of the new type beside the old one, a trigger that keeps the two equal, a backfill in batches, its
    /// indexes built concurrently, and a swap in one short transaction.
    ///
    /// # When it is fine
    /// The change is free: a longer or unlimited varchar, varchar to text, a numeric with more digits; the table is new
    /// or small.
    ///
    /// ```sql bad also type-change-breaks-plans
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// ALTER TABLE "Tip" ALTER COLUMN amount TYPE bigint;
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// ALTER TABLE "Tip" ALTER COLUMN note TYPE varchar(200);
    /// ```
    code: "type-change-rewrites-table",
    cure: Cure::Planned,
    help: "Add a new column, keep both equal by a trigger, fill it in batches, and swap.",
    url: "https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-NOTES",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    let changes = |block: &Block| matches!(context.action(block), Some(ActionKind::AlterType { .. }));
    if !context
        .blocks
        .iter()
        .any(|block| block.work == Work::Rewrite && changes(block))
    {
        return Vec::new();
    }
    context.explain(changes)
}
