//! A file's text and places in it.
//!
//! Everything else speaks of byte ranges ([`Span`]); this is the only place that counts lines and columns.

use serde::{Deserialize, Serialize};
use std::sync::OnceLock;

/// The text of one SQL file and the path it is shown under.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// The path as the user would type it.
    pub path: String,
    /// The whole text, exactly as read; a byte order mark is kept, because checksums count it.
    pub text: String,
    /// Places at every [`STEP`] bytes, from the first time that one is asked for.
    marks: OnceLock<Vec<Mark>>,
}

/// So many bytes at the most are read for a place.
const STEP: usize = 1024;

/// A byte at the start of a letter, and its place.
#[derive(Debug, Clone, Copy)]
struct Mark {
    byte: usize,
    place: Place,
}

impl PartialEq for SourceFile {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path && self.text == other.text
    }
}

impl Eq for SourceFile {}

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
            marks: OnceLock::new(),
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
        let marks = self.marks.get_or_init(|| marks(&self.text));
        let offset = letter_at(&self.text, offset);
        let at = marks.partition_point(|mark| mark.byte <= offset);
        let mark = marks[at - 1];
        mark.place.behind(&self.text[mark.byte..offset])
    }
}

impl Place {
    /// Where the letter after a text stands that begins here; a byte order mark takes no column.
    fn behind(self, text: &str) -> Self {
        let is_start = (self.line, self.column) == (1, 1);
        let text = text.strip_prefix('\u{feff}').filter(|_| is_start).unwrap_or(text);
        match text.rsplit_once('\n') {
            Some((before, last)) => Self {
                line: self.line + 1 + before.bytes().filter(|byte| *byte == b'\n').count(),
                column: 1 + last.chars().count(),
            },
            None => Self {
                column: self.column + text.chars().count(),
                ..self
            },
        }
    }
}

/// Where the letter begins that has this byte; an offset past the end is the end.
fn letter_at(text: &str, offset: usize) -> usize {
    let mut at = offset.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn marks(text: &str) -> Vec<Mark> {
    let mut last = Mark {
        byte: 0,
        place: Place { line: 1, column: 1 },
    };
    let mut marks = vec![last];
    while last.byte + STEP < text.len() {
        let byte = letter_at(text, last.byte + STEP);
        last = Mark {
            byte,
            place: last.place.behind(&text[last.byte..byte]),
        };
        marks.push(last);
    }
    marks
}

/// Where the lines of a text begin, for whoever asks for many places of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    /// The lines of a text. A byte order mark is no part of the first.
    pub fn of(text: &'a str) -> Self {
        let mark = if text.starts_with('\u{feff}') {
            '\u{feff}'.len_utf8()
        } else {
            0
        };
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        Self {
            text,
            starts: std::iter::once(mark).chain(ends.map(|(at, _)| at + 1)).collect(),
        }
    }

    /// How many there are; an empty text has one.
    pub fn count(&self) -> usize {
        self.starts.len()
    }

    /// The text of a line, from 1, without its line end; empty where there is no such line.
    pub fn line(&self, line: usize) -> &'a str {
        let Some(start) = line.checked_sub(1).and_then(|at| self.starts.get(at)) else {
            return "";
        };
        let end = self.starts.get(line).map_or(self.text.len(), |next| next - 1);
        let text = self.text.get(*start..end).unwrap_or("");
        text.strip_suffix('\r').unwrap_or(text)
    }

    /// The text from the start of one line to the end of another, and the byte where it begins.
    pub fn block(&self, first: usize, last: usize) -> (&'a str, usize) {
        let start = self.offset(Place { line: first, column: 1 });
        let end = self.offset(Place {
            line: last,
            column: usize::MAX,
        });
        (self.text.get(start..end).unwrap_or(""), start)
    }

    /// The byte at a place; a place behind the end of its line, or of the text, is that end.
    pub fn offset(&self, place: Place) -> usize {
        let Some(start) = place.line.checked_sub(1).and_then(|at| self.starts.get(at)) else {
            return self.text.len();
        };
        let line = self.line(place.line);
        let inside = line.char_indices().nth(place.column.saturating_sub(1));
        start + inside.map_or(line.len(), |(at, _)| at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_give_back_what_places_were_made_of() {
        let file = SourceFile::new("a.sql", "\u{feff}SELECT 'ü🎉';\r\n\n  DROP");
        let lines = Lines::of(&file.text);
        assert_eq!(
            (lines.count(), lines.line(1), lines.line(3)),
            (3, "SELECT 'ü🎉';", "  DROP")
        );
        for (at, letter) in file.text.char_indices().skip(1) {
            if letter != '\r' && letter != '\n' {
                assert_eq!(lines.offset(file.place(at)), at);
            }
        }
        assert_eq!(
            lines.offset(Place { line: 2, column: 9 }),
            file.text.find("\n\n").unwrap() + 1
        );
        assert_eq!(lines.offset(Place { line: 9, column: 1 }), file.text.len());
        assert_eq!((lines.line(0), lines.line(9)), ("", ""));
        assert_eq!(lines.block(1, 1), ("SELECT 'ü🎉';", 3));
        assert_eq!(lines.block(2, 9), ("\n  DROP", 21));
    }

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
