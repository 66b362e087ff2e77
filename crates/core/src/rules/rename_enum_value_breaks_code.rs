//! The rule `rename-enum-value-breaks-code`.

use crate::finding::{Category, Severity};
use crate::rule::{Context, Found, rule};
use crate::sql::Kind;

rule! {
    /// Code that says the old value of an enum fails.
    ///
    /// # What it catches
    /// `ALTER TYPE … RENAME VALUE` of an enum that was there before.
    ///
    /// # Why it hurts
    /// A query with the old value as a literal fails (SQLSTATE 22P02) from the moment of the commit; code that reads
    /// the new one may not know it.
    ///
    /// # The safe way
    /// Add the new value, move the code, then the rows; the old value stays, unused.
    ///
    /// # When it is fine
    /// No code that runs names the value.
    ///
    /// ```sql bad
    /// CREATE TYPE status AS ENUM ('new', 'paid');
    /// -- next migration
    /// ALTER TYPE status RENAME VALUE 'paid' TO 'settled';
    /// ```
    ///
    /// ```sql safe
    /// CREATE TYPE status AS ENUM ('new', 'paid');
    /// ALTER TYPE status RENAME VALUE 'paid' TO 'settled';
    /// ```
    code: "rename-enum-value-breaks-code",
    severity: Severity::Warning,
    category: Category::Compat,
    help: "Add the new value, move code and rows, and leave the old one unused.",
    url: "https://www.postgresql.org/docs/current/sql-altertype.html",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    let Kind::RenameEnumValue { name, from, to } = &context.statement.kind else {
        return Vec::new();
    };
    let mut made = context.earlier();
    if made.any(|statement| matches!(&statement.kind, Kind::CreateEnum { name: made, .. } if made.name == name.name)) {
        return Vec::new();
    }
    vec![Found::said(format!(
        "Code that still says '{from}' fails, and code that reads '{to}' may not know it."
    ))]
}
