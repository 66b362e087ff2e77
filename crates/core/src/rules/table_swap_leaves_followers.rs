//! The rule `table-swap-leaves-followers`.

use crate::finding::{Category, Severity};
use crate::quote::Name;
use crate::rule::{Context, Found, rule};
use crate::sql::{Kind, NameRef, ObjectKind};

rule! {
    /// Two tables change names, and what belongs to one stays with it.
    ///
    /// # What it catches
    /// A table takes the name of another that was renamed before in the same file, where views, foreign keys, triggers
    /// or policies hang on the old one.
    ///
    /// # Why it hurts
    /// They follow the table and not the name: views go on reading the old table, foreign keys go on pointing at it,
    /// and triggers and policies are missing on the new one. Grants and publications stay behind too.
    ///
    /// # The safe way
    /// Make them anew for the new table in the same transaction: views, foreign keys, triggers, policies, grants,
    /// publications.
    ///
    /// # When it is fine
    /// Nothing hangs on the old table.
    ///
    /// ```sql bad also rename-table-breaks-code
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// CREATE VIEW tips AS SELECT id, amount FROM "Tip";
    /// CREATE TABLE new_tip (id int PRIMARY KEY, amount int);
    /// -- next migration
    /// ALTER TABLE "Tip" RENAME TO old_tip;
    /// ALTER TABLE new_tip RENAME TO "Tip";
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// ALTER TABLE "Tip" RENAME CONSTRAINT "Tip_pkey" TO tip_pkey;
    /// ```
    code: "table-swap-leaves-followers",
    severity: Severity::Warning,
    category: Category::DataLoss,
    help: "Make them anew for the new table, in the same transaction.",
    url: "https://www.postgresql.org/docs/current/sql-altertable.html",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    let Kind::Rename(rename) = &context.statement.kind else {
        return Vec::new();
    };
    let moved = context.earlier().find_map(|statement| match &statement.kind {
        Kind::Rename(earlier) if earlier.object == ObjectKind::Table && earlier.name.name == rename.to => {
            let now = NameRef {
                name: earlier.to.clone(),
                ..earlier.name.clone()
            };
            context.catalog.resolve(&now)
        }
        _ => None,
    });
    let (Some(moved), ObjectKind::Table) = (moved, rename.object) else {
        return Vec::new();
    };
    let followers = followers(context, &moved);
    if followers.is_empty() || !context.is_shared(&moved) {
        return Vec::new();
    }
    vec![Found::said(format!(
        "{} stay with {moved}, which was {} before, and not with the table that has that name now.",
        followers.join(", "),
        rename.to
    ))]
}

fn followers(context: &Context<'_>, table: &Name) -> Vec<String> {
    let views = context.catalog.readers(table);
    let mut found: Vec<String> = views.map(|(view, _)| format!("view {view}")).collect();
    for (child, constraint) in context.catalog.referencing(table) {
        found.push(format!("foreign key {} of {child}", constraint.name));
    }
    let own = context.catalog.relation(table);
    for trigger in own.into_iter().flat_map(|table| &table.triggers) {
        found.push(format!("trigger {}", trigger.name));
    }
    for policy in own.into_iter().flat_map(|table| &table.policies) {
        found.push(format!("policy {}", policy.name));
    }
    found
}
