//! The demo as a page: both latency curves side by side, the figures, and what ran.

use super::curve::{self, Scale};
use super::escape;
use crate::duration::in_words;
use crate::formats::demo::Demo;
use crate::formats::human;
use crate::formats::human::demo::{duration, thousands, way};
use nonstop_engine::load::{Figures, Trial, shop};
use std::io::{self, Write};

const STYLE: &str = include_str!("demo.css");

/// A figure of the table: its words, its text, and whether it is bad (or neither good nor bad).
type Row = (&'static str, fn(&Figures) -> String, fn(&Figures, f64) -> Option<bool>);

const ROWS: [Row; 8] = [
    (
        "longest wait of a session for the migration",
        |of| duration(of.longest_wait_ms),
        |of, bound| Some(of.longest_wait_ms > bound),
    ),
    ("slowest request", |of| duration(of.slowest_request_ms), |_, _| None),
    (
        "99 of 100 requests were faster than",
        |of| duration(of.p99_ms),
        |_, _| None,
    ),
    (
        "half of the requests were faster than",
        |of| duration(of.median_ms),
        |_, _| None,
    ),
    (
        "requests over 100 ms",
        |of| number(of.over_100ms),
        |of, _| Some(of.over_100ms > 0),
    ),
    ("failed requests", |of| number(of.failed), |of, _| Some(of.failed > 0)),
    ("all requests", |of| number(of.requests), |_, _| None),
    (
        "time of the five migrations",
        |of| duration(of.migration_ms),
        |_, _| None,
    ),
];

/// Writes the page.
pub fn render(demo: &Demo, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>nonstop: five migrations under load</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>"
    )?;
    head(demo, out)?;
    writeln!(out, "<div class=\"pair\">")?;
    let scale = Scale::of(&demo.trials);
    for (at, trial) in demo.trials.iter().enumerate() {
        figure(demo, trial, scale, at, out)?;
    }
    writeln!(out, "</div>")?;
    figures(demo, out)?;
    migrations(demo, out)?;
    foot(demo, out)?;
    writeln!(out, "</main>\n</body>\n</html>")
}

fn head(demo: &Demo, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "<h1>The same five migrations, the same busy shop</h1>\n\
         <p>A shop of {} rows is read and written {} times a second. A report has just begun that reads <code>orders</code> \
         for {}. Then five migrations of that table are deployed: once as they are written, once with \
         <code>nonstop deploy</code>.</p>",
        thousands(demo.settings.size.rows()),
        demo.settings.load.rate,
        in_words(demo.settings.hold)
    )
}

fn figure(demo: &Demo, trial: &Trial, scale: Scale, at: usize, out: &mut dyn Write) -> io::Result<()> {
    let figures = Figures::of(trial);
    let class = class(figures.longest_wait_ms > bound(demo));
    let longest = duration(figures.longest_wait_ms);
    let about = format!(
        "Latency of the application while the migrations run {}: the slowest request took {}, {} requests took over 100 ms",
        way(trial.way),
        duration(figures.slowest_request_ms),
        figures.over_100ms
    );
    writeln!(
        out,
        "<figure><header><h2>{}</h2><span>longest wait <strong class=\"{class}\">{longest}</strong></span></header>",
        escape(&way(trial.way))
    )?;
    curve::render(trial, scale, &format!("curve{at}"), &about, out)?;
    writeln!(
        out,
        "<figcaption>Slowest request of every 50 ms, by when it was due. Red: over 100 ms. Both scales are the same on \
         both sides.</figcaption></figure>"
    )
}

fn figures(demo: &Demo, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "<div class=\"scroll\"><table><thead><tr><th></th>")?;
    for trial in &demo.trials {
        writeln!(out, "<th>{}</th>", escape(&way(trial.way)))?;
    }
    writeln!(out, "</tr></thead><tbody>")?;
    let all: Vec<Figures> = demo.trials.iter().map(Figures::of).collect();
    for (words, text, is_bad) in ROWS {
        write!(out, "<tr><td>{words}</td>")?;
        for of in &all {
            let class = is_bad(of, bound(demo)).map_or("", class);
            write!(out, "<td class=\"{class}\">{}</td>", text(of))?;
        }
        writeln!(out, "</tr>")?;
    }
    writeln!(out, "</tbody></table></div>")
}

fn migrations(demo: &Demo, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "<h2>The migrations</h2><div class=\"scroll\"><table><thead><tr><th></th><th class=\"sql\">as Prisma has it</th>"
    )?;
    for trial in &demo.trials {
        writeln!(out, "<th>{}</th>", escape(&way(trial.way)))?;
    }
    writeln!(out, "</tr></thead><tbody>")?;
    for (at, (name, text)) in shop::next_files().into_iter().enumerate() {
        let sql = human::one_line(without_comments(text), 400);
        write!(
            out,
            "<tr><td>{}</td><td class=\"sql\">{name}<br><code>{}</code></td>",
            at + 1,
            escape(&sql)
        )?;
        for trial in &demo.trials {
            let ran = trial.migrations.iter().find(|ran| ran.name == name);
            let took = ran.map_or_else(String::new, |ran| in_words(ran.to.saturating_sub(ran.from)));
            write!(out, "<td>{took}</td>")?;
        }
        writeln!(out, "</tr>")?;
    }
    writeln!(out, "</tbody></table></div>")
}

fn foot(demo: &Demo, out: &mut dyn Write) -> io::Result<()> {
    let gap = demo.trials.iter().map(|trial| trial.witnessed.longest_gap).max();
    writeln!(
        out,
        "<h2>How it was measured</h2>\n\
         <p>PostgreSQL {} on {} cores, {}. <code>--max-block {}</code>. Each side has its own copy of the same database. \
         Requests are due at a fixed rate on {} connections, and a latency counts from the moment the request was due, so \
         waiting in the application's own queue counts too. <em>Longest wait</em> is what <code>pg_blocking_pids</code> \
         shows every 5 ms (longest gap between two looks: {}): for how long a session of the application had a session of \
         the migration among its blockers. The rest of a slow request is the work of the machine: index builds and \
         validation share its cores and disk with the application.</p>\n\
         <p class=\"soft\">Made by <code>nonstop demo</code>; run it again on your machine.</p>",
        demo.server_version,
        demo.cores,
        demo.at.strftime("%-d %B %Y, %H:%M UTC"),
        in_words(demo.max_block),
        demo.settings.load.connections,
        in_words(gap.unwrap_or_default())
    )
}

/// Prisma's warnings stand in a block comment before the statements.
fn without_comments(text: &str) -> &str {
    text.split_once("*/").map_or(text, |(_, rest)| rest)
}

fn class(is_bad: bool) -> &'static str {
    if is_bad { "felt" } else { "calm" }
}

fn bound(demo: &Demo) -> f64 {
    demo.max_block.as_secs_f64() * 1e3
}

fn number(number: usize) -> String {
    thousands(i64::try_from(number).unwrap_or(i64::MAX))
}
