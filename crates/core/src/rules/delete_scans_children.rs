//! The rule `delete-scans-children`.

use crate::catalog::ConstraintKind;
use crate::finding::Severity;
use crate::quote::Name;
use crate::rule::{Context, Found, rule};
use crate::sql::{DmlVerb, Kind};
use std::collections::BTreeSet;

rule! {
    /// Each row that is deleted reads a whole other table.
    ///
    /// # What it catches
    /// `DELETE` from a table that others refer to by a foreign key, or `UPDATE` of its key, where no index of such a
    /// table begins with the key's columns.
    ///
    /// # Why it hurts
    /// For each row the server looks for rows that refer to it, and without an index it reads that table from end to
    /// end: a DELETE of a thousand rows reads it a thousand times, and holds its locks for so long.
    ///
    /// # The safe way
    /// Build the index CONCURRENTLY first; then delete in batches.
    ///
    /// # When it is fine
    /// The table that refers is small.
    ///
    /// ```sql bad also changes-many-rows
    /// CREATE TABLE "User" (id int PRIMARY KEY);
    /// CREATE TABLE "Session" (id int PRIMARY KEY, "userId" int);
    /// -- nonstop: allow foreign-key-without-index because it is an example
    /// ALTER TABLE "Session" ADD FOREIGN KEY ("userId") REFERENCES "User" (id);
    /// -- next migration
    /// DELETE FROM "User" WHERE id > 5;
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE "User" (id int PRIMARY KEY);
    /// CREATE TABLE "Session" (id int PRIMARY KEY, "userId" int REFERENCES "User" (id));
    /// CREATE INDEX "Session_userId_idx" ON "Session" ("userId");
    /// -- next migration
    /// DELETE FROM "User" WHERE id = 5;
    /// ```
    code: "delete-scans-children",
    severity: Severity::Warning,
    help: "Build an index on the referring columns CONCURRENTLY first.",
    url: "https://www.postgresql.org/docs/current/ddl-constraints.html#DDL-CONSTRAINTS-FK",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    let Kind::Dml(dml) = &context.statement.kind else {
        return Vec::new();
    };
    let Some(target) = context
        .catalog
        .resolve(&dml.target)
        .filter(|target| context.is_shared(target))
    else {
        return Vec::new();
    };
    let looks = |columns: &[String]| match dml.verb {
        DmlVerb::Delete => true,
        DmlVerb::Update => dml.sets.iter().any(|(column, _)| columns.contains(column)),
        DmlVerb::Insert | DmlVerb::Merge => false,
    };
    let mut keys = context.catalog.referencing(&target);
    let scanned = keys.find(|(child, key)| {
        let columns = match &key.kind {
            ConstraintKind::ForeignKey { columns, .. } => columns.as_slice(),
            _ => &[],
        };
        looks(columns) && *child != &target && context.is_large(child) && !is_indexed(context, child, &key.columns)
    });
    let found = scanned.map(|(child, key)| {
        Found::said(format!(
            "No index of {child} begins with {}: for each row of {target} the server reads all of {child}.",
            key.columns.join(", ")
        ))
    });
    found.into_iter().collect()
}

fn is_indexed(context: &Context<'_>, table: &Name, columns: &[String]) -> bool {
    let own: BTreeSet<&String> = columns.iter().collect();
    let relation = context.catalog.relation(table);
    let mut indexes = relation.into_iter().flat_map(|table| &table.indexes);
    indexes.any(|index| {
        let first: BTreeSet<&String> = index.keys.iter().take(own.len()).collect();
        index.valid && index.predicate.is_none() && first == own
    })
}
