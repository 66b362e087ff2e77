//! Findings for people: what happens to traffic, where, and the safe way.

use super::{DIM, GOOD, NAME, count, styled};
use crate::commands::check::{Report, StatementReport};
use crate::formats::listing;
use annotate_snippets::{AnnotationKind, Element, Group, Level, Origin, Renderer, Snippet};
use nonstop_core::finding::{Finding, FindingLock, Range, Severity};
use nonstop_core::source::{Lines, Place};
use nonstop_core::step::Work;
use rayon::prelude::*;
use std::borrow::Cow;
use std::io::{self, Write};
use std::iter;

/// Writes the report.
pub fn render(report: &Report, with_effects: bool, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(findings(report, true).as_bytes())?;
    rest(report, with_effects, out)
}

/// The findings, with colours or without.
pub fn findings(report: &Report, has_colors: bool) -> String {
    let lines = listing::lines(report);
    let findings = listing::findings(report);
    let renderer = if has_colors {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    let text = |finding: &Cow<'_, Finding>| text_of(finding, lines.get(finding.file.as_str()), &renderer);
    let texts: Vec<String> = findings.par_iter().map(text).collect();
    texts.concat()
}

/// Writes what stands behind the findings: effects, where they are wanted, and a summary.
pub fn rest(report: &Report, with_effects: bool, out: &mut dyn Write) -> io::Result<()> {
    if with_effects {
        for one in &report.effects {
            render_effect(one, out)?;
        }
    }
    summary(report, out)
}

fn text_of(finding: &Finding, lines: Option<&Lines<'_>>, renderer: &Renderer) -> String {
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(tame(&finding.message)).id(finding.rule.as_str());
    let group = Group::with_title(title).elements(place(finding, lines));
    let notes = locks(finding).map(|locks| Level::NOTE.message(tame(locks)));
    let help = (!finding.help.is_empty()).then(|| Level::HELP.message(tame(&*finding.help)));
    let group = group.elements(notes).elements(help);
    let mut text = renderer.render(&[group]);
    safe_form(finding, &mut text);
    text.push_str("\n\n");
    text
}

/// Text without what steers a terminal. In excerpts of files the renderer sees to it.
fn tame<'a>(text: impl Into<Cow<'a, str>>) -> Cow<'a, str> {
    let text = text.into();
    let is_plain = |byte: u8| matches!(byte, b' '..=b'~' | b'\n' | b'\t');
    if text.bytes().all(is_plain) {
        return text;
    }
    let steers = |ch: char| ch.is_control() && ch != '\n' && ch != '\t';
    Cow::Owned(text.replace(steers, "\u{fffd}"))
}

/// The statement with its line numbers and marks; only the place where there is no text.
fn place<'a>(finding: &'a Finding, lines: Option<&Lines<'a>>) -> Vec<Element<'a>> {
    let Range {
        line,
        column,
        end_line,
        end_column,
    } = finding.range;
    let path = tame(&finding.file);
    let Some(lines) = lines else {
        return vec![Origin::path(path).line(line).char_column(column).into()];
    };
    let (text, start) = lines.block(line, end_line);
    let offset = |line, column| lines.offset(Place { line, column }) - start;
    let from = offset(line, column);
    let to = offset(end_line, end_column).max(from);
    let snippet = |text| Snippet::source(text).line_start(line);
    let marked = |bytes| AnnotationKind::Primary.span(bytes);
    if from.max(text.len() - to) > LONG_LINE {
        let origin = Origin::path(path).line(line).char_column(column).into();
        let alone = snippet(&text[from..to]).annotation(marked(0..to - from));
        return vec![origin, alone.into()];
    }
    vec![snippet(text).path(path).annotation(marked(from..to)).into()]
}

/// What stands beside a statement in its lines is left out where it is longer.
const LONG_LINE: usize = 400;

/// The locks that the message does not name.
fn locks(finding: &Finding) -> Option<String> {
    let is_unnamed = |lock: &&FindingLock| {
        let on = format!("{} on {}", lock.lock, lock.name);
        !finding.message.contains(&on)
    };
    let one = |lock: &FindingLock| {
        let new = if lock.existing { "" } else { " (made by this migration)" };
        format!("{} on {}{new}", lock.lock, lock.name)
    };
    let locks: Vec<String> = finding.relations.iter().filter(is_unnamed).map(one).collect();
    let more = match locks.len().saturating_sub(LOCKS) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    (!locks.is_empty()).then(|| format!("locks {}{more}", locks[..locks.len().min(LOCKS)].join(", ")))
}

/// So many locks are named.
const LOCKS: usize = 4;

/// So many characters of a statement of the safe form are shown; JSON has them all.
const LONG_STATEMENT: usize = 400;

/// The statements that do it, below the help: the renderer would look at each of their letters.
fn safe_form(finding: &Finding, text: &mut String) {
    let margin = finding.range.end_line.to_string().len() + " = help: ".len();
    for sql in &finding.safe {
        let sql = tame(sql.as_str());
        let cut = sql.char_indices().nth(LONG_STATEMENT);
        let (sql, end) = cut.map_or((&*sql, ";"), |(at, _)| (&sql[..at], "…"));
        for line in sql.lines() {
            text.push('\n');
            text.extend(iter::repeat_n(' ', margin));
            text.push_str(line);
        }
        text.push_str(end);
    }
}

fn render_effect(one: &StatementReport, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "{} statement {}",
        styled(NAME, format!("{}:{}", one.file, one.range.line)),
        one.statement
    )?;
    for lock in one.effect.locks.iter().chain(&one.effect.index_locks) {
        let new = if lock.existing { "" } else { " (made by this migration)" };
        writeln!(out, "  locks {} {}{new}", lock.relation, lock.mode)?;
    }
    for entry in one.effect.all_work() {
        let doing = match entry.work {
            Work::None => continue,
            Work::Scan => "reads every row of",
            Work::IndexBuild => "builds an index on",
            Work::Rewrite => "rewrites",
        };
        writeln!(out, "  {doing} {}", entry.relation)?;
    }
    if let Some(error) = &one.effect.error {
        writeln!(out, "  fails with {}: {}", error.sqlstate, error.message)?;
    }
    Ok(())
}

fn summary(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let of = |severity| report.findings.iter().filter(|one| one.severity == severity).count();
    let (errors, warnings) = (of(Severity::Error), of(Severity::Warning));
    let looked = format!(
        "{}, {}",
        count(report.migrations, "migration"),
        count(report.statements, "statement")
    );
    if errors + warnings + report.errors.len() == 0 {
        return writeln!(out, "{}: {looked}.", styled(GOOD, "nothing found"));
    }
    let mut parts = vec![count(errors, "error"), count(warnings, "warning")];
    if !report.errors.is_empty() {
        let verb = if report.errors.len() == 1 { "does" } else { "do" };
        parts.push(format!("{} that {verb} not parse", count(report.errors.len(), "file")));
    }
    writeln!(out, "{} in {looked}.", parts.join(", "))?;
    let fixable = report.findings.iter().filter(|one| one.fixable).count();
    if fixable > 0 {
        let text = format!("`nonstop deploy` runs the safe form of {fixable} by itself.");
        writeln!(out, "{}", styled(DIM, text))?;
    }
    if errors + warnings > 0 {
        writeln!(out, "{}", styled(DIM, "`nonstop rules RULE` explains."))?;
    }
    Ok(())
}
