//! What every verb with a database needs: the target, the runtime, and exit codes for what the engine says.

use crate::config::Settings;
use crate::exit::{Exit, Problem};
use crate::layouts::{self, Folder, LayoutChoice, Selection, Ways};
use crate::terminal::Terminal;
use nonstop_engine::advisory::LockError;
use nonstop_engine::deploy::DeployError;
use nonstop_engine::event::Outcome;
use nonstop_engine::gates::{self, GateError};
use nonstop_engine::history::{HistoryError, HistoryKind};
use nonstop_engine::manage::ManageError;
use nonstop_engine::session::ConnectError;
use nonstop_engine::target::Target;
use nonstop_engine::trace::TraceError;
use std::path::PathBuf;

/// The target, with the password that libpq would find.
pub(super) fn target(settings: &Settings, terminal: Terminal) -> Result<Target, Problem> {
    let url = settings.database()?;
    let target = Target::parse(url.value.reveal())
        .map_err(|error| Problem::usage(error).detail(format_args!("the URL comes from {}", url.origin)))?;
    terminal.detail(format_args!("database: {} (from {})", target.place(), url.origin));
    for warning in &target.warnings {
        terminal.warn(warning);
    }
    let target = target.or_password(settings.password());
    Ok(match settings.passfile() {
        Some(text) => target.or_passfile(&text),
        None => target,
    })
}

/// The folder of migrations, its warnings told.
pub(super) fn folder(settings: &Settings, terminal: Terminal) -> Result<Folder, Problem> {
    let folder = settings.migrations()?;
    terminal.detail(format_args!(
        "migrations: {} in {} ({})",
        folder.migrations.len(),
        folder.path,
        folder.layout
    ));
    for warning in &folder.warnings {
        terminal.warn(warning);
    }
    Ok(folder)
}

/// What paths select; without any, the whole folder.
pub(super) fn selections(
    paths: &[PathBuf],
    ways: Ways,
    settings: &Settings,
    terminal: Terminal,
) -> Result<Vec<Selection>, Problem> {
    if paths.is_empty() {
        let folder = folder(settings, terminal)?;
        return Ok(vec![Selection { folder, only: None }]);
    }
    let read = |path: &PathBuf| Ok(layouts::select(path, settings.layout(), ways)?);
    paths.iter().map(read).collect()
}

/// A name that a flag gives must be in the folder.
pub(super) fn known(flag: &str, name: Option<&str>, folder: &Folder) -> Result<(), Problem> {
    match name {
        Some(name) if folder.migrations.iter().all(|migration| migration.name != name) => {
            let message = format_args!("{flag} {name}: there is no such migration in {}", folder.path);
            Err(Problem::usage(message).detail("give the whole name, as `nonstop status` prints it"))
        }
        Some(_) | None => Ok(()),
    }
}

/// Gates to skip must exist.
pub(super) fn known_gates(names: &[String]) -> Result<(), Problem> {
    match names.iter().find(|name| !gates::NAMES.contains(&name.as_str())) {
        Some(name) => Err(GateError::Unknown { name: name.clone() }.into()),
        None => Ok(()),
    }
}

/// Whose history a layout has.
pub(super) fn history_kind(layout: LayoutChoice) -> HistoryKind {
    match layout {
        LayoutChoice::Prisma => HistoryKind::Prisma,
        LayoutChoice::Auto
        | LayoutChoice::Updown
        | LayoutChoice::Diesel
        | LayoutChoice::Plain
        | LayoutChoice::BothWays => HistoryKind::Own,
    }
}

/// Runs what waits for a database. One thread is enough, and the fastest: no message goes from thread to thread. The
/// watchdog has one of its own.
pub(super) fn block_on<T>(work: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
    run_in(tokio::runtime::Builder::new_current_thread(), work)
}

/// Runs many clients of a database at once, none of which may delay another.
pub(super) fn block_on_many<T>(work: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
    run_in(tokio::runtime::Builder::new_multi_thread(), work)
}

fn run_in<T>(
    mut threads: tokio::runtime::Builder,
    work: impl Future<Output = Result<T, Problem>>,
) -> Result<T, Problem> {
    let runtime = threads.enable_all().build();
    let runtime = runtime.map_err(|error| Problem::usage(format_args!("cannot start: {error}")))?;
    let outcome = runtime.block_on(work);
    // A name look-up that hangs must not keep the process.
    runtime.shutdown_background();
    outcome
}

impl From<ConnectError> for Problem {
    fn from(error: ConnectError) -> Self {
        let exit = match &error {
            ConnectError::TlsFiles(_) => Exit::Usage,
            _ => Exit::Database,
        };
        let problem = Self::new(exit, &error);
        match error {
            ConnectError::Server { detail, hint, .. } => {
                let problem = detail
                    .into_iter()
                    .fold(problem, |problem, text| problem.detail(format_args!("detail: {text}")));
                hint.into_iter()
                    .fold(problem, |problem, text| problem.detail(format_args!("hint: {text}")))
            }
            _ => problem,
        }
    }
}

impl From<LockError> for Problem {
    fn from(error: LockError) -> Self {
        match error {
            LockError::Connect(error) => error.into(),
            LockError::Pooled => Self::new(Exit::Refused, error),
            other => Self::new(Exit::Database, other),
        }
    }
}

impl From<HistoryError> for Problem {
    fn from(error: HistoryError) -> Self {
        let exit = match &error {
            HistoryError::NotEmpty { .. } => Exit::Refused,
            HistoryError::NotFound { .. } => Exit::Usage,
            _ => Exit::Database,
        };
        Self::new(exit, error)
    }
}

impl From<ManageError> for Problem {
    fn from(error: ManageError) -> Self {
        match error {
            ManageError::Connect(error) => error.into(),
            ManageError::Lock(error) => error.into(),
            ManageError::History(error) => error.into(),
            other => Self::new(Exit::Database, other),
        }
    }
}

impl From<DeployError> for Problem {
    fn from(error: DeployError) -> Self {
        match error {
            DeployError::Connect(error) => error.into(),
            DeployError::HistoryLock(error) => error.into(),
            DeployError::History(error) => error.into(),
            DeployError::Gate(error) => error.into(),
            other @ DeployError::UnknownMigration { .. } => Self::usage(other),
            other if other.outcome() == Outcome::Resumable => Self::new(Exit::Resumable, other),
            other => Self::new(Exit::Database, other),
        }
    }
}

impl From<TraceError> for Problem {
    fn from(error: TraceError) -> Self {
        match error {
            TraceError::Connect(error) => error.into(),
            TraceError::History(error) => error.into(),
            other => Self::new(Exit::Database, other),
        }
    }
}

impl From<GateError> for Problem {
    fn from(error: GateError) -> Self {
        let exit = match &error {
            GateError::Unknown { .. } => Exit::Usage,
            _ => Exit::Database,
        };
        Self::new(exit, error)
    }
}
