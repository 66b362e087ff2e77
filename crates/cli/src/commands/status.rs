//! `status`: what is applied, pending, failed or running, what was left behind, and the way out.

use super::database;
use crate::args::Format;
use crate::config::Settings;
use crate::exit::{Exit, Problem};
use crate::formats::{human, json};
use crate::terminal::Terminal;
use clap::Args;
use nonstop_engine::manage;

/// Flags of `status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// How to print it
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
}

pub(super) fn run(args: &StatusArgs, settings: &Settings, terminal: Terminal) -> Result<Exit, Problem> {
    let folder = database::folder(settings, terminal)?;
    let target = database::target(settings, terminal)?;
    let kind = database::history_kind(folder.layout);
    let status = database::block_on(async { Ok(manage::status(&target, kind, &folder.migrations).await?) })?;
    match args.format {
        Format::Human => human::status::render(&status, &mut terminal.out())?,
        Format::Json => json::status::render(&status, &mut terminal.out())?,
    }
    let history = &status.history;
    let clean = status.is_up_to_date() && history.edited.is_empty() && history.unknown.is_empty();
    Ok(if clean { Exit::Done } else { Exit::Findings })
}
