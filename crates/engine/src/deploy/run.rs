//! Runs one migration: as one transaction with its history row where it is one, else step by step.

use super::OnFailure;
use super::jobs::Job;
use super::prepare::Prepared;
use crate::acquire::{self, Group, Proof};
use crate::event::{Direction, Event, Failure, Outcome, millis};
use crate::failpoint;
use crate::failure::render;
use crate::history::{Entry, History, Standing};
use crate::journal::{self, InFlight, MigrationState};
use crate::steps;
use crate::worker::{DeployError, Place, StepError, Worker};
use nonstop_core::migration::Migration;
use nonstop_core::plan::MigrationPlan;
use nonstop_core::quote::SqlText;
use nonstop_core::step::{Step, StepKind};
use std::collections::BTreeMap;
use std::time::Instant;

/// A run that is at work.
pub(super) struct Run<'r> {
    pub worker: Worker<'r>,
    pub history: &'r History,
    pub on_failure: OnFailure,
}

/// What a run has come to.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub applied: usize,
    pub rolled_back: usize,
}

impl Tally {
    pub(super) fn count(&mut self, direction: Direction) {
        match direction {
            Direction::Forward => self.applied += 1,
            Direction::Back => self.rolled_back += 1,
        }
    }
}

/// How a migration ended. Everything about it was told as events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Complete and recorded.
    Complete,
    /// Failed, and nothing of it is left.
    Failed,
    /// Stopped on the way; the next run goes on, or takes it back.
    Resumable,
}

impl End {
    pub(super) fn outcome(self) -> Outcome {
        match self {
            End::Complete => Outcome::Done,
            End::Failed => Outcome::Failed,
            End::Resumable => Outcome::Resumable,
        }
    }
}

impl Run<'_> {
    /// Runs one migration to its end.
    pub(super) async fn migrate(&mut self, job: &Job<'_>, prepared: Prepared) -> Result<End, DeployError> {
        let migration = job.migration.as_ref();
        let back = job.takes_back.as_ref();
        let Some(up) = &migration.up else {
            self.tell_failed(&migration.name, missing_file(migration), Vec::new(), false);
            return Ok(End::Failed);
        };
        let started = Instant::now();
        for notice in &prepared.plan.warnings {
            self.worker.events.send(Event::Warning {
                migration: Some(migration.name.clone()),
                message: format!("{} ({})", notice.message, notice.rule),
            });
        }
        self.worker.events.send(Event::MigrationStarted {
            migration: migration.name.clone(),
            direction: direction(back),
            steps: prepared.plan.steps.len(),
            resumed: 0,
        });
        self.worker.check_lock().await?;
        let entry = Entry::new(migration);
        let end = if prepared.plan.is_atomic() {
            self.at_once(&entry, back, &prepared).await?
        } else {
            self.in_steps(&entry, back, prepared.plan).await?
        };
        if end == End::Complete {
            if leaves_session_changed(&up.text) {
                self.worker.renew_session().await?;
            }
            self.tell_finished(&migration.name, direction(back), started);
        }
        Ok(end)
    }

    /// The migration is one transaction: its rows commit with it, so there is no moment at which it is half done.
    async fn at_once(
        &mut self,
        entry: &Entry,
        back: Option<&Standing>,
        prepared: &Prepared,
    ) -> Result<End, DeployError> {
        match self.one_transaction(entry, back, prepared).await {
            Ok(()) => Ok(End::Complete),
            Err(StepError::Failed(failure)) => {
                self.record_nothing_left(entry, back, &failure).await?;
                self.tell_failed(&entry.name, *failure, Vec::new(), false);
                Ok(End::Failed)
            }
            Err(StepError::Stopped) => Ok(End::Resumable),
            Err(StepError::Lost(error)) => Err(*error),
        }
    }

    async fn one_transaction(
        &mut self,
        entry: &Entry,
        back: Option<&Standing>,
        prepared: &Prepared,
    ) -> Result<(), StepError> {
        let mut place = Place {
            may_block: false,
            migration: entry.name.clone(),
            step: String::new(),
        };
        for step in prepared.plan.steps.iter().filter(|step| step.kind == StepKind::Check) {
            place.step.clone_from(&step.id);
            steps::tell_started(&self.worker, &place, step);
            let started = Instant::now();
            steps::checks(&mut self.worker, &place, step).await?;
            self.tell_step_finished(&place, started);
        }
        let work = prepared.plan.steps.iter().find(|step| step.kind != StepKind::Check);
        let started = Instant::now();
        if let Some(step) = work {
            place.may_block = step.may_block;
            place.step.clone_from(&step.id);
            steps::tell_started(&self.worker, &place, step);
        }
        let group = Group {
            locks: lockable(work, prepared),
            body: work.map(|step| step.sql.iter().collect()).unwrap_or_default(),
            records: vec![
                self.history.at_once(entry, back),
                self.journal_row(entry, back, MigrationState::Done),
            ],
            lock_timeout: work.and_then(|step| step.lock_timeout),
            statement_timeout: work.and_then(|step| step.statement_timeout),
        };
        failpoint::pass("atomic-sent").await;
        let proof = Proof::Migration {
            id: &entry.id,
            state: MigrationState::Done,
        };
        acquire::run(&mut self.worker, &place, group, proof).await?;
        if work.is_some() {
            self.tell_step_finished(&place, started);
        }
        Ok(())
    }

    /// The attempt is recorded, as void: its transaction left nothing. Of a way back the history says nothing: the migration
    /// stands.
    async fn record_nothing_left(
        &mut self,
        entry: &Entry,
        back: Option<&Standing>,
        failure: &Failure,
    ) -> Result<(), DeployError> {
        let mut rows = vec![
            self.journal_row(entry, back, MigrationState::Undone),
            journal::failed(&entry.id, failure),
        ];
        if back.is_none() {
            rows.push(self.history.start(entry));
            rows.push(self.history.fail_unwound(&entry.id, &render(failure)));
        }
        self.write_once(entry, rows, MigrationState::Undone).await
    }

    /// Rows that must not be written twice.
    async fn write_once(
        &mut self,
        entry: &Entry,
        records: Vec<SqlText>,
        state: MigrationState,
    ) -> Result<(), DeployError> {
        let place = Place {
            may_block: false,
            migration: entry.name.clone(),
            step: String::new(),
        };
        let group = Group {
            locks: Vec::new(),
            body: Vec::new(),
            records,
            lock_timeout: None,
            statement_timeout: None,
        };
        let proof = Proof::Migration { id: &entry.id, state };
        match acquire::run(&mut self.worker, &place, group, proof).await {
            Ok(()) => Ok(()),
            Err(StepError::Failed(failure)) => Err(DeployError::NotRecorded { failure }),
            Err(StepError::Stopped) => Err(DeployError::StoppedRecording),
            Err(StepError::Lost(error)) => Err(*error),
        }
    }

    fn journal_row(&self, entry: &Entry, back: Option<&Standing>, state: MigrationState) -> SqlText {
        let what = (entry.name.as_str(), entry.checksum.as_str(), back);
        journal::atomic(
            &self.worker.run,
            &self.history.table().to_string(),
            &entry.id,
            what,
            state,
        )
    }

    async fn in_steps(
        &mut self,
        entry: &Entry,
        back: Option<&Standing>,
        plan: MigrationPlan,
    ) -> Result<End, DeployError> {
        let flight = InFlight {
            id: entry.id.clone(),
            name: entry.name.clone(),
            checksum: entry.checksum.clone(),
            steps: plan.steps,
            state: MigrationState::Running,
            done: BTreeMap::new(),
            failure: None,
            takes_back: back.cloned(),
        };
        let begin = journal::begin(&self.worker.run, &self.history.table().to_string(), &flight);
        let rows = vec![self.history.begin(entry, back), begin];
        self.write_once(entry, rows, MigrationState::Running).await?;
        failpoint::pass("migration-begun").await;
        self.fly(flight).await
    }

    /// Runs what is left of a migration that has begun.
    pub(super) async fn fly(&mut self, mut flight: InFlight) -> Result<End, DeployError> {
        let history = self.history;
        let (id, back) = (flight.id.clone(), flight.takes_back.clone());
        let end = || {
            vec![
                history.end(&id, back.as_ref()),
                journal::settle(&id, MigrationState::Done),
            ]
        };
        match steps::run(&mut self.worker, &mut flight, &end).await {
            Ok(()) => {
                failpoint::pass("migration-finished").await;
                Ok(End::Complete)
            }
            Err(StepError::Failed(failure)) => match self.on_failure {
                OnFailure::Unwind => self.take_back(flight, *failure).await,
                OnFailure::Keep => self.keep(&flight, *failure).await,
            },
            Err(StepError::Stopped) => {
                let failure = Failure {
                    message: "stopped on request".to_owned(),
                    hint: Some(format!("`{}` goes on from here", flight.direction().verb())),
                    ..Failure::default()
                };
                self.keep(&flight, failure).await
            }
            Err(StepError::Lost(error)) => Err(interrupted(error)),
        }
    }

    /// Leaves a migration where it is, for the next run.
    async fn keep(&mut self, flight: &InFlight, failure: Failure) -> Result<End, DeployError> {
        let rows = [
            journal::failed(&flight.id, &failure),
            self.history
                .stop(&flight.id, flight.takes_back.as_ref(), &render(&failure)),
        ];
        self.worker.record(&steps::together(&rows)).await?;
        self.tell_failed(&flight.name, failure, Vec::new(), true);
        Ok(End::Resumable)
    }

    async fn take_back(&mut self, mut flight: InFlight, mut failure: Failure) -> Result<End, DeployError> {
        let unwound = match steps::stuck(&mut self.worker, &flight).await {
            Ok(None) => steps::unwind(&mut self.worker, &mut flight, Some(&failure)).await,
            Ok(Some((step, reason))) => {
                let before = failure.hint.map(|hint| format!("{hint}; ")).unwrap_or_default();
                failure.hint = Some(before + &kept(&flight, &step, &reason));
                return self.keep(&flight, failure).await;
            }
            Err(error) => Err(error),
        };
        match unwound {
            Ok(undone) => {
                self.settle_undone(&flight, &failure).await?;
                self.tell_failed(&flight.name, failure, undone, false);
                Ok(End::Failed)
            }
            Err(StepError::Failed(second)) => {
                failure.hint = Some(format!(
                    "Taking back what was done failed as well: {}. The next `{}` takes it back.",
                    second.message,
                    flight.direction().verb()
                ));
                self.keep(&flight, failure).await
            }
            Err(StepError::Stopped) => {
                let verb = flight.direction().verb();
                failure.hint = Some(format!("Taking back was stopped; the next `{verb}` does it."));
                self.keep(&flight, failure).await
            }
            Err(StepError::Lost(error)) => Err(interrupted(error)),
        }
    }

    /// Nothing of it is left: the row says why, and is void.
    pub(super) async fn settle_undone(&mut self, flight: &InFlight, failure: &Failure) -> Result<(), DeployError> {
        failpoint::pass("before-undone").await;
        let rows = [
            journal::settle(&flight.id, MigrationState::Undone),
            self.history
                .as_before(&flight.id, flight.takes_back.as_ref(), &render(failure)),
        ];
        self.worker.record(&steps::together(&rows)).await
    }

    pub(super) fn tell_failed(&self, name: &str, error: Failure, undone: Vec<String>, resumable: bool) {
        self.worker.events.send(Event::MigrationFailed {
            migration: name.to_owned(),
            error,
            undone,
            resumable,
        });
    }

    fn tell_step_finished(&self, place: &Place, started: Instant) {
        self.worker.events.send(Event::StepFinished {
            migration: place.migration.clone(),
            step: place.step.clone(),
            duration_ms: millis(started.elapsed()),
        });
    }

    pub(super) fn tell_finished(&self, name: &str, direction: Direction, started: Instant) {
        self.worker.events.send(Event::MigrationFinished {
            migration: name.to_owned(),
            direction,
            duration_ms: millis(started.elapsed()),
        });
    }
}

fn direction(back: Option<&Standing>) -> Direction {
    back.map_or(Direction::Forward, |_| Direction::Back)
}

/// Why nothing is taken back, and the ways out.
pub(super) fn kept(flight: &InFlight, step: &str, reason: &str) -> String {
    let why = format!("A step that is done cannot be taken back ({reason}): {step}. So all of it is kept.");
    match flight.direction() {
        Direction::Forward => format!(
            "{why} Cure the cause, then `nonstop deploy` goes on from there. To give it up, say `nonstop resolve \
             --rolled-back {}`: the next deploy then takes back what can be, and runs it from the start.",
            flight.name,
        ),
        Direction::Back => format!("{why} Cure the cause, then `nonstop rollback` goes on from there."),
    }
}

/// A part of the migration may be done: what says so already stays as it is.
fn interrupted(error: Box<DeployError>) -> DeployError {
    match *error {
        DeployError::Unknowable { .. } | DeployError::LockLost(_) => *error,
        _ => DeployError::Interrupted(error),
    }
}

fn lockable(work: Option<&Step>, prepared: &Prepared) -> Vec<nonstop_core::step::RelationLock> {
    let locks = work.map_or(&[][..], |step| &step.locks).iter();
    locks
        .filter(|lock| !prepared.not_tables.contains(&lock.relation))
        .cloned()
        .collect()
}

fn missing_file(migration: &Migration) -> Failure {
    Failure {
        message: format!(
            "P3015: the migration {} has no SQL file at {}",
            migration.name, migration.path
        ),
        hint: Some("Restore the file, or remove the folder.".to_owned()),
        ..Failure::default()
    }
}

/// Whether the text sets something that outlives its transaction (`SET`, not `SET LOCAL`). Each migration finds the session
/// as if it were the first; a needless new session costs milliseconds.
fn leaves_session_changed(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let words = [
        "set_config",
        "create temp",
        "create local temp",
        "prepare ",
        "deallocate",
        "discard ",
    ];
    if words.iter().any(|word| lower.contains(word)) {
        return true;
    }
    lower.split(';').any(|statement| {
        let code = statement
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with("--"));
        let first = code.take(1).collect::<String>();
        let mut words = first.split_whitespace();
        match (words.next(), words.next()) {
            (Some("set"), Some("local" | "constraints" | "transaction")) => false,
            (Some("set" | "reset"), _) => true,
            _ => false,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_outlives_a_migration() {
        assert!(leaves_session_changed("-- dump\nSET lock_timeout = '5s';\nSELECT 1"));
        assert!(leaves_session_changed(
            "SELECT pg_catalog.set_config('search_path', '', false);"
        ));
        assert!(!leaves_session_changed(
            "UPDATE t\nSET a = 1;\nSET LOCAL lock_timeout = 1"
        ));
        assert!(!leaves_session_changed("ALTER TABLE t ALTER c SET NOT NULL"));
    }
}
