//! The verbs, one file each with its own flags.

mod database;
mod progress;
pub mod backfill;
pub mod baseline;
pub mod check;
pub mod completions;
pub mod demo;
pub mod deploy;
pub mod explain;
pub mod fix;
pub mod lsp;
pub mod plan;
pub mod preflight;
pub mod resolve;
pub mod rollback;
pub mod rules;
pub mod status;
pub mod test_rollback;

use crate::args::Command;
use crate::config::{ConfigError, Settings};
use crate::exit::{Exit, Problem};
use crate::formats::human::events::Story;
use crate::terminal::Terminal;
use nonstop_engine::event::Events;
use std::path::Path;
use std::sync::Mutex;

/// Runs a verb; settings are read only by those that need them, and hold for a folder.
pub(crate) fn execute(
    command: &Command,
    terminal: Terminal,
    settings_in: &dyn Fn(&Path) -> Result<Settings, ConfigError>,
) -> Result<Exit, Problem> {
    let settings = || settings_in(Path::new(""));
    match command {
        Command::Deploy(args) => deploy::run(args, &settings()?, terminal),
        Command::Rollback(args) => rollback::run(args, &settings()?, terminal),
        Command::Plan(args) => plan::run(args, &settings()?, terminal),
        Command::Status(args) => status::run(args, &settings()?, terminal),
        Command::Resolve(args) => resolve::run(args, &settings()?, terminal),
        Command::Baseline(args) => baseline::run(args, &settings()?, terminal),
        Command::Backfill(args) => backfill::run(args, &settings()?, terminal),
        Command::Check(args) => check::run(args, &settings()?, terminal),
        Command::Fix(args) => fix::run(args, &settings()?, terminal),
        Command::Preflight(args) => preflight::run(args, &settings()?, terminal),
        Command::Explain(args) => explain::run(args, &settings()?, terminal),
        Command::Rules(args) => rules::run(args, terminal),
        Command::TestRollback(args) => test_rollback::run(args, &settings()?, terminal),
        Command::Demo(args) => demo::run(args, terminal),
        Command::Lsp(_) => lsp::run(settings_in),
        Command::Completions(args) => completions::run(args, terminal),
    }
}

/// Events as lines on the log: what short commands have to say while they wait.
fn told(terminal: Terminal) -> Events {
    let story = Mutex::new(Story::new(terminal.verbosity));
    Events::new(move |event| {
        let line = story.lock().ok().and_then(|mut story| story.line(&event));
        if let Some(line) = line {
            terminal.note(line);
        }
    })
}

/// A list of a flag, or that of the file where the flag was not given.
fn or_file<T: Clone>(of_flags: &[T], of_file: Option<&Vec<T>>) -> Vec<T> {
    match of_file {
        Some(list) if of_flags.is_empty() => list.clone(),
        Some(_) | None => of_flags.to_vec(),
    }
}
