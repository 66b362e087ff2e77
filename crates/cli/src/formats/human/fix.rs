//! What `fix` would write, as a diff that `git apply` and `patch` take; and what there is to say of it.

use super::{DIM, ERROR, GOOD, NAME, WARNING, count, indent, one_line, styled};
use crate::commands::fix::{Change, Outcome, Report, State};
use anstyle::{AnsiColor, Style};
use similar::TextDiff;
use std::io::{self, Write};

const PLACE: Style = AnsiColor::Cyan.on_default();

/// A unified diff of all files.
pub fn diff(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    for change in report.migrations.iter().flat_map(|one| &one.changes) {
        for line in unified(change).split_inclusive('\n') {
            let style = match line.as_bytes().first() {
                _ if line.starts_with("--- ") || line.starts_with("+++ ") => NAME,
                Some(b'+') => GOOD,
                Some(b'-') => AnsiColor::Red.on_default(),
                Some(b'@') => PLACE,
                _ => Style::new(),
            };
            let (text, end) = match line.strip_suffix('\n') {
                Some(text) => (text, "\n"),
                None => (line, ""),
            };
            write!(out, "{style}{text}{style:#}{end}")?;
        }
    }
    Ok(())
}

/// The diff of one file.
pub fn unified(change: &Change) -> String {
    let before = change.before.as_deref().unwrap_or_default();
    let path = change.path.trim_start_matches("./").trim_start_matches('/');
    let old = match change.before {
        Some(_) => format!("a/{path}"),
        None => "/dev/null".to_owned(),
    };
    let diff = TextDiff::from_lines(before, change.after.as_str());
    diff.unified_diff()
        .context_radius(3)
        .header(&old, &format!("b/{path}"))
        .to_string()
}

/// What is said beside a diff.
pub fn story(report: &Report) -> Vec<String> {
    let mut lines: Vec<String> = report.migrations.iter().flat_map(of_migration).collect();
    lines.extend(
        report
            .errors
            .iter()
            .map(|error| format!("{}: {error}", styled(ERROR, "error"))),
    );
    lines.extend(summary(report));
    lines
}

/// What was written, and what is to be known of it.
pub fn written(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    for one in &report.migrations {
        for line in of_migration(one) {
            writeln!(out, "{line}")?;
        }
        for change in &one.changes {
            let word = if change.before.is_some() { "edited" } else { "wrote " };
            writeln!(
                out,
                "  {} {}  {}",
                styled(GOOD, word),
                change.path,
                styled(DIM, change.does)
            )?;
        }
    }
    for line in summary(report) {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

fn of_migration(one: &Outcome) -> Vec<String> {
    let name = styled(NAME, &one.name);
    let mut lines = Vec::new();
    lines.push(match &one.state {
        State::Refused(reason) => format!("{name}: {}: {reason}.", styled(ERROR, "refused")),
        State::Unchanged if one.unfixed.is_empty() => format!("{name}: {}", styled(GOOD, "nothing to fix")),
        State::Unchanged => format!("{name}: left as it is"),
        State::Fixed => format!("{name}: {}", styled(GOOD, shape(one))),
    });
    lines.extend(one.notes.iter().map(|note| format!("  {note}")));
    for look in &one.look_first {
        lines.push(format!(
            "  {}: fails where {}. This must find no row:",
            styled(WARNING, "look first"),
            look.message
        ));
        lines.push(indent(&format!("{};", one_line(look.sql.as_str(), 200)), 6));
    }
    for lost in &one.lost {
        lines.push(format!("  {}: {lost}", styled(WARNING, "does not come back")));
    }
    for notice in &one.unfixed {
        lines.push(format!(
            "  {} [{}] line {}: {}",
            styled(ERROR, "not fixed"),
            notice.rule,
            notice.line,
            notice.message
        ));
        lines.push(indent(&notice.help, 6));
    }
    lines
}

/// `becomes 3 migrations`.
fn shape(one: &Outcome) -> String {
    let mut names: Vec<&str> = one.changes.iter().map(|change| change.migration.as_str()).collect();
    names.push(&one.name);
    names.sort_unstable();
    names.dedup();
    match names.len() {
        1 => "has a safe form".to_owned(),
        more => format!("becomes {}", count(more, "migration")),
    }
}

fn summary(report: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    let files: usize = report.migrations.iter().map(|one| one.changes.len()).sum();
    if report.migrations.is_empty() && report.errors.is_empty() {
        lines.push(format!("nothing to fix: {}.", count(report.looked, "migration")));
    }
    if report.applied > 0 {
        let applied = count(report.applied, "applied migration");
        lines.push(format!("{applied} left alone."));
    }
    for proof in &report.proofs {
        let on = format!("PostgreSQL {}", proof.server_version);
        if proof.differences.is_empty() {
            lines.push(format!(
                "{}: as written and as fixed make the same, on {on}.",
                styled(GOOD, "verified")
            ));
        } else {
            lines.push(format!(
                "{}: as written and as fixed differ on {on} (as written / as fixed):",
                styled(ERROR, "not verified")
            ));
            lines.extend(proof.differences.iter().map(|difference| format!("  {difference}")));
        }
    }
    if files > 0 && !report.is_asked {
        lines
            .push("No database was asked: whether these migrations are applied anywhere is not known here.".to_owned());
    }
    if files > 0 && !report.is_written {
        let refused = report.migrations.iter().any(Outcome::is_refused)
            || !report.errors.is_empty()
            || report.proofs.iter().any(|proof| !proof.differences.is_empty());
        lines.push(if refused {
            "Nothing is written while something is refused.".to_owned()
        } else {
            format!("`nonstop fix --write` writes {}.", count(files, "file"))
        });
    }
    lines
}
