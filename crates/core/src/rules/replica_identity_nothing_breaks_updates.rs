//! The rule `replica-identity-nothing-breaks-updates`.

use crate::finding::{Category, Severity};
use crate::rule::{Context, Found, rule};
use crate::sql::ActionKind;

rule! {
    /// UPDATE and DELETE fail on a published table without an identity.
    ///
    /// # What it catches
    /// `ALTER TABLE … REPLICA IDENTITY NOTHING`.
    ///
    /// # Why it hurts
    /// On a table that is published, every UPDATE and DELETE fails with SQLSTATE 55000 from the moment of the commit.
    ///
    /// # The safe way
    /// The primary key, or `USING INDEX` of a unique index.
    ///
    /// # When it is fine
    /// The table is in no publication.
    ///
    /// ```sql bad
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// ALTER TABLE "Tip" REPLICA IDENTITY NOTHING;
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// ALTER TABLE "Tip" REPLICA IDENTITY FULL;
    /// ```
    code: "replica-identity-nothing-breaks-updates",
    severity: Severity::Warning,
    category: Category::Compat,
    help: "Use the primary key or a unique index as identity.",
    url: "https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-REPLICA-IDENTITY",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    let sets = context
        .actions()
        .any(|action| matches!(action, ActionKind::ReplicaIdentity { .. }));
    let table = context.altered().filter(|table| sets && context.is_shared(table));
    let found = table
        .filter(|_| context.words().contains("IDENTITY NOTHING"))
        .map(|table| {
            Found::said(format!(
                "Where {table} is published, every UPDATE and DELETE of it fails."
            ))
        });
    found.into_iter().collect()
}
