//! The baseline file of an old project: findings that were there before, and are passed over from then on.
//!
//! A finding is known again by its fingerprint, which holds when lines move and ends when the statement changes. One
//! entry a line, in order, so that a diff of the file reads well and a stale entry has its place.

use super::Report;
use crate::exit::Problem;
use nonstop_core::finding::Finding;
use nonstop_core::lint::{self, Policy};
use nonstop_core::source::SourceFile;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::path::Path;

const SCHEMA: &str = "nonstop.baseline/1";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    schema: String,
    findings: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    rule: String,
    migration: String,
    fingerprint: String,
}

/// A baseline file that was read.
#[derive(Debug)]
pub(super) struct Baseline {
    source: SourceFile,
    entries: Vec<Entry>,
}

impl Baseline {
    pub(super) fn read(path: &Path) -> Result<Self, Problem> {
        let shown = path.display();
        let text = std::fs::read_to_string(path).map_err(|error| {
            Problem::usage(format_args!("cannot read the baseline `{shown}`: {error}"))
                .detail("`nonstop check --write-baseline FILE` makes one")
        })?;
        Self::parse(&shown.to_string(), text)
    }

    fn parse(path: &str, text: String) -> Result<Self, Problem> {
        let wrong = |place: String, why: String| {
            Problem::usage(format_args!("{path}{place}: no baseline: {why}"))
                .detail("`nonstop check --write-baseline FILE` writes it anew")
        };
        let document: Document = serde_json::from_str(&text).map_err(|error| {
            let said = error.to_string();
            let why = said.split(" at line ").next().unwrap_or_default();
            wrong(format!(":{}:{}", error.line(), error.column()), why.to_owned())
        })?;
        if document.schema != SCHEMA {
            let why = format!("its schema is {:?}, not {SCHEMA:?}", document.schema);
            return Err(wrong(String::new(), why));
        }
        Ok(Self {
            source: SourceFile::new(path, text),
            entries: document.findings,
        })
    }

    /// Takes out what is known, and says how many that were; an entry whose finding is gone is itself found.
    pub(super) fn apply(&self, report: &mut Report, policy: &Policy) -> usize {
        let known: BTreeSet<&str> = self.entries.iter().map(|entry| entry.fingerprint.as_str()).collect();
        let found: BTreeSet<String> = report.findings.iter().map(|one| one.fingerprint.clone()).collect();
        let before = report.findings.len();
        report
            .findings
            .retain(|finding| !known.contains(finding.fingerprint.as_str()));
        let passed = before - report.findings.len();
        // Of a migration that was not looked at nobody knows, unless there is no such migration any more.
        let is_stale = |entry: &&Entry| {
            let gone = !report.folders.contains(&entry.migration);
            (gone || report.looked.contains(&entry.migration)) && !found.contains(&entry.fingerprint)
        };
        let stale: Vec<&Entry> = self.entries.iter().filter(is_stale).collect();
        let findings = stale.into_iter().filter_map(|entry| {
            let at = self.source.text.find(&entry.fingerprint).unwrap_or_default();
            lint::stale_baseline_entry(&self.source, at, &entry.rule, &entry.migration, policy)
        });
        let findings: Vec<Finding> = findings.collect();
        if !findings.is_empty() {
            report.sources.insert(self.source.path.clone(), self.source.clone());
        }
        report.findings.extend(findings);
        passed
    }
}

/// The text of a baseline of these findings.
pub(super) fn text(findings: &[Finding]) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let entries = findings.iter().map(|finding| {
        format!(
            "  {{\"rule\":{},\"migration\":{},\"fingerprint\":{}}}",
            quoted(&finding.rule),
            quoted(&finding.migration),
            quoted(&finding.fingerprint)
        )
    });
    let entries: Vec<String> = entries.collect();
    let list = match entries.as_slice() {
        [] => String::new(),
        entries => format!("\n{}\n", entries.join(",\n")),
    };
    format!("{{\"schema\":\"{SCHEMA}\",\"findings\":[{list}]}}\n")
}

/// Writes it.
pub(super) fn write(path: &Path, findings: &[Finding]) -> Result<(), Problem> {
    std::fs::write(path, text(findings))
        .map_err(|error| Problem::usage(format_args!("cannot write the baseline `{}`: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let empty = text(&[]);
        assert_eq!(empty, "{\"schema\":\"nonstop.baseline/1\",\"findings\":[]}\n");
        assert!(Baseline::parse("b.json", empty).unwrap().entries.is_empty());
        let error = Baseline::parse("b.json", "{\"schema\":\"other/1\",\"findings\":[]}".to_owned()).unwrap_err();
        assert!(error.message.starts_with("b.json: no baseline"), "{}", error.message);
        let error = Baseline::parse("b.json", "{\n\"findings\":[]}".to_owned()).unwrap_err();
        assert!(error.message.starts_with("b.json:2:"), "{}", error.message);
    }
}
