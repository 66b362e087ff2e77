//! `plan`: the steps that `deploy` would run. Reads only.

use super::{database, deploy};
use crate::args::{Format, PolicyArgs};
use crate::config::Settings;
use crate::exit::{Exit, Problem};
use crate::formats::{human, json};
use crate::terminal::Terminal;
use clap::Args;
use nonstop_engine::deploy::DeployOptions;
use nonstop_engine::event::Direction;

/// Flags of `plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// How statements become steps.
    #[command(flatten)]
    pub policy: PolicyArgs,
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
    match args.format {
        Format::Human => human::plan::render(&plan, Direction::Forward, &mut terminal.out())?,
        Format::Json => json::plan::render(&plan, &mut terminal.out())?,
    }
    let refusals = plan.migrations.iter().flat_map(|migration| &migration.refusals);
    Ok(deploy::exit_of_refusals(refusals.map(|notice| notice.rule.as_str())).unwrap_or(Exit::Done))
}
