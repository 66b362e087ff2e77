//! The rule `drop-index-blocks-reads`.

use crate::finding::Severity;
use crate::rule::{Context, Cure, Found, rule};
use crate::sql::{Kind, ObjectKind};

rule! {
    /// An index is dropped under a lock that stops reads too.
    ///
    /// # What it catches
    /// `DROP INDEX` without `CONCURRENTLY` on a table that was there before the migration.
    ///
    /// # Why it hurts
    /// It is instant, but it asks for ACCESS EXCLUSIVE on the table: behind one long query it queues, and every read
    /// and write queues behind it.
    ///
    /// # The safe way
    /// `DROP INDEX CONCURRENTLY`, alone and outside a transaction; `nonstop deploy` does. It waits for all who use the
    /// table, and keeps nobody out.
    ///
    /// # When it is fine
    /// The index is partitioned: then there is no other form, and nonstop takes the lock without queueing.
    ///
    /// ```sql bad
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// CREATE INDEX "Tip_amount_idx" ON "Tip" (amount);
    /// -- next migration
    /// DROP INDEX "Tip_amount_idx";
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// CREATE INDEX "Tip_amount_idx" ON "Tip" (amount);
    /// -- next migration
    /// DROP INDEX CONCURRENTLY "Tip_amount_idx";
    /// ```
    code: "drop-index-blocks-reads",
    severity: Severity::Warning,
    cure: Cure::Planned,
    help: "Drop it CONCURRENTLY, alone and outside a transaction; `nonstop deploy` does.",
    url: "https://www.postgresql.org/docs/current/sql-dropindex.html",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    let Kind::Drop(drop) = &context.statement.kind else {
        return Vec::new();
    };
    let mut locks = context.effect.locks.iter();
    let lock = locks.find(|lock| lock.mode.blocks_reads() && context.waits_for(lock));
    match lock {
        Some(lock) if drop.object == ObjectKind::Index && context.effect.error.is_none() => {
            let relation = &lock.relation;
            vec![Found::said(format!(
                "It asks for {} on {relation}: while it waits for a running query, all reads and writes on {relation} wait behind it.",
                lock.mode
            ))]
        }
        _ => Vec::new(),
    }
}
