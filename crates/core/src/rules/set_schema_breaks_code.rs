//! The rule `set-schema-breaks-code`.

use crate::finding::{Category, Severity};
use crate::rule::{Context, Found, rule};

rule! {
    /// A table moves to another schema under the code that uses it.
    ///
    /// # What it catches
    /// `ALTER TABLE … SET SCHEMA` of a relation that was there before the migration.
    ///
    /// # Why it hurts
    /// Code that finds it by its old schema fails from that moment on.
    ///
    /// # The safe way
    /// Create a view under the old name in the same transaction; move the code; drop the view in a later release.
    ///
    /// # When it is fine
    /// Both schemas are in the search path of all code.
    ///
    /// ```sql bad
    /// CREATE SCHEMA shop;
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// ALTER TABLE "Tip" SET SCHEMA shop;
    /// ```
    ///
    /// ```sql safe
    /// CREATE SCHEMA shop;
    /// -- next migration
    /// CREATE TABLE draft (id int);
    /// ALTER TABLE draft SET SCHEMA shop;
    /// ```
    code: "set-schema-breaks-code",
    severity: Severity::Warning,
    category: Category::Compat,
    help: "Deploy the code that no longer needs it first, and this migration after it.",
    url: "https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-DESC-SET-SCHEMA",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    context.breaks(RULE.code)
}
