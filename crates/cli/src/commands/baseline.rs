//! `baseline`: a database that has tables and no history gets one.

use super::database;
use crate::config::Settings;
use crate::duration::Span;
use crate::exit::{Exit, Problem};
use crate::formats::human::count;
use crate::terminal::Terminal;
use clap::Args;
use nonstop_engine::manage;
use std::io::Write;

/// Flags of `baseline`.
#[derive(Debug, Args)]
pub struct BaselineArgs {
    /// The last migration whose changes are already in the database
    #[arg(value_name = "NAME")]
    pub name: String,
    /// How long to wait while another run holds the history [default: 10s]
    #[arg(long, value_name = "DURATION")]
    pub wait: Option<Span>,
}

pub(super) fn run(args: &BaselineArgs, settings: &Settings, terminal: Terminal) -> Result<Exit, Problem> {
    let folder = database::folder(settings, terminal)?;
    let target = database::target(settings, terminal)?;
    let kind = database::history_kind(folder.layout);
    let wait = args.wait.or(settings.file.wait);
    let wait = wait.map_or(super::resolve::WAIT, |span| span.0);
    let events = super::told(terminal);
    let recorded = database::block_on(async {
        let recorded = manage::baseline(&target, kind, &folder.migrations, &args.name, wait, &events);
        Ok(recorded.await?)
    })?;
    let mut out = terminal.out();
    if recorded.is_empty() {
        writeln!(
            out,
            "Nothing to do: everything up to {} was recorded already.",
            args.name
        )?;
        return Ok(Exit::Done);
    }
    writeln!(
        out,
        "Recorded as applied, without running: {}.",
        count(recorded.len(), "migration")
    )?;
    for name in &recorded {
        terminal.detail(format_args!("  {name}"));
    }
    Ok(Exit::Done)
}
