//! Runs a group of instant statements without stopping anybody (semantics §3).
//!
//! Locks are tried for without queueing; behind an old transaction nobody queues at all; under steady short ones the
//! queue is entered for a few milliseconds. Locks, statements, our own rows and the commit are one message, so the locks
//! are held for no round trip, and a failure of any part lets go of all of them.

use crate::event::{Event, Failure, Holder, millis};
use crate::failure::SqlError;
use crate::holders::{self, Holding};
use crate::journal::{self, MigrationState};
use crate::message;
use crate::worker::{Broken, Cancels, DeployError, LET_IT_BLOCK, Place, StepError, TRIES, Worker, answered, tell};
use nonstop_core::lock::LockMode;
use nonstop_core::pace::{self, Attempt, Fault, LockPace, Next, Retry};
use nonstop_core::quote::Name;
use nonstop_core::sql;
use nonstop_core::step::{LockTimeout, RelationLock};
use std::collections::HashMap;
use std::time::{Duration, Instant};

mod group;

pub(crate) use group::{Group, setting};
use group::{Message, Part};

/// How it is known, after a cut connection, that the group was committed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Proof<'p> {
    /// The journal's row of this step says done.
    Step {
        /// The migration's id.
        id: &'p str,
        /// The step.
        step: &'p str,
    },
    /// The journal's row of this migration says this.
    Migration {
        /// The migration's id.
        id: &'p str,
        /// Its state after the commit.
        state: MigrationState,
    },
    /// Running it again is harmless.
    Repeatable,
}

/// Statement timeouts in a group that should be instant before it counts as a failure.
const OVERRUNS: u32 = 5;
/// How often an unchanged wait is told again.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// Runs the group to its commit.
pub(crate) async fn run(
    worker: &mut Worker<'_>,
    place: &Place,
    mut group: Group<'_>,
    proof: Proof<'_>,
) -> Result<(), StepError> {
    let mut hunt = Hunt::new(worker, place);
    let mut retry = Retry::new(TRIES);
    let mut attempt = Attempt::NoWait;
    let mut overruns = 0;
    loop {
        let message = group.message(attempt, worker.bounds, overruns);
        let Err(broken) = worker.watched(&message.sql, place, attempt.bound(), false).await else {
            return Ok(());
        };
        let fault = broken.error.fault();
        if fault != Fault::Connection {
            worker.roll_back().await;
        }
        if worker.stop.is_wanted() && fault != Fault::Connection {
            return Err(StepError::Stopped);
        }
        match fault {
            Fault::Lock => attempt = hunt.again(worker, &group.locks, attempt, &broken).await?,
            Fault::Cancelled if broken.verdict.cancelled_for.is_some() => {
                attempt = hunt.again(worker, &group.locks, attempt, &broken).await?;
            }
            Fault::Cancelled if group.statement_timeout.is_some() && overruns < OVERRUNS => {
                overruns += 1;
                attempt = hunt.again(worker, &group.locks, attempt, &broken).await?;
            }
            Fault::Conflict => match retry.failed(fastrand::f64()) {
                Some(pause) => {
                    tell(worker, place, &broken, retry.failures(), pause);
                    hunt.pause(worker, pause).await?;
                }
                None => return Err(failed(&group, &message, &broken.error)),
            },
            Fault::Connection => {
                let Some(pause) = retry.failed(fastrand::f64()) else {
                    return Err(failed(&group, &message, &broken.error));
                };
                tell(worker, place, &broken, retry.failures(), pause);
                worker.reconnect().await?;
                if is_proved(worker, proof).await? {
                    return Ok(());
                }
                if worker.stop.is_wanted() {
                    return Err(StepError::Stopped);
                }
            }
            Fault::Final | Fault::Cancelled => {
                let part = message.part(broken.error.completed, broken.error.position);
                match part {
                    Part::Lock(index) if leaves_to_statement(&broken.error) => {
                        group.locks.remove(index);
                    }
                    Part::Lock(_) | Part::Body(_) | Part::Ours => {
                        return Err(failed(&group, &message, &broken.error));
                    }
                }
            }
        }
    }
}

/// `LOCK TABLE` takes only tables, and asks for a privilege that the statement itself may not need: then the statement
/// takes the lock by itself, under `lock_timeout`. What does not exist, the statement will say.
fn leaves_to_statement(error: &SqlError) -> bool {
    matches!(error.sqlstate.as_deref(), Some("42809" | "42501" | "42P01" | "3F000"))
}

async fn is_proved(worker: &mut Worker<'_>, proof: Proof<'_>) -> Result<bool, StepError> {
    loop {
        let client = worker.session.client();
        let asked = match proof {
            Proof::Step { id, step } => answered(journal::step_is_done(client, id, step)).await,
            Proof::Migration { id, state } => answered(journal::migration_is(client, id, state)).await,
            Proof::Repeatable => return Ok(false),
        };
        match asked {
            Ok(proved) => return Ok(proved),
            Err(error) => worker.mend(error).await?,
        }
    }
}

fn failed(group: &Group<'_>, message: &Message, error: &SqlError) -> StepError {
    let statement = match message.part(error.completed, error.position) {
        Part::Body(index) => group.body.get(index).map(|sql| message::shorten(sql.as_str())),
        Part::Lock(index) => group
            .locks
            .get(index)
            .map(|lock| format!("LOCK TABLE {}", lock.relation)),
        Part::Ours => Some("the records of nonstop, or the commit".to_owned()),
    };
    let mut failure = error.failure(statement);
    if error.fault() == Fault::Cancelled && group.statement_timeout.is_some() {
        failure.hint = Some(
            "The statement was expected to be instant and was not, so it was stopped before anybody had to wait. If it \
             may block, run it with --allow blocking."
                .to_owned(),
        );
    }
    StepError::Failed(Box::new(failure))
}

/// The tries for one group's locks.
struct Hunt<'h> {
    place: &'h Place,
    pace: LockPace,
    started: Instant,
    /// When each holder was first seen, because the server may hide its age.
    seen: HashMap<i32, Instant>,
    told: Option<(Instant, Vec<i32>)>,
    cancels: Cancels,
}

impl<'h> Hunt<'h> {
    fn new(worker: &Worker<'_>, place: &'h Place) -> Self {
        Self {
            place,
            pace: LockPace::new(worker.bounds, worker.patience),
            started: Instant::now(),
            seen: HashMap::new(),
            told: None,
            cancels: Cancels::default(),
        }
    }

    /// After a try that failed: pause, look until nobody old is in the way, and say how to try next.
    async fn again(
        &mut self,
        worker: &mut Worker<'_>,
        locks: &[RelationLock],
        attempt: Attempt,
        broken: &Broken,
    ) -> Result<Attempt, StepError> {
        let pause = self.pace.failed(attempt, fastrand::f64());
        self.cancels.count(broken);
        tell(worker, self.place, broken, self.pace.failures(), pause);
        self.pause(worker, pause).await?;
        let mut unforeseen = broken.verdict.waited_for.clone();
        let mut waits = 1;
        loop {
            let holding = match answered(self.look(worker, locks, &unforeseen)).await {
                Ok(holding) => holding,
                Err(error) => {
                    worker.mend(error).await?;
                    continue;
                }
            };
            let oldest = holding.iter().map(|holding| holding.age).max();
            match self.pace.next(oldest, self.started.elapsed()) {
                Next::Try(next) => return Ok(next),
                Next::GiveUp => {
                    let who: Vec<Holder> = holding.into_iter().map(|holding| holding.holder).collect();
                    return Err(self.gave_up(locks, &who));
                }
                Next::Wait => {
                    // Short transactions come and go; the old ones are what is waited for.
                    let old = holding.iter().filter(|holding| holding.age > worker.bounds.max_block());
                    self.tell_wait(worker, locks, old.map(|holding| holding.holder.clone()).collect());
                    if holding.iter().any(|holding| holding.yields) {
                        self.nudge(worker, &holding).await;
                    }
                    // What was not foreseen is only known to have been held at the last try.
                    unforeseen.retain(|pid| holding.iter().any(|holding| holding.holder.pid == *pid));
                    self.pause(worker, pace::pause(waits, fastrand::f64())).await?;
                    waits += 1;
                }
            }
        }
    }

    async fn look(
        &mut self,
        worker: &Worker<'_>,
        locks: &[RelationLock],
        unforeseen: &[i32],
    ) -> Result<Vec<Holding>, tokio_postgres::Error> {
        let client = worker.session.client();
        let mut holding = if locks.is_empty() {
            Vec::new()
        } else {
            holders::of_relations(client, locks).await?
        };
        if !unforeseen.is_empty() {
            let others = holders::of_pids(client, unforeseen).await?;
            // Without a state its session is gone, or idle: it holds no lock of a transaction any more.
            holding.extend(
                others
                    .into_iter()
                    .filter(|other| !matches!(other.holder.state.as_str(), "" | "idle")),
            );
        }
        self.seen
            .retain(|pid, _| holding.iter().any(|holding| holding.holder.pid == *pid));
        for holding in &mut holding {
            let since = self.seen.entry(holding.holder.pid).or_insert_with(Instant::now);
            if holding.age.is_zero() && holding.holder.pid != 0 {
                holding.age = since.elapsed();
                holding.holder.age_ms = millis(holding.age);
            } else if holding.holder.pid == 0 {
                // A prepared transaction does not end by itself.
                holding.age = holding.age.max(worker.bounds.max_block() * 2);
            }
        }
        Ok(holding)
    }

    /// An autovacuum gives way to whoever waits for longer than `deadlock_timeout`. SHARE UPDATE EXCLUSIVE conflicts with it
    /// and with no read or write, so that wait stops nobody. Should it fail, the next look shows it.
    async fn nudge(&self, worker: &Worker<'_>, holding: &[Holding]) {
        let mut yielding = holding.iter().filter(|holding| holding.yields);
        let Some(relation) = yielding.find_map(|holding| holding.relation.as_ref()) else {
            return;
        };
        let message = sql!(
            "BEGIN; SELECT set_config('lock_timeout', \
             (extract(epoch FROM current_setting('deadlock_timeout')::interval) * 1000 + 1000)::int::text, true); \
             LOCK TABLE ONLY {} IN {} MODE; COMMIT",
            relation,
            LockMode::ShareUpdateExclusive
        );
        let bound = LockTimeout(worker.bounds.max_block());
        if worker.watched(&message, self.place, bound, true).await.is_err() {
            worker.roll_back().await;
        }
    }

    async fn pause(&self, worker: &Worker<'_>, pause: Duration) -> Result<(), StepError> {
        tokio::select! {
            () = tokio::time::sleep(pause) => Ok(()),
            () = worker.stop.wanted() => Err(StepError::Stopped),
        }
    }

    fn tell_wait(&mut self, worker: &Worker<'_>, locks: &[RelationLock], who: Vec<Holder>) {
        let pids: Vec<i32> = who.iter().map(|holder| holder.pid).collect();
        if let Some((at, told)) = &self.told
            && *told == pids
            && at.elapsed() < TELL_EVERY
        {
            return;
        }
        self.told = Some((Instant::now(), pids));
        worker.events.send(Event::LockWait {
            migration: self.place.migration.clone(),
            step: self.place.step.clone(),
            waiting_for: wanted(locks),
            holders: who,
            waited_ms: millis(self.started.elapsed()),
        });
    }

    fn gave_up(&self, locks: &[RelationLock], who: &[Holder]) -> StepError {
        let cancelled = self.cancels.in_words();
        let hint = match &cancelled {
            Some(_) => LET_IT_BLOCK,
            None => "End or wait for who holds it, then run `nonstop deploy` again.",
        };
        let cancelled = cancelled.map_or_else(String::new, |words| format!(": {words}"));
        let held = if who.is_empty() {
            String::new()
        } else {
            format!(" Held by {}.", holders::in_a_line(who))
        };
        StepError::Failed(Box::new(Failure {
            sqlstate: Some("55P03".to_owned()),
            message: format!(
                "no moment was found in {:.0} s to lock {} without stopping anybody{cancelled}.{held}",
                self.started.elapsed().as_secs_f64(),
                wanted(locks)
            ),
            hint: Some(hint.to_owned()),
            ..Failure::default()
        }))
    }
}

fn wanted(locks: &[RelationLock]) -> String {
    let one = |lock: &RelationLock| format!("{} ({})", lock.relation, lock.mode);
    match locks {
        [] => "a lock of the statement".to_owned(),
        locks => locks.iter().map(one).collect::<Vec<_>>().join(", "),
    }
}

/// The locks that `LOCK TABLE` can take: it would lock the tables below a view, and refuses anything else. What is left out
/// is locked by the statements themselves, under `lock_timeout`.
pub(crate) async fn tables_only(
    worker: &mut Worker<'_>,
    locks: &[RelationLock],
) -> Result<Vec<RelationLock>, DeployError> {
    const TABLES: &str = "SELECT n.nspname::text, c.relname::text FROM unnest($1::text[], $2::text[]) AS w (schema, name) \
        JOIN pg_namespace n ON n.nspname = w.schema \
        JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = w.name WHERE c.relkind IN ('r', 'p')";
    if locks.is_empty() {
        return Ok(Vec::new());
    }
    let schemas: Vec<&str> = locks.iter().map(|lock| lock.relation.schema.as_str()).collect();
    let names: Vec<&str> = locks.iter().map(|lock| lock.relation.name.as_str()).collect();
    let rows = loop {
        match answered(worker.session.client().query(TABLES, &[&schemas, &names])).await {
            Ok(rows) => break rows,
            Err(error) => worker.mend(error).await?,
        }
    };
    let tables: Vec<Name> = rows
        .iter()
        .map(|row| Name::new(row.get::<_, String>(0), row.get::<_, String>(1)))
        .collect();
    let kept = locks.iter().filter(|lock| tables.contains(&lock.relation));
    Ok(kept.cloned().collect())
}
