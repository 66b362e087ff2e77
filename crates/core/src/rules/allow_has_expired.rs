//! The rule `allow-has-expired`.

use crate::finding::{Category, Severity};
use crate::rule::{Context, Found, rule};

rule! {
    /// An allow was given until a day that is over.
    ///
    /// # What it catches
    /// `-- nonstop: allow RULE because REASON until 2020-01-31` after that day, where RULE still finds something: the finding
    /// shows again beside this one.
    ///
    /// # Why it hurts
    /// The reason was good for a time. Nobody has looked since.
    ///
    /// # The safe way
    /// Take the statement apart, or decide again and write a new day.
    ///
    /// # When it is fine
    /// Never.
    ///
    /// ```sql bad also create-index-blocks-writes
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int);
    /// -- next migration
    /// -- nonstop: allow create-index-blocks-writes because it is small until 2020-01-31
    /// CREATE INDEX i ON "Tip" (amount);
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int);
    /// -- next migration
    /// -- nonstop: allow create-index-blocks-writes because it is small until 9999-12-31
    /// CREATE INDEX i ON "Tip" (amount);
    /// ```
    code: "allow-has-expired",
    severity: Severity::Warning,
    category: Category::Reliability,
    help: "Decide again: write a new day, or take the statement apart.",
    check: check,
}

/// `lint` itself reports it: it is about a comment, not about a statement.
fn check(_: &Context<'_>) -> Vec<Found> {
    Vec::new()
}
