//! `explain`: plans and timings of the queries that matter, saved before a change and compared after it.
//!
//! Reads only. `compare` asks the saved queries again, so that both moments answer the same question; two saved files are compared
//! without a database.

use super::database;
use crate::args::Format;
use crate::config::Settings;
use crate::duration::Span;
use crate::exit::{Exit, Problem};
use crate::formats::{human, json};
use crate::terminal::Terminal;
use clap::{Args, Subcommand, ValueEnum};
use nonstop_core::explain::{Asked, AskedError, Saved, Verdict, asked, compare};
use nonstop_core::source::SourceFile;
use nonstop_engine::queries::{self, Manner, QueriesError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where plans are saved.
const FILE: &str = "nonstop-explain.json";
/// How long a query may run.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Flags of `explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Explain the queries of files, and keep plans, times, blocks and the use of indexes
    Save {
        /// Files of queries, folders of .sql files, or `-` for standard input; `-- name: …` above a query names it
        #[arg(value_name = "PATH", required = true)]
        paths: Vec<PathBuf>,
        /// Where to keep it; `-` is standard output
        #[arg(long, value_name = "FILE", default_value = FILE)]
        out: PathBuf,
        /// Write over a file that is there
        #[arg(long)]
        force: bool,
        /// How they are asked.
        #[command(flatten)]
        manner: MannerArgs,
    },
    /// Explain the saved queries again, and show what has changed
    Compare {
        /// The file of `save`
        #[arg(value_name = "BEFORE", default_value = FILE)]
        before: PathBuf,
        /// Another file of `save`, instead of asking the database now
        #[arg(value_name = "AFTER", conflicts_with_all = ["timeout", "plan_only", "out"])]
        after: Option<PathBuf>,
        /// Keep what was found now
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Write over a file that is there
        #[arg(long, requires = "out")]
        force: bool,
        /// From when on the exit code is 1
        #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
        fail_on: FailOn,
        /// How they are asked.
        #[command(flatten)]
        manner: MannerArgs,
        /// How to print it
        #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
        format: Format,
    },
}

/// How queries are asked.
#[derive(Debug, Args)]
pub struct MannerArgs {
    /// The longest that a query may run; one that does not end by then is only planned; 0: any time [default: 10s]
    #[arg(long, value_name = "DURATION")]
    pub timeout: Option<Span>,
    /// Plans alone: no query is run
    #[arg(long)]
    pub plan_only: bool,
}

/// The value of `--fail-on`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum FailOn {
    /// A plan reads more than before, or a query fails or does not end any more.
    #[default]
    Worse,
    /// A plan is another one, or a query is new or gone.
    Changed,
    /// Nothing.
    Never,
}

impl FailOn {
    fn exit(self, gravest: Verdict) -> Exit {
        let least = match self {
            Self::Worse => Verdict::Worse,
            Self::Changed => Verdict::New,
            Self::Never => return Exit::Done,
        };
        if gravest >= least { Exit::Findings } else { Exit::Done }
    }
}

impl MannerArgs {
    fn manner(&self) -> Manner {
        Manner {
            timeout: self.timeout.map_or(TIMEOUT, |span| span.0),
            plan_only: self.plan_only,
        }
    }
}

pub(super) fn run(args: &ExplainArgs, settings: &Settings, terminal: Terminal) -> Result<Exit, Problem> {
    match &args.verb {
        Verb::Save {
            paths,
            out,
            force,
            manner,
        } => save(paths, (out, *force), manner.manner(), settings, terminal),
        Verb::Compare {
            before,
            after,
            out,
            force,
            fail_on,
            manner,
            format,
        } => {
            let before = read(before)?;
            let after = if let Some(after) = after {
                read(after)?
            } else {
                let out = out.as_deref().map(|out| (out, *force));
                again(&before, out, manner.manner(), settings, terminal)?
            };
            let comparison = compare(&before, &after);
            let moments = (&before, &after);
            match format {
                Format::Human => human::explain::compared(moments, &comparison, &mut terminal.out())?,
                Format::Json => json::explain::compared(moments, &comparison, &mut terminal.out())?,
            }
            Ok(fail_on.exit(comparison.gravest()))
        }
    }
}

fn save(
    paths: &[PathBuf],
    (out, force): (&Path, bool),
    manner: Manner,
    settings: &Settings,
    terminal: Terminal,
) -> Result<Exit, Problem> {
    let queries = all_of(paths)?;
    is_free(out, force)?;
    let saved = measured(&queries, manner, settings, terminal)?;
    let failed = saved.queries.iter().filter_map(|one| Some((one, one.error.as_ref()?)));
    let failed: Vec<String> = failed
        .map(|(one, error)| format!("{} ({}): {error}", one.name, one.file))
        .collect();
    if !failed.is_empty() {
        let problem = Problem::new(
            Exit::Database,
            "the server does not take every query, so nothing was saved",
        );
        return Err(failed.into_iter().fold(problem, Problem::detail));
    }
    if out.as_os_str() == "-" {
        terminal.out().write_all(saved.to_json().as_bytes())?;
        return Ok(Exit::Done);
    }
    write(out, &saved)?;
    human::explain::saved(&saved, &out.display().to_string(), &mut terminal.out())?;
    Ok(Exit::Done)
}

/// The saved queries, asked now.
fn again(
    before: &Saved,
    out: Option<(&Path, bool)>,
    manner: Manner,
    settings: &Settings,
    terminal: Terminal,
) -> Result<Saved, Problem> {
    let queries = before.asked_again()?;
    if let Some((out, force)) = out {
        is_free(out, force)?;
    }
    let saved = measured(&queries, manner, settings, terminal)?;
    if let Some((out, _)) = out {
        write(out, &saved)?;
    }
    Ok(saved)
}

fn measured(queries: &[Asked], manner: Manner, settings: &Settings, terminal: Terminal) -> Result<Saved, Problem> {
    let target = database::target(settings, terminal)?;
    database::block_on(async { Ok(queries::measure(&target, queries, manner).await?) })
}

/// The queries of all paths. Two of one name could not be told apart.
fn all_of(paths: &[PathBuf]) -> Result<Vec<Asked>, Problem> {
    let mut all: Vec<Asked> = Vec::new();
    for path in paths {
        for (shown, stem, bytes) in files(path)? {
            let text = String::from_utf8(bytes)
                .map_err(|_| Problem::usage(format_args!("{shown} is not UTF-8: save it as UTF-8")))?;
            all.extend(asked(&SourceFile::new(shown, text), &stem)?);
        }
    }
    if all.is_empty() {
        return Err(Problem::usage("there is no query in what was given"));
    }
    for (at, one) in all.iter().enumerate() {
        if let Some(other) = all[..at].iter().find(|other| other.name == one.name) {
            let message = format_args!(
                "two queries are called {:?}, in {} and {}",
                one.name, other.file, one.file
            );
            return Err(Problem::usage(message).detail("give each a name of its own: `-- name: …` above it"));
        }
    }
    Ok(all)
}

/// The files that a path stands for: what to call each, its name without ending, and what it holds.
fn files(path: &Path) -> Result<Vec<(String, String, Vec<u8>)>, Problem> {
    let cannot =
        |path: &Path, error: &std::io::Error| Problem::usage(format_args!("cannot read {}: {error}", path.display()));
    if path.as_os_str() == "-" {
        let mut bytes = Vec::new();
        let read = std::io::stdin().read_to_end(&mut bytes);
        read.map_err(|error| cannot(path, &error))?;
        return Ok(vec![("standard input".to_owned(), "query".to_owned(), bytes)]);
    }
    let mut found = vec![path.to_path_buf()];
    if path.is_dir() {
        let entries = std::fs::read_dir(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let entries = entries.map_err(|error| cannot(path, &error))?;
        let files = entries.into_iter().map(|entry| entry.path());
        found = files
            .filter(|file| file.extension().is_some_and(|end| end == "sql"))
            .collect();
        found.sort();
    }
    let read = |file: PathBuf| {
        let bytes = std::fs::read(&file).map_err(|error| cannot(&file, &error))?;
        let stem = file
            .file_stem()
            .map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        Ok((file.display().to_string(), stem, bytes))
    };
    found.into_iter().map(read).collect()
}

/// A saved moment does not come again: nothing is written over it unasked.
fn is_free(out: &Path, force: bool) -> Result<(), Problem> {
    if force || out.as_os_str() == "-" || !out.exists() {
        return Ok(());
    }
    let message = format_args!("{} is there, and what it holds cannot be measured again", out.display());
    Err(Problem::usage(message).detail("say --force to write over it, or --out with another name"))
}

fn write(out: &Path, saved: &Saved) -> Result<(), Problem> {
    let written = std::fs::write(out, saved.to_json());
    written.map_err(|error| Problem::usage(format_args!("cannot write {}: {error}", out.display())))
}

fn read(path: &Path) -> Result<Saved, Problem> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| {
        let problem = Problem::usage(format_args!("cannot read {shown}: {error}"));
        problem.detail("`nonstop explain save PATH…` makes it, before the change")
    })?;
    Saved::from_json(&text).map_err(|error| Problem::usage(format_args!("{shown}: {error}")))
}

impl From<AskedError> for Problem {
    fn from(error: AskedError) -> Self {
        Self::usage(error)
    }
}

impl From<QueriesError> for Problem {
    fn from(error: QueriesError) -> Self {
        match error {
            QueriesError::Connect(error) => error.into(),
            other => Self::new(Exit::Database, other),
        }
    }
}
