//! The session that does the work, with its watchdog and the history lock, and how it comes back after a cut.

use crate::advisory::{Cancelled, HistoryLock, LockError, LockKey, holder_in_words};
use crate::event::{Event, Events, Failure};
use crate::failure::SqlError;
use crate::journal::{self, Backend};
use crate::message;
use crate::session::Session;
use crate::stop::Stop;
use crate::target::Target;
use crate::watchdog::{Duty, Verdict, Watchdog};
use nonstop_core::batch::Limits;
use nonstop_core::pace::{Bounds, Fault, Retry};
use nonstop_core::quote::SqlText;
use nonstop_core::sql;
use nonstop_core::step::LockTimeout;
use std::time::{Duration, Instant};

mod error;
mod tries;

pub use error::DeployError;
pub(crate) use tries::{Cancels, LET_IT_BLOCK, Tries, tell};

/// A bookkeeping message that takes longer than this will not be answered.
const RECORD_LIMIT: Duration = Duration::from_secs(10);
/// How long a server that went away is waited for.
const RECONNECT_PATIENCE: Duration = Duration::from_secs(60);
/// How long our own earlier backend is given to end by itself, and how long after it was told to.
const ORPHAN_GRACE: Duration = Duration::from_secs(2);
const ORPHAN_LIMIT: Duration = Duration::from_secs(30);
/// How often a step is tried in all, for deadlocks and cut connections.
pub(crate) const TRIES: u32 = 10;
/// How often the lock's session is asked whether it still lives, and how long it may take to say so.
const PROBE_EVERY: Duration = Duration::from_secs(5);
const PROBE_LIMIT: Duration = Duration::from_secs(5);
/// How often waiters for the history lock are looked for while something patient runs.
const WAITERS_EVERY: Duration = Duration::from_millis(500);
/// Most statements are done before.
const FIRST_LOOK_FOR_WAITERS: Duration = Duration::from_millis(50);

/// Why a step did not come to its end.
#[derive(Debug)]
pub(crate) enum StepError {
    /// The database said no, and trying again would not help.
    Failed(Box<Failure>),
    /// The user wants to stop.
    Stopped,
    /// The server, or the history lock, is gone and did not come back.
    Lost(Box<DeployError>),
}

impl From<DeployError> for StepError {
    fn from(error: DeployError) -> Self {
        StepError::Lost(Box::new(error))
    }
}

/// How a message failed.
#[derive(Debug)]
pub(crate) struct Broken {
    /// What the server said.
    pub error: SqlError,
    /// What the watchdog saw.
    pub verdict: Verdict,
}

/// Where we are, for events.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// The user allowed the step to keep the application out.
    pub(crate) may_block: bool,
    pub migration: String,
    pub step: String,
}

/// The worker and what belongs to it.
pub(crate) struct Worker<'a> {
    pub target: &'a Target,
    /// Our id of the run.
    pub run: String,
    pub session: Session,
    pub bounds: Bounds,
    /// How long locks are tried for.
    pub patience: Duration,
    pub events: Events,
    pub stop: Stop,
    backend: Option<Backend>,
    watchdog: Watchdog,
    lock: Option<HistoryLock>,
    key: LockKey,
    probed: Instant,
    /// What batches keep to; `None`: what the database says.
    pub limits: Option<Limits>,
}

/// A question about the state of things, with a deadline.
pub(crate) async fn answered<T>(
    question: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, SqlError> {
    match tokio::time::timeout(RECORD_LIMIT, question).await {
        Ok(answer) => answer.map_err(SqlError::from),
        Err(_) => Err(SqlError::lost("the server does not answer", 0)),
    }
}

/// What `pg_stat_activity` shows of a run.
pub(crate) fn application_name(run: &str) -> String {
    format!("migration:{run}")
}

impl<'a> Worker<'a> {
    /// The worker of a run that holds the history lock.
    pub(crate) async fn new(
        target: &'a Target,
        run: &str,
        session: Session,
        lock: HistoryLock,
        (bounds, patience): (Bounds, Duration),
        (events, stop): (&Events, &Stop),
    ) -> Result<Self, DeployError> {
        let watchdog = Watchdog::start(target, &application_name(run), bounds, events).await?;
        Ok(Self {
            target,
            run: run.to_owned(),
            session,
            bounds,
            patience,
            events: events.clone(),
            stop: stop.clone(),
            backend: None,
            watchdog,
            key: lock.key(),
            lock: Some(lock),
            probed: Instant::now(),
            limits: None,
        })
    }

    /// Writes the run into the journal, with the worker's backend.
    pub(crate) async fn open_run(&mut self) -> Result<(), DeployError> {
        let sql = journal::open_run(&self.run, env!("CARGO_PKG_VERSION"));
        self.record(&sql).await?;
        self.backend = journal::worker(self.session.client(), &self.run).await?;
        Ok(())
    }

    /// Runs one message under the watchdog; a wish to stop cancels it.
    pub(crate) async fn watched(
        &self,
        sql: &SqlText,
        place: &Place,
        queueing: LockTimeout,
        patient: bool,
    ) -> Result<(), Broken> {
        self.watched_rows(sql, place, queueing, patient, 0).await.map(|_| ())
    }

    /// The same, keeping the first rows.
    pub(crate) async fn watched_rows(
        &self,
        sql: &SqlText,
        place: &Place,
        queueing: LockTimeout,
        patient: bool,
        most: usize,
    ) -> Result<Vec<String>, Broken> {
        let (outcome, verdict) = self.observed(sql, place, queueing, patient, most).await;
        outcome.map_err(|error| Broken { error, verdict })
    }

    /// The same, with what the watchdog saw, however it ended.
    pub(crate) async fn observed(
        &self,
        sql: &SqlText,
        place: &Place,
        queueing: LockTimeout,
        patient: bool,
        most: usize,
    ) -> (Result<Vec<String>, SqlError>, Verdict) {
        let duty = Duty {
            worker: self.session.pid(),
            alarm: (!place.may_block).then(|| self.bounds.alarm(queueing)),
            migration: place.migration.clone(),
            step: place.step.clone(),
            patient,
        };
        self.watchdog.arm(duty).await;
        let outcome = self.answer(sql, patient, most).await;
        (outcome, self.watchdog.disarm().await)
    }

    async fn answer(&self, sql: &SqlText, patient: bool, most: usize) -> Result<Vec<String>, SqlError> {
        let answer = message::rows(self.session.client(), sql, most);
        tokio::pin!(answer);
        let first = tokio::time::Instant::now() + FIRST_LOOK_FOR_WAITERS;
        let mut waiters = tokio::time::interval_at(first, WAITERS_EVERY);
        // Over a frozen lock session a look takes seconds: neither may it follow at once, nor may what was told meanwhile be
        // missed.
        waiters.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let lost = self.watchdog.worker_is_lost();
        tokio::pin!(lost);
        let mut stopping = false;
        loop {
            tokio::select! {
                biased;
                outcome = &mut answer => return outcome,
                () = &mut lost => {
                    return Err(SqlError::lost("the connection to the server is dead", 0));
                }
                () = self.stop.wanted(), if !stopping => {
                    stopping = true;
                    // Should the request not get through, the statement ends by itself or with the connection.
                    let _ = self.session.canceller().cancel().await;
                }
                _ = waiters.tick(), if patient => self.turn_waiters_away().await,
            }
        }
    }

    /// Whoever waits inside `pg_advisory_lock` holds a snapshot that CREATE INDEX CONCURRENTLY would wait for.
    async fn turn_waiters_away(&self) {
        let Some(lock) = &self.lock else { return };
        // A lock session that broke, or does not answer, is noticed before the next step.
        let Ok(Ok(waiters)) = tokio::time::timeout(PROBE_LIMIT, lock.cancel_waiters()).await else {
            return;
        };
        for waiter in waiters {
            let who = holder_in_words(&waiter.holder);
            let message = match waiter.outcome {
                Cancelled::NotNeeded => continue,
                Cancelled::Yes => format!("cancelled another migration run that waited for the history lock: {who}"),
                Cancelled::Forbidden => format!(
                    "another migration run waits for the history lock and holds up the index build; this role may not \
                     cancel it: {who}"
                ),
            };
            self.events.send(Event::Warning {
                migration: None,
                message,
            });
        }
    }

    /// Lets go of a failed transaction; a broken connection has let go already.
    pub(crate) async fn roll_back(&self) {
        let sql = sql!("ROLLBACK");
        let _ = self.short(&sql).await;
    }

    /// Runs a message that takes no time, with a deadline.
    pub(crate) async fn short(&self, sql: &SqlText) -> Result<(), SqlError> {
        match tokio::time::timeout(RECORD_LIMIT, message::run(self.session.client(), sql)).await {
            Ok(answer) => answer,
            Err(_) => Err(SqlError::lost("the server does not answer", 0)),
        }
    }

    /// Runs a message of bookkeeping, which is harmless to repeat, until it is known to be done.
    pub(crate) async fn record(&mut self, sql: &SqlText) -> Result<(), DeployError> {
        let mut retry = Retry::new(TRIES);
        loop {
            let Err(error) = self.short(sql).await else {
                return Ok(());
            };
            let again = match error.fault() {
                Fault::Final => None,
                Fault::Lock | Fault::Conflict | Fault::Cancelled | Fault::Connection => retry.failed(fastrand::f64()),
            };
            let Some(pause) = again else {
                return Err(DeployError::Bookkeeping { error });
            };
            if error.fault() == Fault::Connection {
                self.reconnect().await?;
            } else {
                self.roll_back().await;
                tokio::time::sleep(pause).await;
            }
        }
    }

    /// After a question that was not answered: over a cut connection it may be asked again.
    pub(crate) async fn mend(&mut self, error: SqlError) -> Result<(), DeployError> {
        if error.fault() == Fault::Connection {
            return self.reconnect().await;
        }
        Err(DeployError::Asking { error })
    }

    /// Nothing may be done without the history lock: another run may have begun.
    pub(crate) async fn check_lock(&mut self) -> Result<(), DeployError> {
        match self.keep_lock().await {
            // What cut the lock off has cut the worker off as well.
            Err(DeployError::Asking { error }) => self.mend(error).await,
            other => other,
        }
    }

    async fn keep_lock(&mut self) -> Result<(), DeployError> {
        if let Some(lock) = self.lock.as_ref().filter(|lock| !lock.is_lost()) {
            if self.probed.elapsed() < PROBE_EVERY {
                return Ok(());
            }
            if matches!(tokio::time::timeout(PROBE_LIMIT, lock.waiters()).await, Ok(Ok(_))) {
                self.probed = Instant::now();
                return Ok(());
            }
        }
        let name = application_name(&self.run);
        if let Some(lock) = &self.lock {
            // The connection may be dead while its backend still holds the lock.
            let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND application_name = $2";
            answered(self.session.client().execute(end, &[&lock.pid(), &name])).await?;
            self.lock = None;
        }
        self.probed = Instant::now();
        let again = HistoryLock::acquire_key(self.key, self.target, &name, ORPHAN_LIMIT, &self.events).await;
        self.lock = Some(again.map_err(|error| match error {
            LockError::Held { .. } => DeployError::LockLost(error),
            other => DeployError::HistoryLock(other),
        })?);
        Ok(())
    }

    /// Connects again after the connection or the server broke. Our earlier backend is gone when this returns, so what it
    /// did or did not commit is settled.
    pub(crate) async fn reconnect(&mut self) -> Result<(), DeployError> {
        let mut retry = Retry::new(TRIES);
        loop {
            match self.try_reconnect().await {
                Ok(()) => return Ok(()),
                Err(error) => {
                    let Some(pause) = retry.failed(fastrand::f64()).filter(|_| error.is_transient()) else {
                        return Err(error);
                    };
                    if self.stop.is_wanted() {
                        return Err(error);
                    }
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }

    async fn try_reconnect(&mut self) -> Result<(), DeployError> {
        let name = application_name(&self.run);
        self.session = Session::reopen(self.target, &name, RECONNECT_PATIENCE).await?;
        // What cut the worker off may have cut the lock off as well.
        self.probed = self.probed.checked_sub(PROBE_EVERY).unwrap_or(self.probed);
        self.keep_lock().await?;
        if let Some(backend) = self.backend.take() {
            let gone = end_backend(self.session.client(), &backend, Duration::ZERO).await;
            if !matches!(gone, Ok(true)) {
                self.backend = Some(backend.clone());
            }
            if !gone? {
                return Err(DeployError::Orphan { pid: backend.pid });
            }
        }
        let sql = journal::open_run(&self.run, env!("CARGO_PKG_VERSION"));
        self.short(&sql)
            .await
            .map_err(|error| DeployError::Bookkeeping { error })?;
        self.backend = answered(journal::worker(self.session.client(), &self.run)).await?;
        Ok(())
    }

    /// Backends of runs that died are given a moment to end, then ended.
    pub(crate) async fn end_orphans(&mut self) -> Result<(), DeployError> {
        for orphan in journal::orphans(self.session.client(), &self.run).await? {
            self.events.send(Event::Warning {
                migration: None,
                message: format!(
                    "an earlier run died, its backend (pid {}) still works on the server; it is ended",
                    orphan.pid
                ),
            });
            if !end_backend(self.session.client(), &orphan, ORPHAN_GRACE).await? {
                return Err(DeployError::Orphan { pid: orphan.pid });
            }
        }
        self.record(&journal::close_dead_runs(&self.run)).await
    }

    /// A migration may have set what belongs to the session.
    pub(crate) async fn renew_session(&mut self) -> Result<(), DeployError> {
        self.reconnect().await
    }

    /// Says goodbye: run closed, lock released.
    pub(crate) async fn close(mut self, outcome: &str) {
        // The run is only told as dead by the next one if this does not get through.
        let _ = self.record(&journal::close_run(&self.run, outcome)).await;
        if let Some(lock) = self.lock.take() {
            lock.release().await;
        }
        self.session.close().await;
    }
}

/// Ends a backend of ours; whether it is gone.
async fn end_backend(
    client: &tokio_postgres::Client,
    backend: &Backend,
    grace: Duration,
) -> Result<bool, tokio_postgres::Error> {
    const ALIVE: &str = "SELECT EXISTS (SELECT FROM pg_stat_activity \
                         WHERE pid = $1 AND backend_start = $2::text::timestamptz AND pid <> pg_backend_pid())";
    const END: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                       WHERE pid = $1 AND backend_start = $2::text::timestamptz AND pid <> pg_backend_pid()";
    let started = Instant::now();
    let mut told = false;
    while client.query_one(ALIVE, &[&backend.pid, &backend.start]).await?.get(0) {
        if !told && started.elapsed() >= grace {
            told = true;
            client.execute(END, &[&backend.pid, &backend.start]).await?;
        }
        if started.elapsed() >= ORPHAN_LIMIT {
            return Ok(false);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(true)
}
