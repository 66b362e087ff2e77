//! What is looked at, and what must hold whatever the text.

use crate::mutate::NEXT;
use anyhow::{Context as _, Result};
use nonstop::commands::check::from_files;
use nonstop::formats::{github, gitlab, human, json, junit, sarif};
use nonstop::layouts::{Entry, LayoutChoice, Selection, Text, Tree, read_tree};
use nonstop_core::catalog::Catalog;
use nonstop_core::effect::effect;
use nonstop_core::finding::Severity;
use nonstop_core::lint::Policy;
use nonstop_core::replay;
use nonstop_core::source::{Place, SourceFile};
use nonstop_core::sql::{self, Script};
use nonstop_core::version::ServerVersion;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::str;

/// A way in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// Text to statements, or to an error with its place.
    Parse,
    /// Statements to effects, on the catalog that those before left.
    Lower,
    /// A folder of migrations to findings, in every format.
    Check,
}

/// What a text showed, in words.
pub(crate) type Features = Vec<String>;

impl Target {
    pub(crate) const ALL: [Self; 3] = [Self::Parse, Self::Lower, Self::Check];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Parse => "parse",
            Self::Lower => "lower",
            Self::Check => "check",
        }
    }

    pub(crate) fn named(name: &str) -> Result<Self> {
        let mut all = Self::ALL.into_iter();
        let found = all.find(|target| target.name() == name);
        found.with_context(|| format!("there is no target `{name}`"))
    }

    /// Panics where something does not hold.
    pub(crate) fn look(self, text: &str) -> Features {
        let mut seen = Features::new();
        match self {
            Self::Parse => {
                parse(text, &mut seen);
            }
            Self::Lower => lower(text, &mut seen),
            Self::Check => check(text, &mut seen),
        }
        seen
    }
}

fn parse(text: &str, seen: &mut Features) -> Option<Script> {
    let file = SourceFile::new("fuzz.sql", text);
    match sql::parse(&file) {
        Ok(script) => {
            let mut end = 0;
            for statement in &script.statements {
                let (from, to) = (statement.span.start, statement.span.end);
                assert!(
                    end <= from && from <= to,
                    "spans go backwards: {from}..{to} behind {end}"
                );
                let own = text.get(from..to).expect("a span lies in its text");
                assert_eq!(own, statement.sql.as_str());
                seen.push(first_word(&statement.kind));
                end = to;
            }
            Some(script)
        }
        Err(error) => {
            is_inside(text, error.place);
            assert!(!error.message.is_empty());
            seen.push(without_quoted(&error.message));
            None
        }
    }
}

/// The end of the text is a place too.
fn is_inside(text: &str, place: Place) {
    let line = text.split('\n').nth(place.line.wrapping_sub(1));
    let line = line.unwrap_or_else(|| panic!("no line {} in the text", place.line));
    let columns = line.chars().count() + 1;
    assert!(
        (1..=columns).contains(&place.column),
        "column {} of {columns}",
        place.column
    );
}

fn lower(text: &str, seen: &mut Features) {
    let major = 12 + u32::try_from(text.len() % 7).expect("six at the most");
    let mut catalog = Catalog::empty(ServerVersion::of_major(major));
    for migration in text.split(NEXT.trim()) {
        let Some(script) = parse(migration, seen) else { continue };
        for statement in &script.statements {
            let effect = effect(statement, &catalog);
            let kind = first_word(&statement.kind);
            for lock in &effect.locks {
                seen.push(format!("{kind} {:?} {}", lock.mode, lock.existing));
            }
            for work in &effect.work {
                seen.push(format!("{kind} {:?}", work.work));
            }
            for broken in &effect.breaks {
                seen.push(format!("{kind} {}", broken.rule));
            }
            if let Some(error) = &effect.error {
                seen.push(format!("{kind} {}", error.sqlstate));
            }
            if let Some(why) = &effect.opaque {
                seen.push(format!("{kind} {}", first_word(why)));
            }
            replay::apply(&mut catalog, statement);
        }
        catalog.settle();
    }
    for (name, relation) in &catalog.relations {
        assert!(!name.name.is_empty());
        assert!(relation.columns.len() < 100_000);
    }
}

fn check(text: &str, seen: &mut Features) {
    let version = ServerVersion::of_major(12 + u32::try_from(text.len() % 7).expect("six at the most"));
    let mut entries = BTreeMap::new();
    for (at, migration) in text.split(NEXT.trim()).enumerate() {
        let file = Text::Read(migration.to_owned());
        let folder = BTreeMap::from([("migration.sql".to_owned(), file)]);
        entries.insert(format!("2024010100{at:04}_step"), Entry::Folder(folder));
    }
    let tree = Tree {
        path: "prisma/migrations".to_owned(),
        entries,
    };
    let folder = read_tree(&tree, LayoutChoice::Prisma).expect("a folder of the Prisma form");
    let report = from_files(&Selection { folder, only: None }, version, &Policy::default());
    let report = report.unwrap_or_else(|problem| panic!("{problem:?}"));
    for finding in &report.findings {
        assert!(!finding.message.is_empty());
        let (from, to) = (
            (finding.range.line, finding.range.column),
            (finding.range.end_line, finding.range.end_column),
        );
        assert!(from <= to, "{from:?} is behind {to:?}");
        seen.push(format!("{} {:?} {}", finding.rule, finding.work, finding.fixable));
    }
    for error in &report.errors {
        seen.push(without_quoted(&error.message));
    }
    let written = "memory can be written to";
    let mut out = Vec::new();
    human::check::render(&report, true, &mut out).expect(written);
    github::render(&report, &mut out).expect(written);
    junit::render(&report, Some(Severity::Warning), &mut out).expect(written);
    assert!(str::from_utf8(&out).is_ok());
    let mut documents = [const { Vec::new() }; 3];
    json::check::render(&report, true, &mut documents[0]).expect(written);
    sarif::render(&report, &mut documents[1]).expect(written);
    gitlab::render(&report, &mut documents[2]).expect(written);
    for document in documents {
        serde_json::from_slice::<Value>(&document).expect("JSON");
    }
}

/// `CreateTable` of a value's debug text.
fn first_word(value: &impl Debug) -> String {
    let text = format!("{value:?}");
    text.split(|c: char| !c.is_alphanumeric())
        .find(|word| !word.is_empty())
        .unwrap_or_default()
        .to_owned()
}

fn without_quoted(message: &str) -> String {
    let words = message.split('"').step_by(2);
    words.collect::<Vec<_>>().join("…")
}
