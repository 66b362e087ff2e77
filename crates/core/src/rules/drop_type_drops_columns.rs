//! The rule `drop-type-drops-columns`.

use crate::finding::{Category, Severity};
use crate::rule::{Context, Found, rule};

rule! {
    /// A type is dropped, and takes columns with it.
    ///
    /// # What it catches
    /// `DROP TYPE … CASCADE` or `DROP DOMAIN … CASCADE` where a table has a column of the type.
    ///
    /// # Why it hurts
    /// CASCADE does not refuse: it drops those columns, with their values.
    ///
    /// # The safe way
    /// Change or drop the columns first, then the type without CASCADE.
    ///
    /// # When it is fine
    /// The columns are to go, and their values with them.
    ///
    /// ```sql bad
    /// CREATE TYPE status AS ENUM ('new', 'paid');
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, status status);
    /// -- next migration
    /// DROP TYPE status CASCADE;
    /// ```
    ///
    /// ```sql safe
    /// CREATE TYPE status AS ENUM ('new');
    /// -- next migration
    /// DROP TYPE status;
    /// ```
    code: "drop-type-drops-columns",
    severity: Severity::Warning,
    category: Category::DataLoss,
    help: "Change or drop the columns first, then the type without CASCADE.",
    url: "https://www.postgresql.org/docs/current/sql-droptype.html",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    context.breaks(RULE.code)
}
