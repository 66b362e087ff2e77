//! The rule `detach-partition-hides-rows`.

use crate::finding::{Category, Severity};
use crate::rule::{Context, Found, rule};

rule! {
    /// A partition is detached, and its rows are no longer seen.
    ///
    /// # What it catches
    /// `DETACH PARTITION` without `CONCURRENTLY` from a table that was there before.
    ///
    /// # Why it hurts
    /// Code that reads the parent no longer finds the rows, writes for that range fail, and the detach takes ACCESS
    /// EXCLUSIVE on the parent, the partition and the default partition.
    ///
    /// # The safe way
    /// `DETACH PARTITION … CONCURRENTLY`, alone, where there is no default partition; and code that no longer needs the
    /// range.
    ///
    /// # When it is fine
    /// Nobody reads or writes that range any more.
    ///
    /// ```sql bad also partition-change-locks-parent
    /// CREATE TABLE log (at date NOT NULL) PARTITION BY RANGE (at);
    /// CREATE TABLE log_2024 PARTITION OF log FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
    /// -- next migration
    /// ALTER TABLE log DETACH PARTITION log_2024;
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE log (at date NOT NULL) PARTITION BY RANGE (at);
    /// CREATE TABLE log_2024 PARTITION OF log FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
    /// -- next migration
    /// ALTER TABLE log DETACH PARTITION log_2024 CONCURRENTLY;
    /// ```
    code: "detach-partition-hides-rows",
    severity: Severity::Warning,
    category: Category::Compat,
    help: "Deploy the code that no longer needs it first, and this migration after it.",
    url: "https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-DETACH-PARTITION",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    context.breaks(RULE.code)
}
