//! The rule `not-enforced-guards-nothing`.

use crate::finding::{Category, Severity};
use crate::rule::{Context, Found, rule};
use crate::sql::{ActionKind, ColumnDef, Kind};

rule! {
    /// A constraint that is not enforced.
    ///
    /// # What it catches
    /// `NOT ENFORCED` of a CHECK or foreign key, when it is added or by `ALTER CONSTRAINT` (18).
    ///
    /// # Why it hurts
    /// The server does not look at it: rows that violate it come in and stay. It looks like a rule, and is a comment.
    ///
    /// # The safe way
    /// `NOT VALID` where old rows must not be read now: new rows are checked.
    ///
    /// # When it is fine
    /// The rows are checked elsewhere.
    ///
    /// ```sql bad
    /// -- on PostgreSQL 18
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// ALTER TABLE "Tip" ADD CONSTRAINT c CHECK (amount > 0) NOT ENFORCED;
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// ALTER TABLE "Tip" ADD CONSTRAINT c CHECK (amount > 0) NOT VALID;
    /// ```
    code: "not-enforced-guards-nothing",
    severity: Severity::Warning,
    category: Category::DataLoss,
    help: "Use NOT VALID, then VALIDATE.",
    url: "https://www.postgresql.org/docs/current/ddl-constraints.html",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    let inline = |column: &ColumnDef| column.inline.iter().any(|constraint| !constraint.enforced);
    let is_loose = match &context.statement.kind {
        Kind::CreateTable(create) => {
            create.constraints.iter().any(|constraint| !constraint.enforced) || create.columns.iter().any(inline)
        }
        _ => context.actions().any(|action| match action {
            ActionKind::AddConstraint(constraint) => !constraint.enforced,
            ActionKind::AddColumn { column, .. } => inline(column),
            ActionKind::AlterConstraint { enforced, .. } => *enforced == Some(false),
            _ => false,
        }),
    };
    Found::when(
        is_loose,
        "Rows that violate the constraint come in and stay: the server does not look.",
    )
}
