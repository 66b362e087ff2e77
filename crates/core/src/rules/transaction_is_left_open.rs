//! The rule `transaction-is-left-open`.

use crate::finding::Category;
use crate::rule::{Context, Found, rule};
use crate::sql::{Kind, Statement, TransactionVerb};

rule! {
    /// A transaction is begun and never committed.
    ///
    /// # What it catches
    /// `BEGIN` with no `COMMIT` behind it in the file.
    ///
    /// # Why it hurts
    /// When the file is done the session ends, or goes on with the next file, and the server rolls everything back: the
    /// migration is recorded as applied, and nothing of it is there.
    ///
    /// # The safe way
    /// `COMMIT` at the end; or no BEGIN, where the tool opens the transaction itself.
    ///
    /// # When it is fine
    /// Never.
    ///
    /// ```sql bad
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// BEGIN;
    /// CREATE TABLE kind (id int);
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// BEGIN;
    /// CREATE TABLE kind (id int);
    /// COMMIT;
    /// ```
    code: "transaction-is-left-open",
    category: Category::Reliability,
    help: "COMMIT at the end, or leave the BEGIN out.",
    url: "https://www.postgresql.org/docs/current/sql-begin.html",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    let ends = |statement: &Statement| {
        matches!(
            statement.kind,
            Kind::Transaction(TransactionVerb::Commit | TransactionVerb::Rollback | TransactionVerb::Prepared)
        )
    };
    match context.statement.kind {
        Kind::Transaction(TransactionVerb::Begin) if !context.later().any(ends) => vec![Found::said(
            "Nothing commits what is begun here: it is rolled back when the session ends.",
        )],
        _ => Vec::new(),
    }
}
