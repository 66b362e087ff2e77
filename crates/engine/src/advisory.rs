//! Locks of whole runs, each held by a session of its own: the history lock, which is Prisma's advisory lock, and one for
//! each backfill.
//!
//! It is only ever tried for, never waited in: a session inside `pg_advisory_lock` holds a snapshot, and every CREATE INDEX
//! CONCURRENTLY of the database waits for that snapshot. For the same reason the sessions of others that wait inside it
//! are found and cancelled while we build (they could only end in Prisma's P1002).

use crate::event::{Event, Events, Holder, millis};
use crate::session::{ConnectError, PoolerSign, Session, in_words};
use crate::target::Target;
use std::fmt::Write as _;
use std::time::{Duration, Instant};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};

/// The pause between two tries: the first, and up to the second more.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(450));
/// How often a wait is told about.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// How long letting go may take before the session is simply ended.
const LET_GO: Duration = Duration::from_secs(2);

// `pg_locks` lists the locks of every database of the server, and an advisory lock's key in two halves.
const TRY: &str = "SELECT pg_try_advisory_lock($1)";
const LET_GO_SQL: &str = "SELECT pg_advisory_unlock($1)";
const SESSIONS: &str = "
    SELECT l.pid, l.granted, a.usename::text, a.application_name, a.state, left(a.query, 200) AS query,
           (extract(epoch FROM clock_timestamp() - coalesce(a.xact_start, a.state_change, a.backend_start)) * 1000)::bigint
               AS age_ms
    FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
    WHERE l.locktype = 'advisory' AND l.objsubid = 1
      AND l.classid::bigint = ($1 >> 32) & 4294967295 AND l.objid::bigint = $1 & 4294967295
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    ORDER BY l.pid";
// The pid is looked up again in the same statement, so that nobody is cancelled who has stopped waiting.
const CANCEL: &str = "
    SELECT pg_cancel_backend(l.pid)
    FROM pg_locks l
    WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND NOT l.granted
      AND l.classid::bigint = ($2 >> 32) & 4294967295 AND l.objid::bigint = $2 & 4294967295
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND l.pid = $1";

/// Which lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LockKey(i64);

impl LockKey {
    /// That of the history: the key of Prisma Migrate.
    pub const HISTORY: Self = Self(72_707_369);

    /// That of other work, by a hash of what it is.
    pub fn of(hash: &[u8; 8]) -> Self {
        Self(i64::from_be_bytes(*hash))
    }

    /// What it is called.
    fn name(self) -> &'static str {
        if self == Self::HISTORY {
            "the history lock"
        } else {
            "the lock of this backfill"
        }
    }
}

/// The history lock, held, or another in its place. It ends with its session, so with this value.
#[derive(Debug)]
pub struct HistoryLock {
    session: Session,
    key: LockKey,
}

/// A session of somebody else that waits for the lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiter {
    /// Who.
    pub holder: Holder,
    /// What became of it.
    pub outcome: Cancelled,
}

/// What became of a waiter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// The server was told to cancel it.
    Yes,
    /// It had stopped waiting.
    NotNeeded,
    /// Our role may not (`pg_signal_backend` is missing).
    Forbidden,
}

/// Why there is no lock.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Somebody else has it.
    #[error("{}", held(holders, *waited))]
    Held {
        /// Who; empty when it was let go at that moment.
        holders: Vec<Holder>,
        /// How long we tried.
        waited: Duration,
    },
    /// The connection goes through a pooler, where a session's lock means nothing.
    #[error(
        "the database URL leads to a pooler in transaction mode, where a lock does not stay with us: give the direct \
         address of the server (DIRECT_URL)"
    )]
    Pooled,
    /// The lock's own session cannot be opened.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The lock's own session broke.
    #[error("the session of the history lock failed: {}", in_words(.0))]
    Database(#[from] tokio_postgres::Error),
}

fn held(holders: &[Holder], waited: Duration) -> String {
    let who = match holders.first() {
        Some(holder) => holder_in_words(holder),
        None => "a session that has just ended".to_owned(),
    };
    format!(
        "another migration run holds the history lock of this database (waited {} s): {who}. Let it finish, or end it with \
         SELECT pg_terminate_backend(pid), then try again.",
        waited.as_secs()
    )
}

/// `pid 4711, user app, application "prisma", active, for 12 s, query: …`.
pub fn holder_in_words(holder: &Holder) -> String {
    let mut words = format!("pid {}", holder.pid);
    if !holder.user.is_empty() {
        let _ = write!(words, ", user {}", holder.user);
    }
    if !holder.application.is_empty() {
        let _ = write!(words, ", application {:?}", holder.application);
    }
    if !holder.state.is_empty() {
        let _ = write!(words, ", {} for {} s", holder.state, holder.age_ms / 1000);
    }
    if !holder.query.is_empty() {
        let _ = write!(words, ", query: {}", holder.query);
    }
    words
}

impl HistoryLock {
    /// Tries for so long; zero is a single try. Each second of waiting is told with the holder's name.
    pub async fn acquire(
        target: &Target,
        application_name: &str,
        wait: Duration,
        events: &Events,
    ) -> Result<Self, LockError> {
        Self::acquire_key(LockKey::HISTORY, target, application_name, wait, events).await
    }

    /// The same for a lock that may be another.
    pub async fn acquire_key(
        key: LockKey,
        target: &Target,
        application_name: &str,
        wait: Duration,
        events: &Events,
    ) -> Result<Self, LockError> {
        let session = Session::open(target, application_name).await?;
        // A lock taken through a pooler would stay behind on the pooler's connection, so this is looked at first.
        if session.pooler_sign(target).await?.is_some_and(PoolerSign::is_proof) {
            return Err(LockError::Pooled);
        }
        let started = Instant::now();
        let mut told: Option<Instant> = None;
        while !session
            .client()
            .query_typed_one(TRY, &[(&key.0, Type::INT8)])
            .await?
            .try_get::<_, bool>(0)?
        {
            let waited = started.elapsed();
            if waited >= wait {
                let holders = sessions(session.client(), key, true).await?;
                return Err(LockError::Held { holders, waited });
            }
            if told.is_none_or(|at| at.elapsed() >= TELL_EVERY) {
                told = Some(Instant::now());
                events.send(Event::LockWait {
                    migration: String::new(),
                    step: String::new(),
                    waiting_for: key.name().to_owned(),
                    holders: sessions(session.client(), key, true).await?,
                    waited_ms: millis(waited),
                });
            }
            let pause = PAUSES.0 + PAUSES.1.mul_f64(fastrand::f64());
            tokio::time::sleep(pause.min(wait.saturating_sub(waited))).await;
        }
        Ok(Self { session, key })
    }

    /// Which lock it is.
    pub fn key(&self) -> LockKey {
        self.key
    }

    /// The pid of the session that holds it.
    pub fn pid(&self) -> i32 {
        self.session.pid()
    }

    /// Whether the session broke, and the lock with it. Nothing more may be done then: another run may have begun.
    pub fn is_lost(&self) -> bool {
        self.session.is_closed()
    }

    /// Waits until the session breaks.
    pub async fn lost(&self) {
        self.session.closed().await;
    }

    /// Sessions of others that wait for the lock inside the server, with their snapshots.
    pub async fn waiters(&self) -> Result<Vec<Holder>, tokio_postgres::Error> {
        sessions(self.session.client(), self.key, false).await
    }

    /// Cancels the waiters one by one, and tells what became of each.
    pub async fn cancel_waiters(&self) -> Result<Vec<Waiter>, tokio_postgres::Error> {
        let mut seen = Vec::new();
        for holder in self.waiters().await? {
            let outcome = match self
                .session
                .client()
                .query_typed_opt(CANCEL, &[(&holder.pid, Type::INT4), (&self.key.0, Type::INT8)])
                .await
            {
                Ok(Some(_)) => Cancelled::Yes,
                Ok(None) => Cancelled::NotNeeded,
                Err(error) if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => Cancelled::Forbidden,
                Err(error) => return Err(error),
            };
            seen.push(Waiter { holder, outcome });
        }
        Ok(seen)
    }

    /// Lets go, and waits until the server has done so.
    pub async fn release(self) {
        // Ending the session is enough, unless the user insisted on a pooler, which keeps the server's session.
        let key = [(&self.key.0 as _, Type::INT8)];
        let _ = tokio::time::timeout(LET_GO, self.session.client().query_typed(LET_GO_SQL, &key)).await;
        self.session.close().await;
    }
}

/// Who holds the history lock of this database.
pub async fn holders(client: &Client) -> Result<Vec<Holder>, tokio_postgres::Error> {
    sessions(client, LockKey::HISTORY, true).await
}

/// Who waits for the history lock of this database inside the server.
pub async fn waiters(client: &Client) -> Result<Vec<Holder>, tokio_postgres::Error> {
    sessions(client, LockKey::HISTORY, false).await
}

async fn sessions(client: &Client, key: LockKey, granted: bool) -> Result<Vec<Holder>, tokio_postgres::Error> {
    let rows = client.query_typed(SESSIONS, &[(&key.0, Type::INT8)]).await?;
    let chosen = rows.iter().filter(|row| row.get::<_, bool>("granted") == granted);
    chosen.map(holder).collect()
}

/// Columns of roles that may not look into others' sessions are NULL.
fn holder(row: &Row) -> Result<Holder, tokio_postgres::Error> {
    let text = |name: &str| Ok(row.try_get::<_, Option<String>>(name)?.unwrap_or_default());
    Ok(Holder {
        pid: row.try_get("pid")?,
        user: text("usename")?,
        application: text("application_name")?,
        state: text("state")?,
        age_ms: row
            .try_get::<_, Option<i64>>("age_ms")?
            .and_then(|age| u64::try_from(age).ok())
            .unwrap_or(0),
        query: text("query")?,
        mode: None,
        relation: None,
    })
}
