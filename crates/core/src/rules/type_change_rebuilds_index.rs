//! The rule `type-change-rebuilds-index`.

use crate::rule::Block;
use crate::rule::{Context, Cure, Found, rule};
use crate::sql::ActionKind;
use crate::step::Work;

rule! {
    /// A type change leaves the rows alone, and rebuilds an index or reads a CHECK again.
    ///
    /// # What it catches
    /// `ALTER COLUMN … TYPE` that does not rewrite the table, where an index with an expression or a WHERE clause, or a
    /// CHECK, uses the column.
    ///
    /// # Why it hurts
    /// What looks like a free change builds the index, or reads every row for the CHECK, under ACCESS EXCLUSIVE.
    ///
    /// # The safe way
    /// Drop the index concurrently, change the type, and build it concurrently again; drop the CHECK, and add it again
    /// NOT VALID, then validate.
    ///
    /// # When it is fine
    /// Only plain indexes use the column: they stay.
    ///
    /// ```sql bad
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// CREATE INDEX lowered ON "Tip" (lower(note));
    /// -- next migration
    /// ALTER TABLE "Tip" ALTER COLUMN note TYPE text;
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// CREATE INDEX plain ON "Tip" (note);
    /// -- next migration
    /// ALTER TABLE "Tip" ALTER COLUMN note TYPE text;
    /// ```
    code: "type-change-rebuilds-index",
    cure: Cure::Planned,
    help: "Drop the index CONCURRENTLY, change the type, and build it CONCURRENTLY again.",
    url: "https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-NOTES",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    let changes = |block: &Block| matches!(context.action(block), Some(ActionKind::AlterType { .. }));
    if context
        .blocks
        .iter()
        .any(|block| block.work == Work::Rewrite && changes(block))
    {
        return Vec::new();
    }
    context.explain(changes)
}
