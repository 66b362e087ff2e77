//! The rule `truncate-loses-rows`.

use crate::finding::{Category, Severity};
use crate::rule::{Context, Found, rule};

rule! {
    /// All rows of a table are gone.
    ///
    /// # What it catches
    /// `TRUNCATE` of a table that was there before the migration.
    ///
    /// # Why it hurts
    /// The rows cannot come back, CASCADE takes those of referencing tables with them, and it is not MVCC-safe: a
    /// transaction that began earlier sees an empty table.
    ///
    /// # The safe way
    /// Delete in batches what is to go, by a WHERE clause that says what that is.
    ///
    /// # When it is fine
    /// Nobody needs the rows.
    ///
    /// ```sql bad
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// TRUNCATE "Tip";
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// DELETE FROM "Tip" WHERE id = 1;
    /// ```
    code: "truncate-loses-rows",
    severity: Severity::Warning,
    category: Category::DataLoss,
    help: "Delete in batches what is to go.",
    url: "https://www.postgresql.org/docs/current/sql-truncate.html",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    context.breaks(RULE.code)
}
