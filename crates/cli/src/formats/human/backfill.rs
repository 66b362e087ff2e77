//! Backfills for people: a list, or the estimate of one.

use super::{DIM, ERROR, GOOD, NAME, WARNING, one_line, styled};
use crate::duration::in_words;
use nonstop_engine::backfill::{Listed, Sample, State};
use std::io::{self, Write};
use std::time::Duration;

/// Writes the list.
pub fn list(all: &[Listed], out: &mut dyn Write) -> io::Result<()> {
    if all.is_empty() {
        return writeln!(out, "No rows were ever changed in batches in this database.");
    }
    for one in all {
        let state = match one.state {
            State::Running => styled(GOOD, "running  "),
            State::Paused => styled(WARNING, "paused   "),
            State::Stopped => styled(ERROR, "stopped  "),
            State::Done => styled(DIM, "done     "),
            State::Cancelled => styled(DIM, "cancelled"),
        };
        writeln!(
            out,
            "{}  {state}  {}",
            styled(NAME, &one.id),
            one_line(&one.statement, 100)
        )?;
        let of = one.migration.as_ref().map(|name| format!("; of the migration {name}"));
        writeln!(
            out,
            "          {}{}; begun {}",
            progress(one),
            of.unwrap_or_default(),
            one.started_at
        )?;
        if let Some(failure) = &one.failure {
            writeln!(out, "          {failure}")?;
        }
    }
    Ok(())
}

fn progress(one: &Listed) -> String {
    let mut words = format!("{} rows changed in {} batches", one.changed, one.batches);
    if matches!(one.state, State::Done | State::Cancelled) {
        return words;
    }
    let percent = (one.done * 100).checked_div(one.total).unwrap_or(0);
    words = format!("{words}, {percent} % behind it, about {} left", one.total - one.done);
    if let Some(rate) = one.rows_per_second {
        words = format!("{words}, {rate} a second");
    }
    if let Some(left) = one.left_ms.and_then(|ms| u64::try_from(ms).ok()) {
        words = format!("{words}, about {}", in_words(Duration::from_millis(left)));
    }
    words
}

/// Writes the estimate.
pub fn sample(sample: &Sample, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}", sample.statement)?;
    writeln!(out, "  over       {}", sample.key)?;
    for caution in &sample.cautions {
        writeln!(out, "  know       {caution}")?;
    }
    writeln!(
        out,
        "  rows       about {} of {} ({} looked at)",
        sample.rows, sample.table_rows, sample.sampled_rows
    )?;
    writeln!(out, "  batches    about {}", sample.batches)?;
    let took = in_words(Duration::from_millis(sample.estimate_ms));
    writeln!(out, "  time       about {took} when nobody else is at work")?;
    writeln!(out, "\nThat was a dry run; nothing was touched.")
}
