//! The rule `drop-database-loses-data`.

use crate::finding::Category;
use crate::rule::{Context, Found, rule};
use crate::sql::Kind;

rule! {
    /// A database is dropped.
    ///
    /// # What it catches
    /// `DROP DATABASE`.
    ///
    /// # Why it hurts
    /// Everything in it is gone, and there is no way back but a backup.
    ///
    /// # The safe way
    /// Not in a migration.
    ///
    /// # When it is fine
    /// Never in a migration.
    ///
    /// ```sql bad
    /// DROP DATABASE shop;
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE kind (id int);
    /// ```
    code: "drop-database-loses-data",
    category: Category::DataLoss,
    help: "Leave it out of migrations.",
    url: "https://www.postgresql.org/docs/current/sql-dropdatabase.html",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    match &context.statement.kind {
        Kind::OutsideTransaction { .. } if context.words().starts_with("DROP DATABASE") => {
            vec![Found::said("A whole database is gone.")]
        }
        _ => Vec::new(),
    }
}
