//! Whatever the messages, the paths and the statements say, every format stays what it is.

use super::{github, gitlab, human, json, junit, sarif};
use crate::commands::check::Report;
use nonstop_core::finding::{Category, Finding, FindingLock, Range, Severity};
use nonstop_core::lock::LockMode;
use nonstop_core::quote::SqlText;
use nonstop_core::source::{Place, SourceFile};
use nonstop_core::sql::SyntaxError;
use nonstop_core::step::Work;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::LazyLock;

static SARIF: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
    let text = include_str!("../../tests/schema/sarif-2.1.0.json");
    // Two patterns have a bracket too many (corrected in the standard's errata), which makes it no schema.
    let text = text.replace(
        "^[a-zA-Z]{2}|^[a-zA-Z]{2}-[a-zA-Z]{2}]?$",
        "^[a-zA-Z]{2}(-[a-zA-Z]{2})?$",
    );
    let options = jsonschema::options().should_validate_formats(true);
    options.build(&serde_json::from_str(&text).unwrap()).unwrap()
});

fn written(render: impl Fn(&mut dyn Write) -> io::Result<()>) -> String {
    let mut bytes = Vec::new();
    render(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn validated(text: &str) -> Value {
    let value: Value = serde_json::from_str(text).unwrap();
    let errors: Vec<String> = SARIF
        .iter_errors(&value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{}\n{text}", errors.join("\n"));
    value
}

/// Letters that some format gives a meaning to, and any other.
fn text() -> impl Strategy<Value = String> {
    let letter = prop_oneof![
        proptest::char::any(),
        proptest::sample::select(vec![
            '%', ':', ',', '\r', '\n', '\t', '<', '>', '&', '"', '\'', ']', '\\', '/', '.', ' ', '\0', '\u{1b}',
            '\u{7f}', '\u{85}', '\u{2028}', '\u{fffe}', '\u{ffff}', '\u{feff}', 'ü', '🎉', 'a',
        ]),
    ];
    vec(letter, 0..24).prop_map(|letters| letters.into_iter().collect())
}

fn finding() -> impl Strategy<Value = Finding> {
    let range = (1..6_usize, 1..20_usize, 0..3_usize, 0..20_usize);
    let texts = (text(), text(), text(), text());
    (texts, range, any::<bool>(), any::<bool>()).prop_map(|((message, help, file, safe), range, warning, known)| {
        let (line, column, lines, columns) = range;
        Finding {
            rule: if known {
                "create-index-blocks-writes"
            } else {
                "statement-fails"
            }
            .to_owned(),
            severity: if warning { Severity::Warning } else { Severity::Error },
            category: Category::Blocking,
            message,
            migration: file.clone(),
            file,
            statement: 1,
            range: Range {
                line,
                column,
                end_line: line + lines,
                end_column: column + columns,
            },
            relations: vec![FindingLock {
                name: help.clone(),
                lock: LockMode::Share,
                existing: true,
            }],
            work: Work::Scan,
            fixable: true,
            safe: vec![SqlText::verbatim(safe)],
            help,
            url: "https://www.postgresql.org/docs/current/".to_owned(),
            fingerprint: "f".to_owned(),
            holds_while: None,
        }
    })
}

/// With the text of some of the files, as a report has it, and of any others.
fn report() -> impl Strategy<Value = Report> {
    let error = (text(), text(), 1..4_usize, 1..9_usize).prop_map(|(path, message, line, column)| SyntaxError {
        path,
        place: Place { line, column },
        message,
    });
    let root = proptest::sample::select(vec!["", "/", "/a b"]);
    (vec(finding(), 0..6), vec(error, 0..3), text(), root).prop_map(|(findings, errors, text, root)| {
        let files = findings.iter().map(|finding| &finding.file);
        let files: Vec<String> = files.chain(errors.iter().map(|error| &error.path)).cloned().collect();
        let with_text = files.iter().skip(1);
        Report {
            sources: with_text
                .map(|file| (file.clone(), SourceFile::new(file.clone(), text.as_str())))
                .collect(),
            migrations: files.len(),
            files,
            findings,
            errors,
            root: PathBuf::from(root),
            ..Report::default()
        }
    })
}

fn github_is_lines(report: &Report) {
    let text = written(|out| github::render(report, out));
    let lines: Vec<&str> = text.split('\n').filter(|line| !line.is_empty()).collect();
    assert_eq!(lines.len(), report.findings.len() + report.errors.len(), "{text}");
    for line in lines {
        assert!(!line.contains('\r'), "{line}");
        let (command, rest) = line.strip_prefix("::").unwrap().split_once(' ').unwrap();
        assert!(["error", "warning"].contains(&command), "{line}");
        let (properties, _) = rest.split_once("::").unwrap();
        let names: Vec<&str> = properties
            .split(',')
            .map(|one| one.split_once('=').unwrap().0)
            .collect();
        assert_eq!(names[..5], ["title", "file", "line", "endLine", "col"], "{line}");
    }
}

fn gitlab_is_unique(report: &Report) {
    let text = written(|out| gitlab::render(report, out));
    let issues: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(issues.len(), report.findings.len() + report.errors.len());
    let fingerprints: BTreeSet<&str> = issues
        .iter()
        .map(|issue| issue["fingerprint"].as_str().unwrap())
        .collect();
    assert_eq!(fingerprints.len(), issues.len());
}

fn junit_is_xml(report: &Report) {
    let text = written(|out| junit::render(report, Some(Severity::Error), out));
    let document = roxmltree::Document::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let cases = |tag: &str| document.descendants().filter(|node| node.has_tag_name(tag)).count();
    let warnings = report
        .findings
        .iter()
        .filter(|one| one.severity == Severity::Warning)
        .count();
    assert_eq!(cases("skipped"), warnings);
    assert_eq!(cases("failure"), report.findings.len() - warnings);
    assert_eq!(cases("error"), report.errors.len());
    let all = document.root_element();
    assert_eq!(all.attribute("tests"), Some(cases("testcase").to_string().as_str()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_format_holds_any_text(report in report()) {
        validated(&written(|out| sarif::render(&report, out)));
        github_is_lines(&report);
        gitlab_is_unique(&report);
        junit_is_xml(&report);
        let _: Value = serde_json::from_str(&written(|out| json::check::render(&report, true, out))).unwrap();
        let human = written(|out| human::check::render(&report, true, out));
        // Its own colours end with `m`; nothing of a file may steer the terminal.
        for (at, _) in human.match_indices('\u{1b}') {
            let is_inner = |ch: char| ch == '[' || ch == ';' || ch.is_ascii_digit();
            let rest = human[at + 1..].trim_start_matches(is_inner);
            prop_assert!(rest.starts_with('m'), "{:?}", human[at..].chars().take(40).collect::<String>());
        }
    }
}

/// Whole files may stand in one line: the statement is shown, and its true place.
#[test]
fn a_long_line_shows_the_statement_alone() {
    let text = format!("{}DROP TABLE t;{}", "SELECT 1;".repeat(1000), "SELECT 2;".repeat(1000));
    let error = SyntaxError {
        path: "m.sql".to_owned(),
        place: Place { line: 1, column: 9006 },
        message: "m".to_owned(),
    };
    let report = Report {
        sources: [("m.sql".to_owned(), SourceFile::new("m.sql", text))].into(),
        errors: vec![error],
        ..Report::default()
    };
    let shown = written(|out| human::check::render(&report, false, out));
    assert!(shown.contains("m.sql:1:9006") && shown.contains("TABLE"), "{shown}");
    assert!(!shown.contains("SELECT") && shown.len() < 1000, "{shown}");
}

/// GitHub and GitLab take them relative to the repository; what is outside it has its whole path.
#[test]
fn paths_are_uris() {
    let of = |file: &str| {
        let error = SyntaxError {
            path: file.to_owned(),
            place: Place { line: 1, column: 1 },
            message: "m".to_owned(),
        };
        let report = Report {
            errors: vec![error],
            root: PathBuf::from("/here"),
            ..Report::default()
        };
        let log = validated(&written(|out| sarif::render(&report, out)));
        log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"].clone()
    };
    let inside = serde_json::json!({"uri": "a%3Ab%20%C3%BC/m.sql", "uriBaseId": "%SRCROOT%"});
    assert_eq!(of("./a:b ü/m.sql"), inside);
    assert_eq!(of("/here/a:b ü/m.sql"), inside);
    assert_eq!(of("../m.sql"), serde_json::json!({"uri": "file:///m.sql"}));
    assert_eq!(of("/x/m.sql"), serde_json::json!({"uri": "file:///x/m.sql"}));
}
