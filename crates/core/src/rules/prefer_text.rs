//! The rule `prefer-text`.

use crate::finding::{Category, Severity};
use crate::rule::{Context, Found, rule};

rule! {
    /// A limit on the length of a text.
    ///
    /// # What it catches
    /// `varchar(n)` and `char(n)`.
    ///
    /// # Why it hurts
    /// A limit that turns out too short is a migration; `char` pads with blanks, which compare in ways of their own.
    /// Neither is faster than `text`.
    ///
    /// # The safe way
    /// `text`, and a CHECK where the length is a rule.
    ///
    /// # When it is fine
    /// The limit is a rule of the domain.
    ///
    /// ```sql bad
    /// CREATE TABLE kind (id bigint PRIMARY KEY, name varchar(50));
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE kind (id bigint PRIMARY KEY, name text);
    /// ```
    code: "prefer-text",
    severity: Severity::Warning,
    category: Category::Style,
    opt_in: true,
    once: true,
    help: "Use text, and a CHECK where the length is a rule.",
    url: "https://www.postgresql.org/docs/current/datatype-character.html",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    let found = context
        .new_columns()
        .into_iter()
        .find(|column| column.type_name.starts_with("character") && column.type_name.contains('('));
    let said = found.map(|column| Found::said(format!("{} has a limit on its length.", column.name)));
    said.into_iter().collect()
}
