//! The rule `prefer-timestamptz`.

use crate::finding::{Category, Severity};
use crate::rule::{Context, Found, rule};

rule! {
    /// A time without its zone.
    ///
    /// # What it catches
    /// `timestamp` without time zone.
    ///
    /// # Why it hurts
    /// It is a time on some clock, and nobody knows whose: comparisons across zones and over the change to summer time
    /// go wrong.
    ///
    /// # The safe way
    /// `timestamptz`: it takes as much room, and is a moment.
    ///
    /// # When it is fine
    /// It is a time of the wall, such as the beginning of office hours.
    ///
    /// ```sql bad
    /// CREATE TABLE kind (id bigint PRIMARY KEY, at timestamp);
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE kind (id bigint PRIMARY KEY, at timestamptz);
    /// ```
    code: "prefer-timestamptz",
    severity: Severity::Warning,
    category: Category::Style,
    opt_in: true,
    once: true,
    help: "Use timestamptz.",
    url: "https://www.postgresql.org/docs/current/datatype-datetime.html",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    let found = context
        .new_columns()
        .into_iter()
        .find(|column| column.type_name.starts_with("timestamp") && column.type_name.ends_with("without time zone"));
    let said = found.map(|column| Found::said(format!("{} is a time without its zone.", column.name)));
    said.into_iter().collect()
}
