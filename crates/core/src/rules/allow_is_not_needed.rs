//! The rule `allow-is-not-needed`.

use crate::finding::{Category, Severity};
use crate::rule::{Context, Found, rule};

rule! {
    /// An allow stands above a statement in which its rule finds nothing.
    ///
    /// # What it catches
    /// `-- nonstop: allow RULE because …` where RULE finds nothing in the statement below.
    ///
    /// # Why it hurts
    /// The statement changed: the comment claims a danger that is not there, and lets the next one through.
    ///
    /// # The safe way
    /// Take the comment out.
    ///
    /// # When it is fine
    /// Never.
    ///
    /// ```sql bad
    /// -- nonstop: allow check-scans-table because it is small
    /// CREATE TABLE "Tip" (id int PRIMARY KEY);
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int);
    /// -- next migration
    /// -- nonstop: allow create-index-blocks-writes because it is small
    /// CREATE INDEX i ON "Tip" (amount);
    /// ```
    code: "allow-is-not-needed",
    severity: Severity::Warning,
    category: Category::Reliability,
    help: "Take the comment out.",
    check: check,
}

/// `lint` itself reports it: it is about the file, not about a statement.
fn check(_: &Context<'_>) -> Vec<Found> {
    Vec::new()
}
