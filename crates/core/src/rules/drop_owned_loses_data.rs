//! The rule `drop-owned-loses-data`.

use crate::finding::{Category, Severity};
use crate::rule::{Context, Found, rule};
use crate::sql::Kind;

rule! {
    /// All that a role owns is dropped.
    ///
    /// # What it catches
    /// `DROP OWNED BY`.
    ///
    /// # Why it hurts
    /// Every table, view and function that the role owns in this database is gone, and every grant to it; each is
    /// locked in ACCESS EXCLUSIVE. Which ones they are is not in the file.
    ///
    /// # The safe way
    /// `REASSIGN OWNED`, or `DROP` and `REVOKE` by name.
    ///
    /// # When it is fine
    /// The role owns nothing, and only its grants are meant.
    ///
    /// ```sql bad
    /// DROP OWNED BY app;
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE kind (id int);
    /// ```
    code: "drop-owned-loses-data",
    severity: Severity::Warning,
    category: Category::DataLoss,
    instead_of: &["effect-is-unknown"],
    help: "Drop and revoke by name.",
    url: "https://www.postgresql.org/docs/current/sql-drop-owned.html",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    Found::when(
        matches!(context.statement.kind, Kind::Owned { to: None, .. }),
        "Everything that the role owns is gone, and the file does not say what that is.",
    )
}
