//! A second connection that looks while something of ours runs.
//!
//! It cancels our statement when somebody has waited for it too long, whatever we believed about the statement; it names
//! whom a long statement waits for; it tells how far an index build is; and it notices when the worker's connection is
//! dead although its backend is not. It holds no transaction: each look is one autocommitted query. It has a thread of its
//! own, so that nothing that we do delays a look.

use crate::event::{Event, Events, Holder, millis};
use crate::holders;
use crate::progress;
use crate::session::{ConnectError, Session};
use crate::target::Target;
use nonstop_core::pace::Bounds;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, Notify, oneshot};
use tokio_postgres::{Client, Error};

/// A look that takes longer is given up, and the connection with it.
const LOOK_LIMIT: Duration = Duration::from_secs(5);
/// How long the server may be out of the watchdog's reach before the worker's statement is given up as well.
const BLIND_LIMIT: Duration = Duration::from_secs(60);
/// How often progress is told, and the worker looked after.
const TELL_EVERY: Duration = Duration::from_millis(250);
/// How often an unchanged wait is told again.
const WAIT_EVERY: Duration = Duration::from_secs(1);
/// How long a worker may be idle on the server while its answer has not come.
const IDLE_LIMIT: Duration = Duration::from_secs(2);

/// What is watched: one message of the worker.
#[derive(Debug, Clone)]
pub struct Duty {
    /// The worker's backend.
    pub worker: i32,
    /// The longest that somebody may wait for it; `None` where the user allowed it to block.
    pub alarm: Option<Duration>,
    /// The migration, for events.
    pub migration: String,
    /// The step, for events.
    pub step: String,
    /// Whether its own waits are told: they may be long, and stop nobody.
    pub patient: bool,
}

/// What was seen.
#[derive(Debug, Clone, Default)]
pub struct Verdict {
    /// The statement was cancelled because this session waited for it.
    pub cancelled_for: Option<Holder>,
    /// Whether anybody was seen to wait for the worker.
    pub stood_in_the_way: bool,
    /// Whom the worker waited for when it was last looked at.
    pub waited_for: Vec<i32>,
}

/// The watchdog. Dropping it ends it.
#[derive(Debug)]
pub struct Watchdog {
    shared: Arc<Shared>,
    /// Its end is the watchdog's.
    _leash: oneshot::Sender<()>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Held during a look, so that a cancel never hits a later statement than the one it was meant for.
    watched: Mutex<Option<Watched>>,
    /// The worker's answer will not come.
    lost: Notify,
}

#[derive(Debug)]
struct Watched {
    duty: Duty,
    started: Instant,
    last_look: Instant,
    /// When each waiting session was first seen; reckoned from the look before.
    waiting: HashMap<i32, Instant>,
    cancelled: Option<Instant>,
    told: Instant,
    wait_told: Option<(Instant, Vec<i32>)>,
    idle_since: Option<Instant>,
    verdict: Verdict,
}

impl Watchdog {
    /// Connects and waits for duty.
    pub async fn start(
        target: &Target,
        application_name: &str,
        bounds: Bounds,
        events: &Events,
    ) -> Result<Self, ConnectError> {
        let shared = Arc::new(Shared::default());
        let (leash, released) = oneshot::channel();
        let (ready, opened) = oneshot::channel();
        let mut kennel = Kennel {
            target: target.clone(),
            application_name: application_name.to_owned(),
            bounds,
            events: events.clone(),
            shared: Arc::clone(&shared),
            session: None,
        };
        let live = async move {
            match Session::open(&kennel.target, &kennel.application_name).await {
                Err(error) => drop(ready.send(Err(error))),
                Ok(session) => {
                    kennel.session = Some(session);
                    drop(ready.send(Ok(())));
                    tokio::select! { _ = released => {} () = kennel.live() => {} }
                }
            }
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let thread = runtime.and_then(|runtime| {
            let thread = std::thread::Builder::new().name("watchdog".to_owned());
            thread.spawn(move || runtime.block_on(live))
        });
        thread.map_err(|error| lost(format!("the watchdog's thread cannot start: {error}")))?;
        let opened = opened.await;
        opened.unwrap_or_else(|_| Err(lost("the watchdog's thread has ended".to_owned())))?;
        Ok(Self { shared, _leash: leash })
    }

    /// From now on the worker's message is watched.
    pub async fn arm(&self, duty: Duty) {
        let now = Instant::now();
        *self.shared.watched.lock().await = Some(Watched {
            duty,
            started: now,
            last_look: now,
            waiting: HashMap::new(),
            cancelled: None,
            told: now,
            wait_told: None,
            idle_since: None,
            verdict: Verdict::default(),
        });
    }

    /// The message is done; no cancel is on its way when this returns.
    pub async fn disarm(&self) -> Verdict {
        let watched = self.shared.watched.lock().await.take();
        watched.map(|watched| watched.verdict).unwrap_or_default()
    }

    /// Waits until it is known that the worker's answer will never come.
    pub async fn worker_is_lost(&self) {
        self.shared.lost.notified().await;
    }
}

fn lost(reason: String) -> ConnectError {
    ConnectError::Lost { reason }
}

/// What the watchdog's thread owns.
struct Kennel {
    target: Target,
    application_name: String,
    bounds: Bounds,
    events: Events,
    shared: Arc<Shared>,
    session: Option<Session>,
}

impl Kennel {
    async fn live(mut self) {
        let mut seeing = Instant::now();
        loop {
            let Some(wait) = self.first_look_in() else {
                seeing = Instant::now();
                tokio::time::sleep(self.bounds.poll()).await;
                continue;
            };
            if !wait.is_zero() {
                tokio::time::sleep(wait).await;
                continue;
            }
            if self.look().await {
                seeing = Instant::now();
            } else if seeing.elapsed() > BLIND_LIMIT {
                self.shared.lost.notify_waiters();
            }
            tokio::time::sleep(self.bounds.poll()).await;
        }
    }

    /// How long the worker's message is left alone yet: nearly all are done before. `None` while there is none.
    fn first_look_in(&self) -> Option<Duration> {
        let watched = self.shared.watched.try_lock().ok()?;
        let started = watched.as_ref()?.started;
        Some(self.bounds.poll().saturating_sub(started.elapsed()))
    }

    /// One look; `false` when the server could not be asked.
    async fn look(&mut self) -> bool {
        if self.session.as_ref().is_none_or(Session::is_closed) {
            let opened = tokio::time::timeout(LOOK_LIMIT, Session::open(&self.target, &self.application_name)).await;
            self.session = opened.ok().and_then(Result::ok);
        }
        let Some(session) = &self.session else { return false };
        let mut watched = self.shared.watched.lock().await;
        let Some(watched) = watched.as_mut() else { return true };
        let seen = tokio::time::timeout(LOOK_LIMIT, async {
            watched.guard(session.client()).await?;
            watched.tell(session.client(), &self.events).await
        });
        let Ok(Ok(worker_is_lost)) = seen.await else {
            self.session = None;
            return false;
        };
        if worker_is_lost {
            self.shared.lost.notify_waiters();
        }
        true
    }
}

impl Watched {
    /// Cancels the worker's statement if somebody has waited for it too long.
    async fn guard(&mut self, client: &Client) -> Result<(), Error> {
        let looked = Instant::now();
        let waiting = waiting_for(client, self.duty.worker).await?;
        self.verdict.stood_in_the_way |= !waiting.is_empty();
        self.waiting.retain(|pid, _| waiting.contains(pid));
        for pid in waiting {
            self.waiting.entry(pid).or_insert(self.last_look);
        }
        self.last_look = looked;
        let longest = self.waiting.iter().min_by_key(|(pid, since)| (**since, **pid));
        let Some((&victim, since)) = longest else { return Ok(()) };
        let lately = self.cancelled.is_some_and(|at| at.elapsed() < WAIT_EVERY);
        if self.duty.alarm.is_none_or(|alarm| since.elapsed() < alarm) || lately {
            return Ok(());
        }
        client
            .execute("SELECT pg_cancel_backend($1)", &[&self.duty.worker])
            .await?;
        self.cancelled = Some(Instant::now());
        let who = holders::of_pids(client, &[victim]).await?;
        self.verdict.cancelled_for = who.into_iter().next().map(|holding| holding.holder);
        Ok(())
    }

    /// Tells what the worker is doing; `true` when the worker will not answer any more.
    async fn tell(&mut self, client: &Client, events: &Events) -> Result<bool, Error> {
        if self.told.elapsed() < TELL_EVERY {
            return Ok(false);
        }
        self.told = Instant::now();
        let row = client
            .query_opt(
                "SELECT coalesce(state = 'idle', false), pg_blocking_pids(pid) FROM pg_stat_activity WHERE pid = $1",
                &[&self.duty.worker],
            )
            .await?;
        let idle = row.as_ref().is_none_or(|row| row.get(0));
        self.verdict.waited_for = row.map(|row| row.get(1)).unwrap_or_default();
        if idle {
            return Ok(self.idle_since.get_or_insert_with(Instant::now).elapsed() > IDLE_LIMIT);
        }
        self.idle_since = None;
        if self.duty.patient {
            self.tell_wait(client, events).await?;
            if let Some(progress) = progress::of_index_build(client, self.duty.worker).await? {
                events.send(Event::Progress {
                    migration: self.duty.migration.clone(),
                    step: self.duty.step.clone(),
                    phase: progress.phase,
                    done: progress.done,
                    total: progress.total,
                    rows_per_second: None,
                    left_ms: None,
                    resting_for: None,
                });
            }
        }
        Ok(false)
    }

    /// Names whom the worker waits for, when that changes and once a second.
    async fn tell_wait(&mut self, client: &Client, events: &Events) -> Result<(), Error> {
        let blockers = self.verdict.waited_for.clone();
        let news = match &self.wait_told {
            Some((at, told)) => *told != blockers || at.elapsed() >= WAIT_EVERY,
            None => true,
        };
        if blockers.is_empty() || !news {
            return Ok(());
        }
        let who = holders::of_pids(client, &blockers).await?;
        self.wait_told = Some((Instant::now(), blockers));
        events.send(Event::LockWait {
            migration: self.duty.migration.clone(),
            step: self.duty.step.clone(),
            waiting_for: "transactions that began before".to_owned(),
            holders: who.into_iter().map(|holding| holding.holder).collect(),
            waited_ms: millis(self.started.elapsed()),
        });
        Ok(())
    }
}

/// Sessions that wait for the worker. Those that ask for SHARE UPDATE EXCLUSIVE (VACUUM, ANALYZE, another CONCURRENTLY) or
/// for a transaction's end hold up no read and no write while they wait, and are left to wait.
async fn waiting_for(client: &Client, worker: i32) -> Result<Vec<i32>, Error> {
    let rows = client
        .query(
            "SELECT DISTINCT l.pid FROM pg_locks l \
             WHERE NOT l.granted AND l.pid <> $1 AND l.locktype <> 'virtualxid' \
               AND l.mode <> 'ShareUpdateExclusiveLock' AND $1 = ANY (pg_blocking_pids(l.pid))",
            &[&worker],
        )
        .await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
