//! PL/pgSQL bodies: the SQL statements in them, as far as they can be read without running them.

use super::super::{Body, Kind, Query};
use super::{names, parse_fragment};
use serde_json::Value;

/// The statements of a `DO` block's body.
pub(super) fn of_block(body: &str) -> Body {
    let mut tag = "$nonstop$".to_owned();
    while body.contains(&tag) {
        tag.insert(1, 'x');
    }
    of_definition(&format!(
        "CREATE FUNCTION nonstop_body() RETURNS void LANGUAGE plpgsql AS {tag}{body}{tag}"
    ))
}

fn of_definition(definition: &str) -> Body {
    let mut body = Body::default();
    match pg_query::parse_plpgsql(definition) {
        Ok(tree) => walk(&tree, &mut body),
        Err(_) => body.opaque = true,
    }
    for (at, statement) in body.statements.iter_mut().enumerate() {
        statement.ordinal = at + 1;
    }
    body
}

fn walk(tree: &Value, body: &mut Body) {
    match tree {
        Value::Array(items) => items.iter().for_each(|item| walk(item, body)),
        Value::Object(fields) => {
            for (name, value) in fields {
                match name.as_str() {
                    "PLpgSQL_stmt_dynexecute" => dynamic(value, body),
                    "PLpgSQL_stmt_dynfors" | "PLpgSQL_stmt_call" => {
                        body.opaque = true;
                        walk(value, body);
                    }
                    "PLpgSQL_expr" => expression(value, body),
                    _ => walk(value, body),
                }
            }
        }
        _ => {}
    }
}

fn text_of(expr: &Value) -> Option<&str> {
    expr.get("query").and_then(Value::as_str)
}

/// A whole statement, or an expression: those are read as `SELECT expression`, for what they read and call.
fn expression(expr: &Value, body: &mut Body) {
    let Some(text) = text_of(expr) else { return };
    let parsed = parse_fragment(text).or_else(|| parse_fragment(&format!("SELECT {text}")));
    match parsed {
        Some(statements) => body
            .statements
            .extend(statements.into_iter().filter(|s| !is_harmless(&s.kind))),
        // `x := expression`: the right-hand side is an expression.
        None => match text
            .split_once(":=")
            .and_then(|(_, right)| parse_fragment(&format!("SELECT {right}")))
        {
            Some(statements) => body
                .statements
                .extend(statements.into_iter().filter(|s| !is_harmless(&s.kind))),
            None => body.opaque = true,
        },
    }
}

fn is_harmless(kind: &Kind) -> bool {
    matches!(kind, Kind::Select(Query { reads, writes, functions, .. }) if reads.is_empty() && writes.is_empty() && functions.is_empty())
}

/// `EXECUTE` of a constant is that statement; of anything else, unknown.
fn dynamic(statement: &Value, body: &mut Body) {
    let text = statement
        .get("query")
        .and_then(|query| query.get("PLpgSQL_expr"))
        .and_then(text_of);
    let constant = text
        .and_then(|text| pg_query::parse(&format!("SELECT {text}"), pg_query::ParserOptions::DEFAULT).ok())
        .and_then(single_constant);
    match constant.as_deref().and_then(parse_fragment) {
        Some(statements) => body.statements.extend(statements),
        None => body.opaque = true,
    }
}

fn single_constant(parsed: pg_query::ParseResult) -> Option<String> {
    let stmt = parsed.protobuf.stmts.into_iter().next()?.stmt?;
    let Some(pg_query::NodeEnum::SelectStmt(select)) = stmt.node else {
        return None;
    };
    let target = select.target_list.into_iter().next()?;
    match target.node? {
        pg_query::NodeEnum::ResTarget(target) => match target.val?.node? {
            node @ pg_query::NodeEnum::AConst(_) => names::constant(&pg_query::protobuf::Node { node: Some(node) }),
            _ => None,
        },
        _ => None,
    }
}
