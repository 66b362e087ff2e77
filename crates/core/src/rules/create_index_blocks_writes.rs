//! The rule `create-index-blocks-writes`.

use crate::rule::{Context, Cure, Found, rule};
use crate::sql::Kind;

rule! {
    /// An index is built while writes wait.
    ///
    /// # What it catches
    /// `CREATE INDEX` without `CONCURRENTLY` on a table that was there before the migration.
    ///
    /// # Why it hurts
    /// The build reads the whole table under SHARE. Reads go on; every INSERT, UPDATE and DELETE waits from the moment
    /// the lock is asked for until the index is done, minutes on a large table.
    ///
    /// # The safe way
    /// `CREATE INDEX CONCURRENTLY`, alone and outside a transaction, with no timeout, and with a look at
    /// `pg_index.indisvalid` after it. `nonstop deploy` does this with the file as it is. On a partitioned table: the
    /// index ON ONLY the parent, each partition concurrently, then attach.
    ///
    /// # When it is fine
    /// The table is new in the same migration, or small.
    ///
    /// ```sql bad
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// CREATE INDEX "Tip_amount_idx" ON "Tip" (amount);
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// CREATE INDEX CONCURRENTLY "Tip_amount_idx" ON "Tip" (amount);
    /// ```
    code: "create-index-blocks-writes",
    cure: Cure::Planned,
    help: "Build it CONCURRENTLY, alone and outside a transaction; `nonstop deploy` does.",
    url: "https://www.postgresql.org/docs/current/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    context.explain(|_| matches!(context.statement.kind, Kind::CreateIndex(_)))
}
