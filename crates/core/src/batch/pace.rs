//! How many rows at once, and how long to rest between two batches. Pure: what was seen goes in.

use super::{Hold, Limits};
use std::time::Duration;

/// Rows of the first batch.
const FIRST: u64 = 1_000;
const LEAST: u64 = 100;
const MOST: u64 = 50_000;
/// The share of its working time that it rests while others are at work.
const NICE: f64 = 0.25;
/// The same when somebody has waited for it.
const KIND: f64 = 1.0;
const SHORTEST_REST: Duration = Duration::from_millis(50);
const LONGEST_REST: Duration = Duration::from_secs(2);

/// How many rows at once.
#[derive(Debug, Clone)]
pub struct BatchPace {
    size: u64,
    most: u64,
    target: Duration,
    failures: u32,
    fixed: Option<u64>,
}

impl BatchPace {
    /// Nothing done yet. With a size that is given it only ever goes below it when a batch fails.
    pub fn new(max_block: Duration, limits: &Limits) -> Self {
        let fixed = limits.batch_size.map(|size| size.max(1));
        Self {
            size: fixed.unwrap_or(FIRST),
            most: fixed.unwrap_or(MOST),
            target: limits.target.min(max_block * 3 / 4),
            failures: 0,
            fixed,
        }
    }

    /// The limits may have changed: what was learnt stays where it still fits.
    pub fn keep_to(&mut self, max_block: Duration, limits: &Limits) {
        let new = Self::new(max_block, limits);
        self.target = new.target;
        if self.fixed != new.fixed {
            self.size = new.fixed.unwrap_or_else(|| self.size.clamp(LEAST, MOST));
            (self.fixed, self.most) = (new.fixed, new.most);
        }
    }

    /// Rows of the next batch.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Failures since the last batch that was done.
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// A batch is done, of the whole size or the last of all, which says nothing of the others. The next is half as large
    /// to twice as large, as the target asks.
    pub fn done(&mut self, whole: bool, took: Duration) {
        self.failures = 0;
        if !whole {
            return;
        }
        let factor = self.target.as_secs_f64() / took.as_secs_f64().max(0.000_1);
        self.size = self.scaled(factor.clamp(0.5, 2.0));
    }

    /// A batch failed in a way that trying again may cure: it is made smaller. Gives the rest before that.
    pub fn failed(&mut self, jitter: f64) -> Duration {
        self.failures += 1;
        self.size = (self.size / 2).max(LEAST.min(self.most)).max(1);
        let full = SHORTEST_REST * 2_u32.pow(self.failures.saturating_sub(1).min(5));
        full.min(LONGEST_REST).mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0)
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "between 1 and the most, which is small; a size need not be exact"
    )]
    fn scaled(&self, factor: f64) -> u64 {
        let wanted = (self.size as f64 * factor).round() as u64;
        wanted.clamp(LEAST.min(self.most), self.most)
    }
}

/// What is seen of the others.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Load {
    /// Sessions of others that are at work at this moment.
    pub active: u32,
    /// Whether others were at work of late: an application that asks quickly is seldom met in the act.
    pub busy: bool,
    /// Whether somebody waited for the last batch.
    pub waited_for: bool,
    /// How far the slowest replica is behind.
    pub lag: Option<Duration>,
    /// How many bytes of WAL the replication slots hold back, the one that holds back most.
    pub retained: Option<u64>,
    /// Whether the user's own condition is true.
    pub condition: bool,
    /// Whether the user has paused it.
    pub paused: bool,
}

/// What comes before the next batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rest {
    /// So long a rest.
    For(Duration),
    /// Nothing is done until this is over.
    Until(Hold),
}

/// What comes before the next batch, when the last one took so long.
pub fn rest(took: Duration, load: &Load, limits: &Limits) -> Rest {
    if let Some(hold) = hold(load, limits) {
        return Rest::Until(hold);
    }
    // From half of the limit on it slows down, up to a rest as long as the work.
    let behind = load.lag.map_or(0.0, |lag| {
        let share = lag.as_secs_f64() / limits.max_lag.as_secs_f64().max(0.001);
        ((share - 0.5) * 2.0).clamp(0.0, 1.0)
    });
    let nice = limits.nice.unwrap_or(if load.busy { NICE } else { 0.0 });
    let others = if load.waited_for { nice.max(KIND) } else { nice };
    // What the user has asked for is not cut short.
    let longest = LONGEST_REST.max(took.mul_f64(limits.nice.unwrap_or(0.0)));
    Rest::For(took.mul_f64(others.max(behind)).min(longest))
}

/// For whom it rests between two batches, in words; `None` when it does not, or only because the user has said how much.
pub fn resting_for(load: &Load, limits: &Limits) -> Option<&'static str> {
    if load.waited_for {
        Some("somebody who waited for it")
    } else if load.lag.is_some_and(|lag| lag > limits.max_lag / 2) {
        Some("a replica that is behind")
    } else {
        (limits.nice.is_none() && load.busy).then_some("others who are at work")
    }
}

fn hold(load: &Load, limits: &Limits) -> Option<Hold> {
    if load.paused {
        return Some(Hold::User);
    }
    if let Some(lag) = load.lag.filter(|lag| *lag > limits.max_lag) {
        return Some(Hold::Replica(lag, limits.max_lag));
    }
    if let (Some(bytes), Some(most)) = (load.retained, limits.max_retained)
        && bytes > most
    {
        return Some(Hold::Slot(bytes, most));
    }
    if let Some(most) = limits.max_active.filter(|most| load.active > *most) {
        return Some(Hold::Active(load.active, most));
    }
    let condition = limits.pause_while.as_ref().filter(|_| load.condition);
    condition.map(|condition| Hold::Condition(condition.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quote::SqlText;
    use proptest::prelude::*;

    const MS: Duration = Duration::from_millis(1);

    fn of_size(size: u64) -> Limits {
        Limits {
            batch_size: Some(size),
            ..Limits::default()
        }
    }

    #[test]
    fn a_batch_grows_to_its_time_and_shrinks_when_it_fails() {
        let mut pace = BatchPace::new(200 * MS, &Limits::default());
        pace.done(true, 15 * MS);
        assert_eq!(pace.size(), 2_000);
        pace.done(true, 100 * MS);
        assert_eq!(pace.size(), 3_000);
        pace.done(true, 600 * MS);
        assert_eq!(pace.size(), 1_500);
        pace.done(false, MS);
        assert_eq!(pace.size(), 1_500, "the last window says nothing");
        assert!(pace.failed(0.5) < pace.failed(0.5));
        assert_eq!((pace.size(), pace.failures()), (375, 2));
    }

    #[test]
    fn a_fixed_size_stays() {
        let mut pace = BatchPace::new(200 * MS, &of_size(7));
        pace.done(true, MS);
        assert_eq!(pace.size(), 7);
        pace.failed(0.0);
        assert_eq!(pace.size(), 7, "already as small as may be");
        let mut large = BatchPace::new(200 * MS, &of_size(2_000));
        large.failed(0.0);
        assert_eq!(large.size(), 1_000);
    }

    #[test]
    fn limits_may_change_on_the_way() {
        let mut pace = BatchPace::new(200 * MS, &Limits::default());
        pace.done(true, 15 * MS);
        pace.keep_to(200 * MS, &Limits::default());
        assert_eq!(pace.size(), 2_000, "nothing has changed");
        pace.keep_to(200 * MS, &of_size(10));
        assert_eq!(pace.size(), 10);
        pace.keep_to(200 * MS, &Limits::default());
        assert_eq!(pace.size(), LEAST);
    }

    #[test]
    fn alone_it_does_not_rest_and_behind_a_limit_it_stops() {
        let limits = Limits {
            max_lag: 1_000 * MS,
            max_retained: Some(100),
            max_active: Some(5),
            pause_while: Some(SqlText::verbatim("true")),
            ..Limits::default()
        };
        let rests = |load: Load| rest(100 * MS, &load, &limits);
        let of = |active, waited_for, lag| {
            rests(Load {
                active,
                busy: active > 0,
                waited_for,
                lag,
                ..Load::default()
            })
        };
        assert_eq!(of(0, false, None), Rest::For(Duration::ZERO));
        let busy = Load {
            busy: true,
            ..Load::default()
        };
        assert_eq!(resting_for(&busy, &limits), Some("others who are at work"));
        assert_eq!(resting_for(&Load::default(), &limits), None);
        assert_eq!(of(3, false, None), Rest::For(25 * MS));
        assert_eq!(of(3, true, None), Rest::For(100 * MS));
        assert_eq!(of(0, false, Some(750 * MS)), Rest::For(50 * MS));
        let too_far = Hold::Replica(1_001 * MS, 1_000 * MS);
        assert_eq!(of(0, false, Some(1_001 * MS)), Rest::Until(too_far));
        assert_eq!(of(6, false, None), Rest::Until(Hold::Active(6, 5)));
        let retained = Load {
            retained: Some(101),
            ..Load::default()
        };
        assert_eq!(rests(retained), Rest::Until(Hold::Slot(101, 100)));
        let condition = Load {
            condition: true,
            ..Load::default()
        };
        assert!(matches!(rests(condition), Rest::Until(Hold::Condition(_))));
        let paused = Load {
            paused: true,
            ..Load::default()
        };
        assert_eq!(rests(paused), Rest::Until(Hold::User));
        let nice = Limits {
            nice: Some(2.0),
            ..Limits::default()
        };
        assert_eq!(rest(100 * MS, &Load::default(), &nice), Rest::For(200 * MS));
    }

    proptest! {
        #[test]
        fn the_size_stays_in_its_range(times in prop::collection::vec(0_u64..5_000, 0..50), fails in prop::collection::vec(any::<bool>(), 50)) {
            let mut pace = BatchPace::new(200 * MS, &Limits::default());
            for (ms, fails) in times.iter().zip(fails) {
                if fails {
                    prop_assert!(pace.failed(1.0) <= LONGEST_REST);
                } else {
                    pace.done(true, Duration::from_millis(*ms));
                }
                prop_assert!((LEAST..=MOST).contains(&pace.size()));
            }
        }
    }
}
