//! What the server said when a message failed, kept in fields.

use crate::event::Failure;
use nonstop_core::pace::{self, Fault};
use tokio_postgres::error::ErrorPosition;

/// A failed message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlError {
    /// The SQLSTATE; `None` when the connection broke before the server could say one.
    pub sqlstate: Option<String>,
    /// The server's message, or the client's.
    pub message: String,
    /// The server's detail.
    pub detail: Option<String>,
    /// The server's hint.
    pub hint: Option<String>,
    /// Where in the message, in characters from 1.
    pub position: Option<u32>,
    /// How many commands of the message were complete before.
    pub completed: usize,
}

impl SqlError {
    /// From the client's error, after so many complete commands.
    pub fn new(error: &tokio_postgres::Error, completed: usize) -> Self {
        let Some(db) = error.as_db_error() else {
            return Self::lost(&chain(error), completed);
        };
        let position = match db.position() {
            Some(ErrorPosition::Original(at)) => Some(*at),
            Some(ErrorPosition::Internal { .. }) | None => None,
        };
        Self {
            sqlstate: Some(db.code().code().to_owned()),
            message: db.message().to_owned(),
            detail: db.detail().map(ToOwned::to_owned),
            hint: db.hint().map(ToOwned::to_owned),
            position,
            completed,
        }
    }

    /// The connection is gone, or as good as gone.
    pub fn lost(message: &str, completed: usize) -> Self {
        Self {
            sqlstate: None,
            message: message.to_owned(),
            detail: None,
            hint: None,
            position: None,
            completed,
        }
    }

    /// What it means for trying again.
    pub fn fault(&self) -> Fault {
        pace::fault(self.sqlstate.as_deref())
    }

    /// For the user, with the statement that failed.
    pub fn failure(&self, statement: Option<String>) -> Failure {
        Failure {
            rule: None,
            statement,
            sqlstate: self.sqlstate.clone(),
            message: self.message.clone(),
            detail: self.detail.clone(),
            hint: self.hint.clone(),
            rows: Vec::new(),
        }
    }

    /// In one line, for events and retries.
    pub fn in_a_line(&self) -> String {
        match &self.sqlstate {
            Some(state) => format!("{} ({state})", self.message),
            None => self.message.clone(),
        }
    }
}

impl From<tokio_postgres::Error> for SqlError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::new(&error, 0)
    }
}

/// A failure as the history's `logs` column tells it.
pub fn render(failure: &Failure) -> String {
    use std::fmt::Write as _;
    let mut out = String::from("ERROR: ");
    out.push_str(&failure.message);
    let mut line = |label: &str, text: Option<&String>| {
        if let Some(text) = text {
            let _ = write!(out, "\n{label}: {text}");
        }
    };
    line("SQLSTATE", failure.sqlstate.as_ref());
    line("DETAIL", failure.detail.as_ref());
    line("HINT", failure.hint.as_ref());
    line("STATEMENT", failure.statement.as_ref());
    for row in &failure.rows {
        line("ROW", Some(row));
    }
    out
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_tells_everything_that_is_known() {
        let failure = Failure {
            rule: None,
            statement: Some("ALTER TABLE t …".to_owned()),
            sqlstate: Some("23505".to_owned()),
            message: "duplicate key".to_owned(),
            detail: Some("Key (a)=(1)".to_owned()),
            hint: None,
            rows: vec!["a=1".to_owned()],
        };
        assert_eq!(
            render(&failure),
            "ERROR: duplicate key\nSQLSTATE: 23505\nDETAIL: Key (a)=(1)\nSTATEMENT: ALTER TABLE t …\nROW: a=1"
        );
    }
}
