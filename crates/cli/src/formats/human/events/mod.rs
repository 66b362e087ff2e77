//! A deploy told as it happens, line by line.
//!
//! The teller remembers only what keeps it from repeating itself; it knows no clock and no terminal, so the same lines
//! appear above a progress bar and in a log file.

mod failure;
mod within;

use super::{DIM, ERROR, GOOD, NAME, WARNING, count, one_line, styled};
use crate::duration::in_words;
use crate::formats::places::Places;
use crate::terminal::Verbosity;
use nonstop_engine::event::{Direction, Event, Outcome, Verdict};
use std::time::Duration;
use within::Within;

/// Tells a run.
#[derive(Debug)]
pub struct Story {
    verbosity: Verbosity,
    direction: Direction,
    steps: usize,
    within: Within,
    places: Places,
    /// What goes on where something stopped.
    way_on: WayOn,
}

/// What goes on where something stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WayOn {
    /// The verb that ran.
    SameVerb,
    /// Whoever ran it says so.
    Elsewhere,
}

impl Story {
    /// Nothing told yet.
    pub fn new(verbosity: Verbosity) -> Self {
        Self {
            verbosity,
            direction: Direction::Forward,
            steps: 0,
            within: Within::default(),
            places: Places::default(),
            way_on: WayOn::SameVerb,
        }
    }

    /// For a backfill, whose ways on its end tells.
    pub fn of_backfill(mut self) -> Self {
        self.way_on = WayOn::Elsewhere;
        self
    }

    /// With the files, so that a failed statement has its place.
    pub fn with_places(mut self, places: Places) -> Self {
        self.places = places;
        self
    }

    /// The line for an event, if it deserves one.
    pub fn line(&mut self, event: &Event) -> Option<String> {
        let line = self.tell(event)?;
        let important = matches!(event, Event::MigrationFailed { .. })
            || matches!(event, Event::Gate { verdict, .. } if *verdict == Verdict::Stop);
        (self.verbosity > Verbosity::Quiet || important).then_some(line)
    }

    fn tell(&mut self, event: &Event) -> Option<String> {
        match event {
            Event::RunStarted {
                migrations,
                direction,
                server_version,
                ..
            } => {
                self.direction = *direction;
                (!migrations.is_empty()).then(|| started(migrations, *direction, server_version))
            }
            Event::Gate { gate, verdict, message } => gate_line(gate, *verdict, message, self.verbosity),
            Event::MigrationStarted {
                migration,
                direction,
                steps,
                resumed,
            } => {
                self.steps = *steps;
                let back = match direction {
                    Direction::Forward => "",
                    Direction::Back => "back, ",
                };
                let resumed = match resumed {
                    0 => String::new(),
                    done => format!(", going on after {} of an earlier run", count(*done, "step")),
                };
                let steps = count(*steps, "step");
                Some(format!(
                    "{}  {}",
                    styled(NAME, migration),
                    styled(DIM, format!("{back}{steps}{resumed}"))
                ))
            }
            Event::StepStarted {
                step, kind, summary, ..
            } => {
                self.within = Within::default();
                let of = self.steps;
                Some(format!("  {step}/{of} {kind:<8} {}", one_line(summary, 100)))
            }
            Event::LockWait {
                waiting_for,
                holders,
                waited_ms,
                ..
            } => self.within.wait_line(waiting_for, holders, *waited_ms),
            Event::LockRetry {
                cancelled_for: Some(victim),
                pause_ms,
                ..
            } => self.within.cancel_line(victim, *pause_ms, self.verbosity),
            Event::LockRetry {
                attempt,
                reason,
                pause_ms,
                ..
            } => (self.verbosity == Verbosity::Verbose)
                .then(|| styled(DIM, format!("      try {attempt}: {reason}; again in {pause_ms} ms"))),
            Event::Progress {
                phase,
                done,
                total,
                rows_per_second,
                left_ms,
                resting_for,
                ..
            } => {
                let resting = resting_for.map_or_else(String::new, |whom| format!("; it rests for {whom}"));
                let line = self
                    .within
                    .progress_line(phase, (*done, *total), (*rows_per_second, *left_ms));
                line.map(|line| format!("{line}{}", styled(DIM, resting)))
            }
            Event::Pause { reason, waited_ms, .. } => self.within.pause_line(reason, *waited_ms),
            Event::RowsChanged {
                rows,
                batches,
                hot_percent,
                grown_bytes,
                dead_rows,
                ..
            } => {
                let batches = if *batches == 1 {
                    "1 batch".to_owned()
                } else {
                    format!("{batches} batches")
                };
                let changed = format!("{rows} rows changed in {batches}");
                let hot = hot_percent.map(|share| format!("; {share} % of the updates touched no index"));
                let grown = format!(
                    "; the table grew by {} MiB, {dead_rows} dead rows are autovacuum's",
                    grown_bytes >> 20
                );
                Some(styled(
                    DIM,
                    format!("      {changed}{}{grown}", hot.unwrap_or_default()),
                ))
            }
            Event::StepFinished { duration_ms, .. } => (*duration_ms >= 1_000 || self.verbosity == Verbosity::Verbose)
                .then(|| styled(DIM, format!("      done in {}", words(*duration_ms)))),
            Event::StepUndone { step, .. } => Some(format!("  step {step} undone")),
            Event::MigrationFinished {
                direction, duration_ms, ..
            } => {
                let done = match direction {
                    Direction::Forward => "applied",
                    Direction::Back => "rolled back",
                };
                Some(format!("  {} in {}", styled(GOOD, done), words(*duration_ms)))
            }
            Event::MigrationFailed {
                migration,
                error,
                undone,
                resumable,
            } => {
                let place = self.places.find(migration, error.statement.as_deref());
                let way_on = (*resumable).then_some(self.way_on);
                Some(failure::told(
                    (migration, self.direction),
                    error,
                    place.as_ref(),
                    undone,
                    way_on,
                ))
            }
            Event::Warning { migration, message } => {
                let about = migration.as_ref().map(|name| format!("{name}: ")).unwrap_or_default();
                Some(format!("{}: {about}{message}", styled(WARNING, "warning")))
            }
            // Told as the result, on the other stream; and events of a later version are for later faces.
            _ => None,
        }
    }

    /// The last line, for stdout.
    pub fn conclusion(&self, event: &Event) -> Option<String> {
        let Event::RunFinished {
            outcome,
            applied,
            rolled_back,
            duration_ms,
        } = event
        else {
            return None;
        };
        let took = words(*duration_ms);
        let (number, done) = match self.direction {
            Direction::Forward => (*applied, "applied"),
            Direction::Back => (*rolled_back, "rolled back"),
        };
        let text = count(number, "migration");
        let before = format!("{text} {done}");
        let verb = self.direction.verb();
        Some(match outcome {
            Outcome::Done => {
                let (first, rest) = done.split_at(1);
                styled(GOOD, format!("{}{rest} {text} in {took}.", first.to_uppercase()))
            }
            Outcome::Nothing => match self.direction {
                Direction::Forward => "Nothing to do: every migration is applied.".to_owned(),
                Direction::Back => "Nothing to do: no such migration is applied.".to_owned(),
            },
            Outcome::Failed => {
                let text = format!("Failed after {took}; {before} before. Nothing is half done.");
                styled(ERROR, text)
            }
            Outcome::Refused if number > 0 => {
                let text = format!("Refused after {before}; nothing of the refused one was touched.");
                styled(ERROR, text)
            }
            Outcome::Refused => styled(ERROR, "Refused; nothing was touched."),
            Outcome::Resumable => {
                let text = format!("Stopped part way after {took}; {before} before.");
                format!("{} Run `{verb}` again to go on.", styled(WARNING, text))
            }
        })
    }
}

fn started(migrations: &[String], direction: Direction, server_version: &str) -> String {
    let shown = 12;
    let what = match direction {
        Direction::Forward => count(migrations.len(), "pending migration"),
        Direction::Back => format!("{} to roll back", count(migrations.len(), "migration")),
    };
    let mut lines = vec![format!("{what}, PostgreSQL {server_version}")];
    lines.extend(migrations.iter().take(shown).map(|name| format!("  {name}")));
    if migrations.len() > shown {
        lines.push(format!("  … and {} more", migrations.len() - shown));
    }
    lines.join("\n")
}

fn gate_line(gate: &str, verdict: Verdict, message: &str, verbosity: Verbosity) -> Option<String> {
    (verdict != Verdict::Ok || verbosity == Verbosity::Verbose)
        .then(|| format!("{} {gate}: {message}", super::verdict(verdict)))
}

fn words(millis: u64) -> String {
    in_words(Duration::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nonstop_engine::event::Failure;

    #[test]
    fn a_failure_says_everything() {
        let event = Event::MigrationFailed {
            migration: "20240101_x".to_owned(),
            error: Failure {
                rule: None,
                statement: Some("CREATE UNIQUE INDEX a\n  ON b (c)".to_owned()),
                sqlstate: Some("23505".to_owned()),
                message: "duplicate values of (c) in public.b".to_owned(),
                detail: Some("Key (c)=(1) is duplicated.".to_owned()),
                hint: None,
                rows: vec!["c=1: 2 rows".to_owned()],
            },
            undone: vec!["step 1".to_owned()],
            resumable: false,
        };
        let line = Story::new(Verbosity::Quiet).line(&event).unwrap();
        insta::assert_snapshot!(anstream::adapter::strip_str(&line).to_string(), @r"
        failed 20240101_x: duplicate values of (c) in public.b
          statement    CREATE UNIQUE INDEX a
                         ON b (c)
          SQLSTATE     23505
          detail       Key (c)=(1) is duplicated.
          rows         c=1: 2 rows
          undone       step 1
          next         Nothing of this migration is left. Change its data or its file, then run `nonstop deploy` again.
        ");
    }
}
