//! The rule `drop-schema-loses-data`.

use crate::finding::{Category, Severity};
use crate::rule::{Context, Found, rule};

rule! {
    /// A schema is dropped with all that is in it.
    ///
    /// # What it catches
    /// `DROP SCHEMA … CASCADE`.
    ///
    /// # Why it hurts
    /// Every table in it is gone, with its rows, and whatever depends on them elsewhere.
    ///
    /// # The safe way
    /// Drop what is in it table by table, as you would elsewhere, and the empty schema last, without CASCADE.
    ///
    /// # When it is fine
    /// Nothing in it is used.
    ///
    /// ```sql bad
    /// CREATE SCHEMA old;
    /// CREATE TABLE old.tip (id int);
    /// -- next migration
    /// DROP SCHEMA old CASCADE;
    /// ```
    ///
    /// ```sql safe
    /// CREATE SCHEMA old;
    /// -- next migration
    /// DROP SCHEMA old;
    /// ```
    code: "drop-schema-loses-data",
    severity: Severity::Warning,
    category: Category::DataLoss,
    help: "Drop what is in it one by one, and the schema last, without CASCADE.",
    url: "https://www.postgresql.org/docs/current/sql-dropschema.html",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    context.breaks(RULE.code)
}
