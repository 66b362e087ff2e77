//! Findings for people: what happens to traffic, where, and the safe way.

use super::{DIM, ERROR, GOOD, NAME, WARNING, count, indent, styled};
use crate::commands::check::{Report, StatementReport};
use nonstop_core::finding::{Finding, Severity};
use nonstop_core::step::Work;
use std::io::{self, Write};

/// Writes the report.
pub fn render(report: &Report, with_effects: bool, out: &mut dyn Write) -> io::Result<()> {
    for error in &report.errors {
        writeln!(out, "{}: {error}", styled(ERROR, "error"))?;
    }
    for finding in &report.findings {
        render_finding(finding, out)?;
    }
    if with_effects {
        for one in &report.effects {
            render_effect(one, out)?;
        }
    }
    summary(report, out)
}

fn render_finding(finding: &Finding, out: &mut dyn Write) -> io::Result<()> {
    let word = match finding.severity {
        Severity::Error => styled(ERROR, "error"),
        Severity::Warning => styled(WARNING, "warning"),
    };
    let range = &finding.range;
    writeln!(out, "{word}[{}]: {}", finding.rule, finding.message)?;
    writeln!(
        out,
        "  {} {}:{}:{}",
        styled(DIM, "at"),
        finding.file,
        range.line,
        range.column
    )?;
    if !finding.help.is_empty() {
        writeln!(out, "{}", indent(&finding.help, 2))?;
    }
    writeln!(out)
}

fn render_effect(one: &StatementReport, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "{} statement {}",
        styled(NAME, format!("{}:{}", one.file, one.range.line)),
        one.statement
    )?;
    for lock in &one.effect.locks {
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
