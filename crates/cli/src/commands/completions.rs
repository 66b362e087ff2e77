//! `completions`: a script for a shell, made from the same definitions as the help.

use crate::args::Cli;
use crate::exit::{Exit, Problem};
use crate::terminal::Terminal;
use clap::{Args, CommandFactory};
use clap_complete::Shell;
use std::io::Write;

/// Flags of `completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// Which shell
    #[arg(value_enum)]
    pub shell: Shell,
}

pub(super) fn run(args: &CompletionsArgs, terminal: Terminal) -> Result<Exit, Problem> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "nonstop", &mut script);
    terminal.out().write_all(&script)?;
    Ok(Exit::Done)
}
