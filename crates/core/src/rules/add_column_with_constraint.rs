//! The rule `add-column-with-constraint`.

use crate::catalog::Generated;
use crate::rule::{Context, Cure, Found, rule};
use crate::sql::ActionKind;
use crate::step::Work;

rule! {
    /// A new column brings a constraint that works while reads and writes wait.
    ///
    /// # What it catches
    /// `ADD COLUMN … UNIQUE`, `PRIMARY KEY`, `CHECK` or, with a default, `REFERENCES` on a table that was there before.
    ///
    /// # Why it hurts
    /// The column by itself is instant; its inline constraint builds an index or reads every row, even where all values
    /// are NULL, and all of it under the ACCESS EXCLUSIVE of the ADD COLUMN.
    ///
    /// # The safe way
    /// Add the column bare, then each constraint by its own safe form: an index built concurrently and USING INDEX, or
    /// NOT VALID and VALIDATE. `nonstop deploy` takes it apart so.
    ///
    /// # When it is fine
    /// The table is new in the same migration, or small; a `REFERENCES` without a default checks nothing.
    ///
    /// ```sql bad
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// ALTER TABLE "Tip" ADD COLUMN slug text UNIQUE;
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// ALTER TABLE "Tip" ADD COLUMN slug text;
    /// ALTER TABLE "Tip" ADD COLUMN "authorId" int REFERENCES "Tip" (id);
    /// -- next migration
    /// CREATE INDEX CONCURRENTLY "Tip_authorId_idx" ON "Tip" ("authorId");
    /// ```
    code: "add-column-with-constraint",
    cure: Cure::Planned,
    help: "Add the column bare, and each constraint in its own safe form; `nonstop deploy` does.",
    url: "https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-NOTES",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    context.explain(|block| match context.action(block) {
        Some(ActionKind::AddColumn { column, .. }) => {
            let checks = !column.inline.is_empty() || column.generated == Generated::Virtual;
            checks && block.work != Work::Rewrite
        }
        _ => false,
    })
}
