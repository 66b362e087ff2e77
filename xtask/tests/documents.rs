//! The documents name only what is there, and the one about rooms leaves none out.
#![expect(clippy::unwrap_used, reason = "a test file")]

use std::fs;
use std::path::{Path, PathBuf};

/// Files of users' projects, and names of PostgreSQL's, that the documents speak of.
const OF_OTHERS: [&str; 9] = [
    "nonstop.toml",
    ".sql",
    "down.sql",
    "metadata.toml",
    "NAME.sql",
    "NAME/migration.sql",
    "NAME.up.sql",
    "NAME.down.sql",
    "NAME/up.sql",
];

/// What a file of ours ends with.
const ENDS: [&str; 8] = [".rs", ".md", ".toml", ".sql", ".trycmd", ".txt", ".in", "/"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The hand-written documents: those at the root, and those in `docs`.
fn documents() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for dir in [root().to_owned(), root().join("docs")] {
        for entry in fs::read_dir(dir).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// What stands between backticks, and where links lead, outside fences.
fn named(line: &str) -> Vec<&str> {
    let quoted = line.split('`').skip(1).step_by(2);
    let linked = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    quoted.chain(linked).collect()
}

fn is_path(word: &str) -> bool {
    let known = |ch: char| ch.is_ascii_alphanumeric() || "._-/".contains(ch);
    let inside = ["crates/", "xtask/", "docs/", ".ci/", ".config/", ".cargo/"];
    let ours = inside.iter().any(|folder| word.starts_with(folder)) || word.starts_with("LICENSE");
    word.chars().all(known) && word.len() > 1 && (ours || ENDS.iter().any(|end| word.ends_with(end)))
}

/// The paths in a document that lead nowhere. Under a heading that names a folder, paths may start there.
fn wrong_paths(text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let (mut in_fence, mut here) = (false, root().to_owned());
    for (at, line) in text.lines().enumerate() {
        if line.starts_with("```") {
            in_fence = !in_fence;
        }
        if in_fence {
            continue;
        }
        let words = named(line);
        if line.starts_with('#') {
            let folder = words.iter().find(|word| is_path(word));
            here = folder.map_or_else(|| root().to_owned(), |folder| root().join(folder));
        }
        for word in words {
            let is_ours = is_path(word) && !OF_OTHERS.contains(&word);
            if is_ours && !here.join(word).exists() && !root().join(word).exists() {
                wrong.push(format!("{}: `{word}` is not there", at + 1));
            }
        }
    }
    wrong
}

#[test]
fn every_path_in_a_document_exists() {
    let documents = documents();
    assert!(documents.len() > 4, "the documents were not found");
    let mut wrong = Vec::new();
    for path in documents {
        let text = fs::read_to_string(&path).unwrap();
        let name = path.strip_prefix(root()).unwrap().display().to_string();
        wrong.extend(wrong_paths(&text).into_iter().map(|what| format!("{name}:{what}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_path_that_leads_nowhere_is_found() {
    let text =
        "`crates/core/src/nowhere.rs`\n\n## Rooms of `crates/core/src`\n\n`lock.rs` `pg_locks` [a](docs/none.md)\n";
    let wrong = [
        "1: `crates/core/src/nowhere.rs` is not there",
        "5: `docs/none.md` is not there",
    ];
    assert_eq!(wrong_paths(text), wrong);
}

/// Every room of core, engine and cli stands in ARCHITECTURE.md, those of the core in their order.
#[test]
fn the_architecture_names_every_room() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let mut wrong = Vec::new();
    for (of, ordered) in [
        ("crates/core/src", true),
        ("crates/engine/src", false),
        ("crates/cli/src", false),
    ] {
        let section = text
            .split("\n### ")
            .find(|section| section.contains(&format!("`{of}`")))
            .unwrap();
        let lib = fs::read_to_string(root().join(of).join("lib.rs")).unwrap();
        let rooms = lib
            .lines()
            .filter_map(|line| line.strip_prefix("pub ").unwrap_or(line).strip_prefix("mod "))
            .map(|line| line.trim_end_matches(';'));
        let mut last = 0;
        for room in rooms {
            let row = |end: &str| section.find(&format!("\n| `{room}{end}` |"));
            match row(".rs").or_else(|| row("/")) {
                None => wrong.push(format!("the table of {of} has no row for the room `{room}`")),
                Some(at) if ordered && at < last => {
                    wrong.push(format!("in the table of {of} `{room}` stands higher than in lib.rs"));
                }
                Some(at) => last = at,
            }
        }
    }
    assert!(wrong.is_empty(), "ARCHITECTURE.md: {}", wrong.join("\n"));
}
