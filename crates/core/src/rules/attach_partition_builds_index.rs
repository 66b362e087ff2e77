//! The rule `attach-partition-builds-index`.

use crate::rule::{Context, Cure, Found, rule};
use crate::sql::ActionKind;
use crate::step::Work;

rule! {
    /// A partition is attached while an index of it is built.
    ///
    /// # What it catches
    /// `ATTACH PARTITION` of a table that was there before and lacks an index, a unique constraint or a primary key of
    /// the partitioned table.
    ///
    /// # Why it hurts
    /// The server builds what is lacking, under ACCESS EXCLUSIVE on the new partition.
    ///
    /// # The safe way
    /// Build each index CONCURRENTLY on the table before it is attached; a constraint from it by `USING INDEX`.
    ///
    /// # When it is fine
    /// The table is new or small.
    ///
    /// ```sql bad also attach-partition-scans-table
    /// CREATE TABLE log (at date NOT NULL) PARTITION BY RANGE (at);
    /// CREATE INDEX log_at ON log (at);
    /// CREATE TABLE log_2024 (at date NOT NULL);
    /// -- next migration
    /// ALTER TABLE log ATTACH PARTITION log_2024 FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE log (at date NOT NULL) PARTITION BY RANGE (at);
    /// CREATE INDEX log_at ON log (at);
    /// CREATE TABLE log_2024 (at date NOT NULL);
    /// ALTER TABLE log ATTACH PARTITION log_2024 FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
    /// ```
    code: "attach-partition-builds-index",
    cure: Cure::Planned,
    help: "Build the index CONCURRENTLY on the table before it is attached.",
    url: "https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-DESC-ATTACH-PARTITION",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    context.explain(|block| {
        block.work == Work::IndexBuild && matches!(context.action(block), Some(ActionKind::AttachPartition { .. }))
    })
}
