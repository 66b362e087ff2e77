//! A trial as a curve: when requests were due, how long the slowest of each moment took, and what ran meanwhile.
//!
//! The scale of time is the same for all curves of a page, and so is that of latency, which is logarithmic: milliseconds
//! and seconds are both to be seen.

use super::escape;
use nonstop_engine::load::{OVER, Trial, slowest_by_slice};
use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::Duration;

const WIDTH: f64 = 660.0;
const HEIGHT: f64 = 344.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 10.0;
const TOP: f64 = 12.0;
/// Below the plot: the numbers of the seconds, and the bars of the migrations.
const BOTTOM: f64 = 66.0;
const BAR: f64 = 16.0;
/// A point of the curve is the slowest request of so much time.
const SLICE: Duration = Duration::from_millis(50);
/// The bottom of the scale.
const FLOOR_MS: f64 = 0.5;

/// The scales that all curves of a page share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    /// Seconds since the first migration.
    from: f64,
    to: f64,
    /// Milliseconds at the top.
    most: f64,
}

impl Scale {
    /// Scales that fit all of them.
    pub(super) fn of(trials: &[Trial]) -> Self {
        let mut scale = Self {
            from: 0.0,
            to: 1.0,
            most: 1_000.0,
        };
        for trial in trials {
            for request in &trial.requests {
                let at = seconds(trial, request.due);
                scale.from = scale.from.min(at);
                scale.to = scale.to.max(at);
                while request.took.as_secs_f64() * 1e3 > scale.most {
                    scale.most *= 10.0;
                }
            }
        }
        scale
    }

    fn x(self, at: f64) -> f64 {
        let share = ((at - self.from) / (self.to - self.from)).clamp(0.0, 1.0);
        LEFT + share * (WIDTH - LEFT - RIGHT)
    }

    fn y(self, millis: f64) -> f64 {
        let share = (millis.max(FLOOR_MS) / FLOOR_MS).ln() / (self.most / FLOOR_MS).ln();
        floor() - share.clamp(0.0, 1.0) * (floor() - TOP)
    }
}

fn floor() -> f64 {
    HEIGHT - BOTTOM
}

/// Seconds since the trial's first migration.
fn seconds(trial: &Trial, at: Duration) -> f64 {
    at.as_secs_f64() - trial.from.as_secs_f64()
}

/// Writes the curve as an SVG. `id` tells it from others on the page.
pub(super) fn render(trial: &Trial, scale: Scale, id: &str, about: &str, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">",
        escape(about)
    )?;
    let felt = scale.y(OVER.as_secs_f64() * 1e3);
    writeln!(
        out,
        "<clipPath id=\"{id}-felt\"><rect x=\"0\" y=\"0\" width=\"{WIDTH}\" height=\"{felt:.1}\"/></clipPath>\
         <clipPath id=\"{id}-calm\"><rect x=\"0\" y=\"{felt:.1}\" width=\"{WIDTH}\" height=\"{:.1}\"/></clipPath>",
        HEIGHT - felt
    )?;
    report(trial, scale, out)?;
    grid(scale, out)?;
    let (line, area) = paths(trial, scale);
    for part in ["calm", "felt"] {
        writeln!(
            out,
            "<g class=\"{part}\" clip-path=\"url(#{id}-{part})\"><path class=\"area\" d=\"{area}\"/><path class=\"line\" d=\"{line}\"/></g>"
        )?;
    }
    migrations(trial, scale, out)?;
    writeln!(out, "</svg>")
}

fn report(trial: &Trial, scale: Scale, out: &mut dyn Write) -> io::Result<()> {
    let (from, to) = (
        scale.x(seconds(trial, trial.report.from)),
        scale.x(seconds(trial, trial.report.to)),
    );
    writeln!(
        out,
        "<rect class=\"report\" x=\"{from:.1}\" y=\"{TOP}\" width=\"{:.1}\" height=\"{:.1}\"/>\
         <text x=\"{:.1}\" y=\"{:.1}\">a report holds the table</text>",
        to - from,
        floor() - TOP,
        from + 6.0,
        floor() - 8.0
    )
}

fn grid(scale: Scale, out: &mut dyn Write) -> io::Result<()> {
    let mut millis = 1.0;
    while millis <= scale.most {
        let y = scale.y(millis);
        let word = if millis < 1_000.0 {
            format!("{millis:.0} ms")
        } else {
            format!("{:.0} s", millis / 1_000.0)
        };
        writeln!(
            out,
            "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{:.1}\"/><text class=\"tick\" text-anchor=\"end\" x=\"{:.1}\" y=\"{:.1}\">{word}</text>",
            WIDTH - RIGHT,
            LEFT - 6.0,
            y + 4.0
        )?;
        millis *= 10.0;
    }
    let wide = scale.to - scale.from > 24.0;
    let mut at = 0.0;
    while at <= scale.to {
        let x = scale.x(at);
        writeln!(
            out,
            "<path class=\"grid\" d=\"M{x:.1} {:.1}v4\"/><text class=\"tick\" text-anchor=\"middle\" x=\"{x:.1}\" y=\"{:.1}\">{at:.0} s</text>",
            floor(),
            floor() + 17.0
        )?;
        at += if wide { 5.0 } else { 2.0 };
    }
    Ok(())
}

/// The curve, and the area below it.
fn paths(trial: &Trial, scale: Scale) -> (String, String) {
    let mut line = String::new();
    let mut ends = (LEFT, LEFT);
    for (at, slowest) in slowest_by_slice(&trial.requests, SLICE) {
        let x = scale.x(seconds(trial, at));
        let y = scale.y(slowest.as_secs_f64() * 1e3);
        if line.is_empty() {
            ends.0 = x;
        }
        let command = if line.is_empty() { 'M' } else { 'L' };
        let _ = write!(line, "{command}{x:.1} {y:.1}");
        ends.1 = x;
    }
    let area = if line.is_empty() {
        String::new()
    } else {
        format!("{line}V{:.1}H{:.1}Z", floor(), ends.0)
    };
    (line, area)
}

/// A numbered bar for each migration.
fn migrations(trial: &Trial, scale: Scale, out: &mut dyn Write) -> io::Result<()> {
    let y = floor() + 28.0;
    writeln!(
        out,
        "<text class=\"tick\" text-anchor=\"end\" x=\"{:.1}\" y=\"{:.1}\">migration</text>",
        LEFT - 6.0,
        y + 12.0
    )?;
    let mut free = LEFT;
    for (at, ran) in trial.migrations.iter().enumerate() {
        let (from, to) = (scale.x(seconds(trial, ran.from)), scale.x(seconds(trial, ran.to)));
        let middle = f64::midpoint(from, to).max(free + 5.0);
        free = middle + 5.0;
        writeln!(
            out,
            "<g><title>{}</title><rect class=\"bar bar{}\" x=\"{from:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{BAR}\"/>\
             <text class=\"number\" text-anchor=\"middle\" x=\"{middle:.1}\" y=\"{:.1}\">{}</text></g>",
            escape(&ran.name),
            at % 2,
            (to - from).max(1.5),
            y + BAR + 13.0,
            at + 1
        )?;
    }
    Ok(())
}
