//! Where output goes: results to stdout, progress and log to stderr, colour and bars only on terminals.

use crate::args::{Color, Common};
use crate::formats::human::{WARNING, styled};
use anstream::{AutoStream, ColorChoice};
use std::io::{self, IsTerminal, Stderr, Stdout, Write};

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Only results and errors.
    Quiet,
    /// What happens.
    Normal,
    /// Also where settings came from, and every try.
    Verbose,
}

/// The two streams and how to use them.
#[derive(Debug, Clone, Copy)]
pub struct Terminal {
    color: ColorChoice,
    /// How much is said.
    pub verbosity: Verbosity,
}

impl Terminal {
    /// As the flags have it.
    pub fn new(common: &Common) -> Self {
        let verbosity = match (common.quiet, common.verbose) {
            (true, _) => Verbosity::Quiet,
            (false, true) => Verbosity::Verbose,
            (false, false) => Verbosity::Normal,
        };
        let color = match common.color {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        };
        Self { color, verbosity }
    }

    /// The stream of results.
    pub fn out(self) -> AutoStream<Stdout> {
        AutoStream::new(io::stdout(), self.color)
    }

    /// Whether results may have colours.
    pub fn has_colors(self) -> bool {
        self.out().current_choice() != ColorChoice::Never
    }

    /// The stream of results for text without colours.
    pub fn as_is(self) -> Stdout {
        io::stdout()
    }

    /// The stream of progress and log.
    pub fn err(self) -> AutoStream<Stderr> {
        AutoStream::new(io::stderr(), self.color)
    }

    /// Whether progress bars have a place.
    pub fn has_bars(self) -> bool {
        self.verbosity != Verbosity::Quiet && io::stderr().is_terminal()
    }

    /// Says something on the log, unless quiet. A closed log stops nothing.
    pub fn note(self, text: impl std::fmt::Display) {
        if self.verbosity > Verbosity::Quiet {
            let _ = writeln!(self.err(), "{text}");
        }
    }

    /// Warns on the log, unless quiet.
    pub fn warn(self, text: impl std::fmt::Display) {
        self.note(format_args!("{}: {text}", styled(WARNING, "warning")));
    }

    /// Says something on the log, if much is wanted.
    pub fn detail(self, text: impl std::fmt::Display) {
        if self.verbosity == Verbosity::Verbose {
            let _ = writeln!(self.err(), "{text}");
        }
    }
}
