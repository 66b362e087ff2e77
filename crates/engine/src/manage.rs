//! `status`, `resolve` and `baseline`: what was done, and saying by hand what was done.
//!
//! `status` takes no lock and changes nothing. The others hold the history lock while they write.

use crate::advisory::{self, HistoryLock, LockError};
use crate::event::{Events, Holder};
use crate::gates::{Leftover, leftovers};
use crate::history::{Diagnosis, Found, History, HistoryError, HistoryKind, diagnose};
use crate::session::{ConnectError, Session, in_words};
use crate::target::Target;
use crate::unfinished::{Unfinished, unfinished};
use nonstop_core::migration::Migration;
use nonstop_core::quote::Name;
use nonstop_core::version::ServerVersion;
use serde::Serialize;
use std::time::Duration;

/// What `application_name` says while a history is looked at or resolved by hand.
const APPLICATION: &str = "migration:manage";

/// Everything that `status` tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// The server's version.
    pub server_version: ServerVersion,
    /// The history table.
    pub table: Name,
    /// Whether it exists.
    pub managed: bool,
    /// Without it: the first few tables of somebody's in the schema.
    pub foreign_tables: Vec<String>,
    /// Folder and history compared.
    pub history: Diagnosis,
    /// Who holds the history lock.
    pub holders: Vec<Holder>,
    /// What a run of ours has begun and neither finished nor taken back; the next deploy does, so its row is not among the
    /// failed ones of the history.
    pub unfinished: Option<Unfinished>,
    /// INVALID indexes and NOT VALID constraints.
    pub leftovers: Vec<Leftover>,
}

/// Why it could not be told or done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManageError {
    /// No session.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// Somebody else is at work.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The history says no.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The server says no.
    #[error("cannot read the state of the database: {}", in_words(.0))]
    Database(#[from] tokio_postgres::Error),
}

impl Status {
    /// Whether everything of the folder is applied and nothing is half done.
    pub fn is_up_to_date(&self) -> bool {
        let history = &self.history;
        history.pending.is_empty()
            && history.failed.is_empty()
            && history.running.is_none()
            && self.unfinished.is_none()
    }
}

/// What the folder, the history and the database say together.
pub async fn status(target: &Target, kind: HistoryKind, migrations: &[Migration]) -> Result<Status, ManageError> {
    let session = Session::open(target, APPLICATION).await?;
    let history = History::new(kind, target);
    let client = session.client();
    let found = history.find(client).await?;
    let holders = advisory::holders(client).await?;
    let (managed, foreign_tables, rows) = match found {
        Found::Rows(rows) => (true, Vec::new(), rows),
        Found::Nothing => (false, Vec::new(), Vec::new()),
        Found::Foreign(tables) => (false, tables, Vec::new()),
    };
    let unfinished = unfinished(client, &history).await?;
    let mut diagnosis = diagnose(&rows, migrations, holders.first());
    if let Some(one) = &unfinished {
        diagnosis.failed.retain(|attempt| attempt.id != one.id);
    }
    let status = Status {
        server_version: session.version(),
        table: history.table().clone(),
        managed,
        foreign_tables,
        history: diagnosis,
        unfinished,
        leftovers: leftovers(client).await?,
        holders,
    };
    session.close().await;
    Ok(status)
}

/// Records a migration of the folder as applied (P3008 when it is, P3017 when there is none of that name).
pub async fn resolve_applied(
    target: &Target,
    kind: HistoryKind,
    migrations: &[Migration],
    name: &str,
    wait: Duration,
    events: &Events,
) -> Result<(), ManageError> {
    let desk = Desk::open(target, wait, events).await?;
    let history = History::new(kind, target);
    let outcome = history.resolve_applied(desk.session.client(), migrations, name).await;
    desk.close().await;
    Ok(outcome?)
}

/// Records the failed attempts of a migration as void (P3011 without one, P3012 when it did not fail).
pub async fn resolve_rolled_back(
    target: &Target,
    kind: HistoryKind,
    name: &str,
    wait: Duration,
    events: &Events,
) -> Result<(), ManageError> {
    let desk = Desk::open(target, wait, events).await?;
    let history = History::new(kind, target);
    let outcome = history.resolve_rolled_back(desk.session.client(), name).await;
    desk.close().await;
    Ok(outcome?)
}

/// Records a migration and all before it as applied, and gives the names that were not recorded before.
pub async fn baseline(
    target: &Target,
    kind: HistoryKind,
    migrations: &[Migration],
    last: &str,
    wait: Duration,
    events: &Events,
) -> Result<Vec<String>, ManageError> {
    let desk = Desk::open(target, wait, events).await?;
    let history = History::new(kind, target);
    let outcome = history.baseline(desk.session.client(), migrations, last).await;
    desk.close().await;
    Ok(outcome?)
}

/// A session to write with, and the history lock in another.
struct Desk {
    lock: HistoryLock,
    session: Session,
}

impl Desk {
    async fn open(target: &Target, wait: Duration, events: &Events) -> Result<Self, ManageError> {
        let lock = HistoryLock::acquire(target, APPLICATION, wait, events).await?;
        let session = Session::open(target, APPLICATION).await?;
        Ok(Self { lock, session })
    }

    async fn close(self) {
        self.session.close().await;
        self.lock.release().await;
    }
}
