//! `nonstop.rules/1`.

use nonstop_core::finding::{Category, Severity};
use nonstop_core::rule::Rule;
use serde::Serialize;
use std::io::{self, Write};

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    rules: Vec<RuleOf<'a>>,
}

#[derive(Serialize)]
struct RuleOf<'a> {
    rule: &'a str,
    severity: Severity,
    category: Category,
    since: &'a str,
    title: &'a str,
    help: &'a str,
    url: &'a str,
    explanation: String,
}

/// Writes the rules.
pub fn render(rules: &[&'static Rule], out: &mut dyn Write) -> io::Result<()> {
    let of = |rule: &&'static Rule| RuleOf {
        rule: rule.code,
        severity: rule.severity,
        category: rule.category,
        since: rule.since,
        title: rule.title(),
        help: rule.help,
        url: rule.url,
        explanation: markdown(rule),
    };
    let document = Document {
        schema: "nonstop.rules/1",
        rules: rules.iter().map(of).collect(),
    };
    super::document(&document, out)
}

fn markdown(rule: &Rule) -> String {
    let lines = rule.docs.lines().map(|line| line.strip_prefix(' ').unwrap_or(line));
    lines.collect::<Vec<_>>().join("\n")
}
