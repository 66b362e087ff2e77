//! What is seen of the others between two batches: who is at work, how far the slowest replica is behind, what the user
//! wants by now.

use super::control::Control;
use crate::event::{Event, millis};
use crate::failure::SqlError;
use crate::message;
use crate::worker::{Place, StepError, Worker, answered};
use nonstop_core::batch::{Hold, Limits, Load, Rest, Spread, Trail, rest, resting_for};
use nonstop_core::pace::Fault;
use nonstop_core::quote::SqlText;
use nonstop_core::sql;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

/// How often is looked.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// The same while nobody else was at work: whoever comes must not bear long batches for long.
const LOOK_OUT_EVERY: Duration = Duration::from_millis(50);
/// How often an unchanged wait is told again.
const TELL_EVERY: Duration = Duration::from_secs(1);

// Whoever may not see another's replica sees NULL, and nothing is made of it. What takes a backup or only stores the WAL has
// no place up to which it has replayed. Of another's session he sees that it is there, and not what it does: then it is taken
// to be at work. Other runs of nonstop are nobody to rest for.
const LOOK: &str = "
    SELECT others.active, others.busy,
           (pg_catalog.pg_current_wal_lsn() - '0/0'::pg_lsn)::text,
           (SELECT max(pg_catalog.pg_current_wal_lsn() - restart_lsn) FROM pg_catalog.pg_replication_slots)::text,
           ARRAY(SELECT concat_ws(' ', application_name, client_addr) FROM pg_catalog.pg_stat_replication
                 WHERE state IN ('streaming', 'catchup') AND replay_lsn IS NOT NULL ORDER BY pid),
           ARRAY(SELECT (replay_lsn - '0/0'::pg_lsn)::text FROM pg_catalog.pg_stat_replication
                 WHERE state IN ('streaming', 'catchup') AND replay_lsn IS NOT NULL ORDER BY pid),
           c.limits::text, c.paused, c.cancelled
    FROM (SELECT count(*) FILTER (WHERE state = 'active')::int AS active,
                 coalesce(bool_or(application_name NOT LIKE 'migration:%' AND (backend_type IS NULL OR state = 'active'
                     OR state_change > pg_catalog.clock_timestamp() - interval '1s')), false) AS busy
          FROM pg_catalog.pg_stat_activity
          WHERE (backend_type = 'client backend'
                 OR backend_type IS NULL AND usesysid IS NOT NULL AND datname = pg_catalog.current_database())
            AND pid <> pg_catalog.pg_backend_pid()
            AND application_name <> pg_catalog.current_setting('application_name')) AS others
    LEFT JOIN nonstop.control c ON c.migration = $1";

/// What a batch was like.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Spent {
    /// How long it took.
    pub(super) took: Duration,
    /// How it was spread over that time.
    pub(super) spread: Option<Spread>,
    /// Whether somebody waited for it.
    pub(super) waited_for: bool,
}

/// The one who looks.
pub(super) struct Lookout {
    id: String,
    began: Instant,
    looked: Option<Instant>,
    trail: Trail,
    load: Load,
    replicas: Replicas,
    /// What the user wants by now.
    pub(super) limits: Limits,
}

impl Lookout {
    pub(super) fn new(id: &str, limits: Limits) -> Self {
        Self {
            id: id.to_owned(),
            began: Instant::now(),
            looked: None,
            trail: Trail::default(),
            load: Load::default(),
            replicas: Replicas::default(),
            limits,
        }
    }

    /// Rests after a batch, as the others need it. Gives how long that was.
    pub(super) async fn rest(
        &mut self,
        worker: &mut Worker<'_>,
        place: &Place,
        spent: Spent,
    ) -> Result<Duration, StepError> {
        let started = Instant::now();
        let mut told: Option<(Instant, std::mem::Discriminant<Hold>)> = None;
        loop {
            self.look(worker).await?;
            self.load.waited_for = spent.waited_for;
            let pause = match rest(spent.took, spent.spread, &self.load, &self.limits) {
                Rest::For(pause) => {
                    sleep(worker, pause.saturating_sub(started.elapsed())).await?;
                    return Ok(started.elapsed());
                }
                Rest::Until(hold) => {
                    if matches!(hold, Hold::Replica(..)) {
                        nudge(worker).await?;
                    }
                    let kind = std::mem::discriminant(&hold);
                    if told.is_none_or(|(at, last)| last != kind || at.elapsed() >= TELL_EVERY) {
                        told = Some((Instant::now(), kind));
                        worker.events.send(Event::Pause {
                            migration: place.migration.clone(),
                            step: place.step.clone(),
                            reason: hold.to_string(),
                            waited_ms: millis(started.elapsed()),
                        });
                    }
                    LOOK_EVERY
                }
            };
            sleep(worker, pause).await?;
        }
    }

    /// Whether others were at work when was looked last.
    pub(super) const fn others_are_at_work(&self) -> bool {
        self.load.busy
    }

    /// For whom it rests, in words.
    pub(super) fn resting_for(&self) -> Option<&'static str> {
        resting_for(&self.load, &self.limits)
    }

    /// Looks, unless it was done a moment ago. What the user has cancelled is stopped.
    async fn look(&mut self, worker: &mut Worker<'_>) -> Result<(), StepError> {
        let every = if self.load.busy { LOOK_EVERY } else { LOOK_OUT_EVERY };
        if self.looked.is_some_and(|at| at.elapsed() < every) {
            return Ok(());
        }
        let client = worker.session.client();
        let row = match answered(client.query_typed_one(LOOK, &[(&self.id, Type::TEXT)])).await {
            Ok(row) => row,
            Err(error) => return Ok(worker.mend(error).await?),
        };
        self.looked = Some(Instant::now());
        self.load.active = u32::try_from(row.get::<_, i32>(0)).unwrap_or(0);
        self.load.busy = row.get(1);
        self.load.retained = number(row.get(3));
        let replicas = self.replicas.slowest(&row, self.began.elapsed(), worker.patience);
        self.load.lag = match (number(row.get(2)), replicas) {
            (Some(here), Some(there)) => Some(self.trail.lag(self.began.elapsed(), here, there)),
            _ => None,
        };
        let control = Control::of(&row, 6);
        if control.cancelled {
            return Err(StepError::Stopped);
        }
        self.load.paused = control.paused;
        if control.limits.max_lag != self.limits.max_lag {
            // Whoever sets another limit has seen which replicas are gone.
            self.replicas = Replicas::default();
        }
        self.limits = control.limits;
        self.load.condition = match self.limits.pause_while.clone() {
            Some(condition) => holds(worker, &condition).await?,
            None => false,
        };
        Ok(())
    }
}

/// Replicas that were seen, each with the place up to which it had replayed, and when it was seen last.
#[derive(Debug, Default)]
struct Replicas(BTreeMap<String, (u64, Duration)>);

impl Replicas {
    /// The place of the slowest. One that is not seen any more stands still, and after so long it is forgotten.
    fn slowest(&mut self, row: &Row, now: Duration, patience: Duration) -> Option<u64> {
        let (names, places): (Vec<String>, Vec<String>) = (row.get(4), row.get(5));
        let seen = names
            .into_iter()
            .zip(places.into_iter().map(|place| number(Some(place))));
        let mut present: BTreeMap<String, (u64, Duration)> = BTreeMap::new();
        for (name, place) in seen {
            let Some(place) = place else { continue };
            let least = present.get(&name).map_or(place, |(least, _)| place.min(*least));
            present.insert(name, (least, now));
        }
        self.0.extend(present);
        self.0.retain(|_, (_, last)| now.saturating_sub(*last) < patience);
        self.0.values().map(|(place, _)| *place).min()
    }
}

/// Writes a little WAL. A standby tells what it has replayed with its answer to what comes next, and else every
/// `wal_receiver_status_interval` (10 s): without this a wait for it would last that long where nobody else writes. A role
/// that may not do it waits.
async fn nudge(worker: &mut Worker<'_>) -> Result<(), StepError> {
    const MESSAGE: &str = "SELECT pg_catalog.pg_logical_emit_message(true, 'nonstop', '')";
    match answered(worker.session.client().query_typed_one(MESSAGE, &[])).await {
        Err(error) if error.fault() == Fault::Connection => Ok(worker.mend(error).await?),
        _ => Ok(()),
    }
}

fn number(text: Option<String>) -> Option<u64> {
    text.and_then(|text| text.parse().ok())
}

/// Whether a condition of the user's own is true. One that takes too long is taken to be.
pub(super) async fn holds(worker: &mut Worker<'_>, condition: &SqlText) -> Result<bool, StepError> {
    let query = sql!(
        "BEGIN READ ONLY; SET LOCAL statement_timeout = '1s'; SET LOCAL lock_timeout = '1s'; \
         SELECT coalesce(({})::boolean, false); COMMIT",
        condition
    );
    let answer = tokio::time::timeout(Duration::from_secs(10), message::table(worker.session.client(), &query)).await;
    let error = match answer {
        Ok(Ok(rows)) => {
            let value = rows.first().and_then(|row| row.first().cloned().flatten());
            return Ok(value.as_deref() == Some("t"));
        }
        Ok(Err(error)) => error,
        Err(_) => SqlError::lost("the server does not answer", 0),
    };
    match error.fault() {
        Fault::Connection => {
            worker.reconnect().await?;
            Ok(false)
        }
        Fault::Cancelled | Fault::Lock | Fault::Conflict => {
            worker.roll_back().await;
            Ok(true)
        }
        Fault::Final => {
            worker.roll_back().await;
            let statement = Some(message::shorten(condition.as_str()));
            Err(StepError::Failed(Box::new(error.failure(statement))))
        }
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
