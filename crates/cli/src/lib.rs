//! The faces of nonstop: flags and files in, reports out.
//!
//! [`run`] is the program; the rooms are public so that other programs can read layouts and render reports. What the
//! verbs do stands in `nonstop-engine` and `nonstop-core`.

pub mod exit;
pub mod duration;
pub mod layouts;
pub mod config;
pub mod args;
pub mod terminal;
pub mod formats;
mod lsp;
pub mod commands;
mod hide;

use args::Cli;
use clap::Parser;
use config::{Environment, Settings};
use exit::{Exit, Problem};
use formats::human::{DIM, ERROR, styled};
use std::io::Write;
use std::path::Path;
use terminal::Terminal;

/// The whole program, from the process's arguments to its exit code.
pub fn run() -> Exit {
    let environment = Environment::of_process();
    let mut cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(help_or_error) => return told_by_clap(&help_or_error),
    };
    hide::url_from_process_list(&mut cli.common, &environment);
    let terminal = Terminal::new(&cli.common);
    match execute(&cli, terminal, &environment) {
        Ok(exit) => exit,
        Err(problem) => told(&problem, terminal),
    }
}

fn execute(cli: &Cli, terminal: Terminal, environment: &Environment) -> Result<Exit, Problem> {
    let settings = |root: &Path| Settings::resolve(&cli.common.flags(), environment, root);
    commands::execute(&cli.command, terminal, &settings)
}

/// Help and version are results; anything else is bad usage.
fn told_by_clap(message: &clap::Error) -> Exit {
    let text = hide::passwords(&message.render().ansi().to_string());
    // A closed stream is the reader's choice.
    if message.use_stderr() {
        let _ = write!(anstream::stderr(), "{text}");
        Exit::Usage
    } else {
        let _ = write!(anstream::stdout(), "{text}");
        Exit::Done
    }
}

fn told(problem: &Problem, terminal: Terminal) -> Exit {
    if !problem.message.is_empty() {
        let mut err = terminal.err();
        let _ = writeln!(err, "{}: {}", styled(ERROR, "error"), hide::passwords(&problem.message));
        for line in &problem.details {
            let _ = writeln!(err, "  {}", styled(DIM, hide::passwords(line)));
        }
    }
    problem.exit
}
