//! The rule `exclude-builds-index`.

use crate::rule::{Context, Cure, Found, rule};
use crate::sql::ConstraintKindDef;

rule! {
    /// An exclusion constraint builds its index while reads and writes wait.
    ///
    /// # What it catches
    /// `ADD CONSTRAINT … EXCLUDE` on a table that was there before.
    ///
    /// # Why it hurts
    /// The index is built under ACCESS EXCLUSIVE, and there is neither a NOT VALID nor a USING INDEX form of it.
    ///
    /// # The safe way
    /// Copy to a new table that has the constraint, keep the two equal by a trigger, and swap; or take a quiet hour
    /// (`--allow blocking`).
    ///
    /// # When it is fine
    /// The table is new in the same migration, or small.
    ///
    /// ```sql bad
    /// CREATE TABLE booking (id int PRIMARY KEY, during tsrange);
    /// -- next migration
    /// ALTER TABLE booking ADD CONSTRAINT apart EXCLUDE USING gist (during WITH &&);
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE booking (id int PRIMARY KEY, during tsrange);
    /// ALTER TABLE booking ADD CONSTRAINT apart EXCLUDE USING gist (during WITH &&);
    /// ```
    code: "exclude-builds-index",
    cure: Cure::Planned,
    help: "An exclusion constraint cannot be built concurrently; run it in a quiet hour.",
    url: "https://www.postgresql.org/docs/current/sql-createtable.html#SQL-CREATETABLE-EXCLUDE",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    context.explain(|block| matches!(context.added(block), Some(ConstraintKindDef::Exclude(_))))
}
