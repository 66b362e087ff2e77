//! The nevers of the house that no compiler holds: read from our own sources, test modules left out.
#![expect(clippy::unwrap_used, reason = "a test file")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A source file: its path from the root, and its lines before the test module, with their numbers from 1.
struct Source {
    path: String,
    lines: Vec<(usize, String)>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn files(dir: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// The Rust files under these folders, in order.
fn sources(dirs: &[&str]) -> Vec<Source> {
    let mut found = Vec::new();
    for dir in dirs {
        assert!(root().join(dir).is_dir(), "{dir} is no folder");
        files(&root().join(dir), &mut found);
    }
    // A `tests.rs` is a test module that became long.
    found.retain(|path| path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs"));
    found.sort();
    found.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> Source {
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().take_while(|line| line.trim() != "#[cfg(test)]");
    Source {
        path: path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned(),
        lines: lines.enumerate().map(|(at, line)| (at + 1, line.to_owned())).collect(),
    }
}

impl Source {
    /// The lines that are not comments.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.lines
            .iter()
            .map(|(number, line)| (*number, line.as_str()))
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    /// The room: the first part of the path under `src`.
    fn room(&self) -> &str {
        let inside = self.path.split_once("/src/").unwrap().1;
        inside.split('/').next().unwrap().trim_end_matches(".rs")
    }
}

/// Fails with every line in which one of the words stands.
fn nowhere(sources: &[Source], words: &[&str], why: &str) {
    let mut found = Vec::new();
    for source in sources {
        for (number, line) in source.code() {
            if words.iter().any(|word| has_word(line, word)) {
                found.push(format!("{}:{number}: {}", source.path, line.trim()));
            }
        }
    }
    assert!(found.is_empty(), "{why}:\n{}", found.join("\n"));
}

/// Whether the word stands in the line and is not the end of a longer one: `eprintln!` is not `println!`.
fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        !line[..at]
            .chars()
            .next_back()
            .is_some_and(|ch| ch.is_alphanumeric() || ch == '_')
    })
}

#[test]
fn only_the_sql_room_names_the_parser() {
    let mut sources = sources(&["crates/core/src", "crates/engine/src", "crates/cli/src"]);
    sources.retain(|source| !source.path.starts_with("crates/core/src/sql/"));
    nowhere(
        &sources,
        &["pg_query::"],
        "the parser is named outside crates/core/src/sql",
    );
}

#[test]
fn the_engine_knows_no_face_and_prints_nothing() {
    nowhere(
        &sources(&["crates/engine/src"]),
        &["clap", "nonstop::", "anstream", "indicatif"],
        "the engine names a face",
    );
    // A test says what it leaves out.
    let mut below = sources(&["crates/core/src", "crates/engine/src"]);
    below.retain(|source| !source.path.ends_with("/tests.rs") && !source.path.contains("/tests/"));
    nowhere(
        &below,
        &[
            "println!",
            "eprintln!",
            "print!",
            "eprint!",
            "stdout()",
            "stderr()",
            "dbg!",
        ],
        "printed below the faces",
    );
}

#[test]
fn sql_is_not_pasted() {
    let words = [
        "batch_execute",
        "simple_query",
        "execute",
        "query",
        "query_one",
        "query_opt",
        "prepare",
        "verbatim",
    ]
    .map(|call| format!("{call}(&format!"));
    nowhere(
        &sources(&["crates/core/src", "crates/engine/src", "crates/cli/src"]),
        &words.each_ref().map(String::as_str),
        "SQL is built by sql! and SqlText only",
    );
}

/// The rooms that a room's code names, by `crate::`.
fn uses(sources: &[Source], rooms: &BTreeSet<String>) -> BTreeMap<String, BTreeSet<String>> {
    let mut graph: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for source in sources.iter().filter(|source| rooms.contains(source.room())) {
        let named = graph.entry(source.room().to_owned()).or_default();
        let code = source.code().map(|(_, line)| line).collect::<Vec<_>>().join("\n");
        for (at, word) in code.match_indices("crate::") {
            // `$crate::` stands in macros, which belong to whoever uses them.
            if code[..at].ends_with('$') {
                continue;
            }
            let rest = &code[at + word.len()..];
            let inside = rest
                .strip_prefix('{')
                .map_or(rest, |list| list.split(';').next().unwrap());
            let end = if inside.len() == rest.len() {
                rest.find(|ch: char| !ch.is_alphanumeric() && ch != '_')
                    .unwrap_or(rest.len())
            } else {
                inside.len()
            };
            named.extend(
                inside[..end]
                    .split(|ch: char| !ch.is_alphanumeric() && ch != '_')
                    .filter(|name| rooms.contains(*name) && *name != source.room())
                    .map(str::to_owned),
            );
        }
    }
    graph
}

/// The modules of a crate in the order of its `lib.rs`.
fn rooms(of: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join(of).join("lib.rs")).unwrap();
    text.lines()
        .filter_map(|line| line.strip_prefix("pub ").unwrap_or(line).strip_prefix("mod "))
        .map(|line| line.trim_end_matches(';').to_owned())
        .collect()
}

#[test]
fn a_room_of_the_core_uses_only_the_rooms_above_it() {
    let order = rooms("crates/core/src");
    assert!(order.len() > 5, "the rooms of the core were not found");
    let graph = uses(&sources(&["crates/core/src"]), &order.iter().cloned().collect());
    let place = |room: &str| order.iter().position(|known| known == room).unwrap();
    let mut wrong = Vec::new();
    for (room, named) in &graph {
        for used in named.iter().filter(|used| place(used) > place(room)) {
            wrong.push(format!("{room} uses {used}, which is below it in lib.rs"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_circle_between_the_rooms_of_the_engine() {
    let mut graph = uses(
        &sources(&["crates/engine/src"]),
        &rooms("crates/engine/src").into_iter().collect(),
    );
    // Take away what uses nothing that is left, until nothing goes; what stays is in a circle or uses one.
    loop {
        let left: BTreeSet<String> = graph.keys().cloned().collect();
        graph.retain(|_, named| named.iter().any(|used| left.contains(used)));
        if graph.len() == left.len() {
            break;
        }
    }
    assert!(graph.is_empty(), "in a circle, or using one: {graph:#?}");
}

#[test]
fn every_file_says_what_it_gives_and_fits_a_head() {
    let all = sources(&[
        "crates/core/src",
        "crates/engine/src",
        "crates/cli/src",
        "crates/testkit/src",
        "xtask/src",
    ]);
    let mut wrong = Vec::new();
    for source in &all {
        if !source.lines.first().is_some_and(|(_, line)| line.starts_with("//!")) {
            wrong.push(format!("{} does not begin with what it gives (//!)", source.path));
        }
        if source.lines.len() > 500 {
            wrong.push(format!(
                "{} has {} lines; split it by what it gives",
                source.path,
                source.lines.len()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Nothing unfinished, and no path of somebody's machine, in any file of ours.
#[test]
fn nothing_unfinished_and_no_machine() {
    let mut found = Vec::new();
    for dir in ["crates", "xtask", "docs", ".ci", ".cargo", ".config"] {
        files(&root().join(dir), &mut found);
    }
    for entry in fs::read_dir(root()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() && path.file_name().unwrap() != ".git" && path.file_name().unwrap() != "Cargo.lock" {
            found.push(path);
        }
    }
    // In parts, so that this file does not find itself.
    let words = [
        ["TO", "DO"],
        ["FIX", "ME"],
        ["todo", "!("],
        ["unimple", "mented!("],
        ["/work", "/"],
        ["/root", "/"],
        ["/home", "/"],
    ]
    .map(|parts| parts.concat());
    // Histories of other projects are kept as they are.
    found.retain(|path| !path.iter().any(|part| part == "fixtures" || part == "corpus"));
    let mut wrong = Vec::new();
    for path in found {
        // Not text: nothing to read.
        let Ok(text) = fs::read_to_string(&path) else { continue };
        for (at, line) in text.lines().enumerate() {
            if words.iter().any(|word| has_word(line, word)) {
                wrong.push(format!("{}:{}: {}", path.display(), at + 1, line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
