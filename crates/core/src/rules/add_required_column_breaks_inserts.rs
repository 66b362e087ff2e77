//! The rule `add-required-column-breaks-inserts`.

use crate::catalog::Generated;
use crate::finding::{Category, Severity};
use crate::rule::{Block, Context, Found, rule};
use crate::sql::{ActionKind, ColumnDef};
use crate::step::Work;

rule! {
    /// A required column without a default is added under the code that inserts.
    ///
    /// # What it catches
    /// `ADD COLUMN … NOT NULL` without a default on a table that was there before the migration.
    ///
    /// # Why it hurts
    /// The statement looks through the table under ACCESS EXCLUSIVE, fails at the first row, and from then on fails
    /// every INSERT of code that does not know the column yet.
    ///
    /// # The safe way
    /// Add it nullable, or with a default (instant, if it is the same for all rows); deploy the code that writes it,
    /// fill the old rows, then NOT NULL by a validated CHECK.
    ///
    /// # When it is fine
    /// The table is empty, and nothing inserts into it yet.
    ///
    /// ```sql bad
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// ALTER TABLE "Tip" ADD COLUMN currency text NOT NULL;
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// ALTER TABLE "Tip" ADD COLUMN currency text NOT NULL DEFAULT 'EUR';
    /// ```
    code: "add-required-column-breaks-inserts",
    severity: Severity::Error,
    category: Category::Blocking,
    help: "Add it nullable or with a default, deploy the code that writes it, and require it later.",
    url: "https://www.postgresql.org/docs/current/ddl-alter.html#DDL-ALTER-ADDING-A-COLUMN",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    let is_bare = |column: &ColumnDef| column.inline.is_empty() && column.generated == Generated::No;
    let said = context.breaks(RULE.code).into_iter();
    let blocks = context.blocks.iter().filter(|block| match context.action(block) {
        Some(ActionKind::AddColumn { column, .. }) => is_bare(column) && block.work == Work::Scan,
        _ => false,
    });
    let blocks: Vec<Block> = blocks.cloned().collect();
    let columns = context.actions().filter_map(|action| match action {
        ActionKind::AddColumn { column, .. } if column.not_null && column.default.is_none() => Some(column),
        _ => None,
    });
    let columns: Vec<&str> = columns
        .filter(|column| is_bare(column) && !column.type_ref.serial)
        .map(|column| column.name.as_str())
        .collect();
    said.map(|found| Found {
        message: match (&columns[..], context.altered()) {
            ([_, _, ..], Some(table)) => format!(
                "Code that inserts into {table} without {} fails, and so does this statement if there is a row.",
                columns.join(", ")
            ),
            _ => found.message,
        },
        blocks: blocks.clone(),
        ..Found::default()
    })
    .collect()
}
