//! The text of the files: the migration edited in place, and new ones in the same style.
//!
//! What stays, stays byte for byte. A statement that goes takes the comment directly above it along.

use super::part::{Part, Place};
use super::sort::{self, Sorted};
use super::{FixedFile, down, words};
use crate::migration::TransactionModel;
use crate::rewrite::Body;
use crate::source::SourceFile;
use crate::sql;
use std::ops::Range;

/// All files of a migration; the first is the migration itself.
pub(super) fn files(file: &SourceFile, parts: &[Part], sorted: &[Sorted], model: TransactionModel) -> Vec<FixedFile> {
    let newline = newline(&file.text);
    let mut files = Vec::new();
    for (at, one) in sorted.iter().enumerate() {
        let text = if at == 0 {
            edited(file, parts, one, newline)
        } else {
            written(file, parts, one, newline)
        };
        let mut statements: Vec<usize> = one.pieces.iter().map(|at| parts[at.0].statement.ordinal).collect();
        statements.dedup();
        files.push(FixedFile {
            role: sort::role(parts, one),
            text,
            down: down::of_file(parts, one, model, newline),
            transaction: one.place != Place::Alone,
            statements,
        });
    }
    files
}

/// The file with each statement's pieces where the statement stood, for a file whose statements are sent one by one.
pub(super) fn in_place(file: &SourceFile, parts: &[Part]) -> FixedFile {
    let pieces = (0..parts.len()).flat_map(|part| (0..parts[part].pieces.len()).map(move |piece| (part, piece)));
    let all = Sorted {
        place: Place::Together,
        pieces: pieces.collect(),
    };
    let newline = newline(&file.text);
    FixedFile {
        role: sort::role(parts, &all),
        text: edited(file, parts, &all, newline),
        down: down::of_file(parts, &all, TransactionModel::PerStatement, newline),
        transaction: false,
        statements: parts.iter().map(|part| part.statement.ordinal).collect(),
    }
}

/// As the file ends its lines.
fn newline(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}

fn edited(file: &SourceFile, parts: &[Part], own: &Sorted, newline: &str) -> String {
    let text = &file.text;
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    let mut is_last_gone = false;
    for (at, part) in parts.iter().enumerate() {
        let span = part.statement.span;
        let pieces: Vec<usize> = own.pieces.iter().filter(|own| own.0 == at).map(|own| own.1).collect();
        let goes = if part.is_bound {
            part.is_frame && own.place == Place::Alone
        } else {
            pieces.is_empty() && !part.pieces.is_empty()
        };
        is_last_gone = goes;
        if goes {
            let gap = gap(text, parts, at);
            if gap.start >= from {
                out.push_str(&text[from..gap.start]);
                from = gap.end;
            }
        } else if !part.is_kept {
            let texts: Vec<String> = pieces
                .iter()
                .map(|piece| words::of(part, &part.pieces[*piece]))
                .collect();
            out.push_str(&text[from..span.start]);
            let indent = indentation(text, span.start);
            out.push_str(&with_newlines(&texts.join(&format!(";\n{indent}")), newline));
            from = span.end;
        }
    }
    let rest = &text[from..];
    out.push_str(rest);
    if is_last_gone && rest.trim().is_empty() && !out.trim().is_empty() {
        // What went from the end leaves no blank lines behind.
        out.truncate(out.trim_end_matches(['\n', '\r']).len());
        out.push_str(newline);
    }
    out
}

fn with_newlines(text: &str, newline: &str) -> String {
    if newline == "\n" || text.contains('\r') {
        return text.to_owned();
    }
    text.replace('\n', newline)
}

fn indentation(text: &str, at: usize) -> &str {
    let before = text[start_of_line(text, at)..at].trim_start_matches('\u{feff}');
    if before.chars().all(char::is_whitespace) {
        before
    } else {
        ""
    }
}

/// Behind the statement's semicolon, and the comment that stands behind it in its line.
fn end_of(text: &str, parts: &[Part], at: usize) -> usize {
    let mut end = parts[at].statement.span.end;
    let next = parts.get(at + 1).map_or(text.len(), |next| next.statement.span.start);
    let rest = &text[end..next];
    let Some(semicolon) = rest.find(';').filter(|semicolon| !rest[..*semicolon].contains("--")) else {
        return end;
    };
    end += semicolon + 1;
    let line_end = text[end..].find('\n').map_or(text.len(), |length| end + length + 1);
    let behind = text[end..line_end.min(next.max(end))].trim();
    if line_end <= next && (behind.is_empty() || behind.starts_with("--")) {
        return line_end;
    }
    end
}

/// The comments directly above a statement begin here. A block at the head of the file is about all of it, and stays.
fn start_of(text: &str, parts: &[Part], at: usize) -> usize {
    let before = match at.checked_sub(1) {
        Some(before) => end_of(text, parts, before),
        None => text.len() - text.trim_start_matches('\u{feff}').len(),
    };
    let start = parts[at].statement.span.start;
    if !text[before..start].contains('\n') {
        let is_same_line = before > 0 && !text[..before].ends_with('\n');
        return if is_same_line {
            before
        } else {
            start_of_line(text, start).max(before)
        };
    }
    let mut first = start_of_line(text, start);
    for comment in sql::comments(&text[before..start]).into_iter().rev() {
        let (from, to) = (before + comment.start, before + comment.end);
        let is_head = at == 0 && text[from..to].starts_with("/*");
        let is_attached = first <= to || text[to..first].matches('\n').count() <= 1;
        if is_head || !is_attached {
            break;
        }
        first = start_of_line(text, from).max(before);
    }
    first
}

fn start_of_line(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |newline| newline + 1)
}

/// What is taken out with a statement: its comment, itself, and the blank lines behind it.
fn gap(text: &str, parts: &[Part], at: usize) -> Range<usize> {
    let start = start_of(text, parts, at);
    let mut end = end_of(text, parts, at);
    let begins_line = start == 0 || text[..start].ends_with(['\n', '\u{feff}']);
    while begins_line && end > 0 && text[..end].ends_with('\n') {
        let line_end = text[end..].find('\n').map_or(text.len(), |length| end + length + 1);
        if line_end == end || !text[end..line_end].trim().is_empty() {
            break;
        }
        end = line_end;
    }
    start..end
}

fn written(file: &SourceFile, parts: &[Part], own: &Sorted, newline: &str) -> String {
    let mut out = String::new();
    let mut before = None;
    if own.place == Place::Validate && own.pieces.iter().any(|at| !parts[at.0].is_kept) {
        out.push_str("-- Old rows are checked here, while reads and writes go on.");
        out.push_str(newline);
    }
    for (part_at, piece_at) in &own.pieces {
        let (part, piece) = (&parts[*part_at], &parts[*part_at].pieces[*piece_at]);
        let comment = match piece_at {
            0 => comment(file, parts, *part_at),
            _ => String::new(),
        };
        let is_first = before != Some(*part_at);
        if is_first && !out.is_empty() && own.place == Place::Together {
            out.push_str(newline);
        }
        if is_first {
            out.push_str(&with_newlines(&comment, newline));
        }
        if matches!(piece.body, Body::Instant(_)) && is_first {
            out.push_str(&with_newlines(&part.prefix, newline));
        }
        let text = if part.is_kept {
            part.statement.sql.as_str().to_owned()
        } else {
            words::of(part, piece)
        };
        out.push_str(&with_newlines(&text, newline));
        out.push(';');
        out.push_str(newline);
        before = Some(*part_at);
    }
    out
}

/// The comments directly above a statement.
fn comment(file: &SourceFile, parts: &[Part], at: usize) -> String {
    let start = parts[at].statement.span.start;
    let from = start_of(&file.text, parts, at);
    let above = file
        .text
        .get(from..start)
        .unwrap_or_default()
        .trim_matches([' ', '\t', '\r', '\n', ';']);
    if above.is_empty() {
        String::new()
    } else {
        format!("{above}\n").replace("\r\n", "\n")
    }
}
