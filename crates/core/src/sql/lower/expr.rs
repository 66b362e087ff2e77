//! Expressions as text, with what they use; rendering parts of statements with the parser's own deparser.

use super::plain;
use crate::catalog::Expression;
use crate::quote::SqlText;
use pg_query::protobuf::{self, Node, RangeVar, Token};
use pg_query::{DeparseOptions, NodeEnum};
use std::collections::BTreeSet;

/// A node's SQL, or `None` where the deparser does not know it.
pub(super) fn deparse(node: NodeEnum) -> Option<String> {
    let stmt = protobuf::RawStmt {
        stmt: Some(Box::new(Node { node: Some(node) })),
        stmt_location: 0,
        stmt_len: 0,
    };
    let result = protobuf::ParseResult {
        version: 180_000,
        stmts: vec![stmt],
    };
    pg_query::deparse(&result, DeparseOptions::default()).ok()
}

/// Stands for the table in statements that are rendered only to take a part of them.
pub(super) fn placeholder() -> RangeVar {
    RangeVar {
        relname: "x".to_owned(),
        inh: true,
        relpersistence: "p".to_owned(),
        ..RangeVar::default()
    }
}

/// An expression's SQL.
pub(super) fn render(node: &Node) -> Option<String> {
    let target = protobuf::ResTarget {
        val: Some(Box::new(node.clone())),
        ..Default::default()
    };
    let select = protobuf::SelectStmt {
        target_list: vec![Node {
            node: Some(NodeEnum::ResTarget(Box::new(target))),
        }],
        limit_option: protobuf::LimitOption::Default.into(),
        op: protobuf::SetOperation::SetopNone.into(),
        ..Default::default()
    };
    Some(
        deparse(NodeEnum::SelectStmt(Box::new(select)))?
            .strip_prefix("SELECT ")?
            .to_owned(),
    )
}

/// An expression with the columns and functions it uses.
///
/// Columns are every identifier that is not a function's or a type's name: a superset, which the catalog narrows to
/// what its table has.
pub(super) fn expression(node: &Node) -> Expression {
    plain::expression(node).unwrap_or_else(|| deparse_expression(node))
}

/// The same for any expression.
pub(super) fn deparse_expression(node: &Node) -> Expression {
    let sql = render(node).unwrap_or_default();
    let (columns, functions) = uses(&sql);
    Expression {
        sql,
        columns,
        functions,
    }
}

/// The same as [`SqlText`], for putting into statements.
pub(super) fn sql(node: &Node) -> SqlText {
    SqlText::verbatim(render(node).unwrap_or_default())
}

/// Names of columns, and of functions, in the text of an expression or a query.
pub(super) fn uses(sql: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut columns, mut functions) = (BTreeSet::new(), BTreeSet::new());
    let Ok(words) = super::tokens(sql) else {
        return (columns, functions);
    };
    let text = |at: usize| words.get(at).map_or("", |w| &sql[w.start..w.end]);
    let mut at = 0;
    while at < words.len() {
        if !is_name(words[at].token, text(at)) {
            at += 1;
            continue;
        }
        let mut last = unquote(text(at));
        let mut name = last.clone();
        let after_cast = at > 0 && text(at - 1) == "::";
        while text(at + 1) == "." && at + 2 < words.len() {
            last = unquote(text(at + 2));
            name = format!("{name}.{last}");
            at += 2;
        }
        if text(at + 1) == "(" && !after_cast {
            functions.insert(name);
        } else if !after_cast {
            // A quoted name may hold a dot itself.
            columns.insert(last);
        }
        at += 1;
    }
    functions.extend(value_functions(&words, sql));
    (columns, functions)
}

pub(super) fn is_name(token: Token, text: &str) -> bool {
    if matches!(token, Token::Ident | Token::Uident) {
        return true;
    }
    let word = text.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_');
    word && !is_reserved(text)
}

/// Whether a word is one of those that may stand inside an expression and are no names.
pub(super) fn is_reserved(word: &str) -> bool {
    RESERVED.contains(&word.to_ascii_uppercase().as_str())
}

/// Reserved words that may stand inside an expression and are no names.
const RESERVED: &[&str] = &[
    "ALL",
    "AND",
    "ANY",
    "ARRAY",
    "AS",
    "ASC",
    "AT",
    "BETWEEN",
    "CASE",
    "CAST",
    "COLLATE",
    "CURRENT_CATALOG",
    "CURRENT_DATE",
    "CURRENT_ROLE",
    "CURRENT_TIME",
    "CURRENT_TIMESTAMP",
    "CURRENT_USER",
    "DESC",
    "DISTINCT",
    "ELSE",
    "END",
    "ESCAPE",
    "EXISTS",
    "FALSE",
    "FROM",
    "ILIKE",
    "IN",
    "INTERVAL",
    "IS",
    "ISNULL",
    "LIKE",
    "LOCALTIME",
    "LOCALTIMESTAMP",
    "NOT",
    "NOTNULL",
    "NULL",
    "ON",
    "OR",
    "ORDER",
    "OVERLAPS",
    "ROW",
    "SELECT",
    "SESSION_USER",
    "SIMILAR",
    "SOME",
    "SYMMETRIC",
    "THEN",
    "TO",
    "TRUE",
    "USER",
    "USING",
    "WHEN",
    "WHERE",
    "ZONE",
];

/// `CURRENT_TIMESTAMP` and its kin are functions without parentheses.
fn value_functions(words: &[super::Word], sql: &str) -> Vec<String> {
    let known = [
        "current_timestamp",
        "current_date",
        "current_time",
        "localtime",
        "localtimestamp",
        "current_user",
        "session_user",
    ];
    let texts = words.iter().map(|w| sql[w.start..w.end].to_ascii_lowercase());
    texts.filter(|text| known.contains(&text.as_str())).collect()
}

pub(super) fn unquote(name: &str) -> String {
    match name.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inner) => inner.replace("\"\"", "\""),
        None => name.to_lowercase(),
    }
}
