//! What the formats of `check` for other programs have in common: findings and files that do not parse as one list, with
//! paths that other programs can use and fingerprints that outlive an edit elsewhere in the file.

use crate::commands::check::Report;
use nonstop_core::finding::{Category, Finding, Range, Severity};
use nonstop_core::hash::sha256_hex;
use nonstop_core::source::{Lines, Place, SourceFile};
use nonstop_core::sql::SyntaxError;
use nonstop_core::step::Work;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Component, Path};

/// The rule of a file that does not parse.
pub(crate) const SYNTAX_ERROR: &str = "syntax-error";
/// What to do about it.
pub(crate) const SYNTAX_ERROR_HELP: &str = "Correct the file; nothing else of it was looked at.";
/// Where PostgreSQL's grammar is described.
pub(crate) const SYNTAX_ERROR_URL: &str = "https://www.postgresql.org/docs/current/sql-commands.html";

/// One thing that `check` has to say.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    /// What.
    pub(crate) finding: Cow<'a, Finding>,
    /// Its file, see [`relative`].
    pub(crate) path: String,
    /// The same as long as rule, migration and statement are; different from that of every other entry.
    pub(crate) fingerprint: String,
}

/// Findings and syntax errors in the order of the files.
pub(crate) fn findings(report: &Report) -> Vec<Cow<'_, Finding>> {
    let mut order: BTreeMap<&str, usize> = BTreeMap::new();
    for (at, file) in report.files.iter().enumerate() {
        order.entry(file).or_insert(at);
    }
    let errors = report.errors.iter().map(|error| {
        let source = report.sources.get(&error.path);
        Cow::Owned(of_syntax_error(error, source))
    });
    let mut findings: Vec<Cow<'_, Finding>> = errors.chain(report.findings.iter().map(Cow::Borrowed)).collect();
    // A baseline file is none of those that were looked at, and comes last.
    let place = |file: &str| order.get(file).copied().unwrap_or(usize::MAX);
    findings.sort_by_key(|finding| (place(&finding.file), finding.range.line));
    findings
}

/// The lines of the files that findings are about, by path.
pub(crate) fn lines(report: &Report) -> BTreeMap<&str, Lines<'_>> {
    let sources = report.sources.iter();
    sources
        .map(|(path, file)| (path.as_str(), Lines::of(&file.text)))
        .collect()
}

/// Everything that `check` has to say, in the order of the files.
pub(crate) fn entries(report: &Report) -> Vec<Entry<'_>> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut unique = |fingerprint: &str| {
        // Two folders may each have a migration of that name.
        let nth = seen.entry(fingerprint.to_owned()).or_insert(0);
        *nth += 1;
        match *nth {
            1 => fingerprint.to_owned(),
            nth => hashed(&[fingerprint, &nth.to_string()]),
        }
    };
    let mut entries = Vec::new();
    for finding in findings(report) {
        entries.push(Entry {
            path: relative(&finding.file, &report.root),
            fingerprint: unique(&finding.fingerprint),
            finding,
        });
    }
    entries
}

fn hashed(of: &[&str]) -> String {
    sha256_hex(of.join("\0").as_bytes())[..32].to_owned()
}

/// A file that does not parse as a finding: at the word that the grammar refuses.
fn of_syntax_error(error: &SyntaxError, source: Option<&SourceFile>) -> Finding {
    let Place { line, column } = error.place;
    let rest = source.map_or(String::new(), |file| {
        let (text, _) = file.body();
        let line = text.lines().nth(line.saturating_sub(1)).unwrap_or("");
        line.chars().skip(column - 1).collect()
    });
    let word = rest.chars().take_while(|ch| ch.is_alphanumeric() || *ch == '_').count();
    let width = word.max(rest.chars().count().min(1));
    Finding {
        rule: SYNTAX_ERROR.to_owned(),
        severity: Severity::Error,
        category: Category::Reliability,
        message: error.message.clone(),
        migration: error.path.clone(),
        file: error.path.clone(),
        statement: 0,
        range: Range {
            line,
            column,
            end_line: line,
            end_column: column + width,
        },
        relations: Vec::new(),
        work: Work::None,
        fixable: false,
        safe: Vec::new(),
        help: SYNTAX_ERROR_HELP.to_owned(),
        url: SYNTAX_ERROR_URL.to_owned(),
        fingerprint: hashed(&[SYNTAX_ERROR, &error.path, &error.message]),
        holds_while: None,
    }
}

/// A path as seen from a folder, with forward slashes and without detours; what lies outside stays absolute, or begins
/// with `..`.
pub(crate) fn relative(path: &str, root: &Path) -> String {
    let whole = Path::new(path);
    let short = whole.strip_prefix(root).unwrap_or(whole);
    let short = if root.as_os_str().is_empty() { whole } else { short };
    let mut parts: Vec<Cow<'_, str>> = Vec::new();
    for part in short.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if parts.last().is_some_and(|last| !matches!(last.as_ref(), "" | "..")) => {
                parts.pop();
            }
            Component::RootDir => parts.push(Cow::Borrowed("")),
            Component::ParentDir | Component::Prefix(_) | Component::Normal(_) => {
                parts.push(part.as_os_str().to_string_lossy());
            }
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_relative_and_straight() {
        let root = Path::new("/here");
        let cases = [
            ("prisma/migrations/1/migration.sql", "prisma/migrations/1/migration.sql"),
            ("./a//b/../c.sql", "a/c.sql"),
            ("../x/a.sql", "../x/a.sql"),
            ("../../a.sql", "../../a.sql"),
            ("/here/a/b.sql", "a/b.sql"),
            ("/there/a.sql", "/there/a.sql"),
            ("-", "-"),
        ];
        for (path, expected) in cases {
            assert_eq!(relative(path, root), expected);
            if !path.starts_with("/here") {
                assert_eq!(relative(path, Path::new("")), expected);
            }
        }
    }

    #[test]
    fn a_syntax_error_marks_its_word() {
        let source = SourceFile::new("a.sql", "CREATE\n  TABEL x;\n");
        let error = |line, column| {
            let error = SyntaxError {
                path: "a.sql".to_owned(),
                place: Place { line, column },
                message: String::new(),
            };
            let range = of_syntax_error(&error, Some(&source)).range;
            (range.column, range.end_column)
        };
        assert_eq!(error(2, 3), (3, 8));
        assert_eq!(error(2, 10), (10, 11));
        assert_eq!(error(3, 1), (1, 1));
    }
}
