//! The rule `primary-key-builds-index`.

use crate::rule::{Context, Cure, Found, rule};
use crate::sql::ConstraintKindDef;

rule! {
    /// A primary key builds its index while reads and writes wait.
    ///
    /// # What it catches
    /// `ADD PRIMARY KEY` on a table that was there before: without `USING INDEX` the build, and with it the scan of
    /// columns that are not proved NOT NULL.
    ///
    /// # Why it hurts
    /// Build and scan run under ACCESS EXCLUSIVE, so not even reads go on.
    ///
    /// # The safe way
    /// Prove the columns NOT NULL by a validated CHECK, build a unique index CONCURRENTLY, then `ADD PRIMARY KEY USING
    /// INDEX`, which is instant then. `nonstop deploy` does.
    ///
    /// # When it is fine
    /// The table is new in the same migration, or small.
    ///
    /// ```sql bad
    /// CREATE TABLE "Tip" (id int, amount int);
    /// -- next migration
    /// ALTER TABLE "Tip" ADD CONSTRAINT "Tip_pkey" PRIMARY KEY (id);
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE "Tip" (id int NOT NULL, amount int);
    /// -- next migration
    /// CREATE UNIQUE INDEX CONCURRENTLY "Tip_pkey" ON "Tip" (id);
    /// -- next migration
    /// ALTER TABLE "Tip" ADD CONSTRAINT "Tip_pkey" PRIMARY KEY USING INDEX "Tip_pkey";
    /// ```
    code: "primary-key-builds-index",
    cure: Cure::Planned,
    help: "Build the unique index CONCURRENTLY first, then ADD CONSTRAINT … USING INDEX; `nonstop deploy` does.",
    url: "https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-DESC-ADD-TABLE-CONSTRAINT-USING-INDEX",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    context.explain(|block| matches!(context.added(block), Some(ConstraintKindDef::PrimaryKey(_))))
}
