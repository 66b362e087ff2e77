//! What is seen of the others between two batches: who is at work, and how far the slowest replica is behind.

use crate::event::{Event, millis};
use crate::worker::{Place, StepError, Worker, answered};
use nonstop_core::batch::{Load, Rest, Trail, rest};
use std::time::{Duration, Instant};

/// How far replicas may be behind.
const MOST_LAG: Duration = Duration::from_millis(1_500);
/// How often is looked.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How often an unchanged wait is told again.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// The one who looks.
pub(super) struct Lookout {
    began: Instant,
    looked: Option<Instant>,
    trail: Trail,
    load: Load,
}

impl Lookout {
    pub(super) fn new() -> Self {
        Self {
            began: Instant::now(),
            looked: None,
            trail: Trail::default(),
            load: Load::default(),
        }
    }

    /// Rests after a batch that took so long, as the others need it. Gives how long that was.
    pub(super) async fn rest(
        &mut self,
        worker: &mut Worker<'_>,
        place: &Place,
        took: Duration,
        waited_for: bool,
    ) -> Result<Duration, StepError> {
        let started = Instant::now();
        let mut told: Option<Instant> = None;
        loop {
            self.look(worker).await?;
            self.load.waited_for = waited_for;
            let pause = match rest(took, self.load, MOST_LAG) {
                Rest::For(pause) => {
                    sleep(worker, pause.saturating_sub(started.elapsed())).await?;
                    return Ok(started.elapsed());
                }
                Rest::Replica(lag) => {
                    if told.is_none_or(|at| at.elapsed() >= TELL_EVERY) {
                        told = Some(Instant::now());
                        worker.events.send(Event::LockWait {
                            migration: place.migration.clone(),
                            step: place.step.clone(),
                            waiting_for: format!(
                                "a replica that is {:.1} s behind (at most {:.1} s)",
                                lag.as_secs_f64(),
                                MOST_LAG.as_secs_f64()
                            ),
                            holders: Vec::new(),
                            waited_ms: millis(started.elapsed()),
                        });
                    }
                    LOOK_EVERY
                }
            };
            sleep(worker, pause).await?;
        }
    }

    async fn look(&mut self, worker: &mut Worker<'_>) -> Result<(), StepError> {
        if self.looked.is_some_and(|at| at.elapsed() < LOOK_EVERY) {
            return Ok(());
        }
        // Whoever may not see another's session or replica sees NULL, and nothing is made of it.
        let query = "SELECT (SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE state = 'active' \
                       AND backend_type = 'client backend' AND pid <> pg_catalog.pg_backend_pid() \
                       AND application_name <> pg_catalog.current_setting('application_name'))::int, \
                     (SELECT min(replay_lsn - '0/0'::pg_lsn) FROM pg_catalog.pg_stat_replication \
                       WHERE state IN ('streaming', 'catchup'))::text, \
                     (pg_catalog.pg_current_wal_lsn() - '0/0'::pg_lsn)::text";
        let row = match answered(worker.session.client().query_one(query, &[])).await {
            Ok(row) => row,
            Err(error) => return Ok(worker.mend(error).await?),
        };
        self.looked = Some(Instant::now());
        self.load.active = u32::try_from(row.get::<_, i32>(0)).unwrap_or(0);
        let position = |at: usize| {
            row.get::<_, Option<String>>(at)
                .and_then(|text| text.parse::<u64>().ok())
        };
        self.load.lag = match (position(2), position(1)) {
            (Some(here), Some(there)) => Some(self.trail.lag(self.began.elapsed(), here, there)),
            _ => None,
        };
        Ok(())
    }
}

/// Sleeps, unless the user wants to stop.
pub(super) async fn sleep(worker: &Worker<'_>, pause: Duration) -> Result<(), StepError> {
    if pause.is_zero() {
        return Ok(());
    }
    tokio::select! {
        () = tokio::time::sleep(pause) => Ok(()),
        () = worker.stop.wanted() => Err(StepError::Stopped),
    }
}
