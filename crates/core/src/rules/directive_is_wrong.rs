//! The rule `directive-is-wrong`.

use crate::finding::Category;
use crate::rule::{Context, Found, rule};

rule! {
    /// A `-- nonstop:` comment does not say what it should.
    ///
    /// # What it catches
    /// An `allow` without `because` and a reason, with a rule that does not exist, or with an `until` that is no day; a word
    /// that is no directive; a `batch-size` without a number.
    ///
    /// # Why it hurts
    /// What was meant does not happen: the finding shows, or the statement is taken apart after all. `nonstop deploy` refuses
    /// such a file.
    ///
    /// # The safe way
    /// `-- nonstop: allow RULE[, RULE] because REASON [until 2027-01-31]`, `-- nonstop: as-written` or
    /// `-- nonstop: batch-size 2000`, above the statement.
    ///
    /// # When it is fine
    /// Never.
    ///
    /// ```sql bad
    /// -- nonstop: allow create-index-blocks-writes
    /// CREATE TABLE "Tip" (id int PRIMARY KEY);
    /// ```
    ///
    /// ```sql bad
    /// -- nonstop: allow create-indexes because it is small
    /// CREATE TABLE "Tip" (id int PRIMARY KEY);
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int);
    /// -- next migration
    /// -- nonstop: allow create-index-blocks-writes because it is small until 9999-12-31
    /// CREATE INDEX i ON "Tip" (amount);
    /// ```
    code: "directive-is-wrong",
    category: Category::Reliability,
    help: "Write `-- nonstop: allow RULE because REASON`, with `until 2027-01-31` where it should end.",
    check: check,
}

/// `lint` itself reports it: it is about a comment, not about a statement.
fn check(_: &Context<'_>) -> Vec<Found> {
    Vec::new()
}
