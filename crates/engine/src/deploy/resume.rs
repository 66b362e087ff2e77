//! Finishes or takes back what an earlier run has left.

use super::Order;
use super::run::{End, Run, kept};
use crate::event::{Direction, Event, Failure, Outcome};
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
    /// Take it back to the beginning, for this reason; what is done and cannot be taken back keeps all of it.
    TakeBack(&'static str),
    /// Take back what can be, for this reason: the user has given it up, or that had begun.
    GiveUp(&'static str),
}

/// What became of what an earlier run has left.
pub(super) enum Recovered {
    /// It had left nothing.
    Nothing,
    /// A migration, or a way back, was taken back: it is as if it had never begun.
    Undone(Direction),
    /// It is complete now.
    Finished(Direction),
    /// It is not at an end; that was told.
    Stuck(Outcome),
}

impl Run<'_> {
    /// Brings what is unfinished to one of its two ends.
    pub(super) async fn recover(&mut self, order: &Order<'_>) -> Result<Recovered, DeployError> {
        let table = self.history.table().to_string();
        let Some(mut flight) = journal::unfinished(self.worker.session.client(), &table).await? else {
            return Ok(Recovered::Nothing);
        };
        self.worker
            .record(&journal::adopt(&self.worker.run, &flight.id))
            .await?;
        let rows = self
            .history
            .read(self.worker.session.client())
            .await?
            .unwrap_or_default();
        let run = order.direction();
        let stuck = match steps::stuck(&mut self.worker, &flight).await {
            Ok(stuck) => stuck,
            Err(StepError::Failed(failure)) => {
                self.tell_failed(&flight.name, *failure, Vec::new(), true);
                return Ok(Recovered::Stuck(Outcome::Resumable));
            }
            Err(StepError::Stopped) => return Ok(Recovered::Stuck(Outcome::Resumable)),
            Err(StepError::Lost(error)) => return Err(*error),
        };
        let verdict = if flight.takes_back.is_none() {
            judge(&flight, &rows, order.migrations)
        } else {
            let is_same = order.is_same_way(&self.worker.session, &flight);
            judge_way(&flight, &rows, run, (is_same, stuck.is_some()))
        };
        match verdict {
            Verdict::GoOn if flight.direction() == Direction::Forward && run == Direction::Back => {
                if let Some(stuck) = stuck {
                    return Ok(self.keep_all(&flight, "a rollback cannot take it back", &stuck));
                }
                self.back_to_the_start(&mut flight, "a rollback was asked for").await
            }
            Verdict::TakeBack(reason) if let Some(stuck) = &stuck => {
                Ok(self.keep_all(&flight, &format!("{reason}, and it cannot be taken back"), stuck))
            }
            Verdict::Close(state) => {
                self.worker.record(&journal::settle(&flight.id, state)).await?;
                Ok(Recovered::Nothing)
            }
            Verdict::TakeBack(reason) | Verdict::GiveUp(reason) => self.back_to_the_start(&mut flight, reason).await,
            Verdict::GoOn => {
                let started = Instant::now();
                self.worker.events.send(Event::MigrationStarted {
                    migration: flight.name.clone(),
                    direction: flight.direction(),
                    steps: flight.steps.len(),
                    resumed: flight.finished(),
                });
                let (name, direction) = (flight.name.clone(), flight.direction());
                Ok(match self.fly(flight).await? {
                    End::Complete => {
                        self.tell_finished(&name, direction, started);
                        Recovered::Finished(direction)
                    }
                    end => Recovered::Stuck(end.outcome()),
                })
            }
        }
    }

    /// Neither of the two ends can be reached now: it stays as it is.
    fn keep_all(&self, flight: &InFlight, why: &str, (step, reason): &(String, String)) -> Recovered {
        let failure = Failure {
            message: format!("it is not complete, and {why}"),
            hint: Some(kept(flight, step, reason)),
            ..Failure::default()
        };
        self.tell_failed(&flight.name, failure, Vec::new(), true);
        Recovered::Stuck(Outcome::Resumable)
    }

    async fn back_to_the_start(&mut self, flight: &mut InFlight, reason: &str) -> Result<Recovered, DeployError> {
        let what = match flight.direction() {
            Direction::Forward => "it",
            Direction::Back => "a rollback of it",
        };
        self.warn(
            flight,
            &format!("an earlier run has begun {what}; that is taken back, because {reason}"),
        );
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
                Ok(Recovered::Undone(flight.direction()))
            }
            Err(StepError::Failed(second)) => {
                self.tell_failed(&flight.name, *second, Vec::new(), true);
                Ok(Recovered::Stuck(Outcome::Resumable))
            }
            Err(StepError::Stopped) => Ok(Recovered::Stuck(Outcome::Resumable)),
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
        None => return Verdict::GiveUp("its row is gone from the history"),
        Some(RowState::RolledBack) => return Verdict::GiveUp("it was resolved as rolled back"),
        Some(RowState::Applied | RowState::Open) => {}
    }
    if flight.state == MigrationState::Undoing {
        return Verdict::GiveUp("that had begun already");
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

/// A way back that was begun. A deploy wants the migration to stand, a rollback wants it gone; what cannot be taken back is
/// gone already, so that both finish it.
fn judge_way(flight: &InFlight, rows: &[Row], run: Direction, (is_same, is_stuck): (bool, bool)) -> Verdict {
    if rows
        .iter()
        .any(|row| row.name == flight.name && row.state() == RowState::Applied)
    {
        return Verdict::Close(MigrationState::Closed);
    }
    match rows.iter().find(|row| row.id == flight.row()).map(Row::state) {
        // Somebody has said that it is rolled back.
        None | Some(RowState::RolledBack) => return Verdict::GoOn,
        Some(RowState::Applied | RowState::Open) => {}
    }
    if flight.state == MigrationState::Undoing {
        return Verdict::GiveUp("that had begun already");
    }
    if flight.steps.is_empty() {
        return Verdict::TakeBack("its plan cannot be read");
    }
    match run {
        _ if is_stuck => Verdict::GoOn,
        Direction::Forward => Verdict::TakeBack("a deploy was asked for"),
        Direction::Back if is_same => Verdict::GoOn,
        Direction::Back => Verdict::TakeBack("its way back is another one now"),
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
            takes_back: None,
        }
    }

    fn way(state: MigrationState) -> InFlight {
        let mut applied = row("r", true, false);
        applied.name = "m".to_owned();
        InFlight {
            takes_back: crate::history::Standing::of(&applied),
            ..flight(state)
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
            Verdict::GiveUp(_)
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
            Verdict::GiveUp(_)
        ));
        assert!(matches!(judge(&running, &[], &here), Verdict::GiveUp(_)));
    }

    #[test]
    fn a_way_back_is_finished_by_a_rollback_and_taken_back_by_a_deploy() {
        use Direction::{Back, Forward};
        let open = [row("r", false, false)];
        let running = way(MigrationState::Running);
        assert_eq!(judge_way(&running, &open, Back, (true, false)), Verdict::GoOn);
        let another = judge_way(&running, &open, Back, (false, false));
        assert!(matches!(another, Verdict::TakeBack(_)));
        let deploy = judge_way(&running, &open, Forward, (true, false));
        assert!(matches!(deploy, Verdict::TakeBack(_)));
        assert_eq!(judge_way(&running, &open, Forward, (true, true)), Verdict::GoOn);
        let undoing = way(MigrationState::Undoing);
        let undoing = judge_way(&undoing, &open, Back, (true, false));
        assert!(matches!(undoing, Verdict::GiveUp(_)));
        let said = [row("r", false, true)];
        assert_eq!(judge_way(&running, &said, Forward, (true, false)), Verdict::GoOn);
        let applied = [row("r", false, true), row("s", true, false)];
        assert_eq!(
            judge_way(&running, &applied, Back, (true, false)),
            Verdict::Close(MigrationState::Closed)
        );
    }
}
