//! The rule `scans-table-under-lock`.

use crate::rule::{Context, Cure, Found, rule};
use crate::step::Work;

rule! {
    /// A table is read from end to end while others wait.
    ///
    /// # What it catches
    /// `ATTACH PARTITION`, `ALTER DOMAIN … ADD CONSTRAINT` or `VALIDATE`, and other statements that check every row of
    /// a table that was there before.
    ///
    /// # Why it hurts
    /// The rows are read under a lock that stops writes, and often reads, on each of the tables.
    ///
    /// # The safe way
    /// Prove the rule first by a CHECK on the table that is NOT VALID, then validated: an ATTACH that finds its bounds
    /// proved reads nothing. For a domain, put the CHECK on the tables instead.
    ///
    /// # When it is fine
    /// The table is new or small, or the proof is there.
    ///
    /// ```sql bad
    /// CREATE TABLE log (at date NOT NULL) PARTITION BY RANGE (at);
    /// CREATE TABLE log_2024 (at date NOT NULL);
    /// -- next migration
    /// ALTER TABLE log ATTACH PARTITION log_2024 FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE log (at date NOT NULL) PARTITION BY RANGE (at);
    /// CREATE TABLE log_2024 (at date NOT NULL);
    /// ALTER TABLE log ATTACH PARTITION log_2024 FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
    /// ```
    code: "scans-table-under-lock",
    general: true,
    cure: Cure::Planned,
    help: "Prove the rule first by a constraint that is NOT VALID.",
    url: "https://www.postgresql.org/docs/current/ddl-partitioning.html#DDL-PARTITIONING-DECLARATIVE-MAINTENANCE",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    context.explain(|block| matches!(block.work, Work::Scan | Work::None))
}
