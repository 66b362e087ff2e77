//! The rule `row-security-hides-rows`.

use crate::finding::{Category, Severity};
use crate::rule::{Context, Found, rule};
use crate::sql::{ActionKind, Kind};

rule! {
    /// Row security without a policy hides every row.
    ///
    /// # What it catches
    /// `ENABLE ROW LEVEL SECURITY` on a table that was there before and has no policy when the file ends.
    ///
    /// # Why it hurts
    /// Every role but the owner sees no row and can write none, without an error, from the moment of the commit.
    ///
    /// # The safe way
    /// The policies in the same transaction, before it is enabled.
    ///
    /// # When it is fine
    /// Only the owner of the table uses it, or nobody else should.
    ///
    /// ```sql bad
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// ALTER TABLE "Tip" ENABLE ROW LEVEL SECURITY;
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// CREATE POLICY own ON "Tip" USING (amount > 0);
    /// ALTER TABLE "Tip" ENABLE ROW LEVEL SECURITY;
    /// ```
    code: "row-security-hides-rows",
    severity: Severity::Warning,
    category: Category::Compat,
    help: "Create the policies first, in the same transaction.",
    url: "https://www.postgresql.org/docs/current/ddl-rowsecurity.html",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    let enables = context
        .actions()
        .any(|action| matches!(action, ActionKind::RowSecurity))
        && context.words().contains(" ENABLE ROW LEVEL SECURITY");
    let Some(table) = context.altered().filter(|table| enables && context.is_shared(table)) else {
        return Vec::new();
    };
    let has_policy = context
        .catalog
        .relation(&table)
        .is_some_and(|table| !table.policies.is_empty());
    let mut file = context.later();
    let is_given = file.any(|statement| match &statement.kind {
        Kind::Policy { table: own, create, .. } => *create && context.catalog.resolve(own).as_ref() == Some(&table),
        _ => false,
    });
    if has_policy || is_given {
        return Vec::new();
    }
    vec![Found::said(format!(
        "There is no policy: every role but the owner sees no row of {table}, without an error."
    ))]
}
