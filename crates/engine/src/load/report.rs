//! The report: one long query that holds `orders` for some seconds, as somebody always runs one.

use super::LoadError;
use std::time::Duration;
use tokio::time::Instant;
use tokio_postgres::{Config, NoTls};

/// When the report ran, since the beginning of the load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// Its first moment.
    pub from: Duration,
    /// Its last.
    pub to: Duration,
}

/// A report that runs.
pub(super) struct Report(tokio::task::JoinHandle<Result<Held, LoadError>>);

impl Report {
    /// Starts it; when this returns it holds the table.
    pub(super) async fn start(config: &Config, hold: Duration, origin: Instant) -> Result<Self, LoadError> {
        let reporting = LoadError::sql("running the report");
        let mut config = config.clone();
        config.application_name("report");
        let (client, connection) = config.connect(NoTls).await.map_err(&reporting)?;
        tokio::spawn(connection);
        let pid: i32 = client
            .query_one("SELECT pg_backend_pid()", &[])
            .await
            .map_err(&reporting)?
            .get(0);
        let look = config.connect(NoTls).await.map_err(&reporting)?;
        tokio::spawn(look.1);
        let seconds = hold.as_secs_f64();
        let running = tokio::spawn(async move {
            let from = origin.elapsed();
            // The sum is asked for first; the rest of the time stands for a larger table.
            client
                .query(
                    "SELECT status, count(*), sum(total)::text, (SELECT pg_sleep($1)::text) FROM orders GROUP BY status",
                    &[&seconds],
                )
                .await
                .map_err(LoadError::sql("running the report"))?;
            Ok(Held {
                from,
                to: origin.elapsed(),
            })
        });
        let mut holds = false;
        while !holds && !running.is_finished() {
            holds = look
                .0
                .query_one(
                    "SELECT count(*) > 0 FROM pg_locks WHERE pid = $1 AND relation = 'orders'::regclass AND granted",
                    &[&pid],
                )
                .await
                .map_err(&reporting)?
                .get(0);
        }
        Ok(Self(running))
    }

    /// Waits for its end.
    pub(super) async fn end(self) -> Result<Held, LoadError> {
        match self.0.await {
            Ok(held) => held,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }
}
