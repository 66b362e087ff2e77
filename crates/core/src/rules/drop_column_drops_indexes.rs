//! The rule `drop-column-drops-indexes`.

use crate::catalog::{ConstraintKind, Index};
use crate::finding::{Category, Severity};
use crate::rule::{Context, Found, rule};
use crate::sql::ActionKind;
use std::collections::BTreeSet;

rule! {
    /// With a column go the indexes and constraints of several columns.
    ///
    /// # What it catches
    /// `DROP COLUMN` of a column that stands in an index, a unique constraint or a CHECK together with columns that
    /// stay.
    ///
    /// # Why it hurts
    /// They are dropped without a word: queries on the other columns become slow, a rule that held for several columns
    /// holds no more, and `ON CONFLICT` on them fails.
    ///
    /// # The safe way
    /// Build the index or constraint on the columns that stay first; then drop the column.
    ///
    /// # When it is fine
    /// Nobody needs them.
    ///
    /// ```sql bad also drop-column-breaks-code
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// CREATE INDEX "Tip_userId_amount_idx" ON "Tip" ("userId", amount);
    /// -- next migration
    /// ALTER TABLE "Tip" DROP COLUMN amount;
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// CREATE INDEX "Tip_userId_amount_idx" ON "Tip" ("userId", amount);
    /// -- next migration
    /// ALTER TABLE "Tip" ADD COLUMN paid boolean;
    /// ```
    code: "drop-column-drops-indexes",
    severity: Severity::Warning,
    category: Category::Compat,
    help: "Build what the other columns need first.",
    url: "https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-DESC-DROP-COLUMN",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    let dropped: Vec<&str> = context
        .actions()
        .filter_map(|action| match action {
            ActionKind::DropColumn { name, .. } => Some(name.as_str()),
            _ => None,
        })
        .collect();
    let table = context.altered().filter(|table| context.is_shared(table));
    let relation = table.as_ref().and_then(|table| context.catalog.relation(table));
    let (Some(relation), false) = (relation, dropped.is_empty()) else {
        return Vec::new();
    };
    let goes = |columns: &BTreeSet<&str>| {
        columns.iter().any(|column| dropped.contains(column)) && !columns.iter().all(|column| dropped.contains(column))
    };
    let indexes = relation.indexes.iter().filter(|index| goes(&of_index(index)));
    let checks = relation.constraints.iter().filter(|constraint| match &constraint.kind {
        ConstraintKind::Check(check) => goes(&check.columns.iter().map(String::as_str).collect()),
        _ => false,
    });
    let mut names: Vec<&str> = indexes.map(|index| index.name.as_str()).collect();
    names.extend(checks.map(|check| check.name.as_str()));
    match names.as_slice() {
        [] => Vec::new(),
        [one] => vec![Found::said(format!(
            "With the column goes {one}, which other columns need too."
        ))],
        names => vec![Found::said(format!(
            "With the column go {}, which other columns need too.",
            names.join(", ")
        ))],
    }
}

fn of_index(index: &Index) -> BTreeSet<&str> {
    let keys = index.keys.iter().filter(|key| !key.is_empty());
    let used = index.expressions.iter().chain(&index.predicate);
    keys.chain(used.flat_map(|expression| &expression.columns))
        .map(String::as_str)
        .collect()
}
