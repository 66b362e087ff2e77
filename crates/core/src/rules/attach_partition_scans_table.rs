//! The rule `attach-partition-scans-table`.

use crate::rule::{Block, Context, Cure, Found, rule};
use crate::sql::{ActionKind, Kind};
use crate::step::Work;

rule! {
    /// A partition is attached while its rows, or those of the default partition, are read.
    ///
    /// # What it catches
    /// `ATTACH PARTITION` of a table that was there before and has no valid CHECK of the bounds, and `CREATE TABLE …
    /// PARTITION OF` beside a default partition with rows.
    ///
    /// # Why it hurts
    /// Every row is compared with the bounds under ACCESS EXCLUSIVE on the table that is read: on the new partition,
    /// and on the default partition, through which the rest of the parent's rows are reached.
    ///
    /// # The safe way
    /// A CHECK of exactly the bounds on the new partition, and of their contrary on the default partition, each `NOT
    /// VALID`, then validated; then ATTACH reads nothing.
    ///
    /// # When it is fine
    /// The table is new or small.
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
    code: "attach-partition-scans-table",
    instead_of: &["partition-change-locks-parent", "locks-unnamed-table"],
    cure: Cure::Planned,
    help: "Prove the bounds first by a CHECK that is NOT VALID, then validated.",
    url: "https://www.postgresql.org/docs/current/ddl-partitioning.html#DDL-PARTITIONING-DECLARATIVE-MAINTENANCE",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    let creates = matches!(&context.statement.kind, Kind::CreateTable(create) if create.bound.is_some());
    let attaches = |block: &Block| matches!(context.action(block), Some(ActionKind::AttachPartition { .. }));
    context.explain(|block| block.work == Work::Scan && (creates || attaches(block)))
}
