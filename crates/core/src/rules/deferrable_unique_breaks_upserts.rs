//! The rule `deferrable-unique-breaks-upserts`.

use crate::finding::{Category, Severity};
use crate::rule::{Context, Found, rule};
use crate::sql::{ActionKind, ConstraintKindDef};

rule! {
    /// ON CONFLICT does not take a deferrable constraint.
    ///
    /// # What it catches
    /// `ADD UNIQUE` or `ADD PRIMARY KEY … DEFERRABLE` on a table that was there before.
    ///
    /// # Why it hurts
    /// `INSERT … ON CONFLICT` on its columns fails with SQLSTATE 55000, and no foreign key may point at it.
    ///
    /// # The safe way
    /// A constraint that is not deferrable.
    ///
    /// # When it is fine
    /// No statement says ON CONFLICT with these columns.
    ///
    /// ```sql bad also unique-builds-index
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// ALTER TABLE "Tip" ADD CONSTRAINT k UNIQUE (amount) DEFERRABLE;
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE kind (id int, name text, UNIQUE (name) DEFERRABLE);
    /// ```
    code: "deferrable-unique-breaks-upserts",
    severity: Severity::Warning,
    category: Category::Compat,
    help: "Leave DEFERRABLE out.",
    url: "https://www.postgresql.org/docs/current/sql-insert.html#SQL-ON-CONFLICT",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    let table = context.altered().filter(|table| context.is_shared(table));
    let mut added = context.actions().filter_map(|action| match action {
        ActionKind::AddConstraint(constraint) if constraint.deferrable => Some(&constraint.kind),
        _ => None,
    });
    let is_key =
        |kind: &ConstraintKindDef| matches!(kind, ConstraintKindDef::Unique(_) | ConstraintKindDef::PrimaryKey(_));
    let found = table.filter(|_| added.any(is_key)).map(|table| {
        Found::said(format!(
            "INSERT into {table} with ON CONFLICT does not take a deferrable constraint, and fails."
        ))
    });
    found.into_iter().collect()
}
