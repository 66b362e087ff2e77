//! Every rule by its own documentation: `bad` fires it, `safe` fires nothing.

use super::*;
use crate::catalog::Catalog;
use crate::lint::{Knowledge, Policy, Selector, Wanted, lint, settle};
use crate::migration::{Migration, TransactionModel};
use crate::source::SourceFile;
use crate::version::ServerVersion;
use std::collections::BTreeSet;
use std::path::Path;

/// What no SQL shows.
const NOT_OF_SQL: [&str; 3] = ["missing-file", "baseline-entry-is-stale", "integer-key-near-its-end"];

const HEADINGS: [&str; 4] = ["What it catches", "Why it hurts", "The safe way", "When it is fine"];

/// A fence: what stands behind its backticks, and its text.
fn fences(rule: &Rule) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in rule.docs.lines() {
        let line = line.strip_prefix(' ').unwrap_or(line);
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(info)) => open = Some((info.to_owned(), String::new())),
            (Some(_), Some(_)) => found.extend(open.take()),
            (Some((_, text)), None) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, None) => {}
        }
    }
    found
}

/// The rules that fire in migrations divided by `-- next migration`, on a database that was empty.
fn fired(text: &str, policy: &Policy) -> BTreeSet<String> {
    let major = if text.starts_with("-- on PostgreSQL 18\n") {
        18
    } else {
        14
    };
    let alone = text.starts_with("-- each statement by itself\n");
    let mut known = Knowledge::new(Catalog::empty(ServerVersion::of_major(major)), true, 0);
    let mut findings = Vec::new();
    for text in text.split("-- next migration\n") {
        let file = SourceFile::new("m/migration.sql", text);
        let migration = Migration {
            name: "m".to_owned(),
            up: Some(file.clone()),
            path: file.path.clone(),
            down: None,
            transaction: if alone {
                TransactionModel::PerStatement
            } else {
                TransactionModel::Message
            },
        };
        let script = crate::sql::parse(&file).unwrap();
        let judged = lint(&migration, &file, &script, &mut known, policy, Wanted::ALL);
        findings.extend(judged.findings);
        known.catalog.settle();
        known.catalog.forget_sizes();
    }
    settle(&mut findings, &known.catalog);
    findings.into_iter().map(|finding| finding.rule).collect()
}

/// The default set, and the rule where it is not in it.
fn policy(rule: &'static Rule) -> Policy {
    Policy {
        select: vec![Selector::Default, Selector::Rule(rule)],
        today: "2026-01-31".parse().ok(),
        ..Policy::default()
    }
}

#[test]
fn bad_fires_its_rule_and_only_it() {
    let mut wrong = Vec::new();
    for rule in ALL {
        let fences = fences(rule);
        let bad: Vec<_> = fences.iter().filter(|(info, _)| info.starts_with("sql bad")).collect();
        assert!(
            !bad.is_empty() || NOT_OF_SQL.contains(&rule.code),
            "{}: no bad",
            rule.code
        );
        for (info, text) in bad {
            // What cannot be without the other.
            let also = info.strip_prefix("sql bad also ").into_iter().map(str::to_owned);
            let expected: BTreeSet<String> = also.chain([rule.code.to_owned()]).collect();
            let fired = fired(text, &policy(rule));
            if fired != expected {
                wrong.push(format!("{}: {fired:?}\n{text}", rule.code));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn safe_fires_nothing() {
    let mut wrong = Vec::new();
    for rule in ALL {
        for (_, text) in fences(rule).iter().filter(|(info, _)| info == "sql safe") {
            let fired = fired(text, &policy(rule));
            if !fired.is_empty() {
                wrong.push(format!("{}: {fired:?}\n{text}", rule.code));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_explains_itself() {
    let mut codes = BTreeSet::new();
    for rule in ALL {
        assert!(codes.insert(rule.code), "{} is there twice", rule.code);
        let kebab = |ch: char| ch.is_ascii_lowercase() || ch == '-';
        assert!(rule.code.chars().all(kebab), "{}", rule.code);
        assert!(rule.title().ends_with('.') && !rule.help.is_empty(), "{}", rule.code);
        assert!(rule.url.starts_with("https://www.postgresql.org/docs/current/"));
        let headings = rule.docs.lines().filter_map(|line| line.trim().strip_prefix("# "));
        assert_eq!(headings.collect::<Vec<_>>(), HEADINGS, "{}", rule.code);
        assert!(!rule.general || rule.category == Category::Blocking, "{}", rule.code);
    }
}

fn source_files(folder: &str) -> Vec<std::path::PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(folder);
    let entries = std::fs::read_dir(path).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn every_file_is_in_the_list() {
    let mut files: Vec<String> = source_files("rules")
        .iter()
        .map(|path| path.file_stem().unwrap().to_string_lossy().replace('_', "-"))
        .filter(|name| name != "mod" && name != "tests")
        .collect();
    let mut codes: Vec<String> = ALL.iter().map(|rule| rule.code.to_owned()).collect();
    files.sort_unstable();
    codes.sort_unstable();
    assert_eq!(codes, files);
}

/// What the effect says breaks running code, each with the rule that reports it.
#[test]
fn what_the_effect_names_is_a_rule() {
    let sources = [
        include_str!("../effect/alter_table.rs"),
        include_str!("../effect/column.rs"),
        include_str!("../effect/constraint.rs"),
        include_str!("../effect/data.rs"),
        include_str!("../effect/drop.rs"),
        include_str!("../effect/partition.rs"),
        include_str!("../effect/mod.rs"),
    ];
    let is_code = |word: &&str| {
        let parts: Vec<&str> = word.split('-').collect();
        parts.len() > 2
            && parts
                .iter()
                .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase()))
    };
    let mut named = 0;
    for code in sources.iter().flat_map(|text| text.split('"')).filter(is_code) {
        named += 1;
        assert!(find(code).is_some(), "{code} is no rule");
    }
    assert!(named >= 10, "{named}");
}
