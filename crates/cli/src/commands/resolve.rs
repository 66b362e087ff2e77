//! `resolve`: says by hand what became of a migration, in the rows that Prisma would write.

use super::database;
use crate::config::Settings;
use crate::duration::Span;
use crate::exit::{Exit, Problem};
use crate::formats::human::shell;
use crate::terminal::Terminal;
use clap::Args;
use nonstop_engine::manage;
use std::io::Write;
use std::time::Duration;

/// Flags of `resolve`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true))]
pub struct ResolveArgs {
    /// Everything of this migration is in the database: record it as applied
    #[arg(long, value_name = "NAME", group = "what")]
    pub applied: Option<String>,
    /// Nothing of this failed migration is left, or what is left may stay: the next deploy runs it again
    #[arg(long, value_name = "NAME", group = "what")]
    pub rolled_back: Option<String>,
    /// How long to wait while another run holds the history [default: 10s]
    #[arg(long, value_name = "DURATION")]
    pub wait: Option<Span>,
}

/// As long as Prisma waits.
pub(super) const WAIT: Duration = Duration::from_secs(10);

pub(super) fn run(args: &ResolveArgs, settings: &Settings, terminal: Terminal) -> Result<Exit, Problem> {
    let folder = database::folder(settings, terminal)?;
    let target = database::target(settings, terminal)?;
    let kind = database::history_kind(folder.layout);
    let wait = args.wait.or(settings.file.wait).map_or(WAIT, |span| span.0);
    let events = super::told(terminal);
    let said = database::block_on(async {
        Ok(if let Some(name) = &args.applied {
            manage::resolve_applied(&target, kind, &folder.migrations, name, wait, &events).await?;
            format!("{} is recorded as applied.", shell(name))
        } else {
            let name = args.rolled_back.as_deref().unwrap_or_default();
            manage::resolve_rolled_back(&target, kind, name, wait, &events).await?;
            format!("The failed attempts of {} are recorded as rolled back.", shell(name))
        })
    })?;
    writeln!(terminal.out(), "{said}")?;
    terminal.note("Next: `nonstop deploy` applies what is pending.");
    Ok(Exit::Done)
}
