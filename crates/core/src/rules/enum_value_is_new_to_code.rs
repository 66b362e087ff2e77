//! The rule `enum-value-is-new-to-code`.

use crate::finding::{Category, Severity};
use crate::rule::{Context, Found, rule};
use crate::sql::{Kind, Statement};

rule! {
    /// Code that is running does not know a new enum value.
    ///
    /// # What it catches
    /// `ALTER TYPE … ADD VALUE` of an enum that was there before.
    ///
    /// # Why it hurts
    /// The statement is harmless, and cannot be taken back. When new code writes the value, old code that reads it may
    /// fail to decode it.
    ///
    /// # The safe way
    /// First the release that understands the value, then the one that writes it.
    ///
    /// # When it is fine
    /// All code that reads the enum takes what it does not know. That is why this rule speaks only when it is asked.
    ///
    /// ```sql bad
    /// CREATE TYPE status AS ENUM ('new', 'paid');
    /// -- next migration
    /// ALTER TYPE status ADD VALUE 'lost';
    /// ```
    ///
    /// ```sql safe
    /// CREATE TYPE status AS ENUM ('new', 'paid', 'lost');
    /// ```
    code: "enum-value-is-new-to-code",
    severity: Severity::Warning,
    category: Category::Compat,
    opt_in: true,
    help: "Deploy the code that understands it first.",
    url: "https://www.postgresql.org/docs/current/sql-altertype.html",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    match &context.statement.kind {
        Kind::AddEnumValue { name, label, .. } => {
            let made = |statement: &Statement| matches!(&statement.kind, Kind::CreateEnum { name: made, .. } if made.name == name.name);
            Found::when(
                !context.earlier().any(made),
                format!("Code that does not know '{label}' may fail to read it, and it cannot be taken back."),
            )
        }
        _ => Vec::new(),
    }
}
