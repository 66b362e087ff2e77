//! Which Prisma runs a folder, and so how its files reach the server.
//!
//! Up to 7.3 the engine sends a file as one message, whose statements share a transaction. A later 7 sends each statement
//! by itself; which release was the first nobody has measured, and 7.8 does. A file that its own parser refuses goes as one
//! message again, such as one with `DROP INDEX CONCURRENTLY`.

use nonstop_core::migration::TransactionModel;
use serde_json::Value;
use std::path::Path;

/// A version's first two numbers; the second is missing in a range such as `^6`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Prisma {
    major: u32,
    minor: Option<u32>,
}

/// Folders above that one of migrations that are looked into.
const HIGHEST: usize = 8;

impl Prisma {
    /// The Prisma of the project that holds a folder: what is installed, else what a lock file holds, else the range that is
    /// asked for.
    pub(super) fn of_project(folder: &Path) -> Option<Self> {
        let folder = folder.canonicalize().ok()?;
        for above in folder.ancestors().skip(1).take(HIGHEST) {
            let read = |name: &str| std::fs::read_to_string(above.join(name)).ok();
            if let Some(found) = Self::of_files(&read) {
                return Some(found);
            }
            if above.join(".git").exists() {
                return None;
            }
        }
        None
    }

    fn of_files(read: &impl Fn(&str) -> Option<String>) -> Option<Self> {
        let json = |name: &str| serde_json::from_str::<Value>(&read(name)?).ok();
        let installed = || Self::parse(json("node_modules/prisma/package.json")?["version"].as_str()?);
        let npm = || {
            let lock = json("package-lock.json")?;
            let version = &lock["packages"]["node_modules/prisma"]["version"];
            Self::parse(
                version
                    .as_str()
                    .or(lock["dependencies"]["prisma"]["version"].as_str())?,
            )
        };
        let pnpm = || {
            after(
                &read("pnpm-lock.yaml")?,
                &["\n  prisma@", "\n  '/prisma@", "\n  /prisma@", "\n  /prisma/"],
            )
        };
        let bun = || after(&read("bun.lock")?, &["\"prisma@"]);
        let yarn = || {
            let text = format!("\n{}", read("yarn.lock")?);
            let block = ["\nprisma@", "\n\"prisma@"]
                .iter()
                .find_map(|head| text.split_once(head))?
                .1;
            let version = block.lines().find_map(|line| line.trim().strip_prefix("version"))?;
            Self::parse(version.trim_matches(|c| matches!(c, ' ' | ':' | '"')))
        };
        let asked = || {
            let package = json("package.json")?;
            let range = ["dependencies", "devDependencies"]
                .iter()
                .find_map(|kind| package[kind]["prisma"].as_str())?;
            Self::parse_range(range)
        };
        installed()
            .or_else(npm)
            .or_else(pnpm)
            .or_else(yarn)
            .or_else(bun)
            .or_else(asked)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split(|c: char| !c.is_ascii_digit());
        Some(Self {
            major: numbers.next()?.parse().ok()?,
            minor: Some(numbers.next()?.parse().ok()?),
        })
    }

    /// A range leaves the minor open, unless it is no range.
    fn parse_range(text: &str) -> Option<Self> {
        if text.starts_with(|c: char| c.is_ascii_digit()) && !text.contains([' ', 'x', '|', '*', '-']) {
            return Self::parse(text);
        }
        let exact = Self::parse(text.strip_prefix(['^', '~'])?)?;
        let minor = exact.minor.filter(|_| text.starts_with('~'));
        Some(Self { minor, ..exact })
    }

    /// How this version sends a file.
    pub(super) fn sends(this: Option<Self>, text: &str) -> TransactionModel {
        let Some(Self { major, minor }) = this else {
            return TransactionModel::Either;
        };
        match (major, minor) {
            (..=6, _) | (7, Some(..=3)) => TransactionModel::Message,
            (7, Some(8..)) if is_refused(text) => TransactionModel::Message,
            (7, Some(8..)) => TransactionModel::PerStatement,
            _ => TransactionModel::Either,
        }
    }
}

/// What Prisma's parser of statements is known to refuse.
fn is_refused(text: &str) -> bool {
    let words = text
        .split_whitespace()
        .map(str::to_lowercase)
        .collect::<Vec<_>>()
        .join(" ");
    words.contains("drop index concurrently")
}

/// The version behind the first of these words.
fn after(text: &str, words: &[&str]) -> Option<Prisma> {
    let rest = words.iter().find_map(|word| text.split_once(word))?.1;
    Prisma::parse(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(files: &[(&str, &str)]) -> Option<Prisma> {
        let read = |name: &str| {
            files
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, text)| (*text).to_owned())
        };
        Prisma::of_files(&read)
    }

    const fn version(major: u32, minor: u32) -> Prisma {
        Prisma {
            major,
            minor: Some(minor),
        }
    }

    #[test]
    fn each_lock_file_is_read() {
        for (file, text) in [
            ("node_modules/prisma/package.json", "{\"version\": \"6.19.3\"}"),
            (
                "package-lock.json",
                "{\"packages\": {\"node_modules/prisma\": {\"version\": \"6.19.3\"}}}",
            ),
            (
                "package-lock.json",
                "{\"dependencies\": {\"prisma\": {\"version\": \"6.19.3\"}}}",
            ),
            (
                "pnpm-lock.yaml",
                "packages:\n\n  '@prisma/client@6.1.0':\n  prisma@6.19.3:\n    hasBin: true\n",
            ),
            ("pnpm-lock.yaml", "packages:\n\n  /prisma@6.19.3:\n"),
            (
                "yarn.lock",
                "\"@prisma/client@^6\":\n  version \"6.1.0\"\n\nprisma@^6.0.0:\n  version \"6.19.3\"\n",
            ),
            ("yarn.lock", "\"prisma@npm:^6.0.0\":\n  version: 6.19.3\n"),
            ("bun.lock", "\"prisma\": [\"prisma@6.19.3\", \"\", {}]"),
            ("package.json", "{\"devDependencies\": {\"prisma\": \"6.19.3\"}}"),
            ("package.json", "{\"dependencies\": {\"prisma\": \"~6.19.0\"}}"),
        ] {
            assert_eq!(of(&[(file, text)]), Some(version(6, 19)), "{file}: {text}");
        }
        let range = of(&[("package.json", "{\"dependencies\": {\"prisma\": \"^7.1.0\"}}")]);
        assert_eq!(range, Some(Prisma { major: 7, minor: None }));
        for text in ["{\"dependencies\": {\"prisma\": \"latest\"}}", "{}", "no json"] {
            assert_eq!(of(&[("package.json", text)]), None, "{text}");
        }
        // What is installed stands above what is asked for.
        let both = [
            ("package.json", "{\"dependencies\": {\"prisma\": \"^7.1.0\"}}"),
            ("node_modules/prisma/package.json", "{\"version\": \"7.8.1\"}"),
        ];
        assert_eq!(of(&both), Some(version(7, 8)));
    }

    #[test]
    fn the_version_decides_how_a_file_is_sent() {
        use TransactionModel::{Either, Message, PerStatement};
        let sends = |this| Prisma::sends(this, "CREATE INDEX CONCURRENTLY i ON t (a); SELECT 1");
        assert_eq!(sends(Some(version(5, 22))), Message);
        assert_eq!(sends(Some(version(7, 3))), Message);
        assert_eq!(sends(Some(version(7, 4))), Either);
        assert_eq!(sends(Some(version(7, 8))), PerStatement);
        assert_eq!(sends(None), Either);
        assert_eq!(sends(Some(Prisma { major: 6, minor: None })), Message);
        assert_eq!(sends(Some(Prisma { major: 7, minor: None })), Either);
        assert_eq!(
            Prisma::sends(Some(version(7, 8)), "DROP  INDEX\nconcurrently i; SELECT 1"),
            Message
        );
    }

    #[test]
    fn a_project_may_lie_above() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("packages/db/prisma/migrations");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(
            dir.path().join("package.json"),
            "{\"dependencies\": {\"prisma\": \"5.2.0\"}}",
        )
        .unwrap();
        assert_eq!(Prisma::of_project(&folder), Some(version(5, 2)));
        // Another project's is not taken.
        std::fs::create_dir(dir.path().join("packages/.git")).unwrap();
        assert_eq!(Prisma::of_project(&folder), None);
    }
}
