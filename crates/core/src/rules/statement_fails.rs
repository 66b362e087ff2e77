//! The rule `statement-fails`.

use crate::finding::Category;
use crate::rule::{Context, Found, rule};

rule! {
    /// The server is known to refuse the statement.
    ///
    /// # What it catches
    /// A statement that fails on the schema that the migrations before it leave: a table, column or index that is not
    /// there, a name that is taken, a key that others need, a form that the server does not have.
    ///
    /// # Why it hurts
    /// The deploy stops there, and all later migrations wait.
    ///
    /// # The safe way
    /// Correct the statement, or what stands before it.
    ///
    /// # When it is fine
    /// The schema in the database is not what the folder says. Then that is the thing to repair; see `nonstop status`.
    ///
    /// ```sql bad
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// CREATE INDEX CONCURRENTLY "Tip_gone_idx" ON "Tipp" (amount);
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// CREATE INDEX CONCURRENTLY "Tip_here_idx" ON "Tip" (amount);
    /// ```
    code: "statement-fails",
    category: Category::Reliability,
    help: "Change the statement, or what stands before it.",
    url: "https://www.postgresql.org/docs/current/errcodes-appendix.html",
    check: check,
}

/// Rules of their own explain these.
const EXPLAINED: [&str; 2] = ["25001", "55P04"];

fn check(context: &Context<'_>) -> Vec<Found> {
    match &context.effect.error {
        Some(error) if !EXPLAINED.contains(&error.sqlstate) => vec![Found::said(format!(
            "This statement fails with SQLSTATE {}: {}.",
            error.sqlstate, error.message
        ))],
        _ => Vec::new(),
    }
}
