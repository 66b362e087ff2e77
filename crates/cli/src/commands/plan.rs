//! `plan`: the steps that `deploy` would run. Reads only; `--trace` runs them, on a throw-away server.

use super::{database, deploy, fix};
use crate::args::{Format, PolicyArgs};
use crate::config::Settings;
use crate::exit::{Exit, Problem};
use crate::formats::{human, json};
use crate::layouts::Folder;
use crate::terminal::Terminal;
use clap::Args;
use nonstop_core::plan::Plan;
use nonstop_engine::deploy::DeployOptions;
use nonstop_engine::server::{Options, Programs, Server, Wanted};
use nonstop_engine::target::Target;
use nonstop_engine::trace::{self, Trace};
use std::path::PathBuf;

/// Flags of `plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// How statements become steps.
    #[command(flatten)]
    pub policy: PolicyArgs,
    /// Run it on a throw-away server of the same major with the same catalog, and show the locks, work and time seen
    #[arg(long)]
    pub trace: bool,
    /// Folder of PostgreSQL's server programs, for --trace [else: `NONSTOP_PG_BIN`, PATH, the usual folders]
    #[arg(long, value_name = "DIR", requires = "trace")]
    pub pg_bin: Option<PathBuf>,
    /// How to print it
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
}

pub(super) fn run(args: &PlanArgs, settings: &Settings, terminal: Terminal) -> Result<Exit, Problem> {
    let options = DeployOptions {
        plan: args.policy.settings(&settings.file)?,
        until: args.policy.until.clone(),
        ..DeployOptions::default()
    };
    let folder = database::folder(settings, terminal)?;
    database::known("--until", options.until.as_deref(), &folder)?;
    let target = database::target(settings, terminal)?;
    let kind = database::history_kind(folder.layout);
    let plan = database::block_on(async {
        let plan = nonstop_engine::deploy::plan(&target, &folder.migrations, kind, &options);
        Ok(plan.await?)
    })?;
    let trace = args.trace.then(|| traced(args, &folder, &target, &plan, terminal));
    let trace = trace.transpose()?;
    match args.format {
        Format::Human => human::plan::traced(&plan, trace.as_ref(), &mut terminal.out())?,
        Format::Json => json::plan::render(&plan, trace.as_ref(), &mut terminal.out())?,
    }
    let refusals = plan.migrations.iter().flat_map(|migration| &migration.refusals);
    let refused = deploy::exit_of_refusals(refusals.map(|notice| notice.rule.as_str()));
    let surprises = trace.is_some_and(|trace| trace.has_surprises());
    Ok(refused.unwrap_or(if surprises { Exit::Findings } else { Exit::Done }))
}

/// The plan on a throw-away server of the database's major.
fn traced(
    args: &PlanArgs,
    folder: &Folder,
    target: &Target,
    plan: &Plan,
    terminal: Terminal,
) -> Result<Trace, Problem> {
    let wanted = Wanted {
        dir: args.pg_bin.clone(),
        major: Some(plan.server_version.major()),
    };
    let programs = Programs::locate(&wanted)?;
    let scenes: Vec<_> = folder.migrations.iter().filter_map(fix::of_migration).collect();
    terminal.note(format_args!(
        "Running the plan on a throw-away PostgreSQL {} …",
        programs.version()
    ));
    database::block_on_many(async {
        let server = Server::start(&programs, Options::default()).await?;
        Ok(trace::trace(&server, target, database::history_kind(folder.layout), &scenes, plan).await?)
    })
}
