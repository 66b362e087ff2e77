//! The rule `copy-then-drop-loses-writes`.

use crate::finding::{Category, Severity};
use crate::rule::{Context, Found, rule};

rule! {
    /// Rows are copied, and then what they were copied from is dropped.
    ///
    /// # What it catches
    /// `INSERT INTO new SELECT … FROM old; DROP TABLE old` (or `CREATE TABLE new AS SELECT … FROM old`),
    /// or `UPDATE t SET new = old; ALTER TABLE t DROP COLUMN old`,
    /// on a table that was there before.
    ///
    /// # Why it hurts
    /// What the application writes to the old place between copy and drop is gone, without an error. In one transaction
    /// it is the same race in small, and blocks the table for as long as the copy takes; nonstop refuses to take it
    /// apart.
    ///
    /// # The safe way
    /// Keep both for a while: add the new, keep the two equal by a trigger, fill in batches, move the code, and drop
    /// the old one in a later release.
    ///
    /// # When it is fine
    /// Nothing writes to the old place any more.
    ///
    /// ```sql bad
    /// CREATE TABLE "User" (id int PRIMARY KEY);
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// INSERT INTO "User" (id) SELECT DISTINCT "userId" FROM "Tip";
    /// DROP TABLE "Tip";
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE "User" (id int PRIMARY KEY);
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// INSERT INTO "User" (id) SELECT DISTINCT "userId" FROM "Tip";
    /// ```
    code: "copy-then-drop-loses-writes",
    severity: Severity::Warning,
    category: Category::DataLoss,
    instead_of: &["drop-table-breaks-code", "drop-column-breaks-code"],
    help: "Keep both for a while: expand, fill, move the code, contract.",
    url: "https://www.postgresql.org/docs/current/sql-createtrigger.html",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    if !context.around.drops_copied {
        return Vec::new();
    }
    vec![Found::said(
        "It drops what an earlier statement of the file copied rows from: what the application writes there between the two is \
         lost, and code that still uses it fails.",
    )]
}
