//! Quick fixes: the safe form in place of the statement, or the directive that allows it.
//!
//! A safe form is offered only where the file with it is judged better: among other statements, or sent by its tool as one
//! transaction, it may be no better than what was written. There `nonstop deploy` takes the statement apart by itself.

use super::diagnostics::{Places, findings};
use super::{Document, Look};
use crate::commands::check::examine;
use crate::formats::human::one_line;
use gen_lsp_types::{CodeAction, CodeActionKind, CodeActionParams, TextEdit, WorkspaceEdit};
use nonstop_core::finding::Finding;
use nonstop_core::quote::SqlText;
use nonstop_core::rules;
use nonstop_core::source::SourceFile;
use std::collections::BTreeMap;
use std::ops::Range;

/// What is offered for a range of a document.
pub(super) fn actions(document: &Document, params: &CodeActionParams) -> Vec<CodeAction> {
    let only = params.context.only.as_deref();
    if only.is_some_and(|kinds| {
        !kinds
            .iter()
            .any(|kind| [CodeActionKind::Empty, CodeActionKind::QuickFix].contains(kind))
    }) {
        return Vec::new();
    }
    let Some(look) = &document.look else {
        return Vec::new();
    };
    let text = &document.text;
    let asked = text.offset(params.range.start)..text.offset(params.range.end);
    let all = findings(document);
    let places = Places::of(text);
    let touched: Vec<&Finding> = all
        .iter()
        .filter(|finding| {
            let own = places.bytes(&finding.range);
            own.start <= asked.end && asked.start <= own.end
        })
        .collect();
    let mut offered = Vec::new();
    let mut fixed = 0;
    for finding in &touched {
        if finding.statement != fixed && !finding.safe.is_empty() {
            fixed = finding.statement;
            offered.extend(safe_form(document, &places, look, finding, &all));
        }
    }
    offered.extend(touched.iter().filter_map(|finding| allow(document, &places, finding)));
    offered
}

fn safe_form(
    document: &Document,
    places: &Places<'_>,
    look: &Look,
    finding: &Finding,
    all: &[Finding],
) -> Option<CodeAction> {
    let text = &document.text;
    let place = places.bytes(&finding.range);
    let indent = indentation(document, place.start);
    let closed = if text.as_str()[place.clone()].ends_with(';') {
        ";"
    } else {
        ""
    };
    let statements: Vec<&str> = finding.safe.iter().map(SqlText::as_str).collect();
    let new_text = format!("{}{closed}", statements.join(&format!(";\n{indent}")));
    let mut changed = text.as_str().to_owned();
    changed.replace_range(place.clone(), &new_text);
    if !is_better(look, changed, finding, all)? {
        return None;
    }
    let title = match statements.as_slice() {
        [one] => format!("Use the safe form: {}", one_line(one, 60)),
        more => format!("Use the safe form: {} statements", more.len()),
    };
    let cured = all.iter().filter(|one| one.statement == finding.statement);
    Some(CodeAction {
        is_preferred: Some(true),
        ..action(document, places, title, cured, place, new_text)
    })
}

/// Whether the migration with this text has nothing to be said of it that was not said before, and less of the statement.
fn is_better(look: &Look, text: String, finding: &Finding, all: &[Finding]) -> Option<bool> {
    let (mut selection, settings) = (look.selection.clone()?, look.settings.as_ref()?);
    let mut migrations = selection.folder.migrations.iter_mut();
    let own = migrations.find(|migration| migration.path == finding.file)?;
    own.up = Some(SourceFile::new(own.path.clone(), text));
    let report = examine(&selection, settings).ok()?;
    let mut left: BTreeMap<&str, usize> = BTreeMap::new();
    for one in all.iter().filter(|one| one.statement != finding.statement) {
        *left.entry(&one.rule).or_default() += 1;
    }
    let mut found = report.findings.iter().filter(|one| one.file == finding.file);
    let is_known = |one: &Finding| match left.get_mut(one.rule.as_str()) {
        Some(count) if *count > 0 => {
            *count -= 1;
            true
        }
        Some(_) | None => false,
    };
    Some(report.errors.is_empty() && found.by_ref().all(is_known))
}

/// The directive above the statement, with a place for the reason.
fn allow(document: &Document, places: &Places<'_>, finding: &Finding) -> Option<CodeAction> {
    let rule = rules::find(&finding.rule)?;
    // A directive, or the file as a whole, is nothing that a directive could allow.
    let is_statement = finding.statement > 0 && is_about_statement(document, finding);
    if !is_statement {
        return None;
    }
    let at = places.bytes(&finding.range).start;
    let indent = indentation(document, at);
    let text = document.text.as_str();
    let line = document.text.line_of(at);
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let break_before = if text[line.start..at].trim_start_matches('\u{feff}').trim().is_empty() {
        ""
    } else {
        newline
    };
    let directive = format!(
        "{break_before}-- nonstop: allow {} because (say why){newline}{indent}",
        rule.code
    );
    let title = format!("Allow {} here, with a reason", rule.code);
    Some(action(document, places, title, [finding], at..at, directive))
}

/// Findings about directives have the number of the statement below them, and another place.
fn is_about_statement(document: &Document, finding: &Finding) -> bool {
    document.look.as_ref().is_some_and(|look| {
        let mut statements = look.report.effects.iter();
        statements.any(|one| one.statement == finding.statement && one.range == finding.range)
    })
}

/// What stands before a byte in its line, where that is nothing but space.
fn indentation(document: &Document, at: usize) -> &str {
    let line = document.text.line_of(at);
    let before = document.text.as_str()[line.start..at].trim_start_matches('\u{feff}');
    if before.trim().is_empty() { before } else { "" }
}

fn action<'a>(
    document: &Document,
    places: &Places<'_>,
    title: String,
    cured: impl IntoIterator<Item = &'a Finding>,
    place: Range<usize>,
    new_text: String,
) -> CodeAction {
    let edit = TextEdit {
        range: document.text.range(place),
        new_text,
    };
    let diagnostics = cured.into_iter().map(|finding| places.diagnostic(finding));
    CodeAction {
        title,
        kind: Some(CodeActionKind::QuickFix),
        diagnostics: Some(diagnostics.collect()),
        edit: Some(WorkspaceEdit {
            changes: Some([(document.uri.clone(), vec![edit])].into()),
            ..WorkspaceEdit::default()
        }),
        ..CodeAction::default()
    }
}
