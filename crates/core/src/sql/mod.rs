//! SQL text to statements: PostgreSQL's own grammar, our own small types.
//!
//! [`parse`] is the entrance. Only `lower` and below name the parser.

mod directive;
mod lower;
mod object;
mod predicate;
mod room;
mod publication;
mod rows;
mod query;
mod rendered;
mod statement;
mod table;

pub use directive::{Directive, DirectiveError};
pub use lower::{
    Change, Identifier, PartError, Reading, change, comments, condition, identifiers, normalised, parse,
    parse_function, predicate, reading, renamed, single_expression, table_name, words,
};
pub use object::*;
pub use predicate::*;
pub use publication::*;
pub use query::*;
pub use rendered::Rendered;
pub use room::{spawn_with_room, with_room};
pub use rows::*;
pub use statement::*;
pub use table::*;

use crate::source::{Place, SourceFile};

/// A file's statements.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Script {
    /// In the order of the file.
    pub statements: Vec<Statement>,
    /// `-- nonstop: …` comments, each with the statement it stands above.
    pub directives: Vec<Directive>,
}

impl Script {
    /// The script, unless a directive in it does not say what it should: whoever acts on a file must not guess.
    ///
    /// # Errors
    /// The first such directive, with its place.
    pub fn with_clear_directives(self, file: &SourceFile) -> Result<Self, SyntaxError> {
        let wrong = self.directives.iter().find_map(|directive| match directive {
            Directive::Wrong { error, span, .. } => Some(SyntaxError::at(file, span.start, error.to_string())),
            _ => None,
        });
        wrong.map_or(Ok(self), Err)
    }
}

/// Text that PostgreSQL's grammar refuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}:{}:{}: {message}", place.line, place.column)]
pub struct SyntaxError {
    /// The file.
    pub path: String,
    /// Where the offending token begins.
    pub place: Place,
    /// What the grammar said, `syntax error at or near "TABEL"`.
    pub message: String,
}

impl SyntaxError {
    /// What the server calls it: its grammar refuses some forms as not supported, and all else as a syntax error.
    pub fn sqlstate(&self) -> &'static str {
        let unsupported = [" cannot be marked ", " not yet implemented"];
        if unsupported.iter().any(|words| self.message.contains(words)) {
            "0A000"
        } else {
            "42601"
        }
    }

    fn at(file: &SourceFile, offset: usize, message: impl Into<String>) -> Self {
        Self {
            path: file.path.clone(),
            place: file.place(offset),
            message: message.into(),
        }
    }
}
