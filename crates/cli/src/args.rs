//! The command line: what every verb shares. Each verb's own flags stand beside the verb.

use crate::commands::{
    backfill, baseline, check, completions, demo, deploy, explain, fix, lsp, plan, preflight, resolve, rollback, rules,
    status, test_rollback,
};
use crate::config::{ConfigFile, Flags, Secret};
use crate::duration::Span;
use crate::exit::{EXIT_CODES, Problem};
use crate::layouts::LayoutChoice;
use clap::{Args, Parser, Subcommand, ValueEnum};
use nonstop_core::batch::Limits;
use nonstop_core::settings::{Breaking, PlanSettings};
use nonstop_core::sql::condition;
use schemars::JsonSchema;
use serde::Deserialize;
use std::path::PathBuf;
use std::time::Duration;

/// Schema changes on a live PostgreSQL without stopping anybody.
///
/// nonstop takes plain SQL migrations (Prisma folders first of all) as they are, and applies them to a live database so that
/// no statement of the application waits longer than a bound that you set, nothing is left half done, and the history
/// table that your own tool reads stays true.
#[derive(Debug, Parser)]
#[command(name = "nonstop", version, after_help = EXIT_CODES, propagate_version = false, max_term_width = 100)]
#[command(disable_help_subcommand = true)]
pub struct Cli {
    /// The verb.
    #[command(subcommand)]
    pub command: Command,
    /// What every verb takes.
    #[command(flatten)]
    pub common: Common,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Apply all pending migrations, by safe steps, behind the gates
    #[command(after_help = EXIT_CODES)]
    Deploy(deploy::DeployArgs),
    /// Show the steps that `deploy` would run: locks, work, timeouts, undo
    #[command(after_help = EXIT_CODES)]
    Plan(plan::PlanArgs),
    /// Take applied migrations back, newest first, by the same safe steps
    #[command(after_help = EXIT_CODES)]
    Rollback(rollback::RollbackArgs),
    /// What is applied, pending, failed or running, and the way out of each
    #[command(after_help = EXIT_CODES)]
    Status(status::StatusArgs),
    /// Mark a failed migration as rolled back, or one as applied
    #[command(after_help = EXIT_CODES)]
    Resolve(resolve::ResolveArgs),
    /// Mark everything up to NAME as applied in a database that has no history yet
    #[command(after_help = EXIT_CODES)]
    Baseline(baseline::BaselineArgs),
    /// Change many rows in batches, outside of any migration
    #[command(after_help = EXIT_CODES)]
    Backfill(Box<backfill::BackfillArgs>),
    /// The hazards of migrations, without or with a database
    #[command(after_help = EXIT_CODES)]
    Check(check::CheckArgs),
    /// The safe form of migrations as files: a diff, or with --write the files
    #[command(after_help = EXIT_CODES)]
    Fix(fix::FixArgs),
    /// The gates of `deploy` alone: version, privileges, pooler, replica, space, …
    #[command(after_help = EXIT_CODES)]
    Preflight(preflight::PreflightArgs),
    /// The last migrations up, down and up again on a throw-away server
    #[command(after_help = EXIT_CODES)]
    TestRollback(test_rollback::TestRollbackArgs),
    /// Plans of the queries that matter: saved before a change, compared after it
    #[command(after_help = EXIT_CODES)]
    Explain(explain::ExplainArgs),
    /// List the rules of `check`, or explain one
    #[command(after_help = EXIT_CODES)]
    Rules(rules::RulesArgs),
    /// Five migrations on a busy shop, as written and with nonstop; needs no database
    #[command(after_help = EXIT_CODES)]
    Demo(demo::DemoArgs),
    /// The language server for editors: diagnostics, hover, quick fixes
    #[command(after_help = EXIT_CODES)]
    Lsp(lsp::LspArgs),
    /// Print a completion script for a shell
    Completions(completions::CompletionsArgs),
}

/// What every verb takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Common options")]
pub struct Common {
    /// Folder of migrations [default: the Prisma project's, else prisma/migrations, migrations or db/migrations]
    #[arg(long, global = true, value_name = "PATH")]
    pub dir: Option<PathBuf>,
    /// How the folder is laid out [default: auto]
    #[arg(long, global = true, value_enum, value_name = "LAYOUT")]
    pub layout: Option<LayoutChoice>,
    /// Where the database is [else: `NONSTOP_DATABASE_URL`, `DIRECT_URL`, `DATABASE_URL`, nonstop.toml, the Prisma project]
    #[arg(long, global = true, value_name = "URL", hide_env_values = true)]
    pub database_url: Option<Secret>,
    /// Configuration file [default: nonstop.toml where there is one]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// When to colour
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub color: Color,
    /// Only results and errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// More: where settings came from, every try for a lock
    #[arg(short, long, global = true)]
    pub verbose: bool,
}

impl Common {
    /// What the configuration needs of them.
    pub fn flags(&self) -> Flags {
        Flags {
            dir: self.dir.clone(),
            layout: self.layout,
            database_url: self.database_url.clone(),
            config: self.config.clone(),
        }
    }
}

/// The value of `--color`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The value of `--format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Human,
    /// For programs: one document, or JSON Lines for `deploy` and `rollback`.
    Json,
}

/// `--breaking`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BreakingChoice {
    /// Run as written, with a warning.
    AsWritten,
    /// Refuse the migration.
    Refuse,
    /// Expand now and contract later.
    Expand,
}

/// `--allow`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Allow {
    /// Statements that lose data.
    DataLoss,
    /// Statements that block and work, and have no safe form.
    Blocking,
}

/// `--on-failure`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnFailure {
    /// Undo the finished steps, newest first.
    Unwind,
    /// Keep them; the next deploy goes on from there.
    Keep,
}

/// `--fail-on`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FailOn {
    /// Errors only.
    Error,
    /// Warnings too.
    Warning,
    /// Nothing.
    Never,
}

/// What changes of rows in batches keep to: shared by `deploy` and `backfill`, and `[batches]` of `nonstop.toml`.
#[derive(Debug, Clone, Default, PartialEq, Args, Deserialize, JsonSchema)]
#[command(next_help_heading = "Batches")]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct LimitArgs {
    /// How many milliseconds a batch is aimed to take; beside others a fifth of it [default: 150]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub target_ms: Option<u64>,
    /// The rest after a batch, as a share of its time [default: 0; beside others 0.2, and rests within it]
    #[arg(long, value_name = "RATIO")]
    pub nice: Option<f64>,
    /// How far a replica may be behind [default: 1500ms]
    #[arg(long, value_name = "DURATION")]
    pub max_lag: Option<Span>,
    /// How much WAL a replication slot may hold back, in MiB; 0: any
    #[arg(long, value_name = "MIB")]
    pub max_retained_mb: Option<u64>,
    /// How many sessions of others may be at work; 0: any
    #[arg(long, value_name = "N")]
    pub max_active: Option<u32>,
    /// Nothing is done while this SQL expression is true; empty: none
    #[arg(long, value_name = "EXPRESSION")]
    pub pause_while: Option<String>,
}

impl LimitArgs {
    /// Whether any of them was given.
    pub fn is_given(&self) -> bool {
        self.target_ms.is_some()
            || self.nice.is_some()
            || self.max_lag.is_some()
            || self.max_retained_mb.is_some()
            || self.max_active.is_some()
            || self.pause_while.is_some()
    }

    /// These over the given ones.
    pub fn over(&self, base: Limits) -> Result<Limits, Problem> {
        if self.nice.is_some_and(|nice| !(0.0..=100.0).contains(&nice)) {
            return Err(Problem::usage(
                "--nice is a share of a batch's time, 0 to 100: 0.5 rests half as long as it works",
            ));
        }
        let pause_while = match self.pause_while.as_deref() {
            None => base.pause_while,
            Some(text) if text.trim().is_empty() => None,
            Some(text) => {
                Some(condition(text).map_err(|error| Problem::usage(format_args!("--pause-while: {error}")))?)
            }
        };
        Ok(Limits {
            batch_size: base.batch_size,
            target: self.target_ms.map_or(base.target, Duration::from_millis),
            nice: self.nice.or(base.nice),
            max_lag: self.max_lag.map_or(base.max_lag, |span| span.0),
            max_retained: match self.max_retained_mb {
                None => base.max_retained,
                Some(mib) => Some(mib.saturating_mul(1 << 20)).filter(|bytes| *bytes > 0),
            },
            max_active: match self.max_active {
                None => base.max_active,
                Some(count) => Some(count).filter(|count| *count > 0),
            },
            pause_while,
        })
    }
}

/// How migrations become steps: shared by `plan` and `deploy`.
#[derive(Debug, Args)]
#[command(next_help_heading = "Safety")]
pub struct PolicyArgs {
    /// What a way back has as well.
    #[command(flatten)]
    pub bounds: BoundArgs,
    /// What to do with statements that break running code: DROP, RENAME, … [default: as-written]
    #[arg(long, value_enum, value_name = "POLICY")]
    pub breaking: Option<BreakingChoice>,
    /// Stop after this migration
    #[arg(long, value_name = "NAME")]
    pub until: Option<String>,
}

/// How statements become steps.
#[derive(Debug, Args)]
#[command(next_help_heading = "Safety")]
pub struct BoundArgs {
    /// The longest that a statement of the application may wait because of us [default: 200ms]
    #[arg(long, value_name = "DURATION")]
    pub max_block: Option<Span>,
    /// Tables of at most N rows (and 8 MiB) need no safe form; 0: every existing table counts as large [default: 10000]
    #[arg(long, value_name = "N")]
    pub small_rows: Option<u64>,
    /// Run what blocks or loses data and has no safe form
    #[arg(long, value_enum, value_delimiter = ',', value_name = "HAZARD")]
    pub allow: Vec<Allow>,
    /// No rewriting: the files as they are, with timeouts and retries only
    #[arg(long)]
    pub as_written: bool,
}

impl PolicyArgs {
    /// The planner's settings: flags first, then the file, then the defaults.
    pub fn settings(&self, file: &ConfigFile) -> Result<PlanSettings, Problem> {
        let breaking = match self.breaking.or(file.breaking) {
            None | Some(BreakingChoice::AsWritten) => Breaking::AsWritten,
            Some(BreakingChoice::Refuse) => Breaking::Refuse,
            Some(BreakingChoice::Expand) => {
                return Err(Problem::usage("--breaking expand is not available yet")
                    .detail("use as-written (the default: run them, with a warning) or refuse"));
            }
        };
        Ok(PlanSettings {
            breaking,
            ..self.bounds.settings(file)?
        })
    }
}

impl BoundArgs {
    /// The planner's settings without a policy for what breaks running code: a way back is asked for by name.
    pub fn settings(&self, file: &ConfigFile) -> Result<PlanSettings, Problem> {
        let defaults = PlanSettings::default();
        let allow = match (self.allow.as_slice(), &file.allow) {
            ([], Some(of_file)) => of_file.as_slice(),
            (of_flags, _) => of_flags,
        };
        let max_block = self
            .max_block
            .or(file.max_block)
            .map_or(defaults.max_block, |span| span.0);
        if max_block.is_zero() {
            return Err(Problem::usage(
                "--max-block must be longer than 0: a lock needs a moment even when nobody waits",
            ));
        }
        Ok(PlanSettings {
            max_block,
            small_rows: file.small_limit(self.small_rows),
            allow_blocking: allow.contains(&Allow::Blocking),
            allow_data_loss: allow.contains(&Allow::DataLoss),
            breaking: Breaking::AsWritten,
            as_written: self.as_written,
        })
    }
}
