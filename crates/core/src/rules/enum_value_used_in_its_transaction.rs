//! The rule `enum-value-used-in-its-transaction`.

use crate::finding::Category;
use crate::rule::{Context, Cure, Found, rule};

rule! {
    /// A new enum value is used before it is committed.
    ///
    /// # What it catches
    /// `ALTER TYPE … ADD VALUE` and a statement of the same transaction that uses the value, as a DEFAULT too. A file
    /// that is sent as one message is one transaction.
    ///
    /// # Why it hurts
    /// It fails with SQLSTATE 55P04, and the migration is recorded as failed.
    ///
    /// # The safe way
    /// The value in one migration, its use in the next. `nonstop deploy` commits the value before it is used, so the
    /// file may stay as it is.
    ///
    /// # When it is fine
    /// The type is made in the same transaction, on PostgreSQL 17 and later.
    ///
    /// ```sql bad
    /// CREATE TYPE status AS ENUM ('new', 'paid');
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, status status);
    /// -- next migration
    /// ALTER TYPE status ADD VALUE 'lost';
    /// ALTER TABLE "Tip" ALTER COLUMN status SET DEFAULT 'lost';
    /// ```
    ///
    /// ```sql safe
    /// CREATE TYPE status AS ENUM ('new', 'paid');
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, status status);
    /// -- next migration
    /// ALTER TYPE status ADD VALUE 'lost';
    /// -- next migration
    /// ALTER TABLE "Tip" ALTER COLUMN status SET DEFAULT 'lost';
    /// ```
    code: "enum-value-used-in-its-transaction",
    category: Category::Reliability,
    cure: Cure::Always,
    help: "`nonstop deploy` commits the value first, so the file may stay; for other tools use it in a later migration.",
    url: "https://www.postgresql.org/docs/current/sql-altertype.html#SQL-ALTERTYPE-NOTES",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    match &context.effect.error {
        Some(error) if error.sqlstate == "55P04" => vec![Found::said(format!(
            "A tool that sends this file as one transaction fails here with SQLSTATE 55P04: {}.",
            error.message
        ))],
        _ => Vec::new(),
    }
}
