//! The rule `add-column-rewrites-table`.

use crate::rule::{Context, Cure, Found, rule};
use crate::sql::ActionKind;
use crate::step::Work;

rule! {
    /// A new column is computed for every row while reads and writes wait.
    ///
    /// # What it catches
    /// `ADD COLUMN` on a table that was there before with a volatile default (`gen_random_uuid()`, `random()`,
    /// `clock_timestamp()`), serial, identity, a stored generated expression, or a domain with a constraint.
    ///
    /// # Why it hurts
    /// The value differs from row to row, so table and indexes are written anew under ACCESS EXCLUSIVE.
    ///
    /// # The safe way
    /// Add the column without the default, `SET DEFAULT` (in the same statement, if you like), fill the old rows in
    /// batches, then NOT NULL by a validated CHECK.
    ///
    /// # When it is fine
    /// The default is one value for all rows: a constant, `now()`, `current_timestamp`. Such a column is instant, with
    /// NOT NULL too.
    ///
    /// ```sql bad
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// ALTER TABLE "Tip" ADD COLUMN token uuid NOT NULL DEFAULT gen_random_uuid();
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// ALTER TABLE "Tip" ADD COLUMN token uuid, ALTER COLUMN token SET DEFAULT gen_random_uuid();
    /// ALTER TABLE "Tip" ADD COLUMN at timestamptz NOT NULL DEFAULT now();
    /// ```
    code: "add-column-rewrites-table",
    cure: Cure::Planned,
    help: "Add the column without the default, set the default, and fill the rows in batches.",
    url: "https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-NOTES",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    context.explain(|block| {
        block.work == Work::Rewrite && matches!(context.action(block), Some(ActionKind::AddColumn { .. }))
    })
}
