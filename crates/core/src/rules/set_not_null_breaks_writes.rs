//! The rule `set-not-null-breaks-writes`.

use crate::catalog::Relation;
use crate::effect::proves_not_null;
use crate::finding::{Category, Severity};
use crate::rule::{Context, Found, rule};
use crate::sql::{ActionKind, Kind};

rule! {
    /// Code that still writes NULL fails.
    ///
    /// # What it catches
    /// `SET NOT NULL` of a column that may hold NULL so far, on a table that was there before, where no CHECK keeps
    /// NULL out already.
    ///
    /// # Why it hurts
    /// Code that is running and writes NULL, or leaves the column out of its INSERT, fails from the moment of the
    /// commit.
    ///
    /// # The safe way
    /// First the release that always writes a value, or a default; then the old rows; then NOT NULL.
    ///
    /// # When it is fine
    /// No code writes NULL any more.
    ///
    /// ```sql bad also set-not-null-scans-table
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// ALTER TABLE "Tip" ALTER COLUMN amount SET NOT NULL;
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// ALTER TABLE "Tip" ADD CONSTRAINT nn CHECK (amount IS NOT NULL) NOT VALID;
    /// -- next migration
    /// ALTER TABLE "Tip" VALIDATE CONSTRAINT nn;
    /// -- next migration
    /// ALTER TABLE "Tip" ALTER COLUMN amount SET NOT NULL;
    /// ```
    code: "set-not-null-breaks-writes",
    severity: Severity::Warning,
    category: Category::Compat,
    help: "Let the code always write a value first, or set a default.",
    url: "https://www.postgresql.org/docs/current/ddl-constraints.html#DDL-CONSTRAINTS-NOT-NULL",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    let table = context.altered().filter(|table| context.is_shared(table));
    let Some((table, relation)) = table.and_then(|table| Some((table.clone(), context.catalog.relation(&table)?)))
    else {
        return Vec::new();
    };
    let columns = context.actions().filter_map(|action| match action {
        ActionKind::SetNotNull { column } => Some(column.as_str()),
        _ => None,
    });
    let free = columns.filter(|column| {
        let known = relation.column(column);
        let new_with_default = known.is_some_and(|column| column.default.is_some()) && is_new(context, column);
        !known.is_some_and(|column| column.not_null) && !new_with_default && !is_kept_out(relation, column)
    });
    let free: Vec<&str> = free.collect();
    match free.as_slice() {
        [] => Vec::new(),
        columns => vec![Found::said(format!(
            "Code that writes {table} without a value for {} fails from then on.",
            columns.join(", ")
        ))],
    }
}

/// A CHECK binds new rows before it is validated.
fn is_kept_out(relation: &Relation, column: &str) -> bool {
    let mut validated = relation.clone();
    validated
        .constraints
        .iter_mut()
        .for_each(|constraint| constraint.valid = true);
    proves_not_null(&validated, column)
}

/// The file itself has added the column.
fn is_new(context: &Context<'_>, column: &str) -> bool {
    let table = context.altered();
    context.earlier().any(|statement| match &statement.kind {
        Kind::AlterTable(alter) if context.catalog.resolve(&alter.name) == table => alter
            .actions
            .iter()
            .any(|action| matches!(&action.kind, ActionKind::AddColumn { column: added, .. } if added.name == column)),
        _ => false,
    })
}
