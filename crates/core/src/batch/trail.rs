//! How far replicas are behind, by marks of our own.
//!
//! What a replica says of its own lag stands still when the replica does. So positions in the WAL are noted with the time
//! at which they were reached here: the oldest that a replica has not reached is its lag.

use std::collections::VecDeque;
use std::time::Duration;

/// Marks that are kept; the oldest go first.
const MOST: usize = 4_096;

/// Positions in the WAL, each with the time at which it was seen here.
#[derive(Debug, Clone, Default)]
pub struct Trail {
    marks: VecDeque<(u64, Duration)>,
}

impl Trail {
    /// At `now` (since any fixed moment) the WAL ended at `here`, and the slowest replica had replayed up to `there`.
    pub fn lag(&mut self, now: Duration, here: u64, there: u64) -> Duration {
        if self.marks.back().is_none_or(|(lsn, _)| *lsn < here) {
            self.marks.push_back((here, now));
        }
        while self.marks.front().is_some_and(|(lsn, _)| *lsn <= there) || self.marks.len() > MOST {
            self.marks.pop_front();
        }
        self.marks
            .front()
            .map_or(Duration::ZERO, |(_, seen)| now.saturating_sub(*seen))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_mark_not_reached_is_the_lag() {
        let at = Duration::from_secs;
        let mut trail = Trail::default();
        assert_eq!(trail.lag(at(0), 100, 100), at(0), "nothing to catch up with");
        assert_eq!(trail.lag(at(1), 200, 150), at(0), "just written");
        assert_eq!(trail.lag(at(3), 300, 150), at(2), "200 was here two seconds ago");
        assert_eq!(trail.lag(at(4), 300, 200), at(1));
        assert_eq!(trail.lag(at(9), 300, 300), at(0));
    }
}
