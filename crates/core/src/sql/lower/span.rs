//! Where a statement begins and ends: without the comments and semicolons around it.
//!
//! The parser's own scanner tells it too, for several times the price of the parsing; so its rules for strings and comments
//! are here again, and a test holds the two together.

use crate::source::Span;

/// The words of a statement in a text, of which the parser gave the range from the end of the one before.
pub(super) fn of_statement(text: &str, from: usize, to: usize) -> Span {
    let start = start(text, from, to);
    let inside = &text[start..to];
    let end = if inside.contains("--") || inside.contains("/*") {
        start + end_of_words(inside)
    } else {
        start + inside.trim_end_matches(is_filler).len()
    };
    if start == end {
        // Nothing but comments: the parser made a statement of them nevertheless.
        return Span { start: from, end: to };
    }
    Span { start, end }
}

fn is_filler(c: char) -> bool {
    is_space(c) || c == ';'
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{b}' | '\u{c}')
}

fn start(text: &str, from: usize, to: usize) -> usize {
    let mut at = from;
    while at < to {
        let rest = &text[at..to];
        let word = rest.trim_start_matches(is_filler);
        at += rest.len() - word.len();
        match comment(word) {
            0 => break,
            length => at += length,
        }
    }
    at.min(to)
}

/// The length of the comment that a text begins with; 0 if it begins with none.
fn comment(text: &str) -> usize {
    if text.starts_with("--") {
        return text.find(['\n', '\r']).unwrap_or(text.len());
    }
    if !text.starts_with("/*") {
        return 0;
    }
    let bytes = text.as_bytes();
    let (mut depth, mut at) = (0, 0);
    while at < bytes.len() {
        match &bytes[at..(at + 2).min(bytes.len())] {
            b"/*" => (depth, at) = (depth + 1, at + 2),
            b"*/" => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// Behind the last word of a text that begins with one.
fn end_of_words(text: &str) -> usize {
    let (mut at, mut end) = (0, 0);
    let mut before = ' ';
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        let skipped = comment(rest);
        if skipped > 0 {
            at += skipped;
            before = ' ';
            continue;
        }
        let length = match first {
            '\'' => quoted(rest, first, matches!(before, 'e' | 'E')),
            '"' => quoted(rest, first, false),
            '$' if !is_name(before) => dollar_quoted(rest),
            _ => first.len_utf8(),
        };
        at += length;
        if !is_filler(first) {
            end = at;
        }
        // `E` opens an escape string only where it is a word by itself.
        before = match first {
            'e' | 'E' if is_name(before) => 'x',
            _ => first,
        };
    }
    end
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '$' || !c.is_ascii()
}

/// The length of what stands in quotes, doubled ones inside, to the end of the text where it is not closed.
fn quoted(text: &str, quote: char, escapes: bool) -> usize {
    let mut letters = text.char_indices().skip(1).peekable();
    while let Some((at, letter)) = letters.next() {
        if letter == '\\' && escapes {
            letters.next();
        } else if letter == quote && letters.next_if(|(_, next)| *next == quote).is_none() {
            return at + 1;
        }
    }
    text.len()
}

/// The length of `$tag$…$tag$`; of a dollar that opens nothing, 1.
fn dollar_quoted(text: &str) -> usize {
    let is_tag =
        |tag: &str| tag.chars().all(|c| c != '$' && is_name(c)) && !tag.starts_with(|c: char| c.is_ascii_digit());
    let Some(close) = text[1..].find('$').filter(|length| is_tag(&text[1..=*length])) else {
        return 1;
    };
    let tag = &text[..close + 2];
    let body = &text[tag.len()..];
    body.find(tag)
        .map_or(text.len(), |length| tag.len() + length + tag.len())
}
