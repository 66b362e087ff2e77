//! The rule `drop-index-before-replacement`.

use crate::finding::{Category, Severity};
use crate::rule::{Context, Found, rule};
use crate::sql::{Kind, ObjectKind, Statement};

rule! {
    /// An index is dropped before the next one is there.
    ///
    /// # What it catches
    /// `DROP INDEX`, and behind it in the file a `CREATE INDEX` on the same table with the same first column, each in a
    /// transaction of its own.
    ///
    /// # Why it hurts
    /// Between the two no index serves the queries: each of them reads the whole table, for as long as the build takes.
    ///
    /// # The safe way
    /// Build the new one first, then drop the old one, then rename.
    ///
    /// # When it is fine
    /// No query needs it.
    ///
    /// ```sql bad
    /// -- each statement by itself
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// CREATE INDEX a ON "Tip" (amount);
    /// -- next migration
    /// DROP INDEX CONCURRENTLY a;
    /// CREATE INDEX CONCURRENTLY b ON "Tip" (amount, note);
    /// ```
    ///
    /// ```sql safe
    /// -- each statement by itself
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// CREATE INDEX a ON "Tip" (amount);
    /// -- next migration
    /// CREATE INDEX CONCURRENTLY b ON "Tip" (amount, note);
    /// DROP INDEX CONCURRENTLY a;
    /// ```
    code: "drop-index-before-replacement",
    severity: Severity::Warning,
    category: Category::Compat,
    help: "Build the new index first, then drop this one.",
    url: "https://www.postgresql.org/docs/current/sql-createindex.html",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    let Kind::Drop(drop) = &context.statement.kind else {
        return Vec::new();
    };
    if drop.object != ObjectKind::Index || context.around.session.in_transaction() {
        return Vec::new();
    }
    let mut dropped = drop.names.iter().filter_map(|name| context.catalog.resolve_index(name));
    let replaced = dropped.find(|(table, index)| {
        let again = |later: &Statement| match &later.kind {
            Kind::CreateIndex(new) => {
                context.catalog.resolve(&new.table).as_ref() == Some(*table) && new.keys.first() == index.keys.first()
            }
            _ => false,
        };
        context.is_large(table) && context.later().any(again)
    });
    let found = replaced.map(|(table, index)| {
        Found::said(format!(
            "Until the next index on {table} is built, queries that used {} read the whole table.",
            index.name
        ))
    });
    found.into_iter().collect()
}
