//! The rule `drop-view-breaks-code`.

use crate::finding::{Category, Severity};
use crate::rule::{Context, Found, rule};
use crate::sql::Kind;

rule! {
    /// A view is dropped that code may still read.
    ///
    /// # What it catches
    /// `DROP VIEW` or `DROP MATERIALIZED VIEW` of a view that was there before the migration, and that the same transaction
    /// does not make again.
    ///
    /// # Why it hurts
    /// Code that still reads it fails.
    ///
    /// # The safe way
    /// `CREATE OR REPLACE VIEW` where only columns come behind the old ones; else drop, create and grant in one
    /// transaction. To remove it, deploy the code that no longer reads it first.
    ///
    /// # When it is fine
    /// No running code reads it.
    ///
    /// ```sql bad
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int);
    /// CREATE VIEW large AS SELECT id FROM "Tip" WHERE amount > 100;
    /// -- next migration
    /// DROP VIEW large;
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int);
    /// CREATE VIEW large AS SELECT id FROM "Tip" WHERE amount > 100;
    /// -- next migration
    /// CREATE OR REPLACE VIEW large AS SELECT id, amount FROM "Tip" WHERE amount > 100;
    /// -- next migration
    /// DROP VIEW large;
    /// CREATE VIEW large AS SELECT amount FROM "Tip" WHERE amount > 100;
    /// GRANT SELECT ON large TO PUBLIC;
    /// ```
    code: "drop-view-breaks-code",
    severity: Severity::Warning,
    category: Category::Compat,
    help: "Deploy the code that no longer needs it first, and this migration after it.",
    url: "https://www.postgresql.org/docs/current/sql-dropview.html",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    let made_again = match &context.statement.kind {
        Kind::Drop(drop) if context.around.session.in_transaction() => {
            let mut dropped = drop.names.iter().filter_map(|name| context.catalog.resolve(name));
            dropped.all(|name| context.makes_again(&name))
        }
        _ => false,
    };
    if made_again {
        return Vec::new();
    }
    context.breaks(RULE.code)
}
