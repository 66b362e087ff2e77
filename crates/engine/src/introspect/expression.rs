//! Which columns and functions an expression names.
//!
//! The text comes from the server's own deparser, which has few forms: a call has no blank before its parenthesis, a
//! type stands only behind `::`, and strings are plain or `E''`. So a scan of its tokens is enough here.

use nonstop_core::catalog::Expression;
use std::collections::BTreeSet;

/// Forms of the grammar that look like calls and are none.
const NOT_CALLS: [&str; 12] = [
    "coalesce", "greatest", "least", "nullif", "row", "array", "any", "all", "exists", "in", "interval", "grouping",
];

/// Words that carry on the name of a type.
const TYPE_WORDS: [&str; 13] = [
    "varying",
    "precision",
    "with",
    "without",
    "time",
    "zone",
    "year",
    "month",
    "day",
    "hour",
    "minute",
    "second",
    "to",
];

/// An expression from deparsed text; only names among `columns` count as columns.
pub(super) fn expression<'a>(sql: String, columns: impl IntoIterator<Item = &'a str>) -> Expression {
    let known: BTreeSet<&str> = columns.into_iter().collect();
    let (names, functions) = scan(&sql);
    let columns = names.into_iter().filter(|name| known.contains(name.as_str())).collect();
    Expression {
        sql,
        columns,
        functions,
    }
}

/// Names that may be columns, and names that are called.
fn scan(sql: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let mut names = BTreeSet::new();
    let mut functions = BTreeSet::new();
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        rest = if let Some(after) = rest.strip_prefix("::") {
            after_type(after)
        } else if first == '\'' {
            after_string(&rest[1..], false)
        } else if let Some(after) = rest.strip_prefix("E'") {
            after_string(after, true)
        } else if starts_name(rest) {
            let (parts, after) = dotted(rest);
            note(&parts, after.starts_with('('), &mut names, &mut functions);
            after
        } else if first.is_ascii_digit() {
            rest.trim_start_matches(|ch: char| ch.is_ascii_alphanumeric() || ch == '.')
        } else {
            &rest[first.len_utf8()..]
        };
    }
    (names, functions)
}

fn note(parts: &[String], called: bool, names: &mut BTreeSet<String>, functions: &mut BTreeSet<String>) {
    let dotted = parts.join(".");
    if !called {
        names.extend(parts.last().cloned());
    } else if !NOT_CALLS.contains(&dotted.to_lowercase().as_str()) {
        functions.insert(dotted);
    }
}

/// The text behind a string whose opening quote is already passed.
fn after_string(text: &str, escapes: bool) -> &str {
    let mut chars = text.char_indices().peekable();
    while let Some((at, ch)) = chars.next() {
        match ch {
            '\\' if escapes => {
                chars.next();
            }
            '\'' if chars.peek().is_some_and(|(_, next)| *next == '\'') => {
                chars.next();
            }
            '\'' => return &text[at + 1..],
            _ => {}
        }
    }
    ""
}

/// A name with its qualifiers, unquoted and lower-cased where it was not quoted, and the text behind it.
fn dotted(text: &str) -> (Vec<String>, &str) {
    let mut parts = Vec::new();
    let mut rest = text;
    loop {
        let (part, after) = identifier(rest);
        parts.push(part);
        match after.strip_prefix('.') {
            Some(next) if starts_name(next) => rest = next,
            _ => return (parts, after),
        }
    }
}

fn identifier(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text
            .find(|ch: char| !(ch == '_' || ch == '$' || ch.is_alphanumeric()))
            .unwrap_or(text.len());
        return (text[..end].to_lowercase(), &text[end..]);
    };
    let mut name = String::new();
    let mut chars = quoted.char_indices().peekable();
    while let Some((at, ch)) = chars.next() {
        if ch != '"' {
            name.push(ch);
        } else if chars.peek().is_some_and(|(_, next)| *next == '"') {
            chars.next();
            name.push('"');
        } else {
            return (name, &quoted[at + 1..]);
        }
    }
    (name, "")
}

/// The text behind a type: `public."Mood"[]`, `numeric(10,2)`, `timestamp(3) with time zone`.
fn after_type(text: &str) -> &str {
    if !starts_name(text) {
        return text;
    }
    let mut rest = after_modifier(dotted(text).1);
    loop {
        let next = rest.trim_start();
        let (word, after) = identifier(next);
        if next.starts_with('"') || !TYPE_WORDS.contains(&word.as_str()) {
            return rest;
        }
        rest = after_modifier(after);
    }
}

/// The text behind `(10,2)`, where there is such a modifier.
fn after_modifier(text: &str) -> &str {
    match text.strip_prefix('(') {
        Some(inside) => inside.find(')').map_or("", |at| &inside[at + 1..]),
        None => text,
    }
}

fn starts_name(text: &str) -> bool {
    text.starts_with(|ch: char| ch == '"' || ch == '_' || ch.is_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(sql: &str) -> (Vec<String>, Vec<String>) {
        let found = expression(sql.to_owned(), ["a", "b", "Name", "time", "c\"d"]);
        (
            found.columns.into_iter().collect(),
            found.functions.into_iter().collect(),
        )
    }

    #[test]
    fn columns_and_calls_are_told_from_types_and_strings() {
        let cases: [(&str, &[&str], &[&str]); 10] = [
            ("lower((\"Name\")::text)", &["Name"], &["lower"]),
            ("(a > 0)", &["a"], &[]),
            ("COALESCE(a, public.\"Make it\"(b))", &["a", "b"], &["public.Make it"]),
            ("('a(b)'::character varying(50))::text", &[], &[]),
            ("(a = ANY (ARRAY['x'::text, 'b'::text]))", &["a"], &[]),
            ("(a)::timestamp(3) with time zone", &["a"], &[]),
            ("(\"time\" < now())", &["time"], &["now"]),
            ("('it''s a'::text || lower(b))", &["b"], &["lower"]),
            ("(E'a\\'b('::text || \"c\"\"d\")", &["c\"d"], &[]),
            ("CASE WHEN (a = 'x'::text) THEN f(1e5) ELSE b END", &["a", "b"], &["f"]),
        ];
        for (sql, columns, functions) in cases {
            let (found_columns, found_functions) = found(sql);
            assert_eq!(found_columns, columns, "columns of {sql}");
            assert_eq!(found_functions, functions, "functions of {sql}");
        }
    }

    #[test]
    fn any_text_ends() {
        for sql in [
            "",
            "'",
            "E'\\",
            "\"",
            "\"a\"\"",
            "a.",
            "::",
            "a::\"b",
            "f(",
            "1.",
            "ü.\"ß\"(",
            "a::numeric(",
        ] {
            found(sql);
        }
    }
}
