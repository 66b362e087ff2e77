//! The rule `refresh-blocks-reads`.

use crate::rule::{Context, Cure, Found, rule};
use crate::sql::Kind;

rule! {
    /// A materialized view is filled again while its readers wait.
    ///
    /// # What it catches
    /// `REFRESH MATERIALIZED VIEW` without `CONCURRENTLY` on a view that was there before.
    ///
    /// # Why it hurts
    /// The query runs under ACCESS EXCLUSIVE on the view: nobody reads it until the new rows are there.
    ///
    /// # The safe way
    /// `REFRESH MATERIALIZED VIEW CONCURRENTLY`, which needs a unique index without expressions and without WHERE. It
    /// may run inside a transaction. `nonstop deploy` does where there is such an index.
    ///
    /// # When it is fine
    /// Nobody reads the view yet.
    ///
    /// ```sql bad
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int);
    /// CREATE MATERIALIZED VIEW total AS SELECT amount, count(*) FROM "Tip" GROUP BY amount;
    /// CREATE UNIQUE INDEX total_key ON total (amount);
    /// -- next migration
    /// REFRESH MATERIALIZED VIEW total;
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int);
    /// CREATE MATERIALIZED VIEW total AS SELECT amount, count(*) FROM "Tip" GROUP BY amount;
    /// CREATE UNIQUE INDEX total_key ON total (amount);
    /// -- next migration
    /// REFRESH MATERIALIZED VIEW CONCURRENTLY total;
    /// ```
    code: "refresh-blocks-reads",
    cure: Cure::Planned,
    help: "Refresh it CONCURRENTLY, which needs a unique index on it; `nonstop deploy` does.",
    url: "https://www.postgresql.org/docs/current/sql-refreshmaterializedview.html",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    context.explain(|_| matches!(context.statement.kind, Kind::Refresh { .. }))
}
