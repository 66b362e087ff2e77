//! One connection to the server, with settings that were set and read back.
//!
//! There is no pool: every session has a name and a purpose (worker, history lock, watchdog), so that a setting is never
//! on another connection than the statement it was meant for.

use crate::target::Target;
use nonstop_core::quote::SqlText;
use nonstop_core::version::ServerVersion;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio_postgres::{CancelToken, Client, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

mod connect;
mod error;
mod pooler;
mod settings;

pub use connect::Notice;
pub use error::{ConnectError, in_words};
pub use pooler::PoolerSign;

/// How long a server that says "starting up" is given.
const START_PATIENCE: Duration = Duration::from_secs(30);
/// First and longest pause between two tries to connect.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// How long a cancel request may take; it needs a connection of its own.
const CANCEL_LIMIT: Duration = Duration::from_secs(5);

/// A connection, ready for work.
pub struct Session {
    client: Client,
    driver: connect::Driver,
    tls: MakeRustlsConnect,
    pid: i32,
    version: ServerVersion,
    search_path: String,
    skipped: Vec<&'static str>,
    pooled: bool,
    prepared: Mutex<HashMap<&'static str, Statement>>,
}

/// Cancels what a session is running, from anywhere.
#[derive(Clone)]
pub struct Canceller {
    token: CancelToken,
    tls: MakeRustlsConnect,
}

impl Session {
    /// Connects, within the target's `connect_timeout`; a server that is starting up is given half a minute.
    pub async fn open(target: &Target, application_name: &str) -> Result<Self, ConnectError> {
        let started = Instant::now();
        let mut pause = PAUSES.0;
        loop {
            match connect::once(target, application_name).await {
                Err(ConnectError::Starting { .. }) if started.elapsed() < START_PATIENCE => {}
                outcome => return outcome,
            }
            pause = jittered_pause(pause).await;
        }
    }

    /// Connects again after the connection or the server broke: every transient error is tried again for so long.
    pub async fn reopen(target: &Target, application_name: &str, patience: Duration) -> Result<Self, ConnectError> {
        let started = Instant::now();
        let mut pause = PAUSES.0;
        loop {
            match connect::once(target, application_name).await {
                Err(error) if error.is_transient() && started.elapsed() < patience => {}
                outcome => return outcome,
            }
            pause = jittered_pause(pause).await;
        }
    }

    /// The client, for queries with parameters.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The client, where a transaction value is wanted.
    pub fn client_mut(&mut self) -> &mut Client {
        &mut self.client
    }

    /// A query that this session asks again and again: the server plans it once.
    pub async fn prepared(&self, sql: &'static str) -> Result<Statement, tokio_postgres::Error> {
        let known = || self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known().get(sql).cloned();
        if let Some(statement) = found {
            return Ok(statement);
        }
        let statement = self.client.prepare(sql).await?;
        known().insert(sql, statement.clone());
        Ok(statement)
    }

    /// The backend's process id.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// The server's version.
    pub fn version(&self) -> ServerVersion {
        self.version
    }

    /// Two messages reached two different backends, so a pooler in transaction mode is in between. Nothing that belongs to
    /// a session (settings, locks) can be trusted then; only reading with qualified names is possible.
    pub fn is_pooled(&self) -> bool {
        self.pooled
    }

    /// Sends one message by the simple protocol: several statements in it are one implicit transaction.
    pub async fn run(&self, sql: &SqlText) -> Result<(), tokio_postgres::Error> {
        self.client.batch_execute(sql.as_str()).await
    }

    /// Sets the session's settings again and reads them back, after a migration may have changed them.
    pub async fn restore_settings(&self) -> Result<(), ConnectError> {
        let wanted = settings::wanted(self.version, &self.search_path, &self.skipped);
        settings::establish(&self.client, &wanted).await.map(|_| ())
    }

    /// Cancels what this session is running.
    pub fn canceller(&self) -> Canceller {
        Canceller {
            token: self.client.cancel_token(),
            tls: self.tls.clone(),
        }
    }

    /// Notices that the server sent since the last call, oldest first.
    pub fn take_notices(&self) -> Vec<Notice> {
        self.driver.take_notices()
    }

    /// Whether the connection is gone.
    pub fn is_closed(&self) -> bool {
        self.client.is_closed() || self.driver.has_ended()
    }

    /// Waits until the connection is gone.
    pub async fn closed(&self) {
        self.driver.ended().await;
    }

    /// Says goodbye, and waits until the server has heard it (a few seconds at most).
    pub async fn close(self) {
        let Self { client, driver, .. } = self;
        drop(client);
        // When it does not end in time the socket is dropped with the driver.
        let _ = tokio::time::timeout(CANCEL_LIMIT, driver.ended()).await;
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Session(pid {}, PostgreSQL {})", self.pid, self.version)
    }
}

impl Canceller {
    /// Sends the request; whether anything was running is not told. A few seconds at most.
    pub async fn cancel(&self) -> Result<(), ConnectError> {
        let request = self.token.cancel_query(self.tls.clone());
        match tokio::time::timeout(CANCEL_LIMIT, request).await {
            Ok(outcome) => outcome.map_err(|error| ConnectError::Lost {
                reason: error::chain(&error),
            }),
            Err(_) => Err(ConnectError::Lost {
                reason: "a cancel request was not taken in time".to_owned(),
            }),
        }
    }
}

async fn jittered_pause(pause: Duration) -> Duration {
    tokio::time::sleep(pause.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
    (pause * 2).min(PAUSES.1)
}
