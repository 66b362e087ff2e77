//! What would stop a change of a type on its way, looked for before anything is changed: values that do not cast, and what
//! hangs on the column that no catalog here knows.

use super::super::{Footprint, Key, Piece, check};
use super::Change;
use super::shadow::quoted;
use crate::catalog::{Catalog, TypeDef};
use crate::quote::{Ident, List, Literal, SqlText};
use crate::sql;
use crate::sql::TypeRef;
use crate::version::ServerVersion;

/// All checks of a change.
pub(super) fn checks(change: &Change<'_>) -> Vec<Piece> {
    let mut pieces = vec![hanging(change)];
    let to = &change.to.display;
    let name = format!("{}.{}", change.table, change.column.name);
    match misfit(change).filter(|_| !is_total(change)) {
        Some((condition, sqlstate)) => {
            let message = format!("{name} holds values that do not fit into {to}");
            // The labels of an enum are known before it is there.
            let print = if labels(change.catalog(), change.to).is_some() {
                print(change)
            } else {
                print_of_cast(change)
            };
            pieces.push(look(change, &condition, print, sqlstate, message));
        }
        None if !is_total(change) => pieces.push(tried(change)),
        None => {}
    }
    if change.column.not_null && change.using.is_some() {
        let condition = sql!("{} IS NOT DISTINCT FROM NULL", change.value());
        let message = format!("USING makes NULL of values of {name}, which is NOT NULL");
        pieces.push(look(change, &condition, print_of_cast(change), "23502", message));
    }
    pieces
}

fn print(change: &Change<'_>) -> Footprint {
    let using = change.using.iter().flat_map(|using| &using.columns);
    let columns: Vec<String> = using.chain([&change.column.name]).cloned().collect();
    let known = columns.into_iter().filter(|column| change.rel.column(column).is_some());
    Footprint::default().columns(change.table, &known.collect::<Vec<_>>())
}

/// Where the types of the expression must be there.
fn print_of_cast(change: &Change<'_>) -> Footprint {
    change
        .types()
        .fold(print(change), |print, name| print.read(Key::Object(name)))
}

fn look(change: &Change<'_>, condition: &SqlText, print: Footprint, sqlstate: &str, message: String) -> Piece {
    let key = change
        .rel
        .constraints
        .iter()
        .find(|own| own.kind == crate::catalog::ConstraintKind::PrimaryKey);
    let mut shown: Vec<&String> = key.iter().flat_map(|key| &key.columns).collect();
    shown.retain(|column| **column != change.column.name);
    shown.push(&change.column.name);
    let columns: Vec<String> = shown.iter().map(|column| (*column).clone()).collect();
    let print = print.columns(change.table, &columns);
    let shown: Vec<Ident<'_>> = shown.into_iter().map(|column| Ident(column)).collect();
    let find_all = sql!("SELECT {} FROM {} WHERE {}", List(&shown), change.table, condition);
    check::piece(change.statement, find_all, print, sqlstate, message)
}

/// Every value is computed once: the server itself says which one it does not take.
fn tried(change: &Change<'_>) -> Piece {
    let find_all = sql!(
        "SELECT count(v) FROM (SELECT CAST({} AS {}) AS v FROM {}) AS tried HAVING count(v) < 0",
        change.value(),
        without_collation(change.definition),
        change.table
    );
    let message = format!("{}.{} holds values that do not cast", change.table, change.column.name);
    check::piece(change.statement, find_all, print_of_cast(change), "22000", message)
}

/// The COLLATE of a type is none of a cast's business.
fn without_collation(definition: &SqlText) -> SqlText {
    let text = definition.as_str();
    SqlText::verbatim(text.split_once(" COLLATE ").map_or(text, |(bare, _)| bare))
}

/// Objects that use the column and that nonstop does not carry over: publications, indexes in a tablespace of their own.
fn hanging(change: &Change<'_>) -> Piece {
    let table = quoted(change.table);
    let find_all = sql!(
        "SELECT pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid) AS object FROM pg_catalog.pg_depend d \
         JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid \
         LEFT JOIN pg_catalog.pg_class c ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND c.oid = d.objid \
         WHERE d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = {}::pg_catalog.regclass AND a.attname = {} \
         AND d.classid <> ALL (ARRAY['pg_catalog.pg_constraint', 'pg_catalog.pg_attrdef', 'pg_catalog.pg_rewrite', 'pg_catalog.pg_trigger', \
         'pg_catalog.pg_policy']::pg_catalog.regclass[]) AND (c.oid IS NULL OR c.relkind NOT IN ('i', 'S') OR c.relkind = 'i' AND c.reltablespace <> 0)",
        Literal(table.as_str()),
        Literal(&change.column.name)
    );
    let message = format!(
        "something hangs on {}.{} that nonstop does not carry over to a column of another type",
        change.table, change.column.name
    );
    check::piece(change.statement, find_all, print(change), "0A000", message)
}

/// What is true of values that the change would not take, where a condition can say it, and the error they would give.
fn misfit(change: &Change<'_>) -> Option<(SqlText, &'static str)> {
    // With an expression of its own, only `column::type` is one of these.
    let is_cast = change.cast.is_some_and(|cast| cast == change.to);
    let value = sql!("{}", Ident(&change.column.name));
    if let Some(labels) = labels(change.catalog(), change.to) {
        return enumerated(change, &value, &labels);
    }
    if change.using.is_some() && !is_cast {
        return None;
    }
    let (from, _) = split(&change.column.type_name);
    let (to, modifiers) = split(&change.to.display);
    let numeric = NUMBERS.contains(&from);
    match (to, modifiers.as_slice()) {
        ("smallint" | "integer" | "bigint", _) if numeric => {
            let (low, high) = limits(to)?;
            let whole = match from {
                "real" | "double precision" => sql!("pg_catalog.round({}::double precision)", value),
                "numeric" => sql!("pg_catalog.round({})", value),
                _ => value.clone(),
            };
            let (low, high) = (SqlText::verbatim(low), SqlText::verbatim(high));
            Some((sql!("{} NOT BETWEEN {} AND {}", whole, low, high), "22003"))
        }
        ("numeric", [precision, rest @ ..]) if numeric && !matches!(from, "real" | "double precision") => {
            let scale = rest.first().copied().unwrap_or(0);
            let whole = u32::try_from(precision - scale).ok()?;
            let limit = SqlText::verbatim(format!("1{}", "0".repeat(whole as usize)));
            let scale = u64::try_from(scale).ok()?;
            let rounded = sql!("pg_catalog.abs(pg_catalog.round({}::numeric, {}))", value, scale);
            Some((
                sql!("{}::numeric <> 'NaN' AND {} >= {}", value, rounded, limit),
                "22003",
            ))
        }
        ("character varying" | "character", [length, ..]) if !is_cast && STRINGS.contains(&from) => {
            let length = u64::try_from(*length).ok()?;
            Some((
                sql!("pg_catalog.char_length(pg_catalog.rtrim({}::text)) > {}", value, length),
                "22001",
            ))
        }
        _ if STRINGS.contains(&from) && change.catalog().version >= ServerVersion::of_major(16) => Some((
            sql!(
                "NOT pg_catalog.pg_input_is_valid({}::text, {})",
                value,
                Literal(without_collation(change.definition).as_str())
            ),
            "22P02",
        )),
        ("smallint" | "integer" | "bigint", _) if STRINGS.contains(&from) => {
            let (low, high) = limits(to)?;
            let (low, high) = (SqlText::verbatim(low), SqlText::verbatim(high));
            Some((
                sql!(
                    "CASE WHEN {}::text ~ '^\\s*[-+]?[0-9]+\\s*$' THEN {}::text::numeric NOT BETWEEN {} AND {} ELSE {} IS NOT NULL END",
                    value,
                    value,
                    low,
                    high,
                    value
                ),
                "22P02",
            ))
        }
        ("uuid", _) if STRINGS.contains(&from) => {
            Some((sql!("{}::text !~* '^\\{?([0-9a-f]{4}-?){8}\\}?$'", value), "22P02"))
        }
        _ => None,
    }
}

/// By its text into an enum: the values that are none of its labels.
fn enumerated(change: &Change<'_>, value: &SqlText, labels: &[String]) -> Option<(SqlText, &'static str)> {
    let using = change.using?;
    let casts = |c: char| c.is_alphanumeric() || " ()\"_.:".contains(c);
    if !using.functions.is_empty() || !using.sql.chars().all(casts) || labels.is_empty() {
        return None;
    }
    let labels: Vec<Literal<'_>> = labels.iter().map(|label| Literal(label)).collect();
    Some((sql!("{}::text NOT IN ({})", value, List(&labels)), "22P02"))
}

fn labels(catalog: &Catalog, to: &TypeRef) -> Option<Vec<String>> {
    let name = catalog.resolve_type(to.user.as_ref().filter(|_| !to.array)?)?;
    match catalog.types.get(&name)? {
        TypeDef::Enum(labels) => Some(labels.clone()),
        _ => None,
    }
}

/// Whether every value surely casts.
fn is_total(change: &Change<'_>) -> bool {
    if change.using.is_some() && change.cast.is_none_or(|cast| cast != change.to) {
        return false;
    }
    let ((from, _), (to, modifiers)) = (split(&change.column.type_name), split(&change.to.display));
    let rank = |name: &str| {
        ["smallint", "integer", "bigint", "numeric"]
            .iter()
            .position(|own| *own == name)
    };
    let wider = matches!((rank(from), rank(to)), (Some(from), Some(to)) if from <= to) && from != "numeric";
    modifiers.is_empty() && (wider || matches!(to, "text" | "character varying"))
}

fn limits(to: &str) -> Option<(&'static str, &'static str)> {
    match to {
        "smallint" => Some(("-32768", "32767")),
        "integer" => Some(("-2147483648", "2147483647")),
        "bigint" => Some(("-9223372036854775808", "9223372036854775807")),
        _ => None,
    }
}

/// A type's name and its modifiers.
fn split(display: &str) -> (&str, Vec<i32>) {
    match display.split_once('(') {
        Some((name, rest)) if rest.ends_with(')') => {
            let inside = rest.trim_end_matches(')').split(',');
            (name.trim_end(), inside.filter_map(|n| n.trim().parse().ok()).collect())
        }
        _ => (display, Vec::new()),
    }
}

const NUMBERS: &[&str] = &["smallint", "integer", "bigint", "numeric", "real", "double precision"];
const STRINGS: &[&str] = &["text", "character varying", "character"];
