//! The rule `drop-column-breaks-code`.

use crate::finding::{Category, Severity};
use crate::rule::{Context, Found, rule};
use crate::sql::ActionKind;

rule! {
    /// A column is dropped that code may still use.
    ///
    /// # What it catches
    /// `DROP COLUMN` on a table that was there before the migration.
    ///
    /// # Why it hurts
    /// Code that still names it fails, as does a client that selects all columns it knew; its values are gone, and with
    /// it every index and constraint that has the column.
    ///
    /// # The safe way
    /// Deploy the code that no longer names it, and drop the column in a later release; before that, DROP NOT NULL
    /// where old writers leave it out.
    ///
    /// # When it is fine
    /// No running code names it.
    ///
    /// ```sql bad
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// ALTER TABLE "Tip" DROP COLUMN note;
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// ALTER TABLE "Tip" ALTER COLUMN note DROP NOT NULL;
    /// ```
    code: "drop-column-breaks-code",
    severity: Severity::Warning,
    category: Category::DataLoss,
    help: "Deploy the code that no longer needs it first, and this migration after it.",
    url: "https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-DESC-DROP-COLUMN",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    let columns: Vec<&str> = context
        .actions()
        .filter_map(|action| match action {
            ActionKind::DropColumn { name, .. } => Some(name.as_str()),
            _ => None,
        })
        .collect();
    let said = context.breaks(RULE.code).into_iter();
    said.map(|found| match (&columns[..], context.altered()) {
        ([_, _, ..], Some(table)) => Found::said(format!(
            "Code that still uses {} of {table} fails, and their values are gone.",
            columns.join(", ")
        )),
        _ => found,
    })
    .collect()
}
