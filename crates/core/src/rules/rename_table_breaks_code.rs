//! The rule `rename-table-breaks-code`.

use crate::finding::{Category, Severity};
use crate::rule::{Context, Found, rule};
use crate::sql::Kind;

rule! {
    /// A table is renamed under the code that uses it.
    ///
    /// # What it catches
    /// `ALTER TABLE … RENAME TO` of a table or view that was there before the migration, where the same
    /// transaction gives the old name to nothing else.
    ///
    /// # Why it hurts
    /// Code that says the old name fails from that moment on.
    ///
    /// # The safe way
    /// Rename, and create a view under the old name in the same transaction; move the code; drop the view in a later
    /// release.
    ///
    /// # When it is fine
    /// No running code says the old name.
    ///
    /// ```sql bad
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// ALTER TABLE "Tip" RENAME TO tip;
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE draft (id int);
    /// -- next migration
    /// ALTER TABLE draft RENAME TO tip;
    /// CREATE VIEW draft AS SELECT id FROM tip;
    /// ```
    code: "rename-table-breaks-code",
    severity: Severity::Warning,
    category: Category::Compat,
    help: "Deploy the code that no longer needs it first, and this migration after it.",
    url: "https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-DESC-RENAME",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    let has_heir = match &context.statement.kind {
        Kind::Rename(rename) if context.around.session.in_transaction() => {
            let old = context.catalog.resolve(&rename.name);
            old.is_some_and(|old| context.makes_again(&old))
        }
        _ => false,
    };
    if has_heir {
        return Vec::new();
    }
    context.breaks(RULE.code)
}
