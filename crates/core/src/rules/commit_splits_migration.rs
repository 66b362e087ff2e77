//! The rule `commit-splits-migration`.

use crate::finding::{Category, Severity};
use crate::rule::{Context, Found, rule};
use crate::sql::{Kind, Statement, TransactionVerb};

rule! {
    /// A COMMIT in the middle takes the file apart.
    ///
    /// # What it catches
    /// `COMMIT` with statements behind it, or without a `BEGIN`, in a file that its tool runs as one transaction.
    ///
    /// # Why it hurts
    /// What stands before it stays when something behind it fails: the migration is half done, and is recorded as
    /// failed. Run again, it fails at its first statement.
    ///
    /// # The safe way
    /// Two migrations. Or no transaction control in the file.
    ///
    /// # When it is fine
    /// Every statement can be repeated.
    ///
    /// ```sql bad
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// BEGIN;
    /// CREATE TABLE kind (id int);
    /// COMMIT;
    /// CREATE TABLE other (id int);
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// BEGIN;
    /// CREATE TABLE kind (id int);
    /// CREATE TABLE other (id int);
    /// COMMIT;
    /// ```
    code: "commit-splits-migration",
    severity: Severity::Warning,
    category: Category::Reliability,
    help: "Make two migrations of it, or leave the transaction control out.",
    url: "https://www.postgresql.org/docs/current/sql-commit.html",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    let session = &context.around.session;
    let Kind::Transaction(TransactionVerb::Commit) = context.statement.kind else {
        return Vec::new();
    };
    let works = |statement: &Statement| !matches!(statement.kind, Kind::Transaction(_) | Kind::Set { .. });
    let splits = context.later().any(works) && context.earlier().any(works);
    Found::when(
        session.is_one_transaction() && splits,
        "What stands before it stays when something behind it fails: the migration is half done.",
    )
}
