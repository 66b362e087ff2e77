//! The rule `drop-unique-breaks-upserts`.

use crate::catalog::Index;
use crate::finding::{Category, Severity};
use crate::quote::Name;
use crate::rule::{Context, Found, rule};
use crate::sql::{ActionKind, ConstraintKindDef, Kind, ObjectKind};
use std::collections::BTreeSet;

rule! {
    /// ON CONFLICT fails without the unique index that it names.
    ///
    /// # What it catches
    /// `DROP CONSTRAINT` of a UNIQUE or PRIMARY KEY, or `DROP INDEX` of a unique index, where no other unique index has
    /// the same columns.
    ///
    /// # Why it hurts
    /// `INSERT … ON CONFLICT (columns)` needs a unique index of exactly these columns: without it every such statement
    /// fails with SQLSTATE 42P10, Prisma's `upsert` among them.
    ///
    /// # The safe way
    /// Build the index that the new code needs first; move the code; drop the old one.
    ///
    /// # When it is fine
    /// No statement says ON CONFLICT with these columns.
    ///
    /// ```sql bad
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// ALTER TABLE "Tip" ADD CONSTRAINT "Tip_userId_key" UNIQUE ("userId");
    /// -- next migration
    /// ALTER TABLE "Tip" DROP CONSTRAINT "Tip_userId_key";
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// ALTER TABLE "Tip" ADD CONSTRAINT "Tip_userId_key" UNIQUE ("userId");
    /// CREATE UNIQUE INDEX again ON "Tip" ("userId");
    /// -- next migration
    /// ALTER TABLE "Tip" DROP CONSTRAINT "Tip_userId_key";
    /// ```
    code: "drop-unique-breaks-upserts",
    severity: Severity::Warning,
    category: Category::Compat,
    help: "Build the index that the new code needs first, move the code, then drop this one.",
    url: "https://www.postgresql.org/docs/current/sql-insert.html#SQL-ON-CONFLICT",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    let dropped = dropped(context);
    let Some((table, index)) = dropped.first() else {
        return Vec::new();
    };
    let own: BTreeSet<&String> = index.keys.iter().collect();
    let gone: Vec<&str> = dropped.iter().map(|(_, index)| index.name.as_str()).collect();
    let others = context
        .catalog
        .relation(table)
        .into_iter()
        .flat_map(|table| &table.indexes);
    let mut others = others.filter(|other| other.unique && other.valid && !gone.contains(&other.name.as_str()));
    let is_same = |keys: &[String]| keys.iter().collect::<BTreeSet<_>>() == own;
    let plain = index.predicate.is_none() && index.keys.iter().all(|key| !key.is_empty());
    let remains = others.any(|other| is_same(&other.keys) && other.predicate.is_none());
    let goes_anyway = is_built_again(context, table, &is_same) || loses_column(context, table, &index.keys);
    if !plain || remains || goes_anyway {
        return Vec::new();
    }
    vec![Found::said(format!(
        "Without {} every INSERT into {table} with ON CONFLICT ({}) fails.",
        index.name,
        index.keys.join(", ")
    ))]
}

/// The unique indexes that it drops of a table that was there before.
fn dropped<'a>(context: &Context<'a>) -> Vec<(Name, &'a Index)> {
    let catalog = context.catalog;
    let found: Vec<(Name, &Index)> = match &context.statement.kind {
        Kind::Drop(drop) if drop.object == ObjectKind::Index => {
            let indexes = drop.names.iter().filter_map(|name| catalog.resolve_index(name));
            indexes.map(|(table, index)| (table.clone(), index)).collect()
        }
        Kind::AlterTable(_) => {
            let dropped = context.actions().filter_map(|action| match action {
                ActionKind::DropConstraint { name, .. } => Some(name),
                _ => None,
            });
            let table = context.altered();
            let relation = table.as_ref().and_then(|table| catalog.relation(table));
            let index = |name: &String| {
                let mut indexes = relation?.indexes.iter();
                Some((
                    table.clone()?,
                    indexes.find(|index| index.constraint.as_ref() == Some(name))?,
                ))
            };
            dropped.filter_map(index).collect()
        }
        _ => Vec::new(),
    };
    let used = |(table, index): &(Name, &Index)| index.unique && context.is_shared(table);
    found.into_iter().filter(used).collect()
}

/// The file drops one of the columns, or the table: then nothing can conflict on them.
fn loses_column(context: &Context<'_>, table: &Name, keys: &[String]) -> bool {
    let here = |name| context.catalog.resolve(name).as_ref() == Some(table);
    context.around.script.iter().any(|statement| match &statement.kind {
        Kind::AlterTable(alter) if here(&alter.name) => alter.actions.iter().any(|action| match &action.kind {
            ActionKind::DropColumn { name, .. } => keys.contains(name),
            _ => false,
        }),
        Kind::Drop(drop) => drop.object == ObjectKind::Table && drop.names.iter().any(here),
        _ => false,
    })
}

/// The file makes a unique index of the same columns, before or after.
fn is_built_again(context: &Context<'_>, table: &Name, is_same: &dyn Fn(&[String]) -> bool) -> bool {
    let here = |name| context.catalog.resolve(name).as_ref() == Some(table);
    context.around.script.iter().any(|statement| match &statement.kind {
        Kind::CreateIndex(index) => {
            index.unique && index.predicate.is_none() && here(&index.table) && is_same(&index.keys)
        }
        Kind::AlterTable(alter) if here(&alter.name) => alter.actions.iter().any(|action| match &action.kind {
            ActionKind::AddConstraint(constraint) => {
                matches!(
                    constraint.kind,
                    ConstraintKindDef::Unique(_) | ConstraintKindDef::PrimaryKey(_)
                ) && is_same(&constraint.columns)
            }
            _ => false,
        }),
        _ => false,
    })
}
