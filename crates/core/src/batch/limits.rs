//! What a change in batches keeps to. The user sets it; the database keeps it, so that it can be changed while it works.

use crate::quote::SqlText;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// What a change in batches keeps to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Rows in a batch. `None`: as many as the target asks for.
    pub batch_size: Option<u64>,
    /// How long a batch is aimed to take, a fifth of that while others are at work; never more than three quarters of what
    /// anybody may wait.
    #[serde(rename = "target_ms", with = "millis")]
    pub target: Duration,
    /// How long it rests after a batch, as a share of the time that the batch took. `None`: not at all when nobody is at
    /// work; a fifth while others are, with rests between the rows of the batch as well.
    pub nice: Option<f64>,
    /// How far a replica may be behind.
    #[serde(rename = "max_lag_ms", with = "millis")]
    pub max_lag: Duration,
    /// How many bytes of WAL a replication slot may hold back.
    pub max_retained: Option<u64>,
    /// How many sessions of others may be at work.
    pub max_active: Option<u32>,
    /// An expression of the user's own: nothing is done while it is true.
    pub pause_while: Option<SqlText>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            batch_size: None,
            target: Duration::from_millis(150),
            nice: None,
            max_lag: Duration::from_millis(1_500),
            max_retained: None,
            max_active: None,
            pause_while: None,
        }
    }
}

/// Why nothing is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hold {
    /// The user has paused it.
    User,
    /// A replica is so far behind; at most so far.
    Replica(Duration, Duration),
    /// A replication slot holds back so many bytes of WAL; at most so many.
    Slot(u64, u64),
    /// So many sessions are at work; at most so many.
    Active(u32, u32),
    /// The user's own condition is true.
    Condition(SqlText),
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Hold::User => f.write_str("paused by `nonstop backfill pause`"),
            Hold::Replica(lag, most) => write!(
                f,
                "a replica is {:.1} s behind (at most {:.1} s)",
                lag.as_secs_f64(),
                most.as_secs_f64()
            ),
            Hold::Slot(bytes, most) => write!(
                f,
                "a replication slot holds back {} MiB of WAL (at most {} MiB)",
                bytes >> 20,
                most >> 20
            ),
            Hold::Active(count, most) => write!(f, "{count} other sessions are at work (at most {most})"),
            Hold::Condition(condition) => write!(f, "{condition} is true"),
        }
    }
}

/// A duration as a number of milliseconds.
mod millis {
    use serde::{Deserialize, Deserializer, Serializer};
    use std::time::Duration;

    pub(super) fn serialize<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_kept_as_json_and_what_is_missing_has_its_default() {
        let limits = Limits {
            max_lag: Duration::from_secs(3),
            nice: Some(0.5),
            ..Limits::default()
        };
        let text = serde_json::to_string(&limits).unwrap();
        assert!(text.contains("\"max_lag_ms\":3000"), "{text}");
        assert_eq!(serde_json::from_str::<Limits>(&text).unwrap(), limits);
        assert_eq!(serde_json::from_str::<Limits>("{}").unwrap(), Limits::default());
    }

    #[test]
    fn a_hold_says_what_is_too_much() {
        let second = Duration::from_secs(1);
        assert_eq!(
            Hold::Replica(second * 2, second).to_string(),
            "a replica is 2.0 s behind (at most 1.0 s)"
        );
        assert_eq!(
            Hold::Slot(3 << 20, 1 << 20).to_string(),
            "a replication slot holds back 3 MiB of WAL (at most 1 MiB)"
        );
    }
}
