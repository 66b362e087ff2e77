//! The words of a new statement: the user's own where the safe form is those and a few more.
//!
//! `rewrite` gives full names and the parser's rendering. A file of migrations may be meant for any schema, so names that
//! the user wrote without one stay without.

use super::part::Part;
use crate::quote::SqlText;
use crate::rewrite::{Body, Piece};
use crate::source::SourceFile;
use crate::sql::{self, ActionKind, Kind, Statement};

/// The text of a piece.
pub(super) fn of(part: &Part, piece: &Piece) -> String {
    let Some(written) = text(piece) else {
        return String::new();
    };
    if *written == part.statement.sql {
        return written.as_str().to_owned();
    }
    let own = if part.is_plain_path {
        in_own_words(part, piece)
    } else {
        None
    };
    own.unwrap_or_else(|| part.unqualified(written.as_str()))
}

pub(super) fn text(piece: &Piece) -> Option<&SqlText> {
    match &piece.body {
        Body::Instant(instant) => Some(&instant.sql),
        Body::Lone(lone) => Some(&lone.sql),
        Body::Batches(_) | Body::Check { .. } => None,
    }
}

/// The statement as written with CONCURRENTLY or NOT VALID put in, where that is what the piece says.
fn in_own_words(part: &Part, piece: &Piece) -> Option<String> {
    let statement = &part.statement;
    let written = statement.sql.as_str();
    match &statement.kind {
        Kind::CreateIndex(index) if index.name.is_some() && !index.if_not_exists && part.pieces.len() == 1 => {
            if !matches!(piece.body, Body::Lone(_)) {
                return None;
            }
            if index.concurrently {
                return Some(written.to_owned());
            }
            let mut wanted = index.clone();
            wanted.concurrently = true;
            behind_index(written).filter(|text| kind_of(text) == Some(Kind::CreateIndex(wanted)))
        }
        Kind::Drop(drop) if drop.names.len() == 1 && part.pieces.len() == 1 => {
            if !matches!(piece.body, Body::Lone(_)) {
                return None;
            }
            if drop.concurrently {
                return Some(written.to_owned());
            }
            let mut wanted = drop.clone();
            wanted.concurrently = true;
            behind_index(written).filter(|text| kind_of(text) == Some(Kind::Drop(wanted)))
        }
        Kind::AlterTable(alter) if alter.actions.len() == 1 && matches!(piece.body, Body::Instant(_)) => {
            let ActionKind::AddConstraint(def) = &alter.actions[0].kind else {
                return None;
            };
            if def.name.is_none() || part.pieces.len() > 2 || !text(piece)?.as_str().ends_with(" NOT VALID") {
                return None;
            }
            let mut wanted = def.clone();
            wanted.not_valid = true;
            let longer = format!("{written} NOT VALID");
            let Some(Kind::AlterTable(found)) = kind_of(&longer) else {
                return None;
            };
            let is_wanted = found.name == alter.name
                && matches!(found.actions.as_slice(), [one] if one.kind == ActionKind::AddConstraint(wanted));
            is_wanted.then_some(longer)
        }
        _ => None,
    }
}

fn behind_index(written: &str) -> Option<String> {
    let word = sql::words(written).into_iter().find(|word| word.name == "index")?;
    Some(format!("{} CONCURRENTLY{}", &written[..word.end], &written[word.end..]))
}

fn kind_of(text: &str) -> Option<Kind> {
    let script = sql::parse(&SourceFile::new("", text)).ok()?;
    let [one]: [Statement; 1] = script.statements.try_into().ok()?;
    Some(one.kind)
}

/// The text without `"schema".` before names.
pub(super) fn without_schema(text: &str, schema: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for word in sql::identifiers(text) {
        let is_prefix = word.name == schema && text[word.end..].starts_with('.') && text[word.start..].starts_with('"');
        if is_prefix {
            out.push_str(&text[from..word.start]);
            from = word.end + 1;
        }
    }
    out.push_str(&text[from..]);
    out
}
