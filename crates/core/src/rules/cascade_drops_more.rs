//! The rule `cascade-drops-more`.

use crate::catalog::ConstraintKind;
use crate::finding::{Category, Severity};
use crate::quote::Name;
use crate::rule::{Context, Found, rule};
use crate::sql::{ActionKind, Kind, NameRef, ObjectKind};

rule! {
    /// CASCADE takes along what the statement does not name.
    ///
    /// # What it catches
    /// `DROP TABLE`, `DROP VIEW`, `DROP COLUMN` or `DROP CONSTRAINT … CASCADE` where views or foreign keys depend on
    /// what is dropped, and `TRUNCATE … CASCADE` where other tables refer to the table.
    ///
    /// # Why it hurts
    /// The views and the foreign keys are gone without a word in the file, or the rows of the other tables: code fails,
    /// and orphans come in. Each table concerned is locked in ACCESS EXCLUSIVE.
    ///
    /// # The safe way
    /// Without CASCADE. Drop what depends on it by name, one at a time, so that everybody can read what goes.
    ///
    /// # When it is fine
    /// All that depends on it is meant.
    ///
    /// ```sql bad also drop-table-breaks-code
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// CREATE VIEW tips AS SELECT id, amount FROM "Tip";
    /// -- next migration
    /// DROP TABLE "Tip" CASCADE;
    /// ```
    ///
    /// ```sql bad also truncate-loses-rows
    /// CREATE TABLE "User" (id int PRIMARY KEY);
    /// CREATE TABLE "Session" (id int PRIMARY KEY, "userId" int REFERENCES "User" (id));
    /// CREATE INDEX "Session_userId_idx" ON "Session" ("userId");
    /// -- next migration
    /// TRUNCATE "User" CASCADE;
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// CREATE TABLE other (id int);
    /// -- next migration
    /// ALTER TABLE other DROP CONSTRAINT IF EXISTS nothing CASCADE;
    /// ```
    code: "cascade-drops-more",
    severity: Severity::Warning,
    category: Category::DataLoss,
    help: "Leave CASCADE out, and drop by name what depends on it.",
    url: "https://www.postgresql.org/docs/current/ddl-depend.html",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    if let Kind::Truncate {
        tables, cascade: true, ..
    } = &context.statement.kind
    {
        return truncated(context, tables);
    }
    let mut parts: Vec<String> = Vec::new();
    for (target, column) in targets(context) {
        if !context.is_shared(&target) {
            continue;
        }
        for view in readers(context, &target, column) {
            parts.push(format!("the view {view}"));
        }
        for (child, constraint) in context.catalog.referencing(&target) {
            let uses = match (&constraint.kind, column) {
                (ConstraintKind::ForeignKey { columns, .. }, Some(column)) => columns.iter().any(|own| own == column),
                _ => true,
            };
            if uses && *child != target && !is_dropped(context, child) {
                parts.push(format!("the foreign key {} of {child}", constraint.name));
            }
        }
    }
    parts.sort_unstable();
    parts.dedup();
    match parts.as_slice() {
        [] => Vec::new(),
        [one] => vec![Found::said(format!("CASCADE drops {one} as well."))],
        [one, two] => vec![Found::said(format!("CASCADE drops {one} and {two} as well."))],
        [one, two, more @ ..] => vec![Found::said(format!(
            "CASCADE drops {one}, {two} and {} more as well.",
            more.len()
        ))],
    }
}

fn truncated(context: &Context<'_>, tables: &[NameRef]) -> Vec<Found> {
    let named: Vec<Name> = tables.iter().filter_map(|name| context.catalog.resolve(name)).collect();
    let mut emptied = named.clone();
    let mut at = 0;
    while at < emptied.len() {
        let table = emptied[at].clone();
        for (child, _) in context.catalog.referencing(&table) {
            if !emptied.contains(child) {
                emptied.push(child.clone());
            }
        }
        at += 1;
    }
    let more: Vec<String> = emptied[named.len()..].iter().map(Name::to_string).collect();
    match more.as_slice() {
        [] => Vec::new(),
        more => vec![Found::said(format!(
            "CASCADE empties {} as well, whose rows refer to it.",
            more.join(", ")
        ))],
    }
}

/// What is dropped with CASCADE; for a column, which.
fn targets<'a>(context: &Context<'a>) -> Vec<(Name, Option<&'a str>)> {
    match &context.statement.kind {
        Kind::Drop(drop) if drop.cascade && drop.object != ObjectKind::Index => {
            let names = drop.names.iter().filter_map(|name| context.catalog.resolve(name));
            names.map(|name| (name, None)).collect()
        }
        Kind::AlterTable(_) => {
            let dropped = context.actions().filter_map(|action| match action {
                ActionKind::DropColumn {
                    name, cascade: true, ..
                } => Some(name.as_str()),
                _ => None,
            });
            let table = context.altered();
            let columns = dropped.filter_map(|column| Some((table.clone()?, Some(column))));
            columns.chain(keys(context)).collect()
        }
        _ => Vec::new(),
    }
}

/// The first column of a key that is dropped with CASCADE: who refers to the key names it.
fn keys<'a>(context: &Context<'a>) -> Vec<(Name, Option<&'a str>)> {
    let Some(table) = context.altered() else {
        return Vec::new();
    };
    let relation = context.catalog.relation(&table);
    let dropped = context.actions().filter_map(|action| match action {
        ActionKind::DropConstraint {
            name, cascade: true, ..
        } => relation?.constraint(name),
        _ => None,
    });
    let keys =
        dropped.filter(|constraint| matches!(constraint.kind, ConstraintKind::PrimaryKey | ConstraintKind::Unique));
    keys.filter_map(|key| Some((table.clone(), Some(key.columns.first()?.as_str()))))
        .collect()
}

/// Views that read the target, and views that read those.
fn readers(context: &Context<'_>, target: &Name, column: Option<&str>) -> Vec<Name> {
    let mut found: Vec<Name> = Vec::new();
    let mut asked = vec![(target.clone(), column)];
    while let Some((name, column)) = asked.pop() {
        for (view, columns) in context.catalog.readers(&name) {
            let reads = column.is_none_or(|column| columns.contains(column));
            if reads && !found.contains(view) && !is_dropped(context, view) {
                found.push(view.clone());
                asked.push((view.clone(), None));
            }
        }
    }
    found
}

fn is_dropped(context: &Context<'_>, name: &Name) -> bool {
    match &context.statement.kind {
        Kind::Drop(drop) => drop
            .names
            .iter()
            .any(|own| context.catalog.resolve(own).as_ref() == Some(name)),
        _ => false,
    }
}
