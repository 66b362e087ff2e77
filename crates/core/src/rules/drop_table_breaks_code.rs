//! The rule `drop-table-breaks-code`.

use crate::finding::{Category, Severity};
use crate::rule::{Context, Found, rule};

rule! {
    /// A table is dropped that code may still use.
    ///
    /// # What it catches
    /// `DROP TABLE` of a table that was there before the migration.
    ///
    /// # Why it hurts
    /// Code that still names it fails from that moment on, and its rows are gone. It also takes ACCESS EXCLUSIVE on
    /// every table that its foreign keys point at.
    ///
    /// # The safe way
    /// Deploy the code that no longer needs it. Drop its foreign keys one by one, rename it out of the way, and drop it
    /// in a later release.
    ///
    /// # When it is fine
    /// No running code names it, and nobody needs its rows.
    ///
    /// ```sql bad
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// DROP TABLE "Tip";
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE draft (id int);
    /// DROP TABLE draft;
    /// ```
    code: "drop-table-breaks-code",
    severity: Severity::Warning,
    category: Category::DataLoss,
    help: "Deploy the code that no longer needs it first, and this migration after it.",
    url: "https://www.postgresql.org/docs/current/sql-droptable.html",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    context.breaks(RULE.code)
}
