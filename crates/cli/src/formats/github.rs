//! Workflow commands of GitHub Actions: one line each, which the runner turns into annotations of the files.

use super::listing::entries;
use crate::commands::check::Report;
use nonstop_core::finding::Severity;
use std::io::{self, Write};

/// Writes the report.
pub fn render(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    for entry in entries(report) {
        let (finding, path) = (&entry.finding, &entry.path);
        let command = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let range = &finding.range;
        let title = property(&format!("nonstop: {}", finding.rule));
        write!(
            out,
            "::{command} title={title},file={},line={},endLine={},col={}",
            property(path),
            range.line,
            range.end_line,
            range.column
        )?;
        // A last column counts only where there is one line.
        if range.line == range.end_line {
            write!(out, ",endColumn={}", range.end_column)?;
        }
        // Annotations show the place; the log of the job does not.
        let place = format!("{path}:{}:{}", range.line, range.column);
        writeln!(
            out,
            "::{}",
            data(&format!("{place}: {}\n{}", finding.message, finding.help))
        )?;
    }
    Ok(())
}

/// The text behind `::`.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A value before it: the commas divide, and so do the colons.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
