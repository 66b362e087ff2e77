//! `preflight`: the gates of `deploy` alone. Nothing is touched.

use super::database;
use crate::args::Format;
use crate::config::Settings;
use crate::exit::{Exit, Problem};
use crate::formats::{human, json};
use crate::terminal::Terminal;
use clap::Args;
use nonstop_engine::event::Verdict;
use nonstop_engine::gates::{Subject, run_gates};
use nonstop_engine::history::History;
use nonstop_engine::session::Session;

/// Flags of `preflight`.
#[derive(Debug, Args)]
pub struct PreflightArgs {
    /// Gates whose stop does not count
    #[arg(long, value_delimiter = ',', value_name = "GATE")]
    pub skip: Vec<String>,
    /// How to print it
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
}

pub(super) fn run(args: &PreflightArgs, settings: &Settings, terminal: Terminal) -> Result<Exit, Problem> {
    let folder = database::folder(settings, terminal)?;
    let target = database::target(settings, terminal)?;
    let history = History::new(database::history_kind(folder.layout), &target);
    let skip = super::or_file(&args.skip, settings.file.skip.as_ref());
    database::known_gates(&skip)?;
    let (version, gates) = database::block_on(async {
        let session = Session::open(&target, "migration:preflight").await?;
        let subject = Subject {
            target: &target,
            session: &session,
            history: &history,
            migrations: &folder.migrations,
            plan: None,
            lock: None,
            resumable: &[],
            skip: &skip,
        };
        let gates = run_gates(&subject).await?;
        let version = session.version();
        session.close().await;
        Ok((version, gates))
    })?;
    match args.format {
        Format::Human => human::preflight::render(version, &gates, &mut terminal.out())?,
        Format::Json => json::preflight::render(version, &gates, &mut terminal.out())?,
    }
    let stops = gates.iter().any(|gate| gate.verdict == Verdict::Stop);
    Ok(if stops { Exit::Refused } else { Exit::Done })
}
