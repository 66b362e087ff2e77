//! The rule `changes-many-rows`.

use crate::finding::Severity;
use crate::rule::{Context, Cure, Found, rule};

rule! {
    /// Any number of rows is changed, and stays locked, in one statement.
    ///
    /// # What it catches
    /// `UPDATE`, `DELETE` or `MERGE` that is not held to single rows by a unique key, on a table that was there before.
    ///
    /// # Why it hurts
    /// Each row changed stays locked until the whole is committed: writes to it wait, for as long as the statement and
    /// all behind it take. The WAL comes in one piece, replicas lag, and the dead rows stay until vacuum.
    ///
    /// # The safe way
    /// Batches of some thousand rows over the primary key, each in its own short transaction. `nonstop deploy` makes them
    /// where each row depends on itself alone.
    ///
    /// # When it is fine
    /// The table is new or small; the WHERE clause is known to find few rows.
    ///
    /// ```sql bad
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// UPDATE "Tip" SET amount = 0 WHERE amount IS NULL;
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// UPDATE "Tip" SET amount = 0 WHERE id = 1;
    /// ```
    code: "changes-many-rows",
    severity: Severity::Warning,
    cure: Cure::Planned,
    help: "Change the rows in batches over the primary key.",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    let Some(name) = context.effect.changes.iter().find(|name| context.is_in_use(name)) else {
        return Vec::new();
    };
    let own = context.effect.locks.iter().filter(|lock| lock.relation == *name);
    vec![Found {
        message: format!(
            "It may change any number of rows of {name} at once; writes to each of them wait until the whole is committed."
        ),
        locks: own.max_by_key(|lock| lock.mode).cloned().into_iter().collect(),
        ..Found::default()
    }]
}
