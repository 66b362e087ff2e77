//! Finishes or takes back what an earlier run has left.

use super::run::{End, Run};
use crate::event::{Event, Failure};
use crate::history::{Row, RowState};
use crate::journal::{self, InFlight, MigrationState};
use crate::steps;
use crate::worker::{DeployError, StepError};
use nonstop_core::hash::prisma_matches;
use nonstop_core::migration::Migration;
use std::time::Instant;

/// What is to be done with a migration that an earlier run has begun.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// Its history row says complete, or the user has said that it is applied.
    Close(MigrationState),
    /// The file is still the same: go on by the plan that was made.
    GoOn,
    /// Take it back to the beginning, for this reason.
    TakeBack(&'static str),
}

impl Run<'_> {
    /// Brings an unfinished migration to one of its two ends. `None`: nothing was left, or it was taken back, and is pending.
    pub(super) async fn recover(&mut self, migrations: &[Migration]) -> Result<Option<End>, DeployError> {
        let table = self.history.table().to_string();
        let Some(mut flight) = journal::unfinished(self.worker.session.client(), &table).await? else {
            return Ok(None);
        };
        self.worker
            .record(&journal::adopt(&self.worker.run, &flight.id))
            .await?;
        let rows = self
            .history
            .read(self.worker.session.client())
            .await?
            .unwrap_or_default();
        match judge(&flight, &rows, migrations) {
            Verdict::Close(state) => {
                self.worker.record(&journal::settle(&flight.id, state)).await?;
                Ok(None)
            }
            Verdict::TakeBack(reason) => {
                self.warn(
                    &flight,
                    &format!("an earlier run has begun it; it is taken back, because {reason}"),
                );
                self.back_to_the_start(&mut flight, reason).await
            }
            Verdict::GoOn => {
                let started = Instant::now();
                self.worker.events.send(Event::MigrationStarted {
                    migration: flight.name.clone(),
                    steps: flight.steps.len(),
                    resumed: flight.finished(),
                });
                let name = flight.name.clone();
                let end = self.fly(flight).await?;
                if end == End::Applied {
                    self.tell_finished(&name, started);
                }
                Ok(Some(end))
            }
        }
    }

    async fn back_to_the_start(&mut self, flight: &mut InFlight, reason: &str) -> Result<Option<End>, DeployError> {
        let failure = Failure {
            message: flight
                .failure
                .clone()
                .unwrap_or_else(|| format!("the run was cut off; taken back, because {reason}")),
            ..Failure::default()
        };
        match steps::unwind(&mut self.worker, flight, None).await {
            Ok(_) => {
                self.settle_undone(flight, &failure).await?;
                Ok(None)
            }
            Err(StepError::Failed(second)) => {
                self.tell_failed(&flight.name, *second, Vec::new(), true);
                Ok(Some(End::Resumable))
            }
            Err(StepError::Stopped) => Ok(Some(End::Resumable)),
            Err(StepError::Lost(error)) => Err(*error),
        }
    }

    fn warn(&self, flight: &InFlight, message: &str) {
        self.worker.events.send(Event::Warning {
            migration: Some(flight.name.clone()),
            message: message.to_owned(),
        });
    }
}

fn judge(flight: &InFlight, rows: &[Row], migrations: &[Migration]) -> Verdict {
    let applied = rows
        .iter()
        .find(|row| row.name == flight.name && row.state() == RowState::Applied);
    if let Some(row) = applied {
        let ours = row.id == flight.id;
        return Verdict::Close(if ours {
            MigrationState::Done
        } else {
            MigrationState::Closed
        });
    }
    match rows.iter().find(|row| row.id == flight.id).map(Row::state) {
        None => return Verdict::TakeBack("its row is gone from the history"),
        Some(RowState::RolledBack) => return Verdict::TakeBack("it was resolved as rolled back"),
        Some(RowState::Applied | RowState::Open) => {}
    }
    if flight.state == MigrationState::Undoing {
        return Verdict::TakeBack("that had begun already");
    }
    if flight.steps.is_empty() {
        return Verdict::TakeBack("its plan cannot be read");
    }
    let Some(migration) = migrations.iter().find(|migration| migration.name == flight.name) else {
        return Verdict::TakeBack("it is not in the folder any more");
    };
    let text = migration.up.as_ref().map(|file| file.text.as_str());
    match text {
        None => Verdict::TakeBack("its file is gone"),
        Some(text) if prisma_matches(&flight.checksum, text) => Verdict::GoOn,
        Some(_) => Verdict::TakeBack("its file has changed since"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nonstop_core::hash::sha256_hex;
    use nonstop_core::migration::TransactionModel;
    use nonstop_core::quote::SqlText;
    use nonstop_core::source::SourceFile;
    use nonstop_core::step::{Goal, Step, StepKind};
    use std::collections::BTreeMap;

    fn step() -> Step {
        Step {
            id: "1".to_owned(),
            transaction: true,
            ..Step::alone(StepKind::Ddl, SqlText::verbatim(""), Goal::Committed)
        }
    }

    fn flight(state: MigrationState) -> InFlight {
        InFlight {
            id: "i".to_owned(),
            name: "m".to_owned(),
            checksum: sha256_hex(b"SELECT 1"),
            steps: vec![step()],
            state,
            done: BTreeMap::new(),
            failure: None,
        }
    }

    fn row(id: &str, finished: bool, rolled_back: bool) -> Row {
        let at = jiff::Timestamp::UNIX_EPOCH;
        Row {
            id: id.to_owned(),
            checksum: String::new(),
            finished_at: finished.then_some(at),
            name: "m".to_owned(),
            logs: None,
            rolled_back_at: rolled_back.then_some(at),
            started_at: at,
            applied_steps_count: 0,
        }
    }

    fn file(text: &str) -> Migration {
        Migration {
            name: "m".to_owned(),
            up: Some(SourceFile::new("m/migration.sql", text)),
            path: "m/migration.sql".to_owned(),
            down: None,
            checksum: sha256_hex(text.as_bytes()),
            transaction: TransactionModel::Whole,
        }
    }

    #[test]
    fn the_same_file_goes_on_and_another_one_goes_back() {
        let open = [row("i", false, false)];
        let running = flight(MigrationState::Running);
        assert_eq!(judge(&running, &open, &[file("SELECT 1")]), Verdict::GoOn);
        assert!(matches!(
            judge(&running, &open, &[file("SELECT 2")]),
            Verdict::TakeBack(_)
        ));
        assert!(matches!(judge(&running, &open, &[]), Verdict::TakeBack(_)));
        let undoing = flight(MigrationState::Undoing);
        assert!(matches!(
            judge(&undoing, &open, &[file("SELECT 1")]),
            Verdict::TakeBack(_)
        ));
    }

    #[test]
    fn what_the_user_said_counts() {
        let running = flight(MigrationState::Running);
        let here = [file("SELECT 1")];
        let resolved = [row("i", false, true), row("j", true, false)];
        assert_eq!(
            judge(&running, &resolved, &here),
            Verdict::Close(MigrationState::Closed)
        );
        assert_eq!(
            judge(&running, &[row("i", true, false)], &here),
            Verdict::Close(MigrationState::Done)
        );
        assert!(matches!(
            judge(&running, &[row("i", false, true)], &here),
            Verdict::TakeBack(_)
        ));
        assert!(matches!(judge(&running, &[], &here), Verdict::TakeBack(_)));
    }
}
