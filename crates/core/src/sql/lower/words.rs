//! A statement's text word by word, for what the tree no longer tells: names before they are cut, and a form that
//! does not depend on white space and comments.

use super::{is_comment, tokens};
use crate::source::Span;
use pg_query::protobuf::Token;

/// A name as it stands in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// Its text without quotes, in full length.
    pub name: String,
    /// Where it begins in the text, in bytes.
    pub start: usize,
    /// One past its end, in bytes.
    pub end: usize,
}

/// The names in a text, quoted or not; key words that are names elsewhere are left out.
pub fn identifiers(text: &str) -> Vec<Word> {
    let words = tokens(text).unwrap_or_default().into_iter();
    let names = words.filter(|word| matches!(word.token, Token::Ident | Token::Uident));
    let name = |word: super::Word| {
        let written = &text[word.start..word.end];
        let inside = written.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        Word {
            name: inside.map_or_else(|| written.to_lowercase(), |inside| inside.replace("\"\"", "\"")),
            start: word.start,
            end: word.end,
        }
    };
    names.map(name).collect()
}

/// All words of a text, in small letters where they are not quoted; comments are left out.
pub fn words(text: &str) -> Vec<Word> {
    let words = tokens(text).unwrap_or_default().into_iter();
    let words = words.filter(|word| !is_comment(word.token));
    let word = |word: super::Word| {
        let written = &text[word.start..word.end];
        let is_quoted = written.starts_with(['"', '\'', '$']);
        Word {
            name: if is_quoted {
                written.to_owned()
            } else {
                written.to_lowercase()
            },
            start: word.start,
            end: word.end,
        }
    };
    words.map(word).collect()
}

/// Where the comments of a text stand.
pub fn comments(text: &str) -> Vec<Span> {
    let words = tokens(text).unwrap_or_default().into_iter();
    let comments = words.filter(|word| is_comment(word.token));
    comments
        .map(|word| Span {
            start: word.start,
            end: word.end,
        })
        .collect()
}

/// The text with one space between its words and without comments; text that has no words as it is.
pub fn normalised(text: &str) -> String {
    let Ok(words) = tokens(text) else {
        return text.to_owned();
    };
    let words = words.iter().filter(|word| !is_comment(word.token));
    let words: Vec<&str> = words.map(|word| &text[word.start..word.end]).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_whole() {
        let long = "a".repeat(70);
        let text = format!("CREATE TABLE \"{long}\" (Id int, \"a\"\"b\" text DEFAULT '{long}') -- {long}");
        let names: Vec<String> = identifiers(&text).into_iter().map(|word| word.name).collect();
        assert_eq!(names, [long.as_str(), "id", "a\"b"]);
    }

    #[test]
    fn layout_does_not_matter() {
        let one = normalised("ALTER TABLE t\n  ADD a int -- why\n");
        assert_eq!(one, normalised("ALTER  TABLE t /* x */ ADD\ta int"));
        assert_ne!(one, normalised("ALTER TABLE t ADD b int"));
        assert_ne!(normalised("SELECT 'a  b'"), normalised("SELECT 'a b'"));
        assert_eq!(normalised("SELECT 'open"), "SELECT 'open");
    }
}
