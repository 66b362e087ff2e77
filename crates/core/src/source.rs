//! A file's text and places in it.
//!
//! Everything else speaks of byte ranges ([`Span`]); this is the only place that counts lines and columns.

use serde::{Deserialize, Serialize};

/// The text of one SQL file and the path it is shown under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// The path as the user would type it.
    pub path: String,
    /// The whole text, exactly as read; a byte order mark is kept, because checksums count it.
    pub text: String,
}

/// A half-open range of bytes in a [`SourceFile`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// A place for people: both count from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// Line number from 1.
    pub line: usize,
    /// Column number from 1, in characters.
    pub column: usize,
}

impl SourceFile {
    /// A source from its path and text.
    pub fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            text: text.into(),
        }
    }

    /// The text without a leading byte order mark, and the number of bytes that were skipped.
    pub fn body(&self) -> (&str, usize) {
        match self.text.strip_prefix('\u{feff}') {
            Some(rest) => (rest, '\u{feff}'.len_utf8()),
            None => (&self.text, 0),
        }
    }

    /// The text of a span; empty where the span lies outside the text.
    pub fn slice(&self, span: Span) -> &str {
        self.text.get(span.start..span.end).unwrap_or("")
    }

    /// Line and column of a byte offset; an offset past the end is the end.
    pub fn place(&self, offset: usize) -> Place {
        let mut end = offset.min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        let before = &self.text[..end];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let mark = usize::from(line == 1 && before.starts_with('\u{feff}'));
        Place {
            line,
            column: before[line_start..].chars().count() + 1 - mark,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_from_one_in_characters() {
        let file = SourceFile::new("a.sql", "SELECT 'ü';\nDROP");
        assert_eq!(file.place(0), Place { line: 1, column: 1 });
        assert_eq!(file.place("SELECT 'ü".len()), Place { line: 1, column: 10 });
        assert_eq!(file.place(file.text.len()), Place { line: 2, column: 5 });
        assert_eq!(file.place(999), Place { line: 2, column: 5 });
    }

    #[test]
    fn a_byte_order_mark_takes_no_column() {
        let file = SourceFile::new("a.sql", "\u{feff}SELECT");
        assert_eq!(file.place(3), Place { line: 1, column: 1 });
        assert_eq!(file.body(), ("SELECT", 3));
    }
}
