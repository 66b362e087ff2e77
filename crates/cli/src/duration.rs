//! Durations as people type them: `200ms`, `10s`, `5m`, `2h`; `0` needs no unit.

use serde::{Deserialize, Deserializer, de};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A duration of a flag or of `nonstop.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

/// What is wrong with a text that should be a duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a duration is a number and a unit: 200ms, 10s, 5m or 2h")]
pub struct NotADuration;

impl FromStr for Span {
    type Err = NotADuration;

    fn from_str(text: &str) -> Result<Self, NotADuration> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let number: u64 = number.parse().map_err(|_| NotADuration)?;
        let millis = match unit.trim_start() {
            "ms" => Some(number),
            "s" => number.checked_mul(1_000),
            "m" | "min" => number.checked_mul(60_000),
            "h" => number.checked_mul(3_600_000),
            "" if number == 0 => Some(0),
            _ => None,
        };
        // Fifty years: more is a slip of the keyboard, and would overflow a deadline.
        match millis {
            Some(millis) if millis < 50 * 365 * 86_400_000 => Ok(Self(Duration::from_millis(millis))),
            Some(_) | None => Err(NotADuration),
        }
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(de::Error::custom)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&in_words(self.0))
    }
}

/// A measured duration for people: `0.4 ms`, `12 ms`, `3.2 s`, `4 min 10 s`, `2 h 5 min`.
pub fn in_words(duration: Duration) -> String {
    let millis = duration.as_millis();
    let seconds = duration.as_secs();
    match millis {
        0 => format!("{:.1} ms", duration.as_secs_f64() * 1e3),
        1..1_000 => format!("{millis} ms"),
        1_000..60_000 if millis.is_multiple_of(1000) => format!("{seconds} s"),
        1_000..60_000 => format!("{:.1} s", duration.as_secs_f64()),
        60_000..3_600_000 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units() {
        let millis = |text: &str| text.parse::<Span>().map(|span| span.0.as_millis());
        assert_eq!(millis("200ms"), Ok(200));
        assert_eq!(millis("10s"), Ok(10_000));
        assert_eq!(millis("5m"), Ok(300_000));
        assert_eq!(millis("2 h"), Ok(7_200_000));
        assert_eq!(millis("0"), Ok(0));
        for bad in [
            "",
            "200",
            "ms",
            "-1s",
            "1.5s",
            "5 days",
            "99999999999999999999s",
            "999999999999h",
        ] {
            assert_eq!(millis(bad), Err(NotADuration), "{bad}");
        }
    }

    #[test]
    fn words() {
        let words = |millis| in_words(Duration::from_millis(millis));
        assert_eq!(words(12), "12 ms");
        assert_eq!(words(3_000), "3 s");
        assert_eq!(words(3_240), "3.2 s");
        assert_eq!(words(250_000), "4 min 10 s");
        assert_eq!(words(7_500_000), "2 h 5 min");
    }
}
