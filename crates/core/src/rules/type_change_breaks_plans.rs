//! The rule `type-change-breaks-plans`.

use crate::finding::{Category, Severity};
use crate::rule::{Context, Found, rule};

rule! {
    /// Prepared statements that return the column fail once.
    ///
    /// # What it catches
    /// `ALTER COLUMN … TYPE` to a type that clients see as another one, on a table that was there before.
    ///
    /// # Why it hurts
    /// A session that has prepared a statement which returns the column gets `cached plan must not change result type`
    /// on its next use, inside a transaction every time; and code that decodes the old type may not understand the new
    /// one.
    ///
    /// # The safe way
    /// A new column beside the old one, and code that moves over; or reconnect all sessions after the change.
    ///
    /// # When it is fine
    /// All clients connect anew, or prepare nothing.
    ///
    /// ```sql bad also type-change-rewrites-table
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// ALTER TABLE "Tip" ALTER COLUMN amount TYPE bigint;
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// ALTER TABLE "Tip" ALTER COLUMN note TYPE text;
    /// ```
    code: "type-change-breaks-plans",
    severity: Severity::Warning,
    category: Category::Compat,
    help: "Let sessions with prepared statements reconnect after it.",
    url: "https://www.postgresql.org/docs/current/sql-prepare.html",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    context.breaks(RULE.code)
}
