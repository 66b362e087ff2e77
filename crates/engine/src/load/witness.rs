//! The witness of promise P3: for every session of the application, how long one of ours is among those it waits for.
//!
//! It asks the server every few milliseconds on a connection of its own, without a transaction and without knowing what a
//! migration does. A wait counts from the server's own `waitstart`, or from the look before the first that saw it, whichever
//! is later, until the last look that saw it: what is reported was seen, and is short of the truth by at most one gap.

use super::{LoadError, OURS};
use std::collections::HashMap;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_postgres::{Client, Config, Error, NoTls, Statement};

/// How often it looks.
const EVERY: Duration = Duration::from_millis(5);

/// A wait that was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// When it began, since the beginning of the load.
    pub began: Duration,
    /// How long one of ours was among the blockers.
    pub lasted: Duration,
    /// Who waited: its `application_name`.
    pub who: String,
    /// The statement that waited.
    pub statement: String,
    /// Our statement that it waited for.
    pub ours: String,
}

/// Everything that was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Witnessed {
    /// The waits, in the order in which they ended.
    pub waits: Vec<Wait>,
    /// Looks that were made.
    pub looks: u64,
    /// The longest time between two looks: waits shorter than that may have been missed.
    pub longest_gap: Duration,
}

impl Witnessed {
    /// The longest wait.
    pub fn longest(&self) -> Option<&Wait> {
        self.waits.iter().max_by_key(|wait| wait.lasted)
    }
}

/// A witness at work. Dropping it ends it.
#[derive(Debug)]
pub struct Witness {
    over: watch::Sender<bool>,
    task: JoinHandle<Result<Witnessed, Error>>,
}

/// Waits that the last look saw, by the pid of who waits, with the server's time of their beginning.
type Open = HashMap<i32, (Option<f64>, Wait)>;

const QUERY: &str = "\
    SELECT w.pid, w.application_name, left(w.query, 300), left(o.query, 300), \
           extract(epoch FROM l.waitstart)::float8, extract(epoch FROM clock_timestamp() - l.waitstart)::float8 \
    FROM pg_stat_get_activity(NULL) w \
    CROSS JOIN LATERAL unnest(pg_blocking_pids(w.pid)) AS b (pid) \
    CROSS JOIN LATERAL (SELECT min(waitstart) AS waitstart FROM pg_locks WHERE pid = w.pid AND NOT granted) AS l \
    JOIN pg_stat_get_activity(NULL) o ON o.pid = b.pid AND starts_with(o.application_name, $1) \
    WHERE w.wait_event_type = 'Lock' AND w.backend_type = 'client backend' \
      AND w.datid = (SELECT oid FROM pg_database WHERE datname = current_database()) \
      AND NOT starts_with(w.application_name, $1)";

impl Witness {
    /// Looks from now on; times count from `origin`.
    pub async fn start(config: &Config, origin: Instant) -> Result<Self, LoadError> {
        let starting = LoadError::sql("starting the witness");
        let mut config = config.clone();
        config.application_name("witness");
        let (client, connection) = config.connect(NoTls).await.map_err(&starting)?;
        tokio::spawn(connection);
        let statement = client.prepare(QUERY).await.map_err(&starting)?;
        let (over, listen) = watch::channel(false);
        let task = tokio::spawn(watch(client, statement, origin, listen));
        Ok(Self { over, task })
    }

    /// What was seen.
    pub async fn end(self) -> Result<Witnessed, LoadError> {
        self.over.send_replace(true);
        match self.task.await {
            Ok(seen) => seen.map_err(LoadError::sql("looking who waits for whom")),
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }
}

async fn watch(
    client: Client,
    statement: Statement,
    origin: Instant,
    mut over: watch::Receiver<bool>,
) -> Result<Witnessed, Error> {
    let mut seen = Witnessed::default();
    let mut open = Open::new();
    let mut last: Option<Instant> = None;
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = over.wait_for(|over| *over) => break,
            _ = ticks.tick() => {}
        }
        let asked = Instant::now();
        let before = last.unwrap_or(asked);
        let rows = client.query(&statement, &[&OURS]).await?;
        let mut now = Open::new();
        for row in rows {
            let pid: i32 = row.get(0);
            let start: Option<f64> = row.get(4);
            let waited = row.get::<_, Option<f64>>(5).unwrap_or(0.0);
            let waited = Duration::try_from_secs_f64(waited).unwrap_or_default();
            let fresh = || {
                let began = asked.checked_sub(waited).map_or(before, |start| start.max(before));
                let wait = Wait {
                    began: began.saturating_duration_since(origin),
                    lasted: Duration::ZERO,
                    who: row.get(1),
                    statement: row.get(2),
                    ours: row.get(3),
                };
                (start, wait)
            };
            // The same session may wait anew, for something else, by the next look. A wait too fresh to have a start is told
            // from the one before by nothing, and counted to it.
            let (known, mut wait) = match open.remove(&pid).or_else(|| now.remove(&pid)) {
                Some((known, wait)) if known.is_none() || start.is_none() || known == start => (known.or(start), wait),
                Some((_, ended)) => {
                    seen.waits.push(ended);
                    fresh()
                }
                None => fresh(),
            };
            wait.lasted = asked.saturating_duration_since(origin).saturating_sub(wait.began);
            now.insert(pid, (known, wait));
        }
        seen.waits.extend(ended(&mut open));
        open = now;
        seen.looks += 1;
        seen.longest_gap = seen.longest_gap.max(asked - before);
        last = Some(asked);
    }
    seen.waits.extend(ended(&mut open));
    Ok(seen)
}

/// The open waits, in a steady order.
fn ended(open: &mut Open) -> Vec<Wait> {
    let mut ended: Vec<Wait> = std::mem::take(open).into_values().map(|(_, wait)| wait).collect();
    ended.sort_by_key(|wait| (wait.began, wait.lasted));
    ended
}
