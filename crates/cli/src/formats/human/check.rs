//! Findings for people: what happens to traffic, where, and the safe way.

use super::{DIM, ERROR, GOOD, NAME, WARNING, count, styled};
use crate::commands::check::{Report, StatementReport};
use anstyle::Style;
use nonstop_core::finding::{Finding, Range, Severity};
use nonstop_core::source::SourceFile;
use nonstop_core::step::Work;
use std::io::{self, Write};

/// Writes the report.
pub fn render(report: &Report, with_effects: bool, out: &mut dyn Write) -> io::Result<()> {
    for error in &report.errors {
        writeln!(out, "{}: {error}", styled(ERROR, "error"))?;
    }
    for finding in &report.findings {
        render_finding(finding, report.sources.get(&finding.file), out)?;
    }
    if with_effects {
        for one in &report.effects {
            render_effect(one, out)?;
        }
    }
    summary(report, out)
}

fn render_finding(finding: &Finding, file: Option<&SourceFile>, out: &mut dyn Write) -> io::Result<()> {
    let (word, style) = match finding.severity {
        Severity::Error => ("error", ERROR),
        Severity::Warning => ("warning", WARNING),
    };
    let range = &finding.range;
    let word = styled(style, format_args!("{word}[{}]", finding.rule));
    writeln!(out, "{word}: {}", styled(NAME, &finding.message))?;
    let margin = range.end_line.to_string().len();
    let arrow = styled(DIM, format_args!("{:margin$}-->", ""));
    writeln!(out, "{arrow} {}:{}:{}", finding.file, range.line, range.column)?;
    if let Some(file) = file {
        excerpt(file, range, margin, style, out)?;
    }
    if !finding.help.is_empty() {
        let sign = styled(DIM, format_args!("{:margin$} =", ""));
        writeln!(out, "{sign} {}: {}", styled(NAME, "help"), finding.help)?;
    }
    writeln!(out)
}

/// At most so many lines of a statement are shown.
const LINES: usize = 4;

/// The statement, with its line numbers; on one line it is underlined.
fn excerpt(file: &SourceFile, range: &Range, margin: usize, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let count = range.end_line + 1 - range.line;
    let bar = |label: &str| styled(DIM, format_args!("{label:>margin$} |"));
    writeln!(out, "{}", bar(""))?;
    let (text, _) = file.body();
    for (at, line) in text.lines().enumerate().skip(range.line - 1).take(count.min(LINES)) {
        writeln!(out, "{} {}", bar(&(at + 1).to_string()), line.trim_end())?;
    }
    if count > LINES {
        writeln!(out, "{}", bar("…"))?;
    }
    if count == 1 {
        let line = text.lines().nth(range.line - 1).unwrap_or_default();
        // Tabs stay tabs, so that the marks stand below their text.
        let before: String = line.chars().take(range.column - 1).map(blank).collect();
        let marks = "^".repeat(range.end_column.saturating_sub(range.column).max(1));
        writeln!(out, "{} {before}{}", bar(""), styled(style, marks))?;
    }
    Ok(())
}

fn blank(letter: char) -> char {
    if letter == '\t' { '\t' } else { ' ' }
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
    for entry in &one.effect.work {
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
        parts.push(format!("{} that does not parse", count(report.errors.len(), "file")));
    }
    writeln!(out, "{} in {looked}.", parts.join(", "))?;
    let fixable = report.findings.iter().filter(|one| one.fixable).count();
    if fixable > 0 {
        let text = format!("`nonstop deploy` runs the safe form of {fixable} by itself.");
        writeln!(out, "{}", styled(DIM, text))?;
    }
    Ok(())
}
