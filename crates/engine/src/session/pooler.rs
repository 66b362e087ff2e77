//! Whether a pooler in transaction mode is in between, told by how it behaves.
//!
//! Such a pooler lends a backend for one transaction, and like PgBouncer often the same one again to whoever asks next.
//! So a second session is opened: two sessions on one backend give it away; and while the second is inside a transaction,
//! the first must still have its own.

use super::{ConnectError, Session};
use crate::target::Target;
use std::time::Duration;

/// How long the first session may take for a `SELECT` while the second is inside a transaction.
const ANSWER: Duration = Duration::from_secs(3);

/// What gave a pooler away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolerSign {
    /// The URL says `pgbouncer=true`.
    Declared,
    /// One session was moved from one backend to another.
    Moved,
    /// Two sessions were given the same backend.
    Shared,
    /// A session got no answer while another was inside a transaction.
    Starved,
    /// No second session could be opened, so nothing is known.
    NoSecond,
}

impl PoolerSign {
    /// Whether it is proved by behaviour, so that nothing can be locked here.
    pub fn is_proof(self) -> bool {
        match self {
            Self::Moved | Self::Shared | Self::Starved => true,
            Self::Declared | Self::NoSecond => false,
        }
    }
}

impl Session {
    /// Looks for a pooler between this session and its server, with a second session; nothing is locked or written.
    pub async fn pooler_sign(&self, target: &Target) -> Result<Option<PoolerSign>, tokio_postgres::Error> {
        let behaviour = self.behaviour(target).await?;
        let declared = target.pgbouncer.then_some(PoolerSign::Declared);
        Ok(behaviour.filter(|sign| sign.is_proof()).or(declared).or(behaviour))
    }

    async fn behaviour(&self, target: &Target) -> Result<Option<PoolerSign>, tokio_postgres::Error> {
        if self.is_pooled() {
            return Ok(Some(PoolerSign::Moved));
        }
        let second = match Session::open(target, "migration:probe").await {
            Ok(second) => second,
            Err(ConnectError::Setting { .. }) => return Ok(Some(PoolerSign::Moved)),
            Err(_) => return Ok(Some(PoolerSign::NoSecond)),
        };
        let sign = if second.is_pooled() {
            Some(PoolerSign::Moved)
        } else if second.pid() == self.pid() {
            Some(PoolerSign::Shared)
        } else {
            second.client().batch_execute("BEGIN; SELECT 1").await?;
            let answer = tokio::time::timeout(ANSWER, self.present_pid()).await;
            second.client().batch_execute("ROLLBACK").await?;
            match answer {
                Err(_) => Some(PoolerSign::Starved),
                Ok(pid) => (pid? != Some(self.pid())).then_some(PoolerSign::Moved),
            }
        };
        second.close().await;
        Ok(sign)
    }

    /// The pid of the backend that answers now; in one message, because a pooler may not know prepared statements.
    async fn present_pid(&self) -> Result<Option<i32>, tokio_postgres::Error> {
        let row = self.client().query_typed_opt("SELECT pg_backend_pid()", &[]).await?;
        row.map(|row| row.try_get(0)).transpose()
    }
}
