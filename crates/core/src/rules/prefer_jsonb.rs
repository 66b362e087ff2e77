//! The rule `prefer-jsonb`.

use crate::finding::{Category, Severity};
use crate::rule::{Context, Found, rule};

rule! {
    /// The type json has no equality.
    ///
    /// # What it catches
    /// A column of type `json`.
    ///
    /// # Why it hurts
    /// `DISTINCT`, `GROUP BY` and `UNION` over it fail, and it is parsed each time that it is read.
    ///
    /// # The safe way
    /// `jsonb`.
    ///
    /// # When it is fine
    /// The text must stay as it was written, to the blank.
    ///
    /// ```sql bad
    /// CREATE TABLE kind (id bigint PRIMARY KEY, doc json);
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE kind (id bigint PRIMARY KEY, doc jsonb);
    /// ```
    code: "prefer-jsonb",
    severity: Severity::Warning,
    category: Category::Style,
    opt_in: true,
    once: true,
    help: "Use jsonb.",
    url: "https://www.postgresql.org/docs/current/datatype-json.html",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    let found = context
        .new_columns()
        .into_iter()
        .find(|column| column.type_name == "json");
    let said = found.map(|column| Found::said(format!("{} is a json.", column.name)));
    said.into_iter().collect()
}
