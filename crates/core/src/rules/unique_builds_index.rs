//! The rule `unique-builds-index`.

use crate::rule::{Context, Cure, Found, rule};
use crate::sql::ConstraintKindDef;

rule! {
    /// A UNIQUE constraint builds its index while reads and writes wait.
    ///
    /// # What it catches
    /// `ADD UNIQUE` without `USING INDEX` on a table that was there before.
    ///
    /// # Why it hurts
    /// The index is built under ACCESS EXCLUSIVE, so not even reads go on.
    ///
    /// # The safe way
    /// Build a unique index CONCURRENTLY, then `ADD CONSTRAINT … UNIQUE USING INDEX`, which is instant. `nonstop
    /// deploy` does, after it has looked for duplicates.
    ///
    /// # When it is fine
    /// The table is new in the same migration, or small.
    ///
    /// ```sql bad
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// ALTER TABLE "Tip" ADD CONSTRAINT "Tip_note_key" UNIQUE (note);
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// CREATE UNIQUE INDEX CONCURRENTLY "Tip_note_key" ON "Tip" (note);
    /// -- next migration
    /// ALTER TABLE "Tip" ADD CONSTRAINT "Tip_note_key" UNIQUE USING INDEX "Tip_note_key";
    /// ```
    code: "unique-builds-index",
    cure: Cure::Planned,
    help: "Build the unique index CONCURRENTLY first, then ADD CONSTRAINT … USING INDEX; `nonstop deploy` does.",
    url: "https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-DESC-ADD-TABLE-CONSTRAINT-USING-INDEX",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    context.explain(|block| matches!(context.added(block), Some(ConstraintKindDef::Unique(_))))
}
