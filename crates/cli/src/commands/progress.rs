//! A run on its way to the streams: JSON Lines on stdout, or lines on stderr with a bar below them on a terminal.
//!
//! A reader that has had enough stops nothing: a deploy goes on when its output is closed.

use crate::args::Format;
use crate::duration::in_words;
use crate::exit::Exit;
use crate::formats::human::events::Story;
use crate::formats::human::one_line;
use crate::formats::json;
use crate::formats::places::Places;
use crate::terminal::{Terminal, Verbosity};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use nonstop_engine::event::{Event, Outcome};
use std::io::Write;
use std::sync::Mutex;
use std::time::Duration;

/// Tells events as they come.
pub(super) struct Teller {
    format: Format,
    terminal: Terminal,
    story: Mutex<Story>,
    places: Places,
    bar: Option<ProgressBar>,
    /// Whether a migration failed because its SQL does not parse.
    is_syntax_error: Mutex<bool>,
    /// Whether the last event is told as the result.
    concludes: bool,
}

impl Teller {
    pub(super) fn new(format: Format, terminal: Terminal, places: Places) -> Self {
        let has_bar = format == Format::Human && terminal.has_bars();
        Self {
            format,
            terminal,
            story: Mutex::new(Story::new(terminal.verbosity).with_places(places.clone())),
            places,
            bar: has_bar.then(|| {
                let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
                bar.set_style(spinner());
                bar
            }),
            is_syntax_error: Mutex::new(false),
            concludes: true,
        }
    }

    /// For a backfill, whose end is told by whoever ran it.
    pub(super) fn of_backfill(format: Format, terminal: Terminal) -> Self {
        let story = Story::new(terminal.verbosity).of_backfill();
        Self {
            story: Mutex::new(story),
            concludes: false,
            ..Self::new(format, terminal, Places::default())
        }
    }

    /// One event.
    pub(super) fn tell(&self, event: &Event) {
        if let Event::MigrationFailed { error, .. } = event
            && error.rule.as_deref() == Some("syntax-error")
            && let Ok(mut seen) = self.is_syntax_error.lock()
        {
            *seen = true;
        }
        match self.format {
            Format::Json => {
                let mut out = std::io::stdout().lock();
                let _ = json::event::render(jiff::Timestamp::now(), event, &self.places, &mut out);
                let _ = out.flush();
            }
            Format::Human => self.tell_people(event),
        }
    }

    fn tell_people(&self, event: &Event) {
        if matches!(event, Event::RunFinished { .. }) {
            self.end();
            // Said as an error where there is one, by whoever ends the process.
            let line = self.story.lock().ok().and_then(|story| story.conclusion(event));
            if let Some(line) = line.filter(|_| self.concludes && self.terminal.verbosity > Verbosity::Quiet) {
                let _ = writeln!(self.terminal.out(), "{line}");
            }
            return;
        }
        let line = self.story.lock().ok().and_then(|mut story| story.line(event));
        let Some(bar) = &self.bar else {
            if let Some(line) = line {
                let _ = writeln!(self.terminal.err(), "{line}");
            }
            return;
        };
        if let Some(line) = line.filter(|_| !matches!(event, Event::Progress { .. })) {
            bar.suspend(|| {
                let _ = writeln!(self.terminal.err(), "{line}");
            });
        }
        show(bar, event);
    }

    /// Takes the bar away.
    pub(super) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    /// The exit code of an outcome.
    pub(super) fn exit(&self, outcome: Outcome) -> Exit {
        let is_syntax_error = self.is_syntax_error.lock().is_ok_and(|seen| *seen);
        match outcome {
            Outcome::Done | Outcome::Nothing => Exit::Done,
            Outcome::Refused if is_syntax_error => Exit::Usage,
            Outcome::Refused => Exit::Refused,
            Outcome::Failed => Exit::Database,
            Outcome::Resumable => Exit::Resumable,
        }
    }
}

/// What the bar shows after an event.
fn show(bar: &ProgressBar, event: &Event) {
    match event {
        Event::StepStarted { step, summary, .. } => {
            bar.set_style(spinner());
            bar.unset_length();
            bar.reset_elapsed();
            bar.set_message(format!("step {step}: {}", one_line(summary, 60)));
            bar.enable_steady_tick(Duration::from_millis(120));
        }
        Event::LockWait {
            waiting_for, holders, ..
        } => {
            let who = holders
                .first()
                .map_or(String::new(), |holder| format!(", held by pid {}", holder.pid));
            bar.set_message(format!("waiting for {waiting_for}{who}"));
        }
        Event::Progress {
            phase,
            done,
            total,
            rows_per_second,
            left_ms,
            ..
        } => {
            // A wait has lockers for units; its measure says nothing.
            if *total > 0 && !phase.starts_with("waiting") {
                bar.set_style(measured());
                bar.set_length(*total);
                bar.set_position(*done);
            } else {
                bar.set_style(spinner());
            }
            bar.set_message(match rows_per_second {
                Some(rate) => rate_words(phase, *rate, total.saturating_sub(*done), *left_ms),
                None => phase.clone(),
            });
        }
        Event::Pause { reason, .. } => bar.set_message(format!("waiting: {reason}")),
        Event::StepFinished { .. } | Event::MigrationFinished { .. } | Event::MigrationFailed { .. } => {
            bar.disable_steady_tick();
            bar.set_style(spinner());
            bar.set_message("");
        }
        _ => {}
    }
}

fn rate_words(phase: &str, rate: u64, left: u64, left_ms: Option<u64>) -> String {
    let time = left_ms.map_or_else(String::new, |ms| format!(", {}", in_words(Duration::from_millis(ms))));
    format!("{phase}, {rate} a second, about {left} left{time}")
}

fn spinner() -> ProgressStyle {
    style("{spinner} {msg} {elapsed}")
}

fn measured() -> ProgressStyle {
    style("{spinner} [{bar:30}] {percent:>3} % {msg} {elapsed}")
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
