//! `rollback`: applied migrations taken back, newest first, by the safe steps of `deploy`.

use super::database;
use super::deploy::{RunArgs, told};
use super::progress::Teller;
use crate::args::BoundArgs;
use crate::config::Settings;
use crate::exit::{Exit, Problem};
use crate::formats::places::Places;
use crate::terminal::Terminal;
use clap::Args;
use nonstop_engine::deploy::{self, BackTo};
use nonstop_engine::event::{Direction, Events};

/// Flags of `rollback`.
#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// The last N applied migrations [default: 1]
    #[arg(long, value_name = "N", conflicts_with = "to", value_parser = clap::value_parser!(u32).range(1..))]
    pub steps: Option<u32>,
    /// All applied migrations behind this one
    #[arg(long, value_name = "NAME")]
    pub to: Option<String>,
    /// How statements become steps.
    #[command(flatten)]
    pub bounds: BoundArgs,
    /// How it runs.
    #[command(flatten)]
    pub run: RunArgs,
}

impl RollbackArgs {
    fn goal(&self) -> BackTo {
        match &self.to {
            Some(name) => BackTo::Name(name.clone()),
            None => BackTo::Steps(usize::try_from(self.steps.unwrap_or(1)).unwrap_or(usize::MAX)),
        }
    }
}

pub(super) fn run(args: &RollbackArgs, settings: &Settings, terminal: Terminal) -> Result<Exit, Problem> {
    let options = args
        .run
        .options(args.bounds.settings(&settings.file)?, &settings.file)?;
    let folder = database::folder(settings, terminal)?;
    database::known("--to", args.to.as_deref(), &folder)?;
    let target = database::target(settings, terminal)?;
    let kind = database::history_kind(folder.layout);
    let goal = args.goal();
    let teller = Teller::new(args.run.format, terminal, Places::of_ways(&folder.migrations));
    let act = async |events: &Events, stop| {
        deploy::rollback(&target, &folder.migrations, kind, (&options, &goal), (events, stop)).await
    };
    let plan = async || deploy::plan_rollback(&target, &folder.migrations, kind, &options, &goal).await;
    told((&args.run, Direction::Back), teller, terminal, act, plan)
}
