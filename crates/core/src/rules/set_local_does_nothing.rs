//! The rule `set-local-does-nothing`.

use crate::finding::{Category, Severity};
use crate::rule::{Context, Found, rule};
use crate::sql::Kind;

rule! {
    /// SET LOCAL without a transaction changes nothing.
    ///
    /// # What it catches
    /// `SET LOCAL` where no transaction is open around it: in a file that is run statement by statement, or alone in
    /// its file.
    ///
    /// # Why it hurts
    /// The server warns and goes on with the old value: a timeout that was meant to bound the next statement does not.
    ///
    /// # The safe way
    /// `BEGIN` before it; or `SET`, and `RESET` behind.
    ///
    /// # When it is fine
    /// Never.
    ///
    /// ```sql bad
    /// -- each statement by itself
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// SET LOCAL lock_timeout = '1s';
    /// ```
    ///
    /// ```sql safe
    /// -- each statement by itself
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// BEGIN;
    /// SET LOCAL lock_timeout = '1s';
    /// COMMIT;
    /// ```
    code: "set-local-does-nothing",
    severity: Severity::Warning,
    category: Category::Reliability,
    help: "Open a transaction before it, or use SET.",
    url: "https://www.postgresql.org/docs/current/sql-set.html",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    match &context.statement.kind {
        Kind::Set { name, local: true, .. } if !context.around.session.in_transaction() => {
            vec![Found::said(format!(
                "No transaction is open here: {name} stays as it is, with a warning that nobody reads."
            ))]
        }
        _ => Vec::new(),
    }
}
