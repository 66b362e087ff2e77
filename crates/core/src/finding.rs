//! What is to be said about a statement. Rules make findings, formats show them; neither knows the other.

use crate::catalog::{Catalog, ConstraintKind};
use crate::effect::EffectLock;
use crate::lock::LockMode;
use crate::quote::{Name, SqlText};
use crate::source::{SourceFile, Span};
use crate::step::Work;
use serde::Serialize;

/// A finding, with the fields of `nonstop.check/1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The rule, `create-index-blocks-writes`.
    pub rule: String,
    /// How bad.
    pub severity: Severity,
    /// What it is about.
    pub category: Category,
    /// What happens to traffic, in whole sentences.
    pub message: String,
    /// The migration.
    pub migration: String,
    /// Its file.
    pub file: String,
    /// Which statement of the file, from 1; 0 for the file as a whole.
    pub statement: usize,
    /// Where it begins and ends.
    #[serde(flatten)]
    pub range: Range,
    /// The locks that matter.
    pub relations: Vec<FindingLock>,
    /// The heaviest work under them.
    pub work: Work,
    /// Whether nonstop has a safe form, which `deploy` runs by itself.
    pub fixable: bool,
    /// The statements of that safe form, where it has others than the file.
    pub safe: Vec<SqlText>,
    /// What to do.
    pub help: String,
    /// Where to read more.
    pub url: String,
    /// The same as long as rule, migration and statement are, wherever it stands in the file; unlike any other's.
    pub fingerprint: String,
    /// What must still be so when the last migration was read.
    #[serde(skip)]
    pub holds_while: Option<Condition>,
}

/// What a later migration may put right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// The table has a foreign key of these columns, and no index that begins with them.
    KeyWithoutIndex {
        /// The table that refers.
        table: Name,
        /// Its columns.
        columns: Vec<String>,
    },
}

impl Condition {
    /// Whether it is so in the catalog.
    pub fn holds(&self, catalog: &Catalog) -> bool {
        let Self::KeyWithoutIndex { table, columns } = self;
        let Some(relation) = catalog.relation(table) else {
            return false;
        };
        let mut keys = relation.constraints.iter();
        let is_key = keys.any(|key| matches!(key.kind, ConstraintKind::ForeignKey { .. }) && key.columns == *columns);
        is_key && !relation.has_index_on(columns)
    }
}

/// How bad. Weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Deserves a look.
    Warning,
    /// Stops an application, or fails.
    Error,
}

/// What a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Category {
    /// Locks out reads or writes for as long as it works.
    Blocking,
    /// Breaks code that is running.
    Compat,
    /// Loses data.
    DataLoss,
    /// Fails, or may.
    Reliability,
    /// Taste; off by default.
    Style,
}

impl Category {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Blocking,
        Self::Compat,
        Self::DataLoss,
        Self::Reliability,
        Self::Style,
    ];

    /// Its word in every document.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Blocking => "blocking",
            Self::Compat => "compat",
            Self::DataLoss => "data-loss",
            Self::Reliability => "reliability",
            Self::Style => "style",
        }
    }
}

/// A lock of a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FindingLock {
    /// The relation, `public.Tip`.
    pub name: String,
    /// The mode.
    pub lock: LockMode,
    /// Whether it was there before the migration.
    pub existing: bool,
}

impl FindingLock {
    /// A lock of an effect.
    pub fn of(lock: &EffectLock) -> Self {
        Self {
            name: lock.relation.to_string(),
            lock: lock.mode,
            existing: lock.existing,
        }
    }
}

/// A range for people: lines and columns from 1, columns in characters; the end is one past the last character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Range {
    /// First line.
    pub line: usize,
    /// First column.
    pub column: usize,
    /// Last line.
    pub end_line: usize,
    /// The column behind the last.
    pub end_column: usize,
}

impl Range {
    /// The range of a span, with the semicolon behind it.
    pub fn of(file: &SourceFile, span: Span) -> Self {
        let first = file.place(span.start);
        let closed = file.text.as_bytes().get(span.end) == Some(&b';');
        let after = file.place(span.end + usize::from(closed));
        Self {
            line: first.line,
            column: first.column,
            end_line: after.line,
            end_column: after.column,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_ends_behind_its_semicolon() {
        let file = SourceFile::new("a.sql", "\n  DROP\n TABLE ü;");
        let span = Span {
            start: 3,
            end: file.text.len() - 1,
        };
        let range = Range::of(&file, span);
        assert_eq!(
            (range.line, range.column, range.end_line, range.end_column),
            (2, 3, 3, 10)
        );
    }
}
