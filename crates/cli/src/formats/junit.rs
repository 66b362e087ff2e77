//! Test reports of CI systems, the XML of `JUnit`: a suite for each file, a case for each finding in it, and one that passes
//! where there is none.
//!
//! A reader that knows only one failure of a case, or takes cases of one name for the same, loses nothing.

use super::listing::{Entry, SYNTAX_ERROR, entries, relative};
use crate::commands::check::Report;
use nonstop_core::finding::Severity;
use std::collections::BTreeMap;
use std::io::{self, Write};

/// How a case ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// It counts: the exit code says so too.
    Failure,
    /// Weaker than what counts.
    Skipped,
    /// The file does not parse.
    Error,
}

impl Ending {
    fn tag(self) -> &'static str {
        match self {
            Self::Failure => "failure",
            Self::Skipped => "skipped",
            Self::Error => "error",
        }
    }
}

/// Writes the report. Findings weaker than `weakest` are cases that were skipped.
pub fn render(report: &Report, weakest: Option<Severity>, out: &mut dyn Write) -> io::Result<()> {
    let ending = |entry: &Entry<'_>| match &*entry.finding {
        finding if finding.rule == SYNTAX_ERROR => Ending::Error,
        finding if weakest.is_some_and(|weakest| finding.severity >= weakest) => Ending::Failure,
        _ => Ending::Skipped,
    };
    let mut suites: Vec<(String, Vec<(Ending, Entry<'_>)>)> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut suite = |path: String, suites: &mut Vec<(String, Vec<_>)>| {
        *places.entry(path).or_insert_with_key(|path| {
            suites.push((path.clone(), Vec::new()));
            suites.len() - 1
        })
    };
    for file in &report.files {
        suite(relative(file, &report.root), &mut suites);
    }
    for entry in entries(report) {
        let at = suite(entry.path.clone(), &mut suites);
        suites[at].1.push((ending(&entry), entry));
    }
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    let all = || {
        suites
            .iter()
            .flat_map(|(_, cases)| cases.iter().map(|(ending, _)| *ending))
    };
    let clean = suites.iter().filter(|(_, cases)| cases.is_empty()).count();
    writeln!(out, "<testsuites name=\"nonstop check\" {}>", counts(all, clean))?;
    for (path, cases) in &suites {
        let clean = usize::from(cases.is_empty());
        let own = || cases.iter().map(|(ending, _)| *ending);
        writeln!(out, "  <testsuite name=\"{}\" {}>", escape(path), counts(own, clean))?;
        if cases.is_empty() {
            let path = escape(path);
            writeln!(
                out,
                "    <testcase name=\"no finding\" classname=\"{path}\" file=\"{path}\" time=\"0\"/>"
            )?;
        }
        render_cases(path, cases, out)?;
        writeln!(out, "  </testsuite>")?;
    }
    writeln!(out, "</testsuites>")
}

fn counts<I: Iterator<Item = Ending>>(endings: impl Fn() -> I, clean: usize) -> String {
    let of = |wanted: Ending| endings().filter(|ending| *ending == wanted).count();
    format!(
        "tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"0\"",
        endings().count() + clean,
        of(Ending::Failure),
        of(Ending::Error),
        of(Ending::Skipped)
    )
}

fn render_cases(path: &str, cases: &[(Ending, Entry<'_>)], out: &mut dyn Write) -> io::Result<()> {
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    for (ending, entry) in cases {
        let finding = &entry.finding;
        let (line, column) = (finding.range.line, finding.range.column);
        let mut name = format!("{} at {line}:{column}", finding.rule);
        let nth = names.entry(name.clone()).or_insert(0);
        *nth += 1;
        if *nth > 1 {
            name = format!("{name} ({nth})");
        }
        let path = escape(path);
        writeln!(
            out,
            "    <testcase name=\"{}\" classname=\"{path}\" file=\"{path}\" line=\"{line}\" time=\"0\">",
            escape(&name)
        )?;
        let (tag, message) = (ending.tag(), escape(&finding.message));
        let text = format!(
            "{path}:{line}:{column}: {message}\n{}\n{}",
            escape(&finding.help),
            escape(&finding.url)
        );
        match ending {
            Ending::Failure | Ending::Error => writeln!(
                out,
                "      <{tag} type=\"{}\" message=\"{message}\">{text}</{tag}>",
                escape(&finding.rule)
            )?,
            // The schema knows no more of it.
            Ending::Skipped => writeln!(out, "      <{tag} message=\"{message}\"/>")?,
        }
        writeln!(out, "    </testcase>")?;
    }
    Ok(())
}

/// Text as it may stand in XML 1.0, between tags and in quoted attributes: what XML has no way to say becomes U+FFFD.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for ch in text.chars() {
        match ch {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' => out.push_str("&#9;"),
            '\n' => out.push_str("&#10;"),
            '\r' => out.push_str("&#13;"),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            ch => out.push(ch),
        }
    }
    out
}
