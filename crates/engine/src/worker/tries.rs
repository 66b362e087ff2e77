//! Tries of one step: which failures another try may cure, what is told of each, and what is said in the end.

use super::{Broken, Place, StepError, TRIES, Worker};
use crate::event::{Event, Holder, millis};
use crate::holders;
use crate::message;
use nonstop_core::pace::{Fault, Retry};
use nonstop_core::quote::SqlText;
use std::time::Duration;

/// How often the watchdog has cancelled a step, and for whom the last time.
#[derive(Debug, Default)]
pub(crate) struct Cancels {
    times: u32,
    last: Option<Holder>,
}

impl Cancels {
    /// Another one, if it was one.
    pub(crate) fn count(&mut self, broken: &Broken) {
        if let Some(victim) = victim(broken) {
            self.times += 1;
            self.last = Some(victim.clone());
        }
    }

    /// One sentence without its full stop; `None` when it was never cancelled.
    pub(crate) fn in_words(&self) -> Option<String> {
        let last = holders::in_a_line(std::slice::from_ref(self.last.as_ref()?));
        Some(match self.times {
            1 => format!("the watchdog cancelled it because somebody waited for it, {last}"),
            times => {
                format!("the watchdog cancelled it {times} times because others waited for it, the last time {last}")
            }
        })
    }
}

/// What to do about a step that others had to wait for.
pub(crate) const LET_IT_BLOCK: &str = "It holds a lock for longer than anybody may wait (`--max-block`). Run it in a \
                                       quiet hour with --allow blocking, or take it apart.";

/// For whom the watchdog cancelled this try.
fn victim(broken: &Broken) -> Option<&Holder> {
    let is_cancelled = broken.error.fault() == Fault::Cancelled;
    broken.verdict.cancelled_for.as_ref().filter(|_| is_cancelled)
}

/// Says that another try will follow.
pub(crate) fn tell(worker: &Worker<'_>, place: &Place, broken: &Broken, attempt: u32, pause: Duration) {
    let victim = victim(broken);
    worker.events.send(Event::LockRetry {
        migration: place.migration.clone(),
        step: place.step.clone(),
        attempt,
        reason: match victim {
            Some(victim) => format!("let go because pid {} waited for it", victim.pid),
            None => broken.error.in_a_line(),
        },
        cancelled_for: victim.cloned(),
        pause_ms: millis(pause),
    });
}

/// The tries of a step that runs alone.
#[derive(Debug)]
pub(crate) struct Tries {
    retry: Retry,
    cancels: Cancels,
}

impl Tries {
    /// None made yet.
    pub(crate) fn new() -> Self {
        Self {
            retry: Retry::new(TRIES),
            cancels: Cancels::default(),
        }
    }

    /// Whether to try again; has paused, or connected again, when it says so.
    pub(crate) async fn again(
        &mut self,
        worker: &mut Worker<'_>,
        place: &Place,
        broken: &Broken,
    ) -> Result<(), StepError> {
        let fault = broken.error.fault();
        self.cancels.count(broken);
        if fault != Fault::Connection {
            // A file with its own BEGIN may have left a transaction open.
            worker.roll_back().await;
            if worker.stop.is_wanted() {
                return Err(StepError::Stopped);
            }
        }
        let curable = match fault {
            Fault::Lock | Fault::Conflict | Fault::Connection => true,
            Fault::Cancelled => victim(broken).is_some(),
            Fault::Final => false,
        };
        let Some(pause) = self.retry.failed(fastrand::f64()).filter(|_| curable) else {
            return Err(self.failed(None, broken));
        };
        tell(worker, place, broken, self.retry.failures(), pause);
        if fault == Fault::Connection {
            worker.reconnect().await?;
            return if worker.stop.is_wanted() {
                Err(StepError::Stopped)
            } else {
                Ok(())
            };
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => Ok(()),
            () = worker.stop.wanted() => Err(StepError::Stopped),
        }
    }

    /// The end of it.
    pub(crate) fn failed(&self, statement: Option<&SqlText>, broken: &Broken) -> StepError {
        let mut failure = broken
            .error
            .failure(statement.map(|sql| message::shorten(sql.as_str())));
        if victim(broken).is_some()
            && let Some(words) = self.cancels.in_words()
        {
            failure.message = words;
            failure.hint = Some(LET_IT_BLOCK.to_owned());
        }
        StepError::Failed(Box::new(failure))
    }
}
