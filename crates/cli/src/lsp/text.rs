//! A document's text, and places in it as the protocol counts them: lines from 0, columns in UTF-16 code units.

use gen_lsp_types::{Position, Range};
use std::ops;

/// A text with the starts of its lines. The protocol ends a line with `\n`, `\r\n` or `\r`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text {
    text: String,
    starts: Vec<usize>,
}

impl Text {
    pub(super) fn new(text: String) -> Self {
        let bytes = text.as_bytes();
        let ends_line = |at: &usize| match bytes[*at] {
            b'\n' => true,
            b'\r' => bytes.get(*at + 1) != Some(&b'\n'),
            _ => false,
        };
        let ends = (0..bytes.len()).filter(ends_line).map(|at| at + 1);
        let starts = std::iter::once(0).chain(ends).collect();
        Self { text, starts }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// Where a byte stands; one inside a letter stands where the letter begins.
    pub(super) fn position(&self, offset: usize) -> Position {
        let line = self.starts.partition_point(|start| *start <= offset).saturating_sub(1);
        let inside = self.line(line);
        let until = inside.start + offset.saturating_sub(inside.start).min(inside.len());
        let before = self.text[inside.start..].char_indices();
        let units = before
            .take_while(|(at, letter)| inside.start + at + letter.len_utf8() <= until)
            .map(|(_, letter)| letter.len_utf16())
            .sum();
        Position {
            line: number(line),
            character: number(units),
        }
    }

    /// The byte of a position; one behind the end of its line, or of the text, is that end.
    pub(super) fn offset(&self, position: Position) -> usize {
        let line = position.line as usize;
        if line >= self.starts.len() {
            return self.text.len();
        }
        let inside = self.line(line);
        let mut left = position.character as usize;
        for (at, letter) in self.text[inside.clone()].char_indices() {
            if left < letter.len_utf16() {
                return inside.start + at;
            }
            left -= letter.len_utf16();
        }
        inside.end
    }

    pub(super) fn range(&self, bytes: ops::Range<usize>) -> Range {
        Range {
            start: self.position(bytes.start),
            end: self.position(bytes.end),
        }
    }

    /// The bytes of the line in which a byte stands, up to its end.
    pub(super) fn line_of(&self, offset: usize) -> ops::Range<usize> {
        self.line(self.starts.partition_point(|start| *start <= offset).saturating_sub(1))
    }

    /// A line from 0, without what ends it.
    fn line(&self, line: usize) -> ops::Range<usize> {
        let start = self.starts[line];
        let end = self.starts.get(line + 1).copied().unwrap_or(self.text.len());
        let text = self.text[start..end].trim_end_matches(['\n', '\r']);
        start..start + text.len()
    }
}

/// More than four thousand million lines are no document.
fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn columns_are_utf16() {
        let text = Text::new("ä🎉b\r\n\r\nc\rd\n".to_owned());
        let at = |line, character| text.offset(Position { line, character });
        assert_eq!([at(0, 0), at(0, 1), at(0, 3), at(0, 4), at(0, 9)], [0, 2, 6, 7, 7]);
        assert_eq!(at(0, 2), 2, "the middle of a pair is its beginning");
        assert_eq!(
            [at(1, 0), at(1, 5), at(2, 1), at(3, 0), at(4, 0), at(9, 0)],
            [9, 9, 12, 13, 15, 15]
        );
        assert_eq!(text.position(6), Position { line: 0, character: 3 });
        assert_eq!(
            text.position(8),
            Position { line: 0, character: 4 },
            "between \\r and \\n"
        );
        assert_eq!(text.position(99), Position { line: 4, character: 0 });
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn positions_come_back(text in "[aä🎉\r\n\u{feff}]{0,30}") {
            let text = Text::new(text);
            for (at, letter) in text.as_str().char_indices() {
                let position = text.position(at);
                if letter != '\n' && letter != '\r' {
                    prop_assert_eq!(text.offset(position), at);
                }
            }
            let end = text.as_str().len();
            prop_assert_eq!(text.offset(text.position(end)), end);
        }
    }
}
