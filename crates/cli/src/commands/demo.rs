//! `demo`: the same migrations as written and through nonstop, on a shop that is busy, in a throw-away server.

use super::database;
use crate::args::Format;
use crate::duration::{Span, in_words};
use crate::exit::{Exit, Problem};
use crate::formats::demo::Demo;
use crate::formats::{html, human, json};
use crate::terminal::Terminal;
use clap::Args;
use nonstop_engine::event::Events;
use nonstop_engine::load::shop::{self, Size};
use nonstop_engine::load::{Load, LoadError, Trial, TrialSettings, Way};
use nonstop_engine::server::{LocateError, Options, Programs, Server, ServerError, Wanted};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::time::Instant;

/// Flags of `demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Folder for the page with both curves
    #[arg(long, default_value = ".", value_name = "DIR")]
    pub out: PathBuf,
    /// Rows of the shop, half of them orders
    #[arg(long, default_value_t = 1_000_000, value_name = "N", value_parser = clap::value_parser!(i32).range(1_000..=100_000_000))]
    pub rows: i32,
    /// Transactions of the application a second
    #[arg(long, default_value_t = 200, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub rate: u32,
    /// How long the report holds the table
    #[arg(long, default_value = "6s", value_name = "DURATION")]
    pub hold: Span,
    /// The longest that a statement of the application may wait because of nonstop
    #[arg(long, default_value = "100ms", value_name = "DURATION")]
    pub max_block: Span,
    /// Folder of PostgreSQL's server programs [else: `NONSTOP_PG_BIN`, PATH, the usual folders]
    #[arg(long, value_name = "DIR")]
    pub pg_bin: Option<PathBuf>,
    /// How to tell the figures
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
}

/// The name of the page in its folder.
const PAGE: &str = "nonstop-demo.html";

/// More memory than a test's server needs, as any real one has; no checkpoint in the middle of a trial.
const SETTINGS: [(&str, &str); 3] = [
    ("shared_buffers", "256MB"),
    ("max_wal_size", "8GB"),
    ("checkpoint_timeout", "30min"),
];

pub(super) fn run(args: &DemoArgs, terminal: Terminal) -> Result<Exit, Problem> {
    if args.max_block.0.is_zero() {
        return Err(Problem::usage("--max-block must be longer than 0"));
    }
    std::fs::create_dir_all(&args.out)
        .map_err(|error| Problem::usage(format_args!("--out {}: {error}", args.out.display())))?;
    let wanted = Wanted {
        dir: args.pg_bin.clone(),
        major: None,
    };
    let programs = Programs::locate(&wanted)?;
    let demo = database::block_on_many(show(args, &programs, terminal))?;
    let page = args.out.join(PAGE);
    let written = File::create(&page).and_then(|file| {
        let mut file = BufWriter::new(file);
        html::demo::render(&demo, &mut file)?;
        file.flush()
    });
    written.map_err(|error| Problem::usage(format_args!("cannot write {}: {error}", page.display())))?;
    let page = page.display().to_string();
    match args.format {
        Format::Human => human::demo::render(&demo, &page, &mut terminal.out())?,
        Format::Json => json::demo::render(&demo, &page, &mut terminal.out())?,
    }
    Ok(Exit::Done)
}

async fn show(args: &DemoArgs, programs: &Programs, terminal: Terminal) -> Result<Demo, Problem> {
    let size = Size::of_rows(args.rows);
    let settings = TrialSettings {
        load: Load {
            rate: args.rate,
            ..Load::default()
        },
        hold: args.hold.0,
        ..TrialSettings::new(size)
    };
    let options = SETTINGS
        .into_iter()
        .fold(Options::default(), |options, (name, value)| options.set(name, value));
    terminal.note(format_args!(
        "Starting a throw-away PostgreSQL {} …",
        programs.version()
    ));
    let server = Server::start(programs, options).await?;
    terminal.note(format_args!(
        "Making a shop of {} rows …",
        human::demo::thousands(size.rows())
    ));
    shop::build(&server, "shop", size).await?;
    let ways = [
        Way::AsWritten,
        Way::Nonstop {
            max_block_ms: u64::try_from(args.max_block.0.as_millis()).unwrap_or(u64::MAX),
        },
    ];
    let mut trials = Vec::new();
    for (way, database) in ways.into_iter().zip(["as_written", "nonstop"]) {
        shop::copy(&server, "shop", database).await?;
        terminal.note(format_args!(
            "Five migrations {}, under {} transactions a second, while a report holds a table for {} …",
            human::demo::way(way),
            args.rate,
            in_words(args.hold.0)
        ));
        let began = Instant::now();
        trials.push(Trial::run(way, &server.url(database), settings, &Events::silent()).await?);
        terminal.detail(format_args!("  took {}", in_words(began.elapsed())));
        server.drop_database(database).await?;
    }
    Ok(Demo {
        server_version: programs.version(),
        cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        at: jiff::Timestamp::now(),
        settings,
        max_block: args.max_block.0,
        trials,
    })
}

impl From<LocateError> for Problem {
    fn from(error: LocateError) -> Self {
        Self::usage(error)
    }
}

impl From<ServerError> for Problem {
    fn from(error: ServerError) -> Self {
        Self::new(Exit::Database, error)
    }
}

impl From<LoadError> for Problem {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Deploy(error) => error.into(),
            other => Self::new(Exit::Database, other),
        }
    }
}
