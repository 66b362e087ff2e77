//! The queries of a file, each with a name.
//!
//! A name is what stands in a comment above it, `-- name: newest ten`, as other tools that keep queries in files have it; else the
//! file's.

use super::Measured;
use crate::quote::SqlText;
use crate::source::SourceFile;
use crate::sql::{self, Reading, SyntaxError, comments};

/// A query to be explained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Its name.
    pub name: String,
    /// The file that it comes from.
    pub file: String,
    /// Its text.
    pub sql: SqlText,
    /// What EXPLAIN would do with it.
    pub reading: Reading,
}

/// What cannot be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskedError {
    /// It does not parse.
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
    /// EXPLAIN does not take it.
    #[error(
        "{file}:{line}: this is no query: `explain` takes SELECT, INSERT, UPDATE, DELETE and MERGE, without EXPLAIN before it"
    )]
    NoQuery {
        /// The file.
        file: String,
        /// Its first line.
        line: usize,
    },
}

/// The queries of a file; `stem` names those that have no name of their own.
///
/// # Errors
/// The first statement that is no query.
pub fn asked(file: &SourceFile, stem: &str) -> Result<Vec<Asked>, AskedError> {
    let script = sql::parse(file)?;
    let (text, skipped) = file.body();
    let comments = comments(text);
    let is_alone = script.statements.len() == 1;
    let mut end = 0;
    let mut all = Vec::new();
    for statement in &script.statements {
        let start = statement.span.start - skipped;
        let above = comments.iter().filter(|span| span.start >= end && span.end <= start);
        let mut own = above.filter_map(|span| name_in(&text[span.start..span.end]));
        let own = own.next_back();
        end = statement.span.end - skipped;
        let reading = sql::reading(statement.sql.as_str()).ok_or_else(|| AskedError::NoQuery {
            file: file.path.clone(),
            line: file.place(statement.span.start).line,
        })?;
        all.push(Asked {
            name: match own {
                Some(name) => name,
                None if is_alone => stem.to_owned(),
                None => format!("{stem}:{}", statement.ordinal),
            },
            file: file.path.clone(),
            sql: statement.sql.clone(),
            reading,
        });
    }
    Ok(all)
}

/// `-- name: newest ten`; some tools let `:many` and the like follow.
fn name_in(comment: &str) -> Option<String> {
    let text = comment.trim_start_matches("--").trim_start().strip_prefix("name:")?;
    let words: Vec<&str> = text.split_whitespace().filter(|word| !word.starts_with(':')).collect();
    Some(words.join(" ")).filter(|name| !name.is_empty())
}

impl Asked {
    /// A saved query, to be asked again.
    pub(super) fn again(measured: &Measured) -> Result<Self, AskedError> {
        let file = SourceFile::new(&measured.file, measured.sql.as_str());
        let mut all = asked(&file, &measured.name)?;
        match all.pop() {
            Some(one) if all.is_empty() => Ok(Self {
                name: measured.name.clone(),
                ..one
            }),
            _ => Err(AskedError::NoQuery {
                file: measured.file.clone(),
                line: 1,
            }),
        }
    }
}
