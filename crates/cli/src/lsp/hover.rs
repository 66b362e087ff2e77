//! What a statement does, below the pointer: locks, work, the safe form, and what the rules say.

use super::Document;
use super::diagnostics::{Places, findings};
use gen_lsp_types::{Hover, MarkupContent, MarkupKind, Position};
use nonstop_core::effect::Effect;
use nonstop_core::finding::{Finding, Severity};
use nonstop_core::rules;
use nonstop_core::step::Work;
use std::fmt::Write;

/// The statement at a position, in Markdown.
pub(super) fn hover(document: &Document, position: Position) -> Option<Hover> {
    let text = &document.text;
    let at = text.offset(position);
    let look = document.look.as_ref()?;
    let places = Places::of(text);
    let mut statements = look.report.effects.iter();
    let statement = statements.find(|one| places.bytes(&one.range).contains(&at))?;
    let own = findings(document);
    let own: Vec<&Finding> = own.iter().filter(|one| one.statement == statement.statement).collect();
    let mut value = String::new();
    effect(&statement.effect, &mut value);
    for finding in &own {
        said(finding, &mut value);
    }
    if let Some(finding) = own.iter().find(|finding| !finding.safe.is_empty()) {
        value.push_str("\nThe safe form, which `nonstop deploy` runs by itself:\n\n```sql\n");
        for sql in &finding.safe {
            let _ = writeln!(value, "{sql};");
        }
        value.push_str("```\n");
    }
    for finding in own {
        explained(finding, &mut value);
    }
    Some(Hover {
        contents: MarkupContent {
            kind: MarkupKind::Markdown,
            value,
        }
        .into(),
        range: Some(text.range(places.bytes(&statement.range))),
    })
}

fn effect(effect: &Effect, out: &mut String) {
    let locks: Vec<_> = effect.locks.iter().filter(|lock| lock.existing).collect();
    if locks.is_empty() {
        out.push_str("Locks nothing that was there before this migration.\n");
    } else {
        out.push_str("| locks | mode | stops |\n|---|---|---|\n");
    }
    for lock in locks {
        let (relation, stops) = (cell(&lock.relation.to_string()), lock.mode.blocks_in_words());
        let _ = writeln!(out, "| {relation} | {} | {stops} |", lock.mode);
    }
    for entry in &effect.work {
        let doing = match entry.work {
            Work::None => continue,
            Work::Scan => "Reads every row of",
            Work::IndexBuild => "Builds an index on",
            Work::Rewrite => "Writes anew every row of",
        };
        let _ = writeln!(out, "\n{doing} {}.", cell(&entry.relation.to_string()));
    }
    if let Some(error) = &effect.error {
        let _ = writeln!(out, "\nFails with {}: {}.", error.sqlstate, error.message);
    }
}

/// A name as code, in a table too.
fn cell(name: &str) -> String {
    format!("`{}`", name.replace('`', "'").replace('|', "\\|"))
}

fn said(finding: &Finding, out: &mut String) {
    let word = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let (rule, message, help) = (&finding.rule, &finding.message, &finding.help);
    let _ = writeln!(out, "\n**{word}: {rule}**: {message} {help}");
}

/// What the rule's documentation says, without its examples.
fn explained(finding: &Finding, out: &mut String) {
    let Some(rule) = rules::find(&finding.rule) else {
        return;
    };
    let docs = rule.markdown();
    let text = docs.split("```").next().unwrap_or_default().trim();
    let _ = writeln!(out, "\n---\n\n## {}\n\n{}\n", rule.code, text.replace("\n# ", "\n### "));
    let _ = writeln!(out, "[PostgreSQL's manual]({})", rule.url);
}
