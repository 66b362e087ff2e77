//! The demo for people: one table, and where the page is.

use super::{DIM, ERROR, GOOD, NAME, styled};
use crate::duration::in_words;
use crate::formats::demo::Demo;
use anstyle::Style;
use nonstop_engine::load::{Figures, Way};
use std::io::{self, Write};
use std::time::Duration;

/// Width of the words, and of each column of figures.
const WIDTHS: (usize, usize) = (36, 14);

/// A line of the table.
struct Line {
    words: &'static str,
    cells: Vec<(String, Style)>,
}

/// Writes the figures side by side.
pub fn render(demo: &Demo, page: &str, out: &mut dyn Write) -> io::Result<()> {
    let figures: Vec<Figures> = demo.trials.iter().map(Figures::of).collect();
    write!(out, "\n{:words$}", "", words = WIDTHS.0)?;
    for trial in &demo.trials {
        let name = format!("{:>width$}", way(trial.way), width = WIDTHS.1);
        write!(out, "{}", styled(NAME, name))?;
    }
    writeln!(out)?;
    for line in lines(&figures, demo.max_block) {
        write!(out, "{:words$}", line.words, words = WIDTHS.0)?;
        for (text, style) in line.cells {
            let cell = format!("{text:>width$}", width = WIDTHS.1);
            write!(out, "{}", styled(style, cell))?;
        }
        writeln!(out)?;
    }
    let made = format!(
        "PostgreSQL {}, {} cores, {} rows, {} transactions a second, a report that held the table for {}, --max-block {}",
        demo.server_version,
        demo.cores,
        thousands(demo.settings.size.rows()),
        demo.settings.load.rate,
        in_words(demo.settings.hold),
        in_words(demo.max_block)
    );
    writeln!(out, "\n{}", styled(DIM, made))?;
    writeln!(out, "Both latency curves: {page}")
}

fn lines(figures: &[Figures], max_block: Duration) -> [Line; 6] {
    let bound = max_block.as_secs_f64() * 1e3;
    let line = |words, cell: &dyn Fn(&Figures) -> (String, Style)| Line {
        words,
        cells: figures.iter().map(cell).collect(),
    };
    let bad_over = |bad: bool| if bad { ERROR } else { GOOD };
    [
        line("longest wait for a migration", &|of| {
            (duration(of.longest_wait_ms), bad_over(of.longest_wait_ms > bound))
        }),
        line("slowest request", &|of| (duration(of.slowest_request_ms), Style::new())),
        line("requests over 100 ms", &|of| {
            (count(of.over_100ms), bad_over(of.over_100ms > 0))
        }),
        line("failed requests", &|of| (count(of.failed), bad_over(of.failed > 0))),
        line("all requests", &|of| (count(of.requests), Style::new())),
        line("time of the five migrations", &|of| {
            (duration(of.migration_ms), Style::new())
        }),
    ]
}

/// Milliseconds in words; what the witness did not see is not said to be nothing.
pub(crate) fn duration(millis: f64) -> String {
    if millis == 0.0 {
        return "none seen".to_owned();
    }
    in_words(Duration::try_from_secs_f64(millis / 1e3).unwrap_or_default())
}

fn count(number: usize) -> String {
    thousands(i64::try_from(number).unwrap_or(i64::MAX))
}

/// `1,000,000`.
pub(crate) fn thousands(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if number < 0 { format!("-{text}") } else { text }
}

/// A way to run migrations, as a column's head.
pub(crate) fn way(way: Way) -> String {
    match way {
        Way::AsWritten => "as written".to_owned(),
        Way::ByHand { .. } => "by hand".to_owned(),
        Way::Nonstop { .. } => "with nonstop".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_by_people() {
        assert_eq!(thousands(1_000_000), "1,000,000");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(-1_000), "-1,000");
        assert_eq!(duration(0.0), "none seen");
        assert_eq!(duration(9.0), "9 ms");
    }
}
