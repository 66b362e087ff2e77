//! How many rows a second, of late: beside others it is another rate than before they came.

use std::collections::VecDeque;
use std::time::Duration;

/// How long it remembers.
const LATE: Duration = Duration::from_secs(5);

/// Rows done, each with the time at which they were counted, of the last seconds.
#[derive(Debug, Clone, Default)]
pub struct Rate {
    marks: VecDeque<(Duration, u64)>,
}

impl Rate {
    /// At `now` (since any fixed moment) so many rows are done in all; gives how many a second it has been of late.
    pub fn at(&mut self, now: Duration, rows: u64) -> u64 {
        self.marks.push_back((now, rows));
        // The one before the oldest that counts is where it begins.
        while self.marks.get(1).is_some_and(|(at, _)| now.saturating_sub(*at) >= LATE) {
            self.marks.pop_front();
        }
        let Some((since, before)) = self.marks.front() else {
            return 0;
        };
        let ms = u64::try_from(now.saturating_sub(*since).as_millis()).unwrap_or(u64::MAX);
        let fresh = rows.saturating_sub(*before).saturating_mul(1_000);
        fresh.checked_div(ms).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_long_ago_does_not_count() {
        let at = Duration::from_secs;
        let mut rate = Rate::default();
        assert_eq!(rate.at(at(0), 50), 0, "nothing is known yet");
        assert_eq!(rate.at(at(2), 2_050), 1_000);
        assert_eq!(rate.at(at(4), 2_250), 550);
        assert_eq!(rate.at(at(7), 2_550), 100);
        assert_eq!(rate.at(at(8), 10), 0, "what was done is not undone");
    }
}
