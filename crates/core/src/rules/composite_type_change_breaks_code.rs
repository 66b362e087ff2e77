//! The rule `composite-type-change-breaks-code`.

use crate::finding::{Category, Severity};
use crate::rule::{Context, Found, rule};
use crate::sql::{Kind, ObjectKind, Statement};

rule! {
    /// Clients decode a composite type as it was.
    ///
    /// # What it catches
    /// `ALTER TYPE … ADD`, `DROP` or `ALTER ATTRIBUTE` of a composite type that was there before.
    ///
    /// # Why it hurts
    /// Values of the type have another number or order of fields from the moment of the commit: clients that decode it
    /// fail, and so do functions that build it. Tables made `OF` the type are locked in ACCESS EXCLUSIVE with CASCADE.
    ///
    /// # The safe way
    /// A new type beside the old one; move the columns and the code.
    ///
    /// # When it is fine
    /// Nothing that runs reads it.
    ///
    /// ```sql bad
    /// CREATE TYPE place AS (x int, y int);
    /// -- next migration
    /// ALTER TYPE place ADD ATTRIBUTE z int;
    /// ```
    ///
    /// ```sql safe
    /// CREATE TYPE place AS (x int, y int);
    /// ALTER TYPE place ADD ATTRIBUTE z int;
    /// ```
    code: "composite-type-change-breaks-code",
    severity: Severity::Warning,
    category: Category::Compat,
    help: "Make a new type beside the old one.",
    url: "https://www.postgresql.org/docs/current/sql-altertype.html",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    let Kind::AlterTable(alter) = &context.statement.kind else {
        return Vec::new();
    };
    let made = |statement: &Statement| matches!(&statement.kind, Kind::CreateType { name, .. } if *name == alter.name);
    if alter.object != ObjectKind::Type || context.earlier().any(made) {
        return Vec::new();
    }
    let name = &alter.name;
    vec![Found::said(format!("Code that decodes or builds a {name} fails."))]
}
