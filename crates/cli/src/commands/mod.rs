//! The verbs, one file each with its own flags.

pub mod completions;

use crate::args::Command;
use crate::config::{ConfigError, Settings};
use crate::exit::{Exit, Problem};
use crate::terminal::Terminal;

/// Runs a verb; settings are read only by those that need them.
pub(crate) fn execute(
    command: &Command,
    terminal: Terminal,
    _settings: impl Fn() -> Result<Settings, ConfigError>,
) -> Result<Exit, Problem> {
    match command {
        Command::Completions(args) => completions::run(args, terminal),
    }
}
