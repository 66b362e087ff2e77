//! Runs the pending migrations of a folder, or the ways back of applied ones: gates, plan, steps, history.
//!
//! A readable loop: what an earlier run left is finished first, then everything is planned before anything is touched, then
//! each migration runs, as one transaction where it is one, else step by step with the journal.

mod hidden;
mod jobs;
mod options;
mod prepare;
mod resume;
mod run;

use crate::advisory::{HistoryLock, LockError};
use crate::event::{Direction, Event, Events, Outcome, Verdict, millis};
use crate::gates::{Subject, run_gates, run_gates_of_plan};
use crate::history::{History, RowState};
use crate::journal::{self, InFlight};
use crate::session::Session;
use crate::target::Target;
use crate::worker::{Worker, application_name};
use jobs::Job;
use nonstop_core::migration::Migration;
use nonstop_core::pace::Bounds;
use nonstop_core::plan::Plan;
use nonstop_core::planner::plan_migration;
use nonstop_core::rollback::plan_way;
use prepare::{Foresight, Prepared, Waiting};
use resume::Recovered;
use run::{End, Run, Tally};
use std::collections::VecDeque;
use std::time::Instant;

pub use crate::history::HistoryKind;
pub use crate::stop::{Stop, StopSwitch};
pub use crate::worker::DeployError;
pub use jobs::BackTo;
pub use options::{DeployOptions, OnFailure};
pub use prepare::Planner;

/// Runs the pending migrations. What happens is told as events, the last of which is always `run_finished`; an error is
/// told to the caller only, and its [`DeployError::outcome`] is the run's.
pub async fn deploy(
    target: &Target,
    migrations: &[Migration],
    history: HistoryKind,
    options: &DeployOptions,
    events: &Events,
    stop: Stop,
) -> Result<Outcome, DeployError> {
    deploy_by(plan_migration, target, migrations, history, options, (events, stop)).await
}

/// Takes applied migrations back, newest first, by the same steps under the same law.
pub async fn rollback(
    target: &Target,
    migrations: &[Migration],
    history: HistoryKind,
    (options, to): (&DeployOptions, &BackTo),
    (events, stop): (&Events, Stop),
) -> Result<Outcome, DeployError> {
    rollback_by(plan_way, target, migrations, history, (options, to), (events, stop)).await
}

/// The same with a planner of the caller's own.
pub async fn rollback_by(
    planner: Planner,
    target: &Target,
    migrations: &[Migration],
    history: HistoryKind,
    (options, to): (&DeployOptions, &BackTo),
    (events, stop): (&Events, Stop),
) -> Result<Outcome, DeployError> {
    let order = Order {
        back: Some(to.clone()),
        ..Order::new(planner, target, migrations, history, (options, events))
    };
    order.run(stop).await
}

/// The same with a planner of the caller's own: plans made by hand are run under the same law.
pub async fn deploy_by(
    planner: Planner,
    target: &Target,
    migrations: &[Migration],
    history: HistoryKind,
    options: &DeployOptions,
    (events, stop): (&Events, Stop),
) -> Result<Outcome, DeployError> {
    let order = Order::new(planner, target, migrations, history, (options, events));
    order.run(stop).await
}

/// The plan that `deploy` would run now. Reads only.
pub async fn plan(
    target: &Target,
    migrations: &[Migration],
    history: HistoryKind,
    options: &DeployOptions,
) -> Result<Plan, DeployError> {
    let events = Events::silent();
    let order = Order::new(plan_migration, target, migrations, history, (options, &events));
    order.plan().await
}

/// The plan that `rollback` would run now. Reads only.
pub async fn plan_rollback(
    target: &Target,
    migrations: &[Migration],
    history: HistoryKind,
    options: &DeployOptions,
    to: &BackTo,
) -> Result<Plan, DeployError> {
    let events = Events::silent();
    let order = Order {
        back: Some(to.clone()),
        ..Order::new(plan_way, target, migrations, history, (options, &events))
    };
    order.plan().await
}

/// What is asked for.
struct Order<'o> {
    planner: Planner,
    target: &'o Target,
    migrations: &'o [Migration],
    history: History,
    options: &'o DeployOptions,
    events: &'o Events,
    /// How far back; `None`: forward.
    back: Option<BackTo>,
}

impl<'o> Order<'o> {
    fn new(
        planner: Planner,
        target: &'o Target,
        migrations: &'o [Migration],
        history: HistoryKind,
        (options, events): (&'o DeployOptions, &'o Events),
    ) -> Self {
        Self {
            planner,
            target,
            migrations,
            history: History::new(history, target),
            options,
            events,
            back: None,
        }
    }

    fn direction(&self) -> Direction {
        match self.back {
            None => Direction::Forward,
            Some(_) => Direction::Back,
        }
    }

    async fn run(&self, stop: Stop) -> Result<Outcome, DeployError> {
        let started = Instant::now();
        let mut tally = Tally::default();
        let outcome = Box::pin(self.carry_out(&stop, &mut tally)).await;
        self.events.send(Event::RunFinished {
            outcome: outcome.as_ref().map_or_else(DeployError::outcome, |outcome| *outcome),
            applied: tally.applied,
            rolled_back: tally.rolled_back,
            duration_ms: millis(started.elapsed()),
        });
        outcome
    }

    async fn plan(&self) -> Result<Plan, DeployError> {
        let session = Session::open(self.target, "nonstop plan").await?;
        let rows = self.history.read(session.client()).await?.unwrap_or_default();
        let jobs = self.jobs(&session, &rows, 0)?;
        let mut foresight = self.foresight(&session).await?;
        let plans = jobs.iter().map(|job| foresight.plan(job).plan);
        Ok(Plan {
            server_version: session.version(),
            migrations: plans.collect(),
        })
    }

    async fn carry_out(&self, stop: &Stop, tally: &mut Tally) -> Result<Outcome, DeployError> {
        let run = uuid::Uuid::new_v4().simple().to_string()[..12].to_owned();
        let name = application_name(&run);
        let session = Session::open(self.target, &name).await?;
        if self.options.dry_run {
            return self.rehearse(&session, &run).await;
        }
        // Without a connection of our own there is no lock to hold; the gate says so.
        if session.is_pooled() && self.are_shut(&session, None, None, None).await? {
            return Ok(Outcome::Refused);
        }
        let lock = HistoryLock::acquire(self.target, &name, self.options.wait, self.events).await;
        if matches!(lock, Err(LockError::Pooled)) && self.are_shut(&session, None, None, None).await? {
            return Ok(Outcome::Refused);
        }
        let lock = lock?;
        let unfinished = self.unfinished(&session).await?;
        let mut foreseen = match &unfinished {
            Some(_) => None,
            None => match self.foresee(&session, stop).await? {
                Foreseen::Stopped => return Ok(Outcome::Resumable),
                Foreseen::Refused => return Ok(Outcome::Refused),
                Foreseen::Unreadable => None,
                Foreseen::Plans(foresight, ahead) => Some((*foresight, ahead)),
            },
        };
        let plan = match (&unfinished, &foreseen) {
            (Some(flight), _) => Some(prepare::begun(flight, &session)),
            (None, Some((_, ahead))) => Some(prepare::plan_of(ahead, &session)),
            (None, None) => None,
        };
        let shut = self.are_shut(&session, Some(&lock), unfinished.as_ref(), plan.as_ref());
        if shut.await? {
            return Ok(Outcome::Refused);
        }
        if let Some((_, ahead)) = &foreseen
            && prepare::tell_refusals(self.events, ahead)
        {
            return Ok(Outcome::Refused);
        }
        let rows = self.history.ensure(session.client()).await?;
        let names = self.names(&rows, unfinished.as_ref(), 0)?;
        self.tell_started(&session, &run, &names);
        let failed = rows.iter().filter(|row| row.state() == RowState::Open);
        let failed: Vec<_> = failed
            .filter(|row| unfinished.as_ref().is_none_or(|flight| flight.row() != row.id))
            .collect();
        if !failed.is_empty() {
            return Err(DeployError::failed_history(&failed));
        }
        if names.is_empty() && unfinished.is_none() {
            lock.release().await;
            return Ok(Outcome::Nothing);
        }
        journal::ensure(session.client()).await?;
        let pace = (Bounds::new(self.options.plan.max_block), self.options.patience);
        let mut worker = Worker::new(self.target, &run, session, lock, pace, (self.events, stop)).await?;
        worker.limits = Some(self.options.limits.clone());
        let mut run = Run {
            worker,
            history: &self.history,
            on_failure: self.options.on_failure,
        };
        let outcome = self.work(&mut run, foreseen.take(), tally).await;
        run.worker.close(in_a_word(&outcome)).await;
        outcome
    }

    /// Finishes what was left, then runs what is pending.
    async fn work(
        &self,
        run: &mut Run<'_>,
        foreseen: Option<(Foresight<'_>, VecDeque<Prepared>)>,
        tally: &mut Tally,
    ) -> Result<Outcome, DeployError> {
        run.worker.open_run().await?;
        crate::failpoint::pass("run-opened").await;
        run.worker.end_orphans().await?;
        let mut taken = 0;
        match run.recover(self).await? {
            // A half of a migration that goes is a step back as well.
            Recovered::Undone(Direction::Forward) if self.back.is_some() => {
                tally.count(Direction::Back);
                taken = 1;
            }
            Recovered::Nothing | Recovered::Undone(_) => {}
            Recovered::Finished(direction) => {
                tally.count(direction);
                taken = usize::from(direction == Direction::Back);
            }
            Recovered::Stuck(outcome) => return Ok(outcome),
        }
        let rows = self
            .history
            .read(run.worker.session.client())
            .await?
            .unwrap_or_default();
        let jobs = self.jobs(&run.worker.session, &rows, taken)?;
        if jobs.is_empty() {
            let nothing = tally.applied == 0 && tally.rolled_back == 0;
            return Ok(if nothing { Outcome::Nothing } else { Outcome::Done });
        }
        let (mut foresight, mut ahead) = if let Some(foreseen) = foreseen {
            foreseen
        } else {
            let mut ways = self.foresight(&run.worker.session).await?;
            if self.tells_refusals_of_ways(&mut ways, &jobs) {
                return Ok(Outcome::Refused);
            }
            (self.foresight(&run.worker.session).await?, VecDeque::new())
        };
        for (at, job) in jobs.iter().enumerate() {
            if run.worker.stop.is_wanted() {
                return Ok(Outcome::Resumable);
            }
            if ahead.is_empty() {
                let client = run.worker.session.client();
                foresight.refresh(client).await?;
                let waiting = self.waiting(&run.worker.stop);
                let Some(plans) = foresight.plan_ahead(client, &jobs[at..], &waiting).await? else {
                    return Ok(Outcome::Resumable);
                };
                let session = &run.worker.session;
                let closed = self.is_closed_to(session, &prepare::plan_of(&plans, session)).await?;
                if closed || prepare::tell_refusals(self.events, &plans) {
                    return Ok(Outcome::Refused);
                }
                ahead = plans;
            }
            let Some(prepared) = ahead.pop_front() else {
                return Ok(Outcome::Done);
            };
            match run.migrate(job, prepared).await? {
                End::Complete => tally.count(self.direction()),
                end => return Ok(end.outcome()),
            }
        }
        Ok(Outcome::Done)
    }

    /// The plans as far ahead as they can be made, before anything is touched. What keeps them from being read is told by a
    /// gate, or by what is tried next.
    async fn foresee(&self, session: &Session, stop: &Stop) -> Result<Foreseen<'_>, DeployError> {
        let Ok(rows) = self.history.read(session.client()).await else {
            return Ok(Foreseen::Unreadable);
        };
        let rows = rows.unwrap_or_default();
        let jobs = self.jobs(session, &rows, 0)?;
        let mut foresight = self.foresight(session).await?;
        if self.back.is_some() {
            if self.tells_refusals_of_ways(&mut foresight, &jobs) {
                return Ok(Foreseen::Refused);
            }
            foresight = self.foresight(session).await?;
        }
        let ahead = foresight
            .plan_ahead(session.client(), &jobs, &self.waiting(stop))
            .await?;
        Ok(ahead.map_or(Foreseen::Stopped, |ahead| Foreseen::Plans(Box::new(foresight), ahead)))
    }

    /// Of a rollback of several nothing is begun when one will be refused: what it loses is known, even where its plan rests
    /// on a guess. What it is foreseen with is used up.
    fn tells_refusals_of_ways(&self, foresight: &mut Foresight<'_>, jobs: &[Job<'_>]) -> bool {
        if self.back.is_none() || jobs.len() < 2 {
            return false;
        }
        let mut ways: Vec<Prepared> = jobs.iter().map(|job| foresight.plan(job)).collect();
        for way in &mut ways {
            way.plan.refusals.retain(|notice| notice.rule.starts_with("rollback-"));
        }
        prepare::tell_refusals(self.events, &ways)
    }

    fn waiting<'w>(&'w self, stop: &'w Stop) -> Waiting<'w> {
        Waiting {
            patience: self.options.patience,
            events: self.events,
            stop,
        }
    }

    async fn foresight(&self, session: &Session) -> Result<Foresight<'_>, DeployError> {
        Ok(Foresight::read(session.client(), self.target, &self.options.plan, self.planner).await?)
    }

    async fn unfinished(&self, session: &Session) -> Result<Option<InFlight>, DeployError> {
        if !journal::exists(session.client()).await? {
            return Ok(None);
        }
        Ok(journal::unfinished(session.client(), &self.history.table().to_string()).await?)
    }

    /// Looks at the gates and tells each; whether one stops us.
    async fn are_shut(
        &self,
        session: &Session,
        lock: Option<&HistoryLock>,
        unfinished: Option<&InFlight>,
        plan: Option<&Plan>,
    ) -> Result<bool, DeployError> {
        let resumable: Vec<String> = unfinished.map(|flight| flight.row().to_owned()).into_iter().collect();
        let subject = Subject {
            lock,
            resumable: &resumable,
            ..self.subject(session, plan)
        };
        let reports = run_gates(&subject).await?;
        for report in &reports {
            self.events.send(report.event());
        }
        Ok(reports.iter().any(|report| report.verdict == Verdict::Stop))
    }

    /// Whether a gate stops a plan that could be made only now, because what ran before it was not known from its text.
    async fn is_closed_to(&self, session: &Session, plan: &Plan) -> Result<bool, DeployError> {
        let reports = run_gates_of_plan(&self.subject(session, Some(plan))).await?;
        for report in reports.iter().filter(|report| report.verdict != Verdict::Ok) {
            self.events.send(report.event());
        }
        Ok(reports.iter().any(|report| report.verdict == Verdict::Stop))
    }

    fn subject<'s>(&'s self, session: &'s Session, plan: Option<&'s Plan>) -> Subject<'s> {
        Subject {
            target: self.target,
            session,
            history: &self.history,
            migrations: self.migrations,
            plan,
            lock: None,
            resumable: &[],
            skip: &self.options.skip,
        }
    }

    /// Everything but the doing.
    async fn rehearse(&self, session: &Session, run: &str) -> Result<Outcome, DeployError> {
        let unfinished = self.unfinished(session).await?;
        let mut plans = Vec::new();
        let read = self.history.read(session.client()).await;
        let rows = read.as_ref().ok().and_then(Option::as_deref).unwrap_or_default();
        let jobs = self.jobs(session, rows, 0)?;
        if !jobs.is_empty() && read.is_ok() {
            let mut foresight = self.foresight(session).await?;
            plans.extend(jobs.iter().map(|job| foresight.plan(job)));
        }
        let plan = prepare::plan_of(&plans, session);
        if self.are_shut(session, None, unfinished.as_ref(), Some(&plan)).await? {
            return Ok(Outcome::Refused);
        }
        // Gates that were passed over do not make it readable.
        if let Err(error) = read {
            return Err(error.into());
        }
        let names: Vec<String> = jobs.iter().map(|job| job.migration.name.clone()).collect();
        self.tell_started(session, run, &names);
        Ok(if jobs.is_empty() {
            Outcome::Nothing
        } else if prepare::tell_refusals(self.events, &plans) {
            Outcome::Refused
        } else {
            Outcome::Done
        })
    }

    fn tell_started(&self, session: &Session, run: &str, names: &[String]) {
        self.events.send(Event::RunStarted {
            run: run.to_owned(),
            migrations: names.to_vec(),
            direction: self.direction(),
            server_version: session.version().to_string(),
        });
    }
}

/// What could be known before anything was touched.
enum Foreseen<'f> {
    /// The plans.
    Plans(Box<Foresight<'f>>, VecDeque<Prepared>),
    /// The history cannot be read.
    Unreadable,
    /// The user did not want to wait.
    Stopped,
    /// One of several ways back is refused; that was told.
    Refused,
}

fn in_a_word(outcome: &Result<Outcome, DeployError>) -> &'static str {
    match outcome.as_ref().map_or_else(DeployError::outcome, |outcome| *outcome) {
        Outcome::Done => "done",
        Outcome::Nothing => "nothing",
        Outcome::Failed => "failed",
        Outcome::Refused => "refused",
        Outcome::Resumable => "resumable",
    }
}

impl From<LockError> for DeployError {
    fn from(error: LockError) -> Self {
        DeployError::HistoryLock(error)
    }
}
