//! Runs the pending migrations of a folder: gates, plan, steps, history.
//!
//! A readable loop: what an earlier run left is finished first, then all pending migrations are planned before anything is
//! touched, then each runs, as one transaction where it is one, else step by step with the journal.

mod hidden;
mod prepare;
mod resume;
mod run;

use crate::advisory::{HistoryLock, LockError};
use crate::event::{Event, Events, Outcome, Verdict, millis};
use crate::gates::{Subject, run_gates, run_gates_of_plan};
use crate::history::{History, RowState, recorded};
use crate::journal::{self, InFlight};
use crate::session::Session;
use crate::target::Target;
use crate::worker::{Worker, application_name};
use nonstop_core::migration::Migration;
use nonstop_core::pace::Bounds;
use nonstop_core::plan::Plan;
use nonstop_core::planner::plan_migration;
use nonstop_core::settings::PlanSettings;
use prepare::{Foresight, Prepared, Waiting};
use run::{End, Run};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

pub use crate::history::HistoryKind;
pub use crate::stop::{Stop, StopSwitch};
pub use crate::worker::DeployError;
pub use prepare::Planner;

/// What the user set about a run.
#[derive(Debug, Clone)]
pub struct DeployOptions {
    /// What decides how statements become steps; `max_block` in it bounds every wait.
    pub plan: PlanSettings,
    /// The last migration to run.
    pub until: Option<String>,
    /// Plan only, change nothing.
    pub dry_run: bool,
    /// What becomes of a migration that fails in the middle.
    pub on_failure: OnFailure,
    /// How long the history lock is waited for; zero leaves at once.
    pub wait: Duration,
    /// How long the locks of one step are tried for.
    pub patience: Duration,
    /// Gates to pass over.
    pub skip: Vec<String>,
}

/// What becomes of a migration that fails in the middle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OnFailure {
    /// The steps done are taken back.
    Unwind,
    /// They stay, and the next run goes on from there.
    Keep,
}

impl Default for DeployOptions {
    fn default() -> Self {
        Self {
            plan: PlanSettings::default(),
            until: None,
            dry_run: false,
            on_failure: OnFailure::Unwind,
            wait: Duration::from_secs(60),
            patience: Duration::from_secs(600),
            skip: Vec::new(),
        }
    }
}

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

/// The same with a planner of the caller's own: plans made by hand are run under the same law.
pub async fn deploy_by(
    planner: Planner,
    target: &Target,
    migrations: &[Migration],
    history: HistoryKind,
    options: &DeployOptions,
    (events, stop): (&Events, Stop),
) -> Result<Outcome, DeployError> {
    let started = Instant::now();
    let mut applied = 0;
    let order = Order {
        planner,
        target,
        migrations,
        history: History::new(history, target),
        options,
        events,
    };
    let outcome = Box::pin(order.carry_out(&stop, &mut applied)).await;
    events.send(Event::RunFinished {
        outcome: outcome.as_ref().map_or_else(DeployError::outcome, |outcome| *outcome),
        applied,
        duration_ms: millis(started.elapsed()),
    });
    outcome
}

/// The plan that `deploy` would run now. Reads only.
pub async fn plan(
    target: &Target,
    migrations: &[Migration],
    history: HistoryKind,
    options: &DeployOptions,
) -> Result<Plan, DeployError> {
    let session = Session::open(target, "nonstop plan").await?;
    let history = History::new(history, target);
    let rows = history.read(session.client()).await?.unwrap_or_default();
    let pending = pending(migrations, &recorded(&rows), options.until.as_deref())?;
    let mut foresight = Foresight::read(session.client(), target, &options.plan, plan_migration).await?;
    let plans = pending.into_iter().map(|migration| foresight.plan(migration).plan);
    Ok(Plan {
        server_version: session.version(),
        migrations: plans.collect(),
    })
}

/// The pending ones in order, up to `until`.
fn pending<'m>(
    migrations: &'m [Migration],
    recorded: &std::collections::BTreeSet<&str>,
    until: Option<&str>,
) -> Result<Vec<&'m Migration>, DeployError> {
    let end = match until {
        None => migrations.len(),
        Some(name) => match migrations.iter().position(|migration| migration.name == name) {
            Some(at) => at + 1,
            None => return Err(DeployError::UnknownMigration { name: name.to_owned() }),
        },
    };
    let standing = |migration: &&Migration| !recorded.contains(migration.name.as_str());
    Ok(migrations[..end].iter().filter(standing).collect())
}

/// What is asked for.
struct Order<'o> {
    planner: Planner,
    target: &'o Target,
    migrations: &'o [Migration],
    history: History,
    options: &'o DeployOptions,
    events: &'o Events,
}

impl Order<'_> {
    async fn carry_out(&self, stop: &Stop, applied: &mut usize) -> Result<Outcome, DeployError> {
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
        let mut standing = recorded(&rows);
        if let Some(flight) = &unfinished {
            standing.remove(flight.name.as_str());
        }
        let pending = pending(self.migrations, &standing, self.options.until.as_deref())?;
        self.tell_started(&session, &run, &pending);
        let failed = rows.iter().filter(|row| row.state() == RowState::Open);
        let failed: Vec<_> = failed
            .filter(|row| unfinished.as_ref().is_none_or(|flight| flight.id != row.id))
            .collect();
        if !failed.is_empty() {
            return Err(DeployError::failed_history(&failed));
        }
        if pending.is_empty() && unfinished.is_none() {
            lock.release().await;
            return Ok(Outcome::Nothing);
        }
        journal::ensure(session.client()).await?;
        let pace = (Bounds::new(self.options.plan.max_block), self.options.patience);
        let worker = Worker::new(self.target, &run, session, lock, pace, (self.events, stop)).await?;
        let mut run = Run {
            worker,
            history: &self.history,
            on_failure: self.options.on_failure,
        };
        let outcome = self.work(&mut run, foreseen.take(), applied).await;
        run.worker.close(in_a_word(&outcome)).await;
        outcome
    }

    /// Finishes what was left, then runs what is pending.
    async fn work(
        &self,
        run: &mut Run<'_>,
        foreseen: Option<(Foresight<'_>, VecDeque<Prepared>)>,
        applied: &mut usize,
    ) -> Result<Outcome, DeployError> {
        run.worker.open_run().await?;
        crate::failpoint::pass("run-opened").await;
        run.worker.end_orphans().await?;
        match run.recover(self.migrations).await? {
            None => {}
            Some(End::Applied) => *applied += 1,
            Some(end) => return Ok(end.outcome()),
        }
        let rows = self
            .history
            .read(run.worker.session.client())
            .await?
            .unwrap_or_default();
        let pending = pending(self.migrations, &recorded(&rows), self.options.until.as_deref())?;
        if pending.is_empty() {
            return Ok(if *applied == 0 { Outcome::Nothing } else { Outcome::Done });
        }
        let (mut foresight, mut ahead) = match foreseen {
            Some(foreseen) => foreseen,
            None => (self.foresight(&run.worker.session).await?, VecDeque::new()),
        };
        for (at, migration) in pending.iter().enumerate() {
            if run.worker.stop.is_wanted() {
                return Ok(Outcome::Resumable);
            }
            if ahead.is_empty() {
                let client = run.worker.session.client();
                foresight.refresh(client).await?;
                let waiting = self.waiting(&run.worker.stop);
                let Some(plans) = foresight.plan_ahead(client, &pending[at..], &waiting).await? else {
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
            match run.migrate(migration, prepared).await? {
                End::Applied => *applied += 1,
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
        let pending = pending(self.migrations, &recorded(&rows), self.options.until.as_deref())?;
        let mut foresight = self.foresight(session).await?;
        let ahead = foresight
            .plan_ahead(session.client(), &pending, &self.waiting(stop))
            .await?;
        Ok(ahead.map_or(Foreseen::Stopped, |ahead| Foreseen::Plans(Box::new(foresight), ahead)))
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
        let resumable: Vec<String> = unfinished.map(|flight| flight.id.clone()).into_iter().collect();
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
        let pending = pending(self.migrations, &recorded(rows), self.options.until.as_deref())?;
        if !pending.is_empty() && read.is_ok() {
            let mut foresight = self.foresight(session).await?;
            plans.extend(pending.iter().map(|migration| foresight.plan(migration)));
        }
        let plan = prepare::plan_of(&plans, session);
        if self.are_shut(session, None, unfinished.as_ref(), Some(&plan)).await? {
            return Ok(Outcome::Refused);
        }
        // Gates that were passed over do not make it readable.
        if let Err(error) = read {
            return Err(error.into());
        }
        self.tell_started(session, run, &pending);
        Ok(if pending.is_empty() {
            Outcome::Nothing
        } else if prepare::tell_refusals(self.events, &plans) {
            Outcome::Refused
        } else {
            Outcome::Done
        })
    }

    fn tell_started(&self, session: &Session, run: &str, pending: &[&Migration]) {
        self.events.send(Event::RunStarted {
            run: run.to_owned(),
            migrations: pending.iter().map(|migration| migration.name.clone()).collect(),
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
