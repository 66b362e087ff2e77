//! What is to be done, in order: pending migrations, or the ways back of applied ones, newest first.

use super::Order;
use crate::history::{Row, RowState, Standing, recorded};
use crate::journal::InFlight;
use crate::session::Session;
use crate::worker::DeployError;
use nonstop_core::catalog::Catalog;
use nonstop_core::migration::Migration;
use nonstop_core::plan::Notice;
use nonstop_core::rollback::{ways, whole};
use nonstop_core::sql::with_room;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// How far a rollback goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BackTo {
    /// So many migrations.
    Steps(usize),
    /// All behind this one.
    Name(String),
}

/// One migration to run, or one way back.
pub(super) struct Job<'m> {
    pub migration: Cow<'m, Migration>,
    /// What the history says of the migration that is taken back.
    pub takes_back: Option<Standing>,
    /// Why it must not be run, apart from its plan.
    pub refusals: Vec<Notice>,
    /// What is to be said of it, apart from its plan.
    pub warnings: Vec<Notice>,
}

impl Order<'_> {
    /// The names of what is to be done; `taken`: how many steps back this run has made already.
    pub(super) fn names(
        &self,
        rows: &[Row],
        unfinished: Option<&InFlight>,
        taken: usize,
    ) -> Result<Vec<String>, DeployError> {
        let Some(to) = &self.back else {
            let mut standing = recorded(rows);
            if let Some(flight) = unfinished {
                standing.remove(flight.name.as_str());
            }
            let pending = self.pending(&standing)?;
            return Ok(pending.iter().map(|migration| migration.name.clone()).collect());
        };
        let first = unfinished.map(|flight| flight.name.clone());
        let taken = taken + usize::from(first.is_some());
        let chosen = chosen(self.migrations, rows, to, taken)?;
        let chosen = chosen.into_iter().map(|(migration, _)| migration.name.clone());
        Ok(first.into_iter().chain(chosen).collect())
    }

    /// What is to be done.
    pub(super) fn jobs(&self, session: &Session, rows: &[Row], taken: usize) -> Result<Vec<Job<'_>>, DeployError> {
        let Some(to) = &self.back else {
            let job = |migration| Job {
                migration: Cow::Borrowed(migration),
                takes_back: None,
                refusals: Vec::new(),
                warnings: Vec::new(),
            };
            return Ok(self.pending(&recorded(rows))?.into_iter().map(job).collect());
        };
        let chosen = chosen(self.migrations, rows, to, taken)?;
        let wanted: BTreeSet<&str> = chosen.iter().map(|(migration, _)| migration.name.as_str()).collect();
        let mut ways = with_room(|| ways(self.migrations, &wanted, self.start(session)));
        let mut jobs = Vec::new();
        for (migration, row) in chosen {
            let Some(way) = ways.remove(&migration.name) else {
                continue;
            };
            let mut refusals = way.refusals(&self.options.plan);
            refusals.extend(changed(row, migration));
            refusals.extend(later(self.migrations, rows, row));
            let warnings = way.is_derived.then(derived).into_iter().collect();
            jobs.push(Job {
                warnings,
                migration: Cow::Owned(way.migration),
                takes_back: Standing::of(row),
                refusals,
            });
        }
        Ok(jobs)
    }

    /// Whether the way back that was begun is still the one that the folder gives.
    pub(super) fn is_same_way(&self, session: &Session, flight: &InFlight) -> bool {
        let wanted = BTreeSet::from([flight.name.as_str()]);
        let ways = with_room(|| ways(self.migrations, &wanted, self.start(session)));
        let way = ways.get(&flight.name);
        way.is_some_and(|way| way.migration.checksum() == flight.checksum)
    }

    /// The catalog before the first migration.
    fn start(&self, session: &Session) -> Catalog {
        let mut start = Catalog::empty(session.version());
        start.search_path = vec![self.target.schema.clone()];
        start.schemas.insert(self.target.schema.clone());
        start
    }

    /// The pending ones in order, up to `--until`.
    fn pending(&self, recorded: &BTreeSet<&str>) -> Result<Vec<&Migration>, DeployError> {
        let end = match &self.options.until {
            None => self.migrations.len(),
            Some(name) => place(self.migrations, name)? + 1,
        };
        let standing = |migration: &&Migration| !recorded.contains(migration.name.as_str());
        Ok(self.migrations[..end].iter().filter(standing).collect())
    }
}

fn place(migrations: &[Migration], name: &str) -> Result<usize, DeployError> {
    let found = migrations.iter().position(|migration| migration.name == name);
    found.ok_or_else(|| DeployError::UnknownMigration { name: name.to_owned() })
}

/// Applied migrations to take back, newest in the folder first, with their rows.
fn chosen<'m, 'r>(
    migrations: &'m [Migration],
    rows: &'r [Row],
    to: &BackTo,
    taken: usize,
) -> Result<Vec<(&'m Migration, &'r Row)>, DeployError> {
    let (from, most) = match to {
        BackTo::Steps(steps) => (0, steps.saturating_sub(taken)),
        BackTo::Name(name) => (place(migrations, name)? + 1, usize::MAX),
    };
    let applied = rows.iter().filter(|row| row.state() == RowState::Applied);
    let applied: BTreeMap<&str, &Row> = applied.map(|row| (row.name.as_str(), row)).collect();
    let behind = migrations[from..].iter().rev();
    let chosen = behind.filter_map(|migration| Some((migration, *applied.get(migration.name.as_str())?)));
    Ok(chosen.take(most).collect())
}

fn derived() -> Notice {
    whole(
        "rollback-without-script",
        "it has no down script; its way back is made from it and the files before it".to_owned(),
        "`--dry-run` shows it; where it needs more than that, write a down script.".to_owned(),
    )
}

/// A file that is not what was applied says nothing of what is to be taken back.
fn changed(row: &Row, migration: &Migration) -> Option<Notice> {
    (!row.is_of(migration)).then(|| {
        whole(
            "rollback-of-changed-file",
            format!(
                "{} was changed after it was applied, so its way back may not fit",
                migration.path
            ),
            "Restore the file as it was applied; what was changed belongs into a new migration.".to_owned(),
        )
    })
}

/// What was applied behind it from another folder may stand on it.
fn later(migrations: &[Migration], rows: &[Row], row: &Row) -> Option<Notice> {
    let is_known = |name: &str| migrations.iter().any(|migration| migration.name == name);
    let later = rows.iter().find(|other| {
        other.state() == RowState::Applied && other.started_at > row.started_at && !is_known(&other.name)
    })?;
    Some(whole(
        "rollback-beneath-unknown",
        format!(
            "{} was applied after it and is not in this folder, so nobody can tell whether it stands on it",
            later.name
        ),
        format!("Roll {} back first, from the folder that has it.", later.name),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nonstop_core::hash::sha256_hex;
    use nonstop_core::migration::TransactionModel;
    use nonstop_core::source::SourceFile;

    fn migration(name: &str) -> Migration {
        Migration {
            name: name.to_owned(),
            up: Some(SourceFile::new(name, "SELECT 1")),
            path: name.to_owned(),
            down: None,
            transaction: TransactionModel::Whole,
        }
    }

    fn row(name: &str, second: i64) -> Row {
        let at = jiff::Timestamp::from_second(second).unwrap();
        Row {
            id: format!("id of {name}"),
            checksum: sha256_hex(b"SELECT 1"),
            finished_at: Some(at),
            name: name.to_owned(),
            logs: None,
            rolled_back_at: None,
            started_at: at,
            applied_steps_count: 1,
        }
    }

    fn names(to: &BackTo, taken: usize) -> Vec<String> {
        let folder = ["1", "2", "3", "4"].map(migration);
        let rows = [row("1", 1), row("3", 2), row("2", 3)];
        let chosen = chosen(&folder, &rows, to, taken).unwrap();
        chosen
            .into_iter()
            .map(|(migration, _)| migration.name.clone())
            .collect()
    }

    #[test]
    fn applied_ones_go_newest_of_the_folder_first() {
        assert_eq!(names(&BackTo::Steps(2), 0), ["3", "2"]);
        assert_eq!(names(&BackTo::Steps(2), 1), ["3"], "one step is made");
        assert_eq!(names(&BackTo::Steps(9), 0), ["3", "2", "1"]);
        assert_eq!(names(&BackTo::Name("1".into()), 0), ["3", "2"]);
        assert_eq!(names(&BackTo::Name("4".into()), 0), [""; 0]);
        assert!(chosen(&[], &[], &BackTo::Name("5".into()), 0).is_err());
    }

    #[test]
    fn what_is_not_known_is_not_taken_apart() {
        let folder = ["1"].map(migration);
        let rows = [row("1", 1), row("other branch", 2)];
        assert!(later(&folder, &rows, &rows[0]).is_some());
        assert!(later(&folder, &rows[..1], &rows[0]).is_none());
        assert!(changed(&rows[0], &folder[0]).is_none());
        let edited = Row {
            checksum: sha256_hex(b"SELECT 2"),
            ..row("1", 1)
        };
        assert!(changed(&edited, &folder[0]).is_some());
    }
}
