//! The rule `lock-table-stops-traffic`.

use crate::finding::Severity;
use crate::rule::{Context, Found, rule};
use crate::sql::Kind;

rule! {
    /// A table is locked by hand.
    ///
    /// # What it catches
    /// `LOCK TABLE` in a mode that stops writes or reads, on a table in use. Without a mode it is ACCESS EXCLUSIVE.
    ///
    /// # Why it hurts
    /// The lock lasts to the end of the transaction, whatever else stands in it; and while it waits for its turn,
    /// everybody behind it waits.
    ///
    /// # The safe way
    /// Leave it out: each statement takes the lock that it needs. Where two statements must see the same rows, the
    /// weakest mode that does.
    ///
    /// # When it is fine
    /// The transaction ends at once, and it is taken with a short `lock_timeout` or `NOWAIT`.
    ///
    /// ```sql bad
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// LOCK TABLE "Tip";
    /// SELECT 1;
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// LOCK TABLE "Tip" IN ROW EXCLUSIVE MODE;
    /// SELECT 1;
    /// ```
    code: "lock-table-stops-traffic",
    severity: Severity::Warning,
    help: "Leave it out, or take the weakest mode that does.",
    url: "https://www.postgresql.org/docs/current/sql-lock.html",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    if !matches!(context.statement.kind, Kind::Lock { .. }) {
        return Vec::new();
    }
    let mut locks = context.effect.locks.iter();
    let stops = locks.find(|lock| lock.mode.blocks_writes() && context.is_in_use(&lock.relation));
    let found = stops.map(|lock| {
        let (mode, relation, out) = (lock.mode, &lock.relation, lock.mode.blocks_in_words());
        Found::said(format!(
            "It holds {mode} on {relation} to the end of the transaction: all {out} on {relation} wait until then."
        ))
    });
    found.into_iter().collect()
}
