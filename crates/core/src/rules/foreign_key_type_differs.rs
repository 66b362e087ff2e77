//! The rule `foreign-key-type-differs`.

use crate::catalog::ConstraintKind;
use crate::finding::{Category, Severity};
use crate::rule::{Context, Found, rule};
use crate::sql::{ActionKind, ColumnDef, ConstraintDef, ConstraintKindDef, Kind};

rule! {
    /// A foreign key's column has another type than the key.
    ///
    /// # What it catches
    /// A foreign key between two number columns of different types, such as `integer` and `bigint`.
    ///
    /// # Why it hurts
    /// The smaller column cannot hold every key: when the numbers grow past it, INSERTs fail. Each lookup casts.
    ///
    /// # The safe way
    /// The same type on both sides.
    ///
    /// # When it is fine
    /// Never for long.
    ///
    /// ```sql bad
    /// CREATE TABLE "User" (id bigint PRIMARY KEY);
    /// CREATE TABLE "Session" (id int PRIMARY KEY, "userId" int UNIQUE REFERENCES "User" (id));
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE "User" (id int PRIMARY KEY);
    /// CREATE TABLE "Session" (id int PRIMARY KEY, "userId" int UNIQUE REFERENCES "User" (id));
    /// ```
    code: "foreign-key-type-differs",
    severity: Severity::Warning,
    category: Category::Compat,
    help: "Give the column the type of the key.",
    url: "https://www.postgresql.org/docs/current/ddl-constraints.html#DDL-CONSTRAINTS-FK",
    check: check,
}

const NUMBERS: [&str; 4] = ["smallint", "integer", "bigint", "numeric"];

fn check(context: &Context<'_>) -> Vec<Found> {
    match &context.statement.kind {
        Kind::CreateTable(create) => {
            let of_own = |name: &str| own_type(&create.columns, name);
            let inline = create.columns.iter().flat_map(|column| &column.inline);
            let keys = inline.chain(&create.constraints);
            keys.filter_map(|key| differs(context, key, &of_own)).take(1).collect()
        }
        Kind::AlterTable(_) => {
            let added: Vec<&ColumnDef> = context
                .actions()
                .filter_map(|action| match action {
                    ActionKind::AddColumn { column, .. } => Some(column),
                    _ => None,
                })
                .collect();
            let table = context.altered();
            let known = table.as_ref().and_then(|table| context.catalog.relation(table));
            let of_own = |name: &str| {
                let new = added.iter().find(|column| column.name == name);
                let new = new.map(|column| type_of(column));
                new.or_else(|| Some(known?.column(name)?.type_name.clone()))
            };
            let keys = context.actions().flat_map(|action| match action {
                ActionKind::AddConstraint(constraint) => std::slice::from_ref(constraint),
                ActionKind::AddColumn { column, .. } => &column.inline,
                _ => &[],
            });
            keys.filter_map(|key| differs(context, key, &of_own)).take(1).collect()
        }
        _ => Vec::new(),
    }
}

fn differs(context: &Context<'_>, key: &ConstraintDef, of_own: &dyn Fn(&str) -> Option<String>) -> Option<Found> {
    let ConstraintKindDef::ForeignKey {
        references, columns, ..
    } = &key.kind
    else {
        return None;
    };
    let name = context.catalog.resolve(references)?;
    let referenced = context.catalog.relation(&name)?;
    let primary = referenced
        .constraints
        .iter()
        .find(|own| own.kind == ConstraintKind::PrimaryKey);
    let columns = match columns.as_slice() {
        [] => &primary?.columns,
        columns => columns,
    };
    let is_number = |name: &str| NUMBERS.contains(&name);
    key.columns.iter().zip(columns).find_map(|(own, other)| {
        let (from, to) = (of_own(own)?, &referenced.column(other)?.type_name);
        (from != *to && is_number(&from) && is_number(to))
            .then(|| Found::said(format!("{own} is {from}, and {name}.{other} is {to}.")))
    })
}

fn own_type(columns: &[ColumnDef], name: &str) -> Option<String> {
    columns.iter().find(|column| column.name == name).map(type_of)
}

fn type_of(column: &ColumnDef) -> String {
    column.type_ref.display.clone()
}
