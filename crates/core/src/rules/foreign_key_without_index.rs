//! The rule `foreign-key-without-index`.

use crate::catalog::Relation;
use crate::finding::Condition;
use crate::finding::{Category, Severity};
use crate::quote::Name;
use crate::rule::{Context, Found, rule};
use crate::sql::{ActionKind, ConstraintDef, ConstraintKindDef, Kind, NameRef};
use std::collections::BTreeSet;

rule! {
    /// No index begins with the columns of a foreign key.
    ///
    /// # What it catches
    /// A foreign key whose columns are the first of no index of its table, neither in its own file nor in a later one.
    ///
    /// # Why it hurts
    /// For each row of the referenced table that is deleted, or whose key changes, the server looks for rows that refer
    /// to it: without an index it reads the whole table each time, and the statement holds its locks for so long.
    ///
    /// # The safe way
    /// An index that begins with these columns; on a table in use built CONCURRENTLY, before the key.
    ///
    /// # When it is fine
    /// Nobody deletes rows of the referenced table or changes their keys; the table is small.
    ///
    /// ```sql bad
    /// CREATE TABLE "User" (id int PRIMARY KEY);
    /// CREATE TABLE "Session" (id int PRIMARY KEY, "userId" int REFERENCES "User" (id));
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE "User" (id int PRIMARY KEY);
    /// CREATE TABLE "Session" (id int PRIMARY KEY, "userId" int REFERENCES "User" (id));
    /// CREATE INDEX "Session_userId_idx" ON "Session" ("userId");
    /// ```
    code: "foreign-key-without-index",
    severity: Severity::Warning,
    category: Category::Compat,
    once: true,
    help: "Add an index that begins with these columns; on a table in use build it CONCURRENTLY.",
    url: "https://www.postgresql.org/docs/current/ddl-constraints.html#DDL-CONSTRAINTS-FK",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    let Some((table, keys)) = keys(context) else {
        return Vec::new();
    };
    let bare: Vec<&ConstraintDef> = keys
        .into_iter()
        .filter(|key| matches!(key.kind, ConstraintKindDef::ForeignKey { .. }))
        .filter(|key| !is_served(context, &table, &key.columns))
        .collect();
    let Some(first) = bare.first() else {
        return Vec::new();
    };
    let ConstraintKindDef::ForeignKey { references, .. } = &first.kind else {
        return Vec::new();
    };
    let more = match bare.len() {
        1 => String::new(),
        more => format!(" The same goes for {} more.", more - 1),
    };
    let message = format!(
        "No index of {table} begins with {}: each DELETE of a row of {references} reads all of {table}.{more}",
        first.columns.join(", ")
    );
    vec![Found {
        message,
        holds_while: Some(Condition::KeyWithoutIndex {
            table,
            columns: first.columns.clone(),
        }),
        ..Found::default()
    }]
}

/// The table, and the constraints that the statement gives it.
fn keys<'a>(context: &Context<'a>) -> Option<(Name, Vec<&'a ConstraintDef>)> {
    match &context.statement.kind {
        Kind::CreateTable(create) => {
            let inline = create.columns.iter().flat_map(|column| &column.inline);
            let all = inline.chain(&create.constraints).collect();
            Some((context.catalog.target(&create.name), all))
        }
        Kind::AlterTable(_) => {
            let added = context.actions().flat_map(|action| match action {
                ActionKind::AddConstraint(constraint) => std::slice::from_ref(constraint),
                ActionKind::AddColumn { column, .. } => &column.inline,
                _ => &[],
            });
            Some((context.altered()?, added.collect()))
        }
        _ => None,
    }
}

/// An index of the catalog, of the statement or of the rest of the file begins with these columns, in any order.
fn is_served(context: &Context<'_>, table: &Name, columns: &[String]) -> bool {
    let is_told = |relation: &Relation| !relation.columns.is_empty();
    if !context.catalog.relation(table).is_none_or(is_told) {
        // Nobody knows what indexes it has.
        return true;
    }
    let own: BTreeSet<&String> = columns.iter().collect();
    let begins = |keys: &[String]| keys.iter().take(own.len()).collect::<BTreeSet<_>>() == own;
    let relation = context.catalog.relation(table);
    let mut known = relation.into_iter().flat_map(|table| &table.indexes);
    let here = |name: &NameRef| {
        let place = || context.catalog.resolve_or_target(name);
        name.name == table.name && place() == *table
    };
    let unique = |constraint: &ConstraintDef| {
        let is_key = matches!(
            constraint.kind,
            ConstraintKindDef::Unique(_) | ConstraintKindDef::PrimaryKey(_)
        );
        is_key && begins(&constraint.columns)
    };
    let mut file = context.about(&table.name).into_iter().chain([context.statement]);
    known.any(|index| index.predicate.is_none() && begins(&index.keys))
        || file.any(|statement| match &statement.kind {
            Kind::CreateIndex(index) => index.predicate.is_none() && here(&index.table) && begins(&index.keys),
            Kind::CreateTable(create) if here(&create.name) => {
                let inline = create.columns.iter().flat_map(|column| &column.inline);
                inline.chain(&create.constraints).any(unique)
            }
            Kind::AlterTable(alter) if here(&alter.name) => alter.actions.iter().any(|action| match &action.kind {
                ActionKind::AddConstraint(constraint) => unique(constraint),
                ActionKind::AddColumn { column, .. } => column.inline.iter().any(unique),
                _ => false,
            }),
            _ => false,
        })
}
