//! A trial in a few figures, and as a curve.

use super::{Request, Trial};
use serde::Serialize;
use std::time::Duration;

/// A request that takes longer than this is felt.
pub const OVER: Duration = Duration::from_millis(100);

/// What a trial comes to. Milliseconds, as the names say.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figures {
    /// The longest wait of a session of the application for one of ours, seen by the witness.
    pub longest_wait_ms: f64,
    /// The slowest request, from the moment it was due.
    pub slowest_request_ms: f64,
    /// Half of the requests were faster.
    pub median_ms: f64,
    /// 99 of 100 requests were faster.
    pub p99_ms: f64,
    /// Requests that took longer than [`OVER`].
    pub over_100ms: usize,
    /// Requests that failed.
    pub failed: usize,
    /// All requests.
    pub requests: usize,
    /// From the beginning of the first migration to the end of the last.
    pub migration_ms: f64,
}

impl Figures {
    /// The figures of a trial.
    pub fn of(trial: &Trial) -> Self {
        let mut took: Vec<Duration> = trial.requests.iter().map(|request| request.took).collect();
        took.sort_unstable();
        let longest = trial.witnessed.longest().map_or(Duration::ZERO, |wait| wait.lasted);
        Self {
            longest_wait_ms: millis(longest),
            slowest_request_ms: millis(took.last().copied().unwrap_or_default()),
            median_ms: millis(percentile(&took, 50)),
            p99_ms: millis(percentile(&took, 99)),
            over_100ms: took.iter().filter(|&&took| took > OVER).count(),
            failed: trial.requests.iter().filter(|request| request.error.is_some()).count(),
            requests: took.len(),
            migration_ms: millis(trial.to.saturating_sub(trial.from)),
        }
    }
}

/// The slowest request of each slice of time, by when it was due; slices without a request are left out.
pub fn slowest_by_slice(requests: &[Request], slice: Duration) -> Vec<(Duration, Duration)> {
    let mut curve: Vec<(Duration, Duration)> = Vec::new();
    let number = |due: Duration| u32::try_from(due.as_nanos() / slice.as_nanos().max(1)).unwrap_or(u32::MAX);
    for request in requests {
        let begin = slice * number(request.due);
        match curve.last_mut() {
            Some((at, slowest)) if *at == begin => *slowest = request.took.max(*slowest),
            _ => curve.push((begin, request.took)),
        }
    }
    curve
}

fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let at = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(at).copied().unwrap_or_default()
}

fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e4).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Kind;

    const MS: Duration = Duration::from_millis(1);

    fn request(due: u32, took: u32) -> Request {
        Request {
            kind: Kind::Browse,
            due: due * MS,
            took: took * MS,
            error: None,
        }
    }

    #[test]
    fn percentiles_count_requests() {
        let took: Vec<Duration> = (1..=100).map(|ms| ms * MS).collect();
        assert_eq!(percentile(&took, 50), 50 * MS);
        assert_eq!(percentile(&took, 99), 99 * MS);
        assert_eq!(percentile(&[], 99), Duration::ZERO);
    }

    #[test]
    fn a_slice_is_as_slow_as_its_slowest() {
        let requests = [request(0, 1), request(40, 9), request(60, 2), request(160, 3)];
        assert_eq!(
            slowest_by_slice(&requests, 50 * MS),
            [(Duration::ZERO, 9 * MS), (50 * MS, 2 * MS), (150 * MS, 3 * MS)]
        );
    }
}
