//! How many rows at once, and how long to rest between two batches and between two rows. Pure: what was seen goes in.
//!
//! Beside others it is not how much is done that hurts, but how much at a stretch: a request that finds the processor taken
//! waits until the scheduler's next tick, and a commit waits until the disk has what was logged before it. So while others
//! are at work a batch is short, and rests after each fraction of a millisecond.

use super::{Hold, Limits};
use std::time::Duration;

/// Rows of the first batch.
const FIRST: u64 = 1_000;
const LEAST: u64 = 100;
const MOST: u64 = 50_000;
/// By how much a batch is aimed to be shorter while others are at work.
const SHORTER: u32 = 5;
/// How long it works at a stretch while others are at work, in microseconds.
const STINT_MICROS: u64 = 350;
/// How long a rest between two rows is, in microseconds: a sleep of a millisecond, which is the shortest that the server has,
/// and coming back from it.
const BREATH_MICROS: u64 = 1_100;
/// The share of its time that it rests after a batch while others are at work, when it has rested between the rows as well.
const NICE: f64 = 0.2;
/// The same when it has not.
const NICER: f64 = 3.0;
/// The least when somebody has waited for it.
const KIND: f64 = 1.0;
/// From which share of the limit on it slows down for a replica.
const SLOWS_AT: f64 = 0.25;
/// From which share it stops: what has been written already has to be replayed below the limit too.
const STOPS_AT: f64 = 0.75;
const SHORTEST_REST: Duration = Duration::from_millis(50);
const LONGEST_REST: Duration = Duration::from_secs(2);

/// How a batch is spread over time: by rests between its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spread {
    /// How long it works at a stretch, in microseconds.
    pub stint_micros: u64,
}

impl Spread {
    /// How long it works and rests, in microseconds.
    pub const fn cycle_micros(self) -> u64 {
        self.stint_micros + BREATH_MICROS
    }

    /// The share of its time that it works.
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    fn share(self) -> f64 {
        self.stint_micros as f64 / self.cycle_micros() as f64
    }
}

/// How many rows at once.
#[derive(Debug, Clone)]
pub struct BatchPace {
    size: u64,
    most: u64,
    target: Duration,
    failures: u32,
    fixed: Option<u64>,
    /// Whether the server lets it rest between two rows.
    may_spread: bool,
    spread: Option<Spread>,
    busy: bool,
}

impl BatchPace {
    /// Nothing done yet, and nobody else at work. With a size that is given it only ever goes below it when a batch fails.
    pub fn new(max_block: Duration, limits: &Limits, may_spread: bool) -> Self {
        let fixed = limits.batch_size.map(|size| size.max(1));
        Self {
            size: fixed.unwrap_or(FIRST),
            most: fixed.unwrap_or(MOST),
            target: limits.target.min(max_block * 3 / 4),
            failures: 0,
            fixed,
            may_spread,
            spread: None,
            busy: false,
        }
    }

    /// The limits may have changed, and others may have come or gone: what was learnt stays where it still fits.
    pub fn keep_to(&mut self, max_block: Duration, limits: &Limits, busy: bool) {
        let new = Self::new(max_block, limits, self.may_spread);
        // Whoever says how much it rests has said when.
        let spread = Spread {
            stint_micros: STINT_MICROS,
        };
        self.spread = Some(spread).filter(|_| busy && self.may_spread && limits.nice.is_none());
        self.target = if busy { new.target / SHORTER } else { new.target };
        if self.fixed != new.fixed {
            self.size = new.fixed.unwrap_or_else(|| self.size.clamp(LEAST, MOST));
            (self.fixed, self.most) = (new.fixed, new.most);
        } else if busy && !self.busy && self.fixed.is_none() {
            // Those who have come must not wait until it has learnt. When they have gone, it may take its time to grow.
            let share = self.spread.map_or(1.0, Spread::share);
            self.size = self.scaled(share / f64::from(SHORTER));
        }
        self.busy = busy;
    }

    /// How the next batch is spread; `None`: it works without a rest.
    pub const fn spread(&self) -> Option<Spread> {
        self.spread
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

/// What comes before the next batch, when the last one took so long, spread like this.
pub fn rest(took: Duration, spread: Option<Spread>, load: &Load, limits: &Limits) -> Rest {
    if let Some(hold) = hold(load, limits) {
        return Rest::Until(hold);
    }
    // It slows down up to a rest twice as long as the work.
    let behind = 2.0 * ((behind(load, limits) - SLOWS_AT) / (STOPS_AT - SLOWS_AT)).clamp(0.0, 1.0);
    let nice = limits.nice.unwrap_or(match (load.busy, spread) {
        (false, _) => 0.0,
        (true, Some(_)) => NICE,
        (true, None) => NICER,
    });
    let others = if load.waited_for { nice.max(KIND) } else { nice };
    // What the user has asked for is not cut short.
    let longest = LONGEST_REST.max(took.mul_f64(limits.nice.unwrap_or(0.0)));
    Rest::For(took.mul_f64(others.max(behind)).min(longest))
}

/// How far the slowest replica is behind, as a share of the limit.
fn behind(load: &Load, limits: &Limits) -> f64 {
    let lag = load.lag.unwrap_or_default();
    lag.as_secs_f64() / limits.max_lag.as_secs_f64().max(0.001)
}

/// For whom it rests between two batches, in words; `None` when it does not, or only because the user has said how much.
pub fn resting_for(load: &Load, limits: &Limits) -> Option<&'static str> {
    if load.waited_for {
        Some("somebody who waited for it")
    } else if behind(load, limits) > SLOWS_AT {
        Some("a replica that is behind")
    } else {
        (limits.nice.is_none() && load.busy).then_some("others who are at work")
    }
}

fn hold(load: &Load, limits: &Limits) -> Option<Hold> {
    if load.paused {
        return Some(Hold::User);
    }
    if let Some(lag) = load.lag.filter(|_| behind(load, limits) > STOPS_AT) {
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
    const SPREAD: Option<Spread> = Some(Spread {
        stint_micros: STINT_MICROS,
    });

    fn of_size(size: u64) -> Limits {
        Limits {
            batch_size: Some(size),
            ..Limits::default()
        }
    }

    fn alone(limits: &Limits) -> BatchPace {
        BatchPace::new(200 * MS, limits, true)
    }

    #[test]
    fn a_batch_grows_to_its_time_and_shrinks_when_it_fails() {
        let mut pace = alone(&Limits::default());
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
        let mut pace = alone(&of_size(7));
        pace.done(true, MS);
        assert_eq!(pace.size(), 7);
        pace.failed(0.0);
        assert_eq!(pace.size(), 7, "already as small as may be");
        let mut large = alone(&of_size(2_000));
        large.failed(0.0);
        assert_eq!(large.size(), 1_000);
    }

    #[test]
    fn limits_may_change_on_the_way() {
        let mut pace = alone(&Limits::default());
        pace.done(true, 15 * MS);
        pace.keep_to(200 * MS, &Limits::default(), false);
        assert_eq!(pace.size(), 2_000, "nothing has changed");
        pace.keep_to(200 * MS, &of_size(10), false);
        assert_eq!(pace.size(), 10);
        pace.keep_to(200 * MS, &Limits::default(), false);
        assert_eq!(pace.size(), LEAST);
    }

    #[test]
    fn beside_others_a_batch_is_short_at_once_and_spread() {
        let limits = Limits::default();
        let mut pace = alone(&limits);
        for _ in 0..9 {
            pace.done(true, MS);
        }
        pace.keep_to(200 * MS, &limits, false);
        assert_eq!((pace.size(), pace.spread()), (MOST, None));
        pace.keep_to(200 * MS, &limits, true);
        assert!(pace.size() <= MOST / 15, "{}", pace.size());
        assert_eq!(pace.spread(), SPREAD);
        let size = pace.size();
        pace.done(true, 30 * MS);
        pace.keep_to(200 * MS, &limits, true);
        assert_eq!(pace.size(), size, "a fifth of the time is aimed at");
        pace.keep_to(200 * MS, &limits, false);
        pace.done(true, 30 * MS);
        assert_eq!((pace.size(), pace.spread()), (size * 2, None));
    }

    #[test]
    fn what_the_user_has_said_stands_beside_others() {
        let mut fixed = alone(&of_size(7_000));
        fixed.keep_to(200 * MS, &of_size(7_000), true);
        assert_eq!((fixed.size(), fixed.spread()), (7_000, SPREAD));
        let nice = Limits {
            nice: Some(0.0),
            ..Limits::default()
        };
        let mut pace = alone(&nice);
        pace.keep_to(200 * MS, &nice, true);
        assert_eq!(pace.spread(), None);
        let mut forbidden = BatchPace::new(200 * MS, &Limits::default(), false);
        forbidden.keep_to(200 * MS, &Limits::default(), true);
        assert_eq!((forbidden.size(), forbidden.spread()), (200, None));
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
        let rests = |load: Load| rest(100 * MS, SPREAD, &load, &limits);
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
        assert_eq!(of(3, false, None), Rest::For(20 * MS));
        assert_eq!(
            rest(100 * MS, None, &busy, &limits),
            Rest::For(300 * MS),
            "it has not rested between its rows"
        );
        assert_eq!(of(3, true, None), Rest::For(100 * MS));
        assert_eq!(of(0, false, Some(200 * MS)), Rest::For(Duration::ZERO));
        assert_eq!(of(0, false, Some(500 * MS)), Rest::For(100 * MS));
        let too_far = Hold::Replica(751 * MS, 1_000 * MS);
        assert_eq!(of(0, false, Some(751 * MS)), Rest::Until(too_far));
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
        assert_eq!(rest(100 * MS, None, &Load::default(), &nice), Rest::For(200 * MS));
    }

    proptest! {
        #[test]
        fn the_size_stays_in_its_range(times in prop::collection::vec(0_u64..5_000, 0..50), fails in prop::collection::vec(any::<bool>(), 50), busy in prop::collection::vec(any::<bool>(), 50)) {
            let mut pace = alone(&Limits::default());
            for ((ms, fails), busy) in times.iter().zip(fails).zip(busy) {
                pace.keep_to(200 * MS, &Limits::default(), busy);
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
