//! How nonstop ends: the exit code as a type, and what is said with it.

use std::fmt;

/// The exit code; the contract of `cli.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Exit {
    /// Done, nothing found.
    Done = 0,
    /// Findings at or over the threshold, pending migrations, or drift.
    Findings = 1,
    /// Usage, configuration, or SQL that does not parse.
    Usage = 2,
    /// The database said no.
    Database = 3,
    /// Stopped part way; the next run goes on.
    Resumable = 4,
    /// Refused by a gate; nothing was touched.
    Refused = 5,
}

/// The table that `--help` shows.
pub const EXIT_CODES: &str = "\
Exit codes:
  0  done, nothing found
  1  findings, pending migrations or drift
  2  usage, configuration, or SQL that does not parse
  3  the database said no; nothing is half done
  4  stopped part way; the next run goes on from there
  5  refused before anything was touched";

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command ended before its work was done: what, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The code to end with.
    pub exit: Exit,
    /// One sentence.
    pub message: String,
    /// Lines below it: causes, places, the way out.
    pub details: Vec<String>,
}

impl Problem {
    /// A problem with a code and a sentence.
    pub fn new(exit: Exit, message: impl fmt::Display) -> Self {
        Self {
            exit,
            message: message.to_string(),
            details: Vec::new(),
        }
    }

    /// Bad usage or configuration.
    pub fn usage(message: impl fmt::Display) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// Adds a line below the sentence.
    pub fn detail(mut self, line: impl fmt::Display) -> Self {
        self.details.push(line.to_string());
        self
    }
}

/// A result that cannot be written. Where the reader has had enough (`| head`), that is success, and nothing is said.
impl From<std::io::Error> for Problem {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Self::new(Exit::Done, ""),
            _ => Self::usage(format_args!("cannot write the result: {error}")),
        }
    }
}

impl From<crate::layouts::LayoutError> for Problem {
    fn from(error: crate::layouts::LayoutError) -> Self {
        Self::usage(error)
    }
}

impl From<crate::config::ConfigError> for Problem {
    fn from(error: crate::config::ConfigError) -> Self {
        let details = error.details();
        Self {
            details,
            ..Self::usage(error)
        }
    }
}
