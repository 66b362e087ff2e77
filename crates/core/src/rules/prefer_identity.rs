//! The rule `prefer-identity`.

use crate::finding::{Category, Severity};
use crate::rule::{Context, Found, rule};

rule! {
    /// A serial column has loose ends.
    ///
    /// # What it catches
    /// `serial`, `bigserial` and `smallserial`.
    ///
    /// # Why it hurts
    /// The sequence is an object of its own, with its own owner, grants and type; the default can be overwritten by
    /// mistake.
    ///
    /// # The safe way
    /// `GENERATED … AS IDENTITY`.
    ///
    /// # When it is fine
    /// Tools that read the schema expect serial.
    ///
    /// ```sql bad
    /// CREATE TABLE kind (id bigserial PRIMARY KEY);
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE kind (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY);
    /// ```
    code: "prefer-identity",
    severity: Severity::Warning,
    category: Category::Style,
    opt_in: true,
    once: true,
    help: "Use GENERATED … AS IDENTITY.",
    url: "https://www.postgresql.org/docs/current/ddl-identity-columns.html",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    let found = context.new_columns().into_iter().find(|column| column.is_serial);
    let said = found.map(|column| Found::said(format!("{} is a serial.", column.name)));
    said.into_iter().collect()
}
