//! The rule `unlogged-table-loses-rows`.

use crate::finding::{Category, Severity};
use crate::rule::{Context, Found, rule};
use crate::sql::ActionKind;

rule! {
    /// A crash empties the table.
    ///
    /// # What it catches
    /// `SET UNLOGGED` on a table that was there before.
    ///
    /// # Why it hurts
    /// An unlogged table is empty after a crash of the server, and on every replica at all times. The change writes the
    /// table anew under ACCESS EXCLUSIVE.
    ///
    /// # The safe way
    /// Leave it logged; load in larger batches.
    ///
    /// # When it is fine
    /// Its rows can be made again at any time.
    ///
    /// ```sql bad also rewrites-table
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// ALTER TABLE "Tip" SET UNLOGGED;
    /// ```
    ///
    /// ```sql safe
    /// CREATE UNLOGGED TABLE scratch (id int);
    /// ```
    code: "unlogged-table-loses-rows",
    severity: Severity::Warning,
    category: Category::DataLoss,
    help: "Leave it logged.",
    url: "https://www.postgresql.org/docs/current/sql-createtable.html#SQL-CREATETABLE-UNLOGGED",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    let unlogs = context
        .actions()
        .any(|action| matches!(action, ActionKind::SetLogged { logged: false }));
    let table = context.altered().filter(|table| unlogs && context.is_shared(table));
    let found = table.map(|table| {
        Found::said(format!(
            "{table} is empty after a crash of the server, and on replicas at once."
        ))
    });
    found.into_iter().collect()
}
