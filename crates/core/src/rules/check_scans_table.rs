//! The rule `check-scans-table`.

use crate::rule::{Context, Cure, Found, rule};
use crate::sql::ConstraintKindDef;

rule! {
    /// A CHECK is proved while reads and writes wait.
    ///
    /// # What it catches
    /// `ADD CONSTRAINT … CHECK` (from 18 also `NOT NULL`) without `NOT VALID` on a table that was there before.
    ///
    /// # Why it hurts
    /// Every row is read under ACCESS EXCLUSIVE: nobody reads or writes the table until the last row is checked.
    ///
    /// # The safe way
    /// Add it `NOT VALID` (instant), then `VALIDATE CONSTRAINT` in a transaction of its own. `nonstop deploy` does.
    /// Look for rows that break the rule first: while the constraint stands, any UPDATE of such a row fails, even of
    /// another column.
    ///
    /// # When it is fine
    /// The table is new in the same migration, or small.
    ///
    /// ```sql bad
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// ALTER TABLE "Tip" ADD CONSTRAINT "Tip_amount_check" CHECK (amount > 0);
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// ALTER TABLE "Tip" ADD CONSTRAINT "Tip_amount_check" CHECK (amount > 0) NOT VALID;
    /// -- next migration
    /// ALTER TABLE "Tip" VALIDATE CONSTRAINT "Tip_amount_check";
    /// ```
    code: "check-scans-table",
    cure: Cure::Planned,
    help: "Add it NOT VALID, then VALIDATE it in a step of its own; `nonstop deploy` does.",
    url: "https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-NOTES",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    context.explain(|block| {
        matches!(
            context.added(block),
            Some(ConstraintKindDef::Check(_) | ConstraintKindDef::NotNull)
        )
    })
}
