//! The rule `rename-schema-breaks-code`.

use crate::finding::{Category, Severity};
use crate::rule::{Context, Found, rule};
use crate::sql::{Kind, ObjectKind};

rule! {
    /// Every name with the schema in it breaks.
    ///
    /// # What it catches
    /// `ALTER SCHEMA … RENAME` of a schema that holds tables that were there before.
    ///
    /// # Why it hurts
    /// Code, functions and search paths that say the old name fail from the moment of the commit. No lock is taken on
    /// any table, so nothing slows it down.
    ///
    /// # The safe way
    /// A new schema with views on the tables of the old one; move the code; then move the tables.
    ///
    /// # When it is fine
    /// Nothing that runs says the name.
    ///
    /// ```sql bad
    /// CREATE SCHEMA shop;
    /// CREATE TABLE shop.tip (id int);
    /// -- next migration
    /// ALTER SCHEMA shop RENAME TO store;
    /// ```
    ///
    /// ```sql safe
    /// CREATE SCHEMA shop;
    /// CREATE TABLE shop.tip (id int);
    /// ALTER SCHEMA shop RENAME TO store;
    /// ```
    code: "rename-schema-breaks-code",
    severity: Severity::Warning,
    category: Category::Compat,
    help: "Make a new schema with views on the old tables, and move the code first.",
    url: "https://www.postgresql.org/docs/current/sql-alterschema.html",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    let Kind::Rename(rename) = &context.statement.kind else {
        return Vec::new();
    };
    let schema = &rename.name.name;
    let mut inside = context
        .catalog
        .relations
        .iter()
        .filter(|(name, _)| name.schema == *schema);
    match rename.object {
        ObjectKind::Schema if inside.any(|(_, relation)| relation.is_shared()) => {
            vec![Found::said(format!("Code that still says {schema} fails."))]
        }
        _ => Vec::new(),
    }
}
