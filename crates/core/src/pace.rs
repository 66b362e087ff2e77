//! When to try again, how long to queue, and when to give up.
//!
//! Pure decisions: what was observed goes in (with the jitter as a number), what to do comes out; no clock, no database.
//! Everything aims at half of `max_block`: the other half is margin for a slow server and a slow network.

use crate::step::{LockTimeout, StatementTimeout};
use std::time::Duration;

/// How one try for a group's locks is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// `LOCK TABLE … NOWAIT`: never stands in the queue.
    NoWait,
    /// Stand in the queue for so long, for all relations of the group together.
    Queue(LockTimeout),
}

impl Attempt {
    /// `lock_timeout` for each of so many relations: it counts anew for each lock, so they share the whole.
    pub fn for_each(self, relations: usize) -> LockTimeout {
        let LockTimeout(all) = self.bound();
        let share = all / u32::try_from(relations.max(1)).unwrap_or(u32::MAX);
        LockTimeout(share.max(Duration::from_millis(1)))
    }

    /// How long statements under this try may wait for a lock that was not foreseen.
    pub fn bound(self) -> LockTimeout {
        match self {
            Attempt::NoWait => LockTimeout(FIRST_QUEUE),
            Attempt::Queue(all) => all,
        }
    }
}

/// What to do after a look at who holds the locks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Try now, in this way.
    Try(Attempt),
    /// A transaction older than `max_block` holds one: do not queue, pause, and look again.
    Wait,
    /// The patience is used up.
    GiveUp,
}

/// The bounds that follow from `max_block`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    max_block: Duration,
}

/// `NOWAIT` tries under short transactions before the first try stands in the queue.
const NOWAIT_TRIES: u32 = 6;
/// Tries in the queue before it may take more than half of `max_block`.
const MODEST_TRIES: u32 = 30;
const FIRST_QUEUE: Duration = Duration::from_millis(10);
const SHORTEST_PAUSE: Duration = Duration::from_millis(5);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

impl Bounds {
    /// The bounds of this `max_block`.
    pub const fn new(max_block: Duration) -> Self {
        Self { max_block }
    }

    /// The longest that a statement of the application may wait.
    pub const fn max_block(self) -> Duration {
        self.max_block
    }

    /// How often the watchdog looks while something of ours runs.
    pub fn poll(self) -> Duration {
        (self.max_block / 10).clamp(Duration::from_millis(5), Duration::from_millis(50))
    }

    /// How long a wait may be, seen from the watchdog's look before it was first seen, until our statement is cancelled.
    ///
    /// A statement that is patient in the queue gets more of `max_block` than one that is not.
    pub fn alarm(self, queueing: LockTimeout) -> Duration {
        let modest = self.max_block * 2 / 5;
        modest.max(queueing.0.min(self.max_block * 4 / 5))
    }

    /// How long instant statements may run once the locks are held.
    pub fn hold(self) -> StatementTimeout {
        StatementTimeout((self.max_block / 2).max(Duration::from_millis(1)))
    }
}

/// The tries for the locks of one group.
#[derive(Debug, Clone)]
pub struct LockPace {
    bounds: Bounds,
    patience: Duration,
    failures: u32,
    queued: u32,
}

impl LockPace {
    /// No try made yet. After `patience` in all it gives up.
    pub const fn new(bounds: Bounds, patience: Duration) -> Self {
        Self {
            bounds,
            patience,
            failures: 0,
            queued: 0,
        }
    }

    /// Tries that failed so far.
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// The try failed; the pause before the next look. `jitter` is between 0 and 1.
    pub fn failed(&mut self, attempt: Attempt, jitter: f64) -> Duration {
        self.failures += 1;
        if matches!(attempt, Attempt::Queue(_)) {
            self.queued += 1;
        }
        pause(self.failures, jitter)
    }

    /// After a look: `oldest` is the age of the oldest transaction that holds a conflicting lock, `waited` the time since
    /// the first try.
    pub fn next(&self, oldest: Option<Duration>, waited: Duration) -> Next {
        if waited >= self.patience {
            return Next::GiveUp;
        }
        if oldest.is_some_and(|age| age > self.bounds.max_block) {
            return Next::Wait;
        }
        if self.failures < NOWAIT_TRIES {
            return Next::Try(Attempt::NoWait);
        }
        Next::Try(self.queue())
    }

    /// From 10 ms, half as much again each time, up to two fifths of `max_block`; if that has failed often, four fifths.
    fn queue(&self) -> Attempt {
        let fifths = if self.queued < MODEST_TRIES { 2 } else { 4 };
        let most = self.bounds.max_block * fifths / 5;
        let grown = FIRST_QUEUE.mul_f64(1.5_f64.powi(self.queued.min(20).cast_signed()));
        let bound = grown.min(most).max(Duration::from_millis(1));
        Attempt::Queue(LockTimeout(bound))
    }
}

/// The pause after so many failures: 5 to 50 ms, growing to 250 ms, always spread by the jitter.
pub fn pause(failures: u32, jitter: f64) -> Duration {
    let grown = FIRST_PAUSE.mul_f64(1.25_f64.powi(failures.saturating_sub(1).min(30).cast_signed()));
    let most = grown.min(LONGEST_PAUSE);
    SHORTEST_PAUSE + most.saturating_sub(SHORTEST_PAUSE).mul_f64(jitter.clamp(0.0, 1.0))
}

/// What a failure means for trying again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// A lock was not to be had: 55P03.
    Lock,
    /// Deadlock or serialization failure: 40P01, 40001; the server's table of locks is full: 53200. Try again.
    Conflict,
    /// The connection or the server is gone: 08xxx, 57P01, 57P02, 57P03, or no SQLSTATE at all. Connect again and judge.
    Connection,
    /// The statement was cancelled: 57014, by a timeout, by our watchdog, or by somebody.
    Cancelled,
    /// Trying again cannot cure it.
    Final,
}

/// Sorts an SQLSTATE; `None` stands for a failure below the protocol.
pub fn fault(sqlstate: Option<&str>) -> Fault {
    match sqlstate {
        None | Some("57P01" | "57P02" | "57P03" | "57P05" | "25P03" | "53300") => Fault::Connection,
        Some(state) if state.starts_with("08") => Fault::Connection,
        Some("55P03") => Fault::Lock,
        Some("40P01" | "40001" | "53200") => Fault::Conflict,
        Some("57014") => Fault::Cancelled,
        Some(_) => Fault::Final,
    }
}

/// Tries of a whole step, for failures other than a lock that is not to be had.
#[derive(Debug, Clone)]
pub struct Retry {
    most: u32,
    failures: u32,
}

impl Retry {
    /// At most so many tries in all.
    pub const fn new(most: u32) -> Self {
        Self { most, failures: 0 }
    }

    /// Tries that failed so far.
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// The pause before the next try, or `None` to give up: 100 ms doubled up to 5 s, spread by the jitter.
    pub fn failed(&mut self, jitter: f64) -> Option<Duration> {
        self.failures += 1;
        if self.failures >= self.most {
            return None;
        }
        let full = Duration::from_millis(100) * 2_u32.pow((self.failures - 1).min(6));
        Some(
            full.min(Duration::from_secs(5))
                .mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: Duration = Duration::from_millis(1);

    fn pace() -> LockPace {
        LockPace::new(Bounds::new(200 * MS), Duration::from_secs(60))
    }

    #[test]
    fn the_first_tries_do_not_queue() {
        let mut pace = pace();
        for _ in 0..NOWAIT_TRIES {
            assert_eq!(pace.next(Some(3 * MS), MS), Next::Try(Attempt::NoWait));
            pace.failed(Attempt::NoWait, 0.5);
        }
        let first = Attempt::Queue(LockTimeout(10 * MS));
        assert_eq!(pace.next(Some(3 * MS), MS), Next::Try(first));
        assert_eq!(first.for_each(4), LockTimeout(Duration::from_micros(2_500)));
    }

    #[test]
    fn an_old_holder_is_never_queued_behind() {
        let mut pace = pace();
        for _ in 0..100 {
            pace.failed(pace.queue(), 0.5);
        }
        assert_eq!(pace.next(Some(201 * MS), MS), Next::Wait);
    }

    #[test]
    fn patience_ends() {
        assert_eq!(
            pace().next(Some(Duration::from_secs(99)), Duration::from_secs(60)),
            Next::GiveUp
        );
        let mut retry = Retry::new(3);
        assert!(retry.failed(0.0).is_some() && retry.failed(0.0).is_some());
        assert_eq!(retry.failed(0.0), None);
    }

    #[test]
    fn sqlstates_are_sorted() {
        assert_eq!(fault(Some("55P03")), Fault::Lock);
        assert_eq!(fault(Some("40P01")), Fault::Conflict);
        assert_eq!(fault(Some("08006")), Fault::Connection);
        assert_eq!(fault(Some("57P03")), Fault::Connection);
        assert_eq!(fault(None), Fault::Connection);
        assert_eq!(fault(Some("57014")), Fault::Cancelled);
        assert_eq!(fault(Some("23505")), Fault::Final);
        assert_eq!(fault(Some("25P02")), Fault::Final);
    }

    proptest! {
        #[test]
        fn nothing_queues_longer_than_max_block(ms in 10_u64..5_000, failures in 0_u32..200) {
            let bounds = Bounds::new(Duration::from_millis(ms));
            let mut pace = LockPace::new(bounds, Duration::from_secs(600));
            for _ in 0..failures {
                pace.failed(pace.queue(), 1.0);
            }
            let lock = pace.queue().bound();
            prop_assert!(lock.0 <= bounds.max_block() * 4 / 5);
            prop_assert!(bounds.alarm(lock) <= bounds.max_block() * 4 / 5);
            prop_assert!(bounds.alarm(lock) >= lock.0);
        }

        #[test]
        fn pauses_stay_in_their_range(failures in 0_u32..10_000, jitter in 0.0_f64..=1.0) {
            let pause = pause(failures, jitter);
            prop_assert!(pause >= SHORTEST_PAUSE && pause <= LONGEST_PAUSE);
        }
    }
}
