//! Findings as the client underlines them.

use super::{Document, Text};
use crate::formats::listing;
use gen_lsp_types::{CodeDescription, Diagnostic, DiagnosticSeverity, Uri};
use nonstop_core::finding::{Finding, Range, Severity};
use nonstop_core::source::{Lines, Place};
use std::ops;

/// Everything that is to be said of a document.
pub(super) fn diagnostics(document: &Document) -> Vec<Diagnostic> {
    let findings = findings(document);
    findings
        .iter()
        .map(|finding| diagnostic(&document.text, finding))
        .collect()
}

/// The findings of a document itself, not those of files that it depends on.
pub(super) fn findings(document: &Document) -> Vec<Finding> {
    let Some(look) = &document.look else {
        return Vec::new();
    };
    let all = listing::findings(&look.report).into_iter();
    all.filter(|finding| look.report.files.contains(&finding.file))
        .map(std::borrow::Cow::into_owned)
        .collect()
}

pub(super) fn diagnostic(text: &Text, finding: &Finding) -> Diagnostic {
    Diagnostic {
        range: text.range(bytes(text, &finding.range)),
        severity: Some(match finding.severity {
            Severity::Error => DiagnosticSeverity::Error,
            Severity::Warning => DiagnosticSeverity::Warning,
        }),
        code: Some(finding.rule.as_str().into()),
        code_description: Some(CodeDescription {
            href: Uri(finding.url.clone()),
        }),
        source: Some("nonstop".to_owned()),
        message: format!("{}\n{}", finding.message, finding.help).into(),
        ..Diagnostic::default()
    }
}

/// The bytes of a range.
pub(super) fn bytes(text: &Text, range: &Range) -> ops::Range<usize> {
    let lines = Lines::of(text.as_str());
    let offset = |line, column| lines.offset(Place { line, column });
    let start = offset(range.line, range.column);
    start..offset(range.end_line, range.end_column).max(start)
}
