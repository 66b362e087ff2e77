//! The same expression over another column.

use super::expr::{is_name, unquote};
use super::tokens;
use crate::quote::{Ident, SqlText};
use crate::sql;

/// A part of a definition, as the server prints it, in which a column has another name. Only what stands where a column may
/// stand is taken for it: no function, type, collation, operator class or word of the grammar.
pub fn renamed(text: &str, from: &str, to: &str) -> SqlText {
    let Ok(words) = tokens(text) else {
        return SqlText::verbatim(text);
    };
    let word = |at: usize| words.get(at).map_or("", |word| &text[word.start..word.end]);
    let mut out = String::with_capacity(text.len());
    let mut copied = 0;
    for (at, found) in words.iter().enumerate() {
        let before = at.checked_sub(1).map_or("", word);
        let next = word(at + 1);
        // `a text_ops`, `timestamp with time zone`, `extract(year FROM a)`: a column follows an operator, a comma, or an
        // opening parenthesis, or a word that opens an expression.
        let opens = !before.chars().any(char::is_alphanumeric) && !matches!(before, "::" | "." | ")" | "]")
            || OPENING.contains(&before.to_ascii_uppercase().as_str());
        let is_column = opens && next != "(" && next != "." && !next.eq_ignore_ascii_case("from");
        if is_column && is_name(found.token, word(at)) && unquote(word(at)) == from {
            out.push_str(&text[copied..found.start]);
            out.push_str(sql!("{}", Ident(to)).as_str());
            copied = found.end;
        }
    }
    out.push_str(&text[copied..]);
    SqlText::verbatim(out)
}

/// Words behind which an expression begins.
const OPENING: &[&str] = &[
    "AND", "OR", "NOT", "WHERE", "WHEN", "THEN", "ELSE", "CASE", "FROM", "IN", "LIKE", "ILIKE", "TO", "BETWEEN",
    "ZONE", "BY", "FOR", "ESCAPE", "SELECT", "DISTINCT",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_columns_are_renamed() {
        for (text, expected) in [
            (
                "USING btree (a, b DESC) WHERE (a > 5)",
                "USING btree (\"z\", b DESC) WHERE (\"z\" > 5)",
            ),
            ("USING gin (b a) INCLUDE (a)", "USING gin (b a) INCLUDE (\"z\")"),
            ("CHECK ((a(\"a\") = 'a'::a))", "CHECK ((a(\"z\") = 'a'::a))"),
            ("CHECK ((EXTRACT(a FROM a) > 1))", "CHECK ((EXTRACT(a FROM \"z\") > 1))"),
            (
                "USING btree (b COLLATE \"a\", a NULLS FIRST)",
                "USING btree (b COLLATE \"a\", \"z\" NULLS FIRST)",
            ),
            (
                "CHECK (((b)::a > x.a AND NOT a))",
                "CHECK (((b)::a > x.a AND NOT \"z\"))",
            ),
        ] {
            assert_eq!(renamed(text, "a", "z").as_str(), expected);
        }
    }
}
