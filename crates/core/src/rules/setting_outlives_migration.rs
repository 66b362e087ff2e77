//! The rule `setting-outlives-migration`.

use crate::finding::{Category, Severity};
use crate::rule::{Context, Found, rule};
use crate::sql::Kind;

rule! {
    /// A setting of the server, a database or a role is changed.
    ///
    /// # What it catches
    /// `ALTER SYSTEM`, `ALTER DATABASE … SET` and `ALTER ROLE … SET`.
    ///
    /// # Why it hurts
    /// It holds for every new session, long after the migration, and no schema shows it. A timeout that is set in this
    /// way also cuts off what works CONCURRENTLY.
    ///
    /// # The safe way
    /// Where the settings of the server are kept; in a migration `SET LOCAL`.
    ///
    /// # When it is fine
    /// It belongs to the schema, such as a `search_path`.
    ///
    /// ```sql bad
    /// ALTER ROLE app SET statement_timeout = '5s';
    /// ```
    ///
    /// ```sql safe
    /// BEGIN;
    /// SET LOCAL statement_timeout = '5s';
    /// COMMIT;
    /// ```
    code: "setting-outlives-migration",
    severity: Severity::Warning,
    category: Category::Compat,
    help: "Use SET LOCAL in the migration, or keep the setting where those of the server are kept.",
    url: "https://www.postgresql.org/docs/current/sql-alterrole.html",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    if !matches!(
        context.statement.kind,
        Kind::OutsideTransaction { .. } | Kind::NoRelation { .. }
    ) {
        return Vec::new();
    }
    let words = context.words();
    let of_role = ["ALTER DATABASE ", "ALTER ROLE ", "ALTER USER "];
    let sets = words.contains(" SET ") && of_role.iter().any(|start| words.starts_with(start));
    Found::when(
        sets || words.starts_with("ALTER SYSTEM "),
        "It holds for every new session, long after the migration.",
    )
}
