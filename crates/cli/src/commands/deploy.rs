//! `deploy`: gates, then the plan of all pending migrations.

use super::database;
use super::progress::Teller;
use crate::args::{Format, LimitArgs, OnFailure, PolicyArgs};
use crate::config::{ConfigFile, Settings};
use crate::duration::Span;
use crate::exit::{Exit, Problem};
use crate::formats::human;
use crate::formats::places::Places;
use crate::terminal::Terminal;
use clap::Args;
use nonstop_core::plan::Plan;
use nonstop_core::settings::PlanSettings;
use nonstop_engine::deploy::{self, DeployError, DeployOptions, Stop, StopSwitch};
use nonstop_engine::event::{Direction, Events, Outcome};
use std::io::Write;
use std::sync::Arc;

/// Flags of `deploy`.
#[derive(Debug, Args)]
pub struct DeployArgs {
    /// How statements become steps.
    #[command(flatten)]
    pub policy: PolicyArgs,
    /// How it runs.
    #[command(flatten)]
    pub run: RunArgs,
}

/// How a run goes: shared by `deploy` and `rollback`.
#[derive(Debug, Args)]
#[command(next_help_heading = "Safety")]
pub struct RunArgs {
    /// Gates and plan only; nothing is touched
    #[arg(long)]
    pub dry_run: bool,
    /// What becomes of the finished steps of a migration that fails [default: unwind]
    #[arg(long, value_enum, value_name = "WHAT")]
    pub on_failure: Option<OnFailure>,
    /// Gates whose stop does not count; it is recorded
    #[arg(long, value_delimiter = ',', value_name = "GATE")]
    pub skip: Vec<String>,
    /// How long to wait while another run holds the history; 0 leaves at once [default: 60s]
    #[arg(long, value_name = "DURATION")]
    pub wait: Option<Span>,
    /// How long one step may try for its locks [default: 10m]
    #[arg(long, value_name = "DURATION")]
    pub patience: Option<Span>,
    /// How to tell it: for people, or JSON Lines
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
    /// What changes of rows in batches keep to.
    #[command(flatten)]
    pub limits: LimitArgs,
}

impl RunArgs {
    pub(super) fn options(&self, plan: PlanSettings, file: &ConfigFile) -> Result<DeployOptions, Problem> {
        let defaults = DeployOptions::default();
        let options = DeployOptions {
            plan,
            until: None,
            dry_run: self.dry_run,
            on_failure: match self.on_failure.or(file.on_failure) {
                Some(OnFailure::Keep) => deploy::OnFailure::Keep,
                Some(OnFailure::Unwind) | None => deploy::OnFailure::Unwind,
            },
            wait: self.wait.or(file.wait).map_or(defaults.wait, |span| span.0),
            patience: self.patience.or(file.patience).map_or(defaults.patience, |span| span.0),
            skip: super::or_file(&self.skip, file.skip.as_ref()),
            limits: self.limits.over(file.batches.over(defaults.limits)?)?,
        };
        database::known_gates(&options.skip)?;
        Ok(options)
    }
}

pub(super) fn run(args: &DeployArgs, settings: &Settings, terminal: Terminal) -> Result<Exit, Problem> {
    let options = DeployOptions {
        until: args.policy.until.clone(),
        ..args
            .run
            .options(args.policy.settings(&settings.file)?, &settings.file)?
    };
    let folder = database::folder(settings, terminal)?;
    database::known("--until", options.until.as_deref(), &folder)?;
    let target = database::target(settings, terminal)?;
    let kind = database::history_kind(folder.layout);
    let teller = Teller::new(args.run.format, terminal, Places::of(&folder.migrations));
    let act =
        async |events: &Events, stop| deploy::deploy(&target, &folder.migrations, kind, &options, events, stop).await;
    let plan = async || deploy::plan(&target, &folder.migrations, kind, &options).await;
    told((&args.run, Direction::Forward), teller, terminal, act, plan)
}

/// Runs it, tells it, and shows the plan of a dry run.
pub(super) fn told(
    (args, direction): (&RunArgs, Direction),
    teller: Teller,
    terminal: Terminal,
    act: impl AsyncFnOnce(&Events, Stop) -> Result<Outcome, DeployError>,
    plan: impl AsyncFnOnce() -> Result<Plan, DeployError>,
) -> Result<Exit, Problem> {
    let teller = Arc::new(teller);
    let events = {
        let teller = Arc::clone(&teller);
        Events::new(move |event| teller.tell(&event))
    };
    let outcome = database::block_on(async {
        let (switch, stop) = Stop::new();
        tokio::select! {
            outcome = act(&events, stop) => Ok(outcome?),
            () = interrupted_twice(&switch, terminal) => Err(Problem::new(
                Exit::Resumable,
                "stopped at once; what was begun is in the journal, and the next `nonstop deploy` finishes or undoes it",
            )),
        }
    });
    teller.end();
    let outcome = outcome?;
    if args.dry_run && args.format == Format::Human && outcome == Outcome::Done {
        let plan = database::block_on(async { Ok(plan().await?) })?;
        human::plan::render(&plan, direction, &mut terminal.out())?;
        writeln!(terminal.out(), "\nThat was a dry run; nothing was touched.")?;
    }
    Ok(teller.exit(outcome))
}

/// The exit code of refused migrations, by the rules that refused them.
pub(super) fn exit_of_refusals<'a>(rules: impl Iterator<Item = &'a str>) -> Option<Exit> {
    rules.fold(None, |exit, rule| match rule {
        "syntax-error" => Some(Exit::Usage),
        _ => exit.or(Some(Exit::Refused)),
    })
}

/// The first signal asks the run to stop where nothing is half done; the second does not ask.
pub(super) async fn interrupted_twice(switch: &StopSwitch, terminal: Terminal) {
    interrupted().await;
    switch.stop();
    terminal.note("\nStopping where nothing is half done; once more to stop at once.");
    interrupted().await;
}

#[cfg(unix)]
async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => if pressed.is_err() { std::future::pending::<()>().await },
        _ = terminate.recv() => {}
    }
}

#[cfg(not(unix))]
async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
