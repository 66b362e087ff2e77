//! Findings as the client underlines them.

use super::{Document, Text};
use crate::formats::listing;
use gen_lsp_types::{CodeDescription, Diagnostic, DiagnosticSeverity, Uri};
use nonstop_core::finding::{Finding, Range, Severity};
use nonstop_core::source::{Lines, Place};
use std::ops;

/// Everything that is to be said of a document.
pub(super) fn diagnostics(document: &Document) -> Vec<Diagnostic> {
    let places = Places::of(&document.text);
    findings(document)
        .iter()
        .map(|finding| places.diagnostic(finding))
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

/// Where findings stand in a text.
pub(super) struct Places<'a> {
    text: &'a Text,
    lines: Lines<'a>,
}

impl<'a> Places<'a> {
    pub(super) fn of(text: &'a Text) -> Self {
        let lines = Lines::of(text.as_str());
        Self { text, lines }
    }

    /// The bytes of a range.
    pub(super) fn bytes(&self, range: &Range) -> ops::Range<usize> {
        let offset = |line, column| self.lines.offset(Place { line, column });
        let start = offset(range.line, range.column);
        start..offset(range.end_line, range.end_column).max(start)
    }

    pub(super) fn diagnostic(&self, finding: &Finding) -> Diagnostic {
        Diagnostic {
            range: self.text.range(self.bytes(&finding.range)),
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
}
