//! The rule `revoke-breaks-code`.

use crate::finding::{Category, Severity};
use crate::rule::{Context, Found, rule};
use crate::sql::Kind;

rule! {
    /// Code loses a right that it uses.
    ///
    /// # What it catches
    /// `REVOKE` on a table that was there before.
    ///
    /// # Why it hurts
    /// Code that still does what is revoked fails with SQLSTATE 42501 from the moment of the commit.
    ///
    /// # The safe way
    /// First the release that no longer needs the right.
    ///
    /// # When it is fine
    /// The role has the right by another way, or does not use it.
    ///
    /// ```sql bad
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// REVOKE UPDATE ON "Tip" FROM app;
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// GRANT UPDATE ON "Tip" TO app;
    /// ```
    code: "revoke-breaks-code",
    severity: Severity::Warning,
    category: Category::Compat,
    help: "Deploy the code that no longer needs the right first.",
    url: "https://www.postgresql.org/docs/current/sql-revoke.html",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    let Kind::Grant { revoke: true, tables } = &context.statement.kind else {
        return Vec::new();
    };
    let mut shared = tables.iter().filter_map(|name| context.catalog.resolve(name));
    let found = shared
        .find(|name| context.is_shared(name))
        .map(|name| Found::said(format!("Code that still uses the right on {name} fails.")));
    found.into_iter().collect()
}
