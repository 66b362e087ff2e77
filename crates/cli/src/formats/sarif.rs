//! SARIF 2.1.0, as code scanning of GitHub and GitLab, and editors, read it.

use super::listing::{Entry, SYNTAX_ERROR, SYNTAX_ERROR_HELP, SYNTAX_ERROR_URL, entries, relative};
use crate::commands::check::Report;
use nonstop_core::finding::{Category, Severity};
use nonstop_core::rule::Rule;
use nonstop_core::rules;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use std::io::{self, Write};
use std::path::Path;

const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
/// What relative paths start from, in the name that GitHub and GitLab know.
const ROOT: &str = "%SRCROOT%";
/// What stands for itself in a path of a URI. A colon would end a scheme.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

/// Writes the report.
pub fn render(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let results: Vec<Value> = entries(report)
        .iter()
        .map(|entry| result(entry, &report.root))
        .collect();
    let log = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "nonstop",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "informationUri": env!("CARGO_PKG_REPOSITORY"),
                "rules": rules::ALL.iter().copied().map(of_rule).chain([syntax_error()]).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "originalUriBaseIds": {
                ROOT: {"description": {"text": "The folder in which nonstop was started."}},
            },
            "invocations": [{"executionSuccessful": report.errors.is_empty()}],
            "results": results,
        }],
    });
    serde_json::to_writer_pretty(&mut *out, &log)?;
    out.write_all(b"\n")
}

fn of_rule(rule: &Rule) -> Value {
    json!({
        "id": rule.code,
        "shortDescription": {"text": rule.title()},
        "fullDescription": {"text": rule.title()},
        "help": {"text": rule.help, "markdown": rule.markdown()},
        "helpUri": rule.url,
        "defaultConfiguration": {"level": level(rule.severity)},
        "properties": {"tags": [category(rule.category)], "problem.severity": level(rule.severity)},
    })
}

fn syntax_error() -> Value {
    json!({
        "id": SYNTAX_ERROR,
        "shortDescription": {"text": "PostgreSQL's grammar refuses the file."},
        "fullDescription": {"text": "PostgreSQL's grammar refuses the file."},
        "help": {"text": SYNTAX_ERROR_HELP},
        "helpUri": SYNTAX_ERROR_URL,
        "defaultConfiguration": {"level": "error"},
        "properties": {"tags": [category(Category::Reliability)], "problem.severity": "error"},
    })
}

fn result(entry: &Entry<'_>, root: &Path) -> Value {
    let finding = &entry.finding;
    let range = &finding.range;
    let index = rules::ALL.iter().position(|rule| rule.code == finding.rule);
    json!({
        "ruleId": finding.rule,
        "ruleIndex": index.unwrap_or(rules::ALL.len()),
        "level": level(finding.severity),
        "message": {"text": format!("{}\n{}", finding.message, finding.help)},
        "locations": [{
            "physicalLocation": {
                "artifactLocation": location(&entry.path, root),
                "region": {
                    "startLine": range.line,
                    "startColumn": range.column,
                    "endLine": range.end_line,
                    "endColumn": range.end_column,
                },
            },
            "logicalLocations": [{"name": finding.migration, "kind": "module"}],
        }],
        "partialFingerprints": {"statementHash/v1": entry.fingerprint},
        "properties": {
            "category": category(finding.category),
            "relations": finding.relations,
            "work": finding.work,
            "fixable": finding.fixable,
            "safe": finding.safe,
        },
    })
}

/// A path inside the root is relative to it. Another is absolute, because `..` may not stand below a base.
fn location(path: &str, root: &Path) -> Value {
    let encode = |path: &str| utf8_percent_encode(path, UNRESERVED).to_string();
    let is_outside = path.starts_with('/') || path.starts_with("../");
    if !is_outside {
        return json!({"uri": encode(path), "uriBaseId": ROOT});
    }
    let whole = relative(&root.join(path).to_string_lossy(), Path::new(""));
    let scheme = if whole.starts_with('/') { "file://" } else { "" };
    json!({"uri": format!("{scheme}{}", encode(&whole))})
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn category(category: Category) -> Value {
    json!(category)
}
