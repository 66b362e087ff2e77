//! Changes of many rows in batches. Each batch commits together with how far it came, so that a row is changed once
//! whatever is cut off when.

use crate::event::{Event, Failure};
use crate::failpoint;
use crate::failure::SqlError;
use crate::journal::{self, StepState};
use crate::message;
use crate::worker::{Broken, Place, StepError, Worker, answered, tell};
use nonstop_core::batch::{Batch, BatchPace, Key, Limits, Position, Rate, Window};
use nonstop_core::pace::Fault;
use nonstop_core::quote::SqlText;
use nonstop_core::sql;
use nonstop_core::step::{LockTimeout, Step};
use std::time::{Duration, Instant};

pub(crate) mod control;
mod look;
mod progress;
mod traces;

use look::{Lookout, Spent, sleep};
use progress::{Owner, Progress, Turn, positions};
use traces::Traces;

/// How often progress is told.
const TELL_EVERY: Duration = Duration::from_millis(250);
/// Passes over the pages of a table without a key, at most.
const PASSES: i32 = 10;
/// Of the rows that a batch's message returns, the last is ours; settings of the migration come before it.
const ROWS_KEPT: usize = 256;

/// Runs a step of batches to its end. `state` is what an earlier run has told the journal about it.
pub(crate) async fn run(
    worker: &mut Worker<'_>,
    place: &Place,
    (id, step): (&str, &Step),
    state: Option<StepState>,
) -> Result<(), StepError> {
    let Some(batch) = &step.batch else { return Ok(()) };
    if state != Some(StepState::Started) {
        worker.record(&journal::step(id, &step.id, StepState::Started)).await?;
    }
    let owner = Owner { id, step: &step.id };
    let Some(progress) = begun(worker, owner, batch).await? else {
        return Ok(());
    };
    worker.record(&control::set(id, worker.limits.clone().as_ref())).await?;
    failpoint::pass("batches-begun").await;
    let before = Traces::read(worker, &batch.table).await;
    let limits = worker.limits.clone().unwrap_or_default();
    let mut work = Work {
        mute: batch.silent && may_mute(worker).await?,
        pace: BatchPace::new(
            worker.bounds.max_block(),
            &of_batch(&limits, batch),
            may_spread(worker).await?,
        ),
        lookout: Lookout::new(id, limits),
        began: Instant::now(),
        rate: Rate::default(),
        told: Instant::now(),
        failing: None,
        // Of a pass that was cut off it is not known.
        pass_changed: progress.place.is_some(),
        waited: None,
        owner,
        place,
        step,
        batch,
        progress,
    };
    work.rate
        .at(work.began.elapsed(), u64::try_from(work.progress.seen).unwrap_or(0));
    work.carry_out(worker).await?;
    failpoint::pass("batches-done").await;
    if work.progress.changed > 0 {
        traces::flush(worker).await;
        analyze(worker, place, batch).await?;
        work.sum_up(worker, before).await;
    }
    Ok(())
}

/// The size that the file gives to a statement stands, unless a user has given another one since.
fn of_batch(limits: &Limits, batch: &Batch) -> Limits {
    Limits {
        batch_size: limits.batch_size.or(batch.size),
        ..limits.clone()
    }
}

/// Runs a user's own condition once, so that one that cannot be run is known before anything is done.
pub(crate) async fn try_condition(worker: &mut Worker<'_>, condition: &SqlText) -> Result<(), StepError> {
    look::holds(worker, condition).await.map(|_| ())
}

/// Whether a step of batches, as far as it came, has changed anything.
pub(crate) async fn has_changed(worker: &mut Worker<'_>, id: &str, step: &Step) -> Result<bool, StepError> {
    let progress = read(worker, Owner { id, step: &step.id }).await?;
    Ok(progress.is_some_and(|progress| progress.changed > 0))
}

async fn read(worker: &mut Worker<'_>, owner: Owner<'_>) -> Result<Option<Progress>, StepError> {
    loop {
        match answered(owner.read(worker.session.client())).await {
            Ok(progress) => return Ok(progress),
            Err(error) => worker.mend(error).await?,
        }
    }
}

/// What the journal knows, or a beginning; `None` for an empty table.
async fn begun(worker: &mut Worker<'_>, owner: Owner<'_>, batch: &Batch) -> Result<Option<Progress>, StepError> {
    if let Some(progress) = read(worker, owner).await? {
        return Ok(Some(progress));
    }
    let Some(ending) = ending(worker, batch).await? else {
        return Ok(None);
    };
    let total = ask(worker, &batch.total()).await?;
    let total = total.first().and_then(|row| row.first()?.as_ref()?.parse().ok());
    worker.record(&owner.begin(&ending, total.unwrap_or(0))).await?;
    read(worker, owner).await
}

/// The last place of the key, as it is now.
async fn ending(worker: &mut Worker<'_>, batch: &Batch) -> Result<Option<Position>, StepError> {
    let rows = ask(worker, &batch.end()).await?;
    Ok(rows.into_iter().next().and_then(|row| row.into_iter().collect()))
}

/// A question with a short answer, over a cut connection too.
async fn ask(worker: &mut Worker<'_>, query: &SqlText) -> Result<Vec<Vec<Option<String>>>, StepError> {
    const LIMIT: Duration = Duration::from_secs(60);
    loop {
        let answer = tokio::time::timeout(LIMIT, positions(worker.session.client(), query)).await;
        let error = match answer {
            Ok(Ok(rows)) => return Ok(rows),
            Ok(Err(error)) => error,
            Err(_) => SqlError::lost("the server does not answer", 0),
        };
        if error.fault() == Fault::Connection {
            worker.reconnect().await?;
            continue;
        }
        worker.roll_back().await;
        return Err(StepError::Failed(Box::new(
            error.failure(Some(message::shorten(query.as_str()))),
        )));
    }
}

/// Whether this role may keep triggers from seeing what it does.
async fn may_mute(worker: &mut Worker<'_>) -> Result<bool, StepError> {
    let query = if worker.session.version().major() >= 15 {
        sql!("SELECT pg_catalog.has_parameter_privilege('session_replication_role', 'SET')")
    } else {
        sql!("SELECT pg_catalog.current_setting('is_superuser') = 'on'")
    };
    is_true(worker, &query).await
}

/// Whether this role may sleep in the server; some take that from everybody.
async fn may_spread(worker: &mut Worker<'_>) -> Result<bool, StepError> {
    let query = sql!("SELECT pg_catalog.has_function_privilege('pg_catalog.pg_sleep(double precision)', 'EXECUTE')");
    is_true(worker, &query).await
}

async fn is_true(worker: &mut Worker<'_>, query: &SqlText) -> Result<bool, StepError> {
    let answer = ask(worker, query).await?;
    let value = answer.first().and_then(|row| row.first()?.as_deref());
    Ok(value == Some("t"))
}

/// Statistics of what stands there now. A failure is told, and stops nothing.
async fn analyze(worker: &mut Worker<'_>, place: &Place, batch: &Batch) -> Result<(), StepError> {
    let analyze = sql!("ANALYZE {}", batch.table);
    match crate::alone::repeat(worker, place, &analyze).await {
        Err(StepError::Failed(failure)) => {
            worker.events.send(Event::Warning {
                migration: Some(place.migration.clone()),
                message: format!("{} could not be analyzed: {}", batch.table, failure.message),
            });
            Ok(())
        }
        other => other,
    }
}

/// A step of batches at work.
struct Work<'w> {
    owner: Owner<'w>,
    place: &'w Place,
    step: &'w Step,
    batch: &'w Batch,
    progress: Progress,
    pace: BatchPace,
    lookout: Lookout,
    mute: bool,
    pass_changed: bool,
    began: Instant,
    rate: Rate,
    told: Instant,
    /// Since when the same batch fails.
    failing: Option<Instant>,
    /// How long was rested since the last batch; `None` before the first look.
    waited: Option<Duration>,
}

impl Work<'_> {
    async fn carry_out(&mut self, worker: &mut Worker<'_>) -> Result<(), StepError> {
        loop {
            if worker.stop.is_wanted() {
                return Err(StepError::Stopped);
            }
            worker.check_lock().await?;
            if self.waited.is_none() {
                // Nothing is done before it is known that it may be.
                self.waited = Some(self.lookout.rest(worker, self.place, Spent::default()).await?);
            }
            let limits = of_batch(&self.lookout.limits, self.batch);
            let busy = self.lookout.others_are_at_work();
            self.pace.keep_to(worker.bounds.max_block(), &limits, busy);
            let Some((window, rows)) = self.next(worker).await? else {
                if self.is_settled() || !self.pass_again(worker).await? {
                    return Ok(());
                }
                continue;
            };
            self.turn(worker, &window, rows).await?;
        }
    }

    /// Whether no other pass is needed.
    fn is_settled(&self) -> bool {
        !self.batch.repeats || !self.pass_changed || self.progress.pass >= PASSES
    }

    /// Begins another pass; `false` when there is nothing left to pass over.
    async fn pass_again(&mut self, worker: &mut Worker<'_>) -> Result<bool, StepError> {
        let Some(ending) = ending(worker, self.batch).await? else {
            return Ok(false);
        };
        worker
            .record(&self.owner.again(&ending, self.progress.pass + 1))
            .await?;
        self.pass_changed = false;
        self.reload(worker).await?;
        Ok(true)
    }

    async fn reload(&mut self, worker: &mut Worker<'_>) -> Result<(), StepError> {
        if let Some(progress) = read(worker, self.owner).await? {
            self.progress = progress;
        }
        Ok(())
    }

    /// The next window, with the rows in it.
    async fn next(&self, worker: &mut Worker<'_>) -> Result<Option<(Window, u64)>, StepError> {
        let Progress { place, ending, .. } = &self.progress;
        let Key::Columns(keys) = &self.batch.key else {
            return Ok(self.next_pages());
        };
        let size = self.pace.size();
        let whole = |row: Vec<Option<String>>, rows: u64| {
            let upto = row.into_iter().collect::<Option<Position>>();
            upto.map(|upto| {
                let after = place.clone();
                (Window { after, upto }, rows)
            })
        };
        let bound = self.batch.next_bound(keys, place.as_ref(), ending, size);
        if let Some(row) = ask(worker, &bound).await?.into_iter().next() {
            return Ok(whole(row, size));
        }
        let bound = self.batch.last_bound(keys, place.as_ref(), ending);
        let Some(mut row) = ask(worker, &bound).await?.into_iter().next() else {
            return Ok(None);
        };
        let rows = row.pop().flatten().and_then(|count| count.parse().ok()).unwrap_or(size);
        Ok(whole(row, rows))
    }

    /// As many pages as hold about so many rows.
    fn next_pages(&self) -> Option<(Window, u64)> {
        let page = |position: &Position| position.first().and_then(|page| page.parse::<u64>().ok()).unwrap_or(0);
        let Progress {
            place, ending, total, ..
        } = &self.progress;
        let (from, end) = (place.as_ref().map_or(0, page), page(ending));
        if from >= end {
            return None;
        }
        let on_a_page = match u64::try_from(*total) {
            // Without statistics: rows of 150 bytes.
            Err(_) | Ok(0) => 50,
            Ok(total) => (total / end).max(1),
        };
        let pages = (self.pace.size() / on_a_page).max(1);
        let upto = (from + pages).min(end);
        let window = Window {
            after: place.clone(),
            upto: vec![upto.to_string()],
        };
        Some((window, (upto - from) * on_a_page))
    }

    /// One batch, and the rest after it.
    async fn turn(&mut self, worker: &mut Worker<'_>, window: &Window, rows: u64) -> Result<(), StepError> {
        let number = u64::try_from(self.progress.batches + 1).unwrap_or(1);
        let turn = Turn {
            window,
            number,
            rows,
            waited: self.waited.unwrap_or_default(),
            queueing: LockTimeout(worker.bounds.max_block() / 2),
            mute: self.mute,
            spread: self.pace.spread(),
        };
        let text = self.owner.message(self.batch, &turn);
        // Nobody is kept waiting for longer than the watchdog allows to what is patient itself.
        let alarm = LockTimeout(worker.bounds.max_block());
        let started = Instant::now();
        let (outcome, verdict) = worker.observed(&text, self.place, alarm, false, ROWS_KEPT).await;
        let took = started.elapsed();
        match outcome {
            Ok(answer) => {
                failpoint::pass("batch-done").await;
                let changed = answer
                    .last()
                    .and_then(|row| row.strip_prefix("rows=")?.parse::<i64>().ok());
                self.count(window, rows, changed.unwrap_or(0));
                self.pace.done(window.upto != self.progress.ending, took);
                self.failing = None;
                self.tell(worker);
                let spent = Spent {
                    took,
                    spread: turn.spread,
                    waited_for: verdict.stood_in_the_way,
                };
                self.waited = Some(self.lookout.rest(worker, self.place, spent).await?);
                Ok(())
            }
            Err(error) => self.recover(worker, window, Broken { error, verdict }).await,
        }
    }

    fn count(&mut self, window: &Window, rows: u64, changed: i64) {
        self.progress.place = Some(window.upto.clone());
        self.progress.batches += 1;
        self.progress.seen += i64::try_from(rows).unwrap_or(0);
        self.progress.changed += changed;
        self.pass_changed |= changed > 0;
    }

    /// After a batch that failed: smaller, and again, as long as that may help.
    async fn recover(&mut self, worker: &mut Worker<'_>, window: &Window, broken: Broken) -> Result<(), StepError> {
        let fault = broken.error.fault();
        if fault == Fault::Connection {
            worker.reconnect().await?;
            // It may have been committed or not; the journal knows.
            return self.reload(worker).await;
        }
        worker.roll_back().await;
        if worker.stop.is_wanted() {
            return Err(StepError::Stopped);
        }
        let curable = match fault {
            Fault::Lock | Fault::Conflict => true,
            Fault::Cancelled => broken.verdict.cancelled_for.is_some(),
            Fault::Connection | Fault::Final => false,
        };
        let since = *self.failing.get_or_insert_with(Instant::now);
        if !curable || since.elapsed() > worker.patience {
            return Err(StepError::Failed(Box::new(self.failure(window, &broken))));
        }
        let pause = self.pace.failed(fastrand::f64());
        tell(worker, self.place, &broken, self.pace.failures(), pause);
        self.waited = Some(self.waited.unwrap_or_default() + pause);
        sleep(worker, pause).await
    }

    fn failure(&self, window: &Window, broken: &Broken) -> Failure {
        let words = |position: &Position| format!("({})", position.join(", "));
        let place = match &window.after {
            Some(after) => format!("behind {} up to {}", words(after), words(&window.upto)),
            None => format!("up to {}", words(&window.upto)),
        };
        let statement = self.step.sql.first().map(|sql| message::shorten(sql.as_str()));
        let mut failure = broken.error.failure(statement);
        let done = self.progress.changed;
        let ours = format!(
            "in the batch {place} over {} of {}; {done} rows are changed and committed",
            self.batch.key, self.batch.table
        );
        failure.detail = Some(match failure.detail {
            Some(detail) => format!("{detail}; {ours}"),
            None => ours,
        });
        failure
    }

    fn tell(&mut self, worker: &Worker<'_>) {
        if self.told.elapsed() < TELL_EVERY {
            return;
        }
        self.told = Instant::now();
        let unsigned = |number: i64| u64::try_from(number).unwrap_or(0);
        let done = unsigned(self.progress.seen);
        let rate = self.rate.at(self.began.elapsed(), done);
        let total = unsigned(self.progress.total).max(done);
        worker.events.send(Event::Progress {
            migration: self.place.migration.clone(),
            step: self.place.step.clone(),
            phase: "changing rows".to_owned(),
            done,
            total,
            rows_per_second: Some(rate),
            left_ms: ((total - done) * 1_000).checked_div(rate),
            resting_for: self.lookout.resting_for(),
        });
    }

    /// What was done, and what it left behind.
    async fn sum_up(&self, worker: &Worker<'_>, before: Option<Traces>) {
        let unsigned = |number: i64| u64::try_from(number).unwrap_or(0);
        let after = Traces::read(worker, &self.batch.table).await;
        let (hot_percent, grown_bytes, dead_rows) = match (after, before) {
            (Some(after), Some(before)) => after.since(before),
            _ => (None, 0, 0),
        };
        worker.events.send(Event::RowsChanged {
            migration: self.place.migration.clone(),
            step: self.place.step.clone(),
            rows: unsigned(self.progress.changed),
            batches: unsigned(self.progress.batches),
            hot_percent,
            grown_bytes,
            dead_rows,
        });
    }
}
