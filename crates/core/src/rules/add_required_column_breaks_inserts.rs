//! The rule `add-required-column-breaks-inserts`.

use crate::finding::{Category, Severity};
use crate::rule::{Context, Found, rule};

rule! {
    /// A required column without a default is added under the code that inserts.
    ///
    /// # What it catches
    /// `ADD COLUMN … NOT NULL` without a default on a table that was there before the migration.
    ///
    /// # Why it hurts
    /// The statement fails if there is a single row, and from then on every INSERT of code that does not know the
    /// column yet.
    ///
    /// # The safe way
    /// Add it nullable, or with a default (instant, if it is the same for all rows); deploy the code that writes it,
    /// fill the old rows, then NOT NULL by a validated CHECK.
    ///
    /// # When it is fine
    /// The table is empty, and nothing inserts into it yet.
    ///
    /// ```sql bad
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// -- nonstop: allow add-column-with-constraint because the table has few rows
    /// ALTER TABLE "Tip" ADD COLUMN currency text NOT NULL;
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// ALTER TABLE "Tip" ADD COLUMN currency text NOT NULL DEFAULT 'EUR';
    /// ```
    code: "add-required-column-breaks-inserts",
    severity: Severity::Warning,
    category: Category::Compat,
    help: "Add it nullable or with a default, deploy the code that writes it, and require it later.",
    url: "https://www.postgresql.org/docs/current/ddl-alter.html#DDL-ALTER-ADDING-A-COLUMN",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    context.breaks(RULE.code)
}
