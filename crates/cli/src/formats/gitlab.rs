//! GitLab's Code Quality report: a JSON array in the form of Code Climate, of which GitLab reads these fields.

use super::listing::entries;
use crate::commands::check::Report;
use nonstop_core::finding::Severity;
use serde::Serialize;
use std::io::{self, Write};

#[derive(Serialize)]
struct Issue {
    description: String,
    check_name: String,
    fingerprint: String,
    severity: &'static str,
    location: Location,
}

#[derive(Serialize)]
struct Location {
    path: String,
    lines: Lines,
}

#[derive(Serialize)]
struct Lines {
    begin: usize,
    end: usize,
}

/// Writes the report.
pub fn render(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let issues = entries(report).into_iter().map(|entry| Issue {
        description: format!("{} {}", entry.finding.message, entry.finding.help),
        check_name: entry.finding.rule.clone(),
        fingerprint: entry.fingerprint,
        severity: match entry.finding.severity {
            Severity::Error => "critical",
            Severity::Warning => "minor",
        },
        location: Location {
            path: entry.path,
            lines: Lines {
                begin: entry.finding.range.line,
                end: entry.finding.range.end_line,
            },
        },
    });
    serde_json::to_writer_pretty(&mut *out, &issues.collect::<Vec<_>>())?;
    out.write_all(b"\n")
}
