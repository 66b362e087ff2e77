//! The rule `concurrently-in-transaction`.

use crate::finding::Category;
use crate::rule::{Context, Cure, Found, rule};

rule! {
    /// A statement stands among others, and the server takes it only alone.
    ///
    /// # What it catches
    /// `CREATE`, `DROP` or `REINDEX INDEX CONCURRENTLY`, `DETACH PARTITION CONCURRENTLY`, `VACUUM`, `CREATE DATABASE`
    /// and the like in a file of several statements that its tool sends as one message or one transaction, or behind a
    /// BEGIN.
    ///
    /// # Why it hurts
    /// It fails with SQLSTATE 25001, the migration is recorded as failed, and all later ones wait behind it (Prisma:
    /// P3009). Prisma sends a file as one message up to 7.3, Diesel unless told otherwise.
    ///
    /// # The safe way
    /// A migration of its own, with nothing else in the file, not even a SET. Do not take CONCURRENTLY out. `nonstop
    /// deploy` runs the statement alone, so the file may stay as it is.
    ///
    /// # When it is fine
    /// Only nonstop, or a tool that sends statements one by one, ever runs the file.
    ///
    /// ```sql bad
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// CREATE INDEX CONCURRENTLY "Tip_amount_idx" ON "Tip" (amount);
    /// CREATE INDEX CONCURRENTLY "Tip_note_idx" ON "Tip" (note);
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// CREATE INDEX CONCURRENTLY "Tip_amount_idx" ON "Tip" (amount);
    /// ```
    code: "concurrently-in-transaction",
    category: Category::Reliability,
    cure: Cure::Always,
    help: "`nonstop deploy` runs it alone, so the file may stay; for other tools give it a migration of its own.",
    url: "https://www.postgresql.org/docs/current/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    match &context.effect.error {
        Some(error) if error.sqlstate == "25001" => vec![Found::said(
            "It cannot run inside a transaction block, and a tool that sends this file as one transaction (Prisma up to 7.3) \
             fails here with SQLSTATE 25001.",
        )],
        _ => Vec::new(),
    }
}
