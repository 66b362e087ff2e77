//! The rule `concurrently-without-name`.

use crate::finding::{Category, Severity};
use crate::rule::{Context, Cure, Found, rule};
use crate::sql::Kind;

rule! {
    /// A repeated build makes a second index.
    ///
    /// # What it catches
    /// `CREATE INDEX CONCURRENTLY ON table` without a name for the index.
    ///
    /// # Why it hurts
    /// The server makes a name up. A build that is repeated after a failure finds no name taken, and leaves the INVALID
    /// index beside a second one.
    ///
    /// # The safe way
    /// Name the index.
    ///
    /// # When it is fine
    /// Never.
    ///
    /// ```sql bad
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// CREATE INDEX CONCURRENTLY ON "Tip" (amount);
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// CREATE INDEX CONCURRENTLY "Tip_amount_idx" ON "Tip" (amount);
    /// ```
    code: "concurrently-without-name",
    severity: Severity::Warning,
    category: Category::Reliability,
    cure: Cure::Always,
    help: "Name the index.",
    url: "https://www.postgresql.org/docs/current/sql-createindex.html",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    match &context.statement.kind {
        Kind::CreateIndex(index) if index.concurrently && index.name.is_none() && context.effect.error.is_none() => {
            vec![Found::said(
                "The index has no name: repeated after a failure, it is built a second time beside the INVALID one.",
            )]
        }
        _ => Vec::new(),
    }
}
