//! The rule `prefer-bigint`.

use crate::finding::{Category, Severity};
use crate::rule::{Context, Found, rule};

rule! {
    /// A key of 32 bits can run out.
    ///
    /// # What it catches
    /// A primary key, serial or identity column of `integer` or `smallint` in a new table or as a new column.
    ///
    /// # Why it hurts
    /// After 2147483647 rows ever inserted, INSERTs fail; the change to `bigint` then writes the table anew.
    ///
    /// # The safe way
    /// `bigint`: on disk it costs four bytes a row, or none.
    ///
    /// # When it is fine
    /// The table stays small for ever.
    ///
    /// ```sql bad
    /// CREATE TABLE kind (id serial PRIMARY KEY);
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE kind (id bigint PRIMARY KEY);
    /// ```
    code: "prefer-bigint",
    severity: Severity::Warning,
    category: Category::Style,
    opt_in: true,
    once: true,
    help: "Make it a bigint.",
    url: "https://www.postgresql.org/docs/current/datatype-numeric.html",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    let found = context
        .new_columns()
        .into_iter()
        .find(|column| column.is_key && matches!(column.type_name, "integer" | "smallint"));
    let said =
        found.map(|column| Found::said(format!("The key {} runs out at 2147483647 at the latest.", column.name)));
    said.into_iter().collect()
}
