//! `--verify`: the folder as written and as fixed on a throw-away server, and both catalogs compared.

use super::changes::{Outcome, Report};
use crate::commands::database;
use crate::exit::{Exit, Problem};
use crate::layouts::{Folder, LayoutChoice, files_of};
use crate::terminal::Terminal;
use nonstop_core::migration::{Migration, TransactionModel};
use nonstop_core::rollback::Way;
use nonstop_core::source::SourceFile;
use nonstop_core::sql;
use nonstop_engine::rehearsal::{self, RehearsalError, Scene};
use nonstop_engine::server::{Options, Programs, Server, Wanted};
use std::path::PathBuf;

/// What the proof came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// On which PostgreSQL.
    pub server_version: String,
    /// Where the ends differ; empty is the proof.
    pub differences: Vec<String>,
}

/// Proves that what the report would write comes to the same end.
pub(super) fn verify(
    folder: &Folder,
    report: &Report,
    (major, pg_bin): (Option<u32>, Option<&PathBuf>),
    terminal: Terminal,
) -> Result<Verified, Problem> {
    if folder.layout == LayoutChoice::Auto {
        return Err(Problem::usage(
            "--verify needs a folder of migrations: what comes before a file of its own is not known",
        ));
    }
    let wanted = Wanted {
        dir: pg_bin.cloned(),
        major,
    };
    let programs = Programs::locate(&wanted)?;
    let is_changed = |migration: &Migration| {
        let own = report.migrations.iter().find(|one| one.name == migration.name);
        own.is_some_and(|one| !one.changes.is_empty())
    };
    let first = folder
        .migrations
        .iter()
        .position(is_changed)
        .unwrap_or(folder.migrations.len());
    let last = folder
        .migrations
        .iter()
        .rposition(is_changed)
        .map_or(first, |last| last + 1);
    let scenes = |migrations: &[Migration]| migrations.iter().filter_map(of_migration).collect::<Vec<_>>();
    let before = scenes(&folder.migrations[..first]);
    let written = scenes(&folder.migrations[first..last]);
    let fixed: Vec<Scene> = folder.migrations[first..last]
        .iter()
        .flat_map(
            |migration| match report.migrations.iter().find(|one| one.name == migration.name) {
                Some(outcome) => of_outcome(migration, outcome, folder.layout),
                None => of_migration(migration).into_iter().collect(),
            },
        )
        .collect();
    terminal.note(format_args!(
        "Running {} as written and {} as fixed on a throw-away PostgreSQL {} …",
        before.len() + written.len(),
        before.len() + fixed.len(),
        programs.version()
    ));
    let differences = database::block_on_many(async {
        let server = Server::start(&programs, Options::default()).await?;
        Ok(rehearsal::differences(&server, &before, &written, &fixed).await?)
    })?;
    Ok(Verified {
        server_version: programs.version().to_string(),
        differences: differences.iter().map(ToString::to_string).collect(),
    })
}

/// A migration as it stands.
pub(crate) fn of_migration(migration: &Migration) -> Option<Scene> {
    let up = migration.up.as_ref()?;
    let down = migration.down.as_ref();
    Some(scene(&migration.name, up, down, migration.transaction))
}

/// A migration as it stands, with this way back.
pub(crate) fn of_way(migration: &Migration, way: &Way) -> Option<Scene> {
    let (up, down) = (migration.up.as_ref()?, way.migration.up.as_ref());
    Some(scene(&migration.name, up, down, migration.transaction))
}

fn of_outcome(migration: &Migration, outcome: &Outcome, layout: LayoutChoice) -> Vec<Scene> {
    let ups = outcome.changes.iter().filter(|change| {
        let files = files_of(layout, &change.migration);
        files.is_some_and(|[up, _]| change.path.ends_with(&up))
    });
    let mut scenes: Vec<Scene> = ups
        .map(|change| {
            let has_metadata =
                |other: &super::Change| other.migration == change.migration && other.path.ends_with("metadata.toml");
            let model = if layout == LayoutChoice::Diesel && !outcome.changes.iter().any(has_metadata) {
                TransactionModel::Whole
            } else {
                TransactionModel::Message
            };
            let file = SourceFile::new(&change.path, &change.after);
            scene(&change.migration, &file, None, model)
        })
        .collect();
    // Only a down script is added to one that is safe.
    if scenes.first().is_none_or(|first| first.name != migration.name) {
        scenes.splice(0..0, of_migration(migration));
    }
    scenes
}

fn scene(name: &str, up: &SourceFile, down: Option<&SourceFile>, transaction: TransactionModel) -> Scene {
    let statements = |file: &SourceFile| {
        let script = sql::parse(file).unwrap_or_default();
        script
            .statements
            .into_iter()
            .map(|statement| statement.sql)
            .collect::<Vec<_>>()
    };
    Scene {
        name: name.to_owned(),
        up: nonstop_core::quote::SqlText::verbatim(up.body().0),
        statements: statements(up),
        down: down.map(statements),
        transaction,
    }
}

impl From<RehearsalError> for Problem {
    fn from(error: RehearsalError) -> Self {
        let exit = match &error {
            RehearsalError::NoDown { .. } => Exit::Usage,
            _ => Exit::Database,
        };
        Self::new(exit, error)
    }
}
