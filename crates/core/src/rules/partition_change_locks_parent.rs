//! The rule `partition-change-locks-parent`.

use crate::finding::Severity;
use crate::quote::Name;
use crate::rule::{Context, Cure, Found, rule};
use crate::sql::{ActionKind, Kind, ObjectKind};

rule! {
    /// A partition is added or taken away under a lock that stops the whole table.
    ///
    /// # What it catches
    /// `CREATE TABLE … PARTITION OF`, `DROP TABLE` of a partition, and `DETACH PARTITION` without `CONCURRENTLY`, where
    /// the partitioned table is in use.
    ///
    /// # Why it hurts
    /// It takes ACCESS EXCLUSIVE on the partitioned table. While that waits for one running query of any partition, all
    /// reads and writes of all partitions wait behind it.
    ///
    /// # The safe way
    /// A table of its own, then `ATTACH PARTITION`, which lets reads and writes go on; `DETACH PARTITION …
    /// CONCURRENTLY` (14, without a default partition), then drop the table.
    ///
    /// # When it is fine
    /// The table is small or quiet. With a short `lock_timeout`, and again. `nonstop deploy` takes the lock without
    /// making anybody wait.
    ///
    /// ```sql bad
    /// CREATE TABLE log (at date NOT NULL) PARTITION BY RANGE (at);
    /// -- next migration
    /// CREATE TABLE log_2024 PARTITION OF log FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
    /// ```
    ///
    /// ```sql bad also drop-table-breaks-code
    /// CREATE TABLE log (at date NOT NULL) PARTITION BY RANGE (at);
    /// CREATE TABLE log_2024 PARTITION OF log FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
    /// -- next migration
    /// DROP TABLE log_2024;
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE log (at date NOT NULL) PARTITION BY RANGE (at);
    /// -- next migration
    /// CREATE TABLE log_2024 (LIKE log INCLUDING ALL);
    /// ALTER TABLE log ATTACH PARTITION log_2024 FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
    /// ```
    code: "partition-change-locks-parent",
    severity: Severity::Warning,
    instead_of: &["locks-unnamed-table"],
    cure: Cure::Always,
    help: "Make a table and ATTACH it; DETACH … CONCURRENTLY before dropping one; `nonstop deploy` takes the lock without making anybody wait.",
    url: "https://www.postgresql.org/docs/current/ddl-partitioning.html#DDL-PARTITIONING-DECLARATIVE-MAINTENANCE",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    let parents = parents(context);
    let mut locks = context.effect.locks.iter();
    let stops =
        locks.find(|lock| parents.contains(&lock.relation) && lock.mode.blocks_reads() && context.waits_for(lock));
    let found = stops.map(|lock| Found {
        message: format!(
            "It takes {} on {parent}: while it waits for one running query of any partition, all reads and writes on \
             {parent} wait behind it.",
            lock.mode,
            parent = lock.relation
        ),
        locks: vec![lock.clone()],
        ..Found::default()
    });
    found.into_iter().collect()
}

/// The tables whose partitions it adds or takes away.
fn parents(context: &Context<'_>) -> Vec<Name> {
    let catalog = context.catalog;
    match &context.statement.kind {
        Kind::CreateTable(create) if create.bound.is_some() => {
            create.parents.iter().filter_map(|name| catalog.resolve(name)).collect()
        }
        Kind::Drop(drop) if drop.object == ObjectKind::Table => {
            let dropped = drop.names.iter().filter_map(|name| catalog.resolve(name));
            let partitions = dropped.filter_map(|name| catalog.relation(&name).filter(|table| table.bound.is_some()));
            partitions.flat_map(|table| table.parents.clone()).collect()
        }
        Kind::AlterTable(_) => {
            let detaches = context.actions().any(|action| {
                matches!(
                    action,
                    ActionKind::DetachPartition {
                        concurrently: false,
                        finalize: false,
                        ..
                    }
                )
            });
            context.altered().into_iter().filter(|_| detaches).collect()
        }
        _ => Vec::new(),
    }
}
