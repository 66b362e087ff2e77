//! How many rows at once, and how long to rest between two batches. Pure: what was seen goes in.

use std::time::Duration;

/// Rows of the first batch.
const FIRST: u64 = 1_000;
const LEAST: u64 = 100;
const MOST: u64 = 50_000;
/// A batch is aimed to take this long, or three quarters of what anybody may wait, if that is less.
const TARGET: Duration = Duration::from_millis(150);
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
}

impl BatchPace {
    /// Nothing done yet. With `fixed` the size only ever goes below it when a batch fails.
    pub fn new(max_block: Duration, fixed: Option<u64>) -> Self {
        Self {
            size: fixed.unwrap_or(FIRST),
            most: fixed.unwrap_or(MOST),
            target: TARGET.min(max_block * 3 / 4),
            failures: 0,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Load {
    /// Sessions of others that are at work.
    pub active: u32,
    /// Whether somebody waited for the last batch.
    pub waited_for: bool,
    /// How far the slowest replica is behind.
    pub lag: Option<Duration>,
}

/// What comes before the next batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// So long a rest.
    For(Duration),
    /// A replica is too far behind: nothing is done until it is not.
    Replica(Duration),
}

/// What comes before the next batch, when the last one took so long and replicas may be `most` behind.
pub fn rest(took: Duration, load: Load, most: Duration) -> Rest {
    if let Some(lag) = load.lag.filter(|lag| *lag > most) {
        return Rest::Replica(lag);
    }
    // From half of the limit on it slows down, up to a rest as long as the work.
    let behind = load.lag.map_or(0.0, |lag| {
        let share = lag.as_secs_f64() / most.as_secs_f64().max(0.001);
        ((share - 0.5) * 2.0).clamp(0.0, 1.0)
    });
    let others = match (load.waited_for, load.active) {
        (true, _) => KIND,
        (false, 0) => 0.0,
        (false, _) => NICE,
    };
    Rest::For(took.mul_f64(others.max(behind)).min(LONGEST_REST))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_batch_grows_to_its_time_and_shrinks_when_it_fails() {
        let mut pace = BatchPace::new(200 * MS, None);
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
        let mut pace = BatchPace::new(200 * MS, Some(7));
        pace.done(true, MS);
        assert_eq!(pace.size(), 7);
        pace.failed(0.0);
        assert_eq!(pace.size(), 7, "already as small as may be");
        let mut large = BatchPace::new(200 * MS, Some(2_000));
        large.failed(0.0);
        assert_eq!(large.size(), 1_000);
    }

    #[test]
    fn alone_it_does_not_rest_and_behind_a_replica_it_stops() {
        let of = |active, waited_for, lag| {
            rest(
                100 * MS,
                Load {
                    active,
                    waited_for,
                    lag,
                },
                1_000 * MS,
            )
        };
        assert_eq!(of(0, false, None), Rest::For(Duration::ZERO));
        assert_eq!(of(3, false, None), Rest::For(25 * MS));
        assert_eq!(of(3, true, None), Rest::For(100 * MS));
        assert_eq!(of(0, false, Some(750 * MS)), Rest::For(50 * MS));
        assert_eq!(of(0, false, Some(1_001 * MS)), Rest::Replica(1_001 * MS));
    }

    proptest! {
        #[test]
        fn the_size_stays_in_its_range(times in prop::collection::vec(0_u64..5_000, 0..50), fails in prop::collection::vec(any::<bool>(), 50)) {
            let mut pace = BatchPace::new(200 * MS, None);
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
