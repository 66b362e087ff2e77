//! The rule `function-still-uses-it`.

use crate::finding::{Category, Severity};
use crate::quote::Name;
use crate::rule::{Context, Found, rule};
use crate::sql::{ActionKind, Kind, NameRef, ObjectKind, Statement};

rule! {
    /// A function names what is dropped or renamed.
    ///
    /// # What it catches
    /// `DROP` or `RENAME` of a column or table whose name stands in the body of a SQL or PL/pgSQL function, and the
    /// file does not replace that function.
    ///
    /// # Why it hurts
    /// The server does not look into bodies: the statement succeeds, and the function fails when it is next called
    /// (SQLSTATE 42703 or 42P01), a trigger with every write of its table.
    ///
    /// # The safe way
    /// `CREATE OR REPLACE FUNCTION` in the same transaction, or drop the function first.
    ///
    /// # When it is fine
    /// The name in the body means something else.
    ///
    /// ```sql bad also drop-column-breaks-code
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// CREATE FUNCTION total() RETURNS bigint LANGUAGE sql AS $$ SELECT sum(amount) FROM "Tip" $$;
    /// -- next migration
    /// ALTER TABLE "Tip" DROP COLUMN amount;
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// CREATE FUNCTION total() RETURNS bigint LANGUAGE sql AS $$ SELECT sum(amount) FROM "Tip" $$;
    /// -- next migration
    /// CREATE OR REPLACE FUNCTION total() RETURNS bigint LANGUAGE sql AS $$ SELECT count(*) FROM "Tip" $$;
    /// ALTER TABLE "Tip" ADD COLUMN paid boolean;
    /// ```
    code: "function-still-uses-it",
    severity: Severity::Warning,
    category: Category::Reliability,
    help: "Replace the function in the same transaction.",
    url: "https://www.postgresql.org/docs/current/xfunc-sql.html",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    let gone = gone(context);
    if gone.is_empty() {
        return Vec::new();
    }
    let replaced: Vec<&NameRef> = context.around.script.iter().filter_map(replaces).collect();
    for (name, overloads) in &context.catalog.functions {
        let is_replaced = replaced
            .iter()
            .any(|own| own.name == name.name && own.schema.as_ref().is_none_or(|schema| *schema == name.schema));
        if is_replaced {
            continue;
        }
        for function in overloads
            .iter()
            .filter(|own| matches!(own.language.as_str(), "sql" | "plpgsql"))
        {
            let uses = |(table, column): &(Name, Option<&str>)| {
                let of_trigger = || triggers(context, table).any(|function| function == name);
                let own = [
                    column.is_none_or(|_| !of_trigger()).then_some(table.name.as_str()),
                    *column,
                ];
                function.names(own.into_iter().flatten())
            };
            if let Some((table, column)) = gone.iter().find(|gone| uses(gone)) {
                let what = column.map_or_else(|| table.to_string(), |column| format!("{table}.{column}"));
                return vec![Found::said(format!(
                    "The body of function {name} names {what}: the function fails when it is next called."
                ))];
            }
        }
    }
    Vec::new()
}

/// What is dropped or renamed: a table, or a column of it.
fn gone<'a>(context: &Context<'a>) -> Vec<(Name, Option<&'a str>)> {
    let resolve = |name: &NameRef| context.catalog.resolve(name).filter(|name| context.is_shared(name));
    match &context.statement.kind {
        Kind::Drop(drop) if drop.object == ObjectKind::Table => {
            let names = drop.names.iter().filter_map(resolve);
            names.map(|name| (name, None)).collect()
        }
        Kind::Rename(rename) => {
            let column = match rename.object {
                ObjectKind::Table => None,
                ObjectKind::Column => rename.member.as_deref(),
                _ => return Vec::new(),
            };
            resolve(&rename.name).into_iter().map(|name| (name, column)).collect()
        }
        Kind::AlterTable(alter) => {
            let dropped = context.actions().filter_map(|action| match action {
                ActionKind::DropColumn { name, .. } => Some(name.as_str()),
                _ => None,
            });
            let table = resolve(&alter.name);
            dropped
                .filter_map(|column| Some((table.clone()?, Some(column))))
                .collect()
        }
        _ => Vec::new(),
    }
}

fn replaces(statement: &Statement) -> Option<&NameRef> {
    match &statement.kind {
        Kind::CreateFunction(function) => Some(&function.name),
        Kind::Drop(drop) if drop.object == ObjectKind::Function => drop.names.first(),
        _ => None,
    }
}

fn triggers<'a>(context: &Context<'a>, table: &Name) -> impl Iterator<Item = &'a Name> {
    let relation = context.catalog.relation(table);
    relation
        .into_iter()
        .flat_map(|table| &table.triggers)
        .map(|trigger| &trigger.function)
}
