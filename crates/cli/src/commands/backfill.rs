//! `backfill`: a change of many rows in batches, outside of any migration, and what is said to one on its way.

use super::database;
use super::deploy::interrupted_twice;
use super::progress::Teller;
use crate::args::{Format, LimitArgs};
use crate::config::Settings;
use crate::duration::{Span, in_words};
use crate::exit::{Exit, Problem};
use crate::formats::{human, json};
use crate::terminal::Terminal;
use clap::{Args, Subcommand};
use nonstop_core::batch::Limits;
use nonstop_core::quote::Name;
use nonstop_core::settings::PlanSettings;
use nonstop_core::sql::{self, Change};
use nonstop_engine::backfill::{self, BackfillError, End, Listed, Order, State, Work};
use nonstop_engine::deploy::{DeployOptions, Stop};
use nonstop_engine::event::Events;
use nonstop_engine::target::Target;
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Flags of `backfill`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct BackfillArgs {
    /// What is said to one that was begun.
    #[command(subcommand)]
    pub verb: Option<Verb>,
    /// The table whose rows are changed, with its schema where it is not the connection's
    #[arg(long, required = true, value_name = "TABLE")]
    pub table: Option<String>,
    /// `column = expression`, as in an UPDATE; may be given several times
    #[arg(
        long,
        required_unless_present = "delete",
        conflicts_with = "delete",
        value_name = "ASSIGNMENT"
    )]
    pub set: Vec<String>,
    /// Delete the rows
    #[arg(long)]
    pub delete: bool,
    /// Only rows for which this holds [default: all]
    #[arg(long = "where", value_name = "CONDITION")]
    pub condition: Option<String>,
    /// How many rows, how many batches, how long: from a sample; nothing is touched
    #[arg(long)]
    pub dry_run: bool,
    /// What it keeps to.
    #[command(flatten)]
    pub running: RunArgs,
    /// How to tell it: for people, or JSON Lines
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
}

/// What one that runs keeps to.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Rows in a batch [default: as many as take the target time, 100 to 50000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Batches")]
    pub batch_size: Option<u64>,
    /// Limits that deploys share.
    #[command(flatten)]
    pub limits: LimitArgs,
    /// The longest that a statement of the application may wait because of us [default: 200ms]
    #[arg(long, value_name = "DURATION", help_heading = "Safety")]
    pub max_block: Option<Span>,
    /// How long the same batch may fail [default: 10m]
    #[arg(long, value_name = "DURATION", help_heading = "Safety")]
    pub patience: Option<Span>,
}

/// What is said to one that was begun.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// What is begun, by backfills and by migrations, and what has ended
    List {
        /// How to print it
        #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
        format: Format,
    },
    /// Do nothing from the next look on, until it is resumed
    Pause {
        /// Its number, as `list` shows it [default: the only unfinished one]
        id: Option<String>,
    },
    /// Go on: where no process is there any more, here and now
    Resume {
        /// Its number, as `list` shows it [default: the only unfinished one]
        id: Option<String>,
        /// What it keeps to.
        #[command(flatten)]
        running: Box<RunArgs>,
        /// How to tell it: for people, or JSON Lines
        #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
        format: Format,
    },
    /// Give it up; what is changed stays
    Cancel {
        /// Its number, as `list` shows it [default: the only unfinished one]
        id: Option<String>,
    },
    /// Keep to other limits from the next look on
    Limits {
        /// Its number, as `list` shows it [default: the only unfinished one]
        id: Option<String>,
        /// Rows in a batch; 0: as many as take the target time
        #[arg(long, value_name = "N", help_heading = "Batches")]
        batch_size: Option<u64>,
        /// The other limits.
        #[command(flatten)]
        limits: LimitArgs,
    },
}

impl RunArgs {
    /// These over the given ones; `None` where nothing is said.
    fn limits(&self, base: Limits) -> Result<Option<Limits>, Problem> {
        if self.batch_size.is_none() && !self.limits.is_given() {
            return Ok(None);
        }
        let limits = self.limits.over(base)?;
        Ok(Some(Limits {
            batch_size: self.batch_size.or(limits.batch_size),
            ..limits
        }))
    }

    fn order(&self, work: Work, limits: Option<Limits>, settings: &Settings) -> Result<Order, Problem> {
        let max_block = self.max_block.or(settings.file.max_block);
        let max_block = max_block.map_or(PlanSettings::default().max_block, |span| span.0);
        if max_block.is_zero() {
            return Err(Problem::usage(
                "--max-block must be longer than 0: a lock needs a moment even when nobody waits",
            ));
        }
        let patience = self.patience.or(settings.file.patience);
        Ok(Order {
            work,
            limits,
            defaults: settings.file.batches.over(Limits::default())?,
            max_block,
            patience: patience.map_or(DeployOptions::default().patience, |span| span.0),
        })
    }
}

pub(super) fn run(args: &BackfillArgs, settings: &Settings, terminal: Terminal) -> Result<Exit, Problem> {
    match &args.verb {
        None => change(args, settings, terminal),
        Some(Verb::List { format }) => {
            let target = database::target(settings, terminal)?;
            let all = database::block_on(async { Ok(backfill::list(&target).await?) })?;
            match format {
                Format::Human => human::backfill::list(&all, &mut terminal.out())?,
                Format::Json => json::backfill::list(&all, &mut terminal.out())?,
            }
            Ok(Exit::Done)
        }
        Some(Verb::Pause { id }) => {
            let target = database::target(settings, terminal)?;
            let one = database::block_on(async { Ok(backfill::pause(&target, id.as_deref()).await?) })?;
            let said = format!(
                "{} does nothing from its next look on. Go on with `nonstop backfill resume {0}`.",
                one.id
            );
            writeln!(terminal.out(), "{said}")?;
            Ok(Exit::Done)
        }
        Some(Verb::Resume { id, running, format }) => {
            let target = database::target(settings, terminal)?;
            let one = database::block_on(async { Ok(backfill::resume(&target, id.as_deref()).await?) })?;
            resume(&one, running, *format, settings, &target, terminal)
        }
        Some(Verb::Cancel { id }) => {
            let target = database::target(settings, terminal)?;
            let one = database::block_on(async { Ok(backfill::cancel(&target, id.as_deref()).await?) })?;
            let said = format!("{} is given up. The rows that it has changed stay changed.", one.id);
            writeln!(terminal.out(), "{said}")?;
            Ok(Exit::Done)
        }
        Some(Verb::Limits { id, batch_size, limits }) => {
            set_limits(id.as_deref(), *batch_size, limits, settings, terminal)
        }
    }
}

fn change(args: &BackfillArgs, settings: &Settings, terminal: Terminal) -> Result<Exit, Problem> {
    let change = if args.delete {
        Change::Delete
    } else {
        Change::Set(args.set.clone())
    };
    // What does not parse is told before any server is asked.
    sql::change(&Name::new("public", "t"), &change, args.condition.as_deref()).map_err(Problem::usage)?;
    let work = Work::Change {
        table: args.table.clone().unwrap_or_default(),
        change,
        condition: args.condition.clone(),
    };
    let limits = args.running.limits(settings.file.batches.over(Limits::default())?)?;
    let order = args.running.order(work, limits, settings)?;
    let target = database::target(settings, terminal)?;
    if args.dry_run {
        let sample = database::block_on(async { Ok(backfill::estimate(&target, &order).await?) })?;
        match args.format {
            Format::Human => human::backfill::sample(&sample, &mut terminal.out())?,
            Format::Json => json::backfill::sample(&sample, &mut terminal.out())?,
        }
        return Ok(Exit::Done);
    }
    carry_out(&order, args.format, &target, terminal)
}

fn resume(
    one: &Listed,
    running: &RunArgs,
    format: Format,
    settings: &Settings,
    target: &Target,
    terminal: Terminal,
) -> Result<Exit, Problem> {
    let limits = running.limits(one.limits.clone())?;
    if one.state == State::Stopped {
        let order = running.order(Work::Begun(one.id.clone()), limits, settings)?;
        return carry_out(&order, format, target, terminal);
    }
    if let Some(limits) = limits {
        let id = Some(one.id.as_str());
        database::block_on(async { Ok(backfill::set_limits(target, id, |_| limits).await?) })?;
    }
    writeln!(terminal.out(), "{} goes on where it runs.", one.id)?;
    Ok(Exit::Done)
}

fn set_limits(
    id: Option<&str>,
    batch_size: Option<u64>,
    limits: &LimitArgs,
    settings: &Settings,
    terminal: Terminal,
) -> Result<Exit, Problem> {
    if batch_size.is_none() && !limits.is_given() {
        return Err(Problem::usage(
            "say which limit: --batch-size, --target-ms, --nice, --max-lag, --max-retained-mb, --max-active or --pause-while",
        ));
    }
    // Said before anything is asked for.
    limits.over(Limits::default())?;
    let target = database::target(settings, terminal)?;
    let change = |base: Limits| {
        let size = batch_size.map_or(base.batch_size, |size| Some(size).filter(|size| *size > 0));
        let limits = limits.over(base.clone()).unwrap_or(base);
        Limits {
            batch_size: size,
            ..limits
        }
    };
    let one = database::block_on(async { Ok(backfill::set_limits(&target, id, change).await?) })?;
    writeln!(terminal.out(), "{} keeps to it from its next look on.", one.id)?;
    Ok(Exit::Done)
}

/// Runs it to its end, its stop or its failure.
fn carry_out(order: &Order, format: Format, target: &Target, terminal: Terminal) -> Result<Exit, Problem> {
    let teller = Arc::new(Teller::of_backfill(format, terminal));
    let events = {
        let teller = Arc::clone(&teller);
        Events::new(move |event| teller.tell(&event))
    };
    let began = Instant::now();
    let end = database::block_on(async {
        let (switch, stop) = Stop::new();
        let run = backfill::run(target, order, &events, stop);
        tokio::select! {
            end = run => Ok(end?),
            () = interrupted_twice(&switch, terminal) => Err(Problem::new(
                Exit::Resumable,
                "stopped at once; what was committed stays, and `nonstop backfill resume` goes on from there",
            )),
        }
    });
    teller.end();
    conclude(end?, began.elapsed(), format, terminal)
}

fn conclude(end: End, took: Duration, format: Format, terminal: Terminal) -> Result<Exit, Problem> {
    let ways = |problem: Problem, id: &str| {
        problem
            .detail(format_args!("go on: nonstop backfill resume {id}"))
            .detail(format_args!("give it up: nonstop backfill cancel {id}"))
    };
    match end {
        End::Done => {
            if format == Format::Human {
                writeln!(terminal.out(), "Done in {}.", in_words(took))?;
            }
            Ok(Exit::Done)
        }
        End::Stopped(id) => {
            let problem = Problem::new(Exit::Resumable, "stopped; the batches that are done are committed");
            Err(ways(problem, &id))
        }
        End::Failed(id) => {
            let problem = Problem::new(
                Exit::Resumable,
                "a batch cannot be done; the batches before it are committed",
            );
            Err(ways(problem, &id))
        }
        End::Cancelled => Err(Problem::new(
            Exit::Resumable,
            "given up by `nonstop backfill cancel`; the rows that were changed stay changed",
        )),
    }
}

impl From<BackfillError> for Problem {
    fn from(error: BackfillError) -> Self {
        match error {
            BackfillError::Run(error) => error.into(),
            error @ BackfillError::Refused { .. } => Self::new(Exit::Refused, error).detail(
                "write it so that each row depends on itself alone, or change the rows in batches of your own; nothing was touched",
            ),
            BackfillError::Typing { failure } => {
                let problem = Self::new(
                    Exit::Database,
                    format_args!("the server does not take it: {}", failure.message),
                );
                let facts = [
                    ("statement", &failure.statement),
                    ("SQLSTATE", &failure.sqlstate),
                    ("detail", &failure.detail),
                    ("hint", &failure.hint),
                ];
                facts.into_iter().fold(problem, |problem, (name, fact)| match fact {
                    Some(fact) => problem.detail(format_args!("{name}: {fact}")),
                    None => problem,
                })
            }
            error @ (BackfillError::Running { .. } | BackfillError::Rights { .. }) => Self::new(Exit::Refused, error),
            error => Self::usage(error),
        }
    }
}
