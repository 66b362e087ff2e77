//! The rule `rename-column-breaks-code`.

use crate::finding::{Category, Severity};
use crate::rule::{Context, Found, rule};

rule! {
    /// A column is renamed under the code that uses it.
    ///
    /// # What it catches
    /// `ALTER TABLE … RENAME COLUMN` on a table that was there before the migration.
    ///
    /// # Why it hurts
    /// Code that says the old name fails from that moment on, and code that says the new one failed until then: no
    /// order of deploys fits.
    ///
    /// # The safe way
    /// A new column, a trigger that keeps the two equal, a backfill, the code moved, and the old column dropped in a
    /// later release.
    ///
    /// # When it is fine
    /// No running code says the old name.
    ///
    /// ```sql bad
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// ALTER TABLE "Tip" RENAME COLUMN note TO remark;
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE draft (id int);
    /// ALTER TABLE draft RENAME COLUMN id TO key;
    /// ```
    code: "rename-column-breaks-code",
    severity: Severity::Warning,
    category: Category::Compat,
    help: "Deploy the code that no longer needs it first, and this migration after it.",
    url: "https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-DESC-RENAME",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    context.breaks(RULE.code)
}
