//! Folders of migrations as tools lay them out.
//!
//! A layout is two pure functions over a [`Tree`]: what shows that a folder has this form, and the migrations in the order
//! in which that tool runs them. A new one is a file here and a line in [`KNOWN`].

mod tree;
mod prisma;
mod runner;
mod updown;
mod diesel;
mod plain;
mod both_ways;
mod select;
mod siblings;

pub use select::{Selection, alone, select};
pub use siblings::{NoRoom, names_behind, title};
pub use tree::{Entry, Text, Tree, Ways};

use clap::ValueEnum;
use nonstop_core::migration::{Migration, TransactionModel};
use nonstop_core::source::SourceFile;
use schemars::JsonSchema;
use serde::Deserialize;
use std::fmt;
use std::path::Path;

/// The value of `--layout`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LayoutChoice {
    /// Whatever the folder shows.
    Auto,
    /// Folders with `migration.sql`, as Prisma Migrate makes them.
    Prisma,
    /// `NAME.up.sql` and `NAME.down.sql`, or Diesel's folders.
    Updown,
    /// Folders with `up.sql` and `down.sql`, as Diesel makes them.
    Diesel,
    /// Numbered `NAME.sql` files, as Flyway, sqlx and Supabase make them.
    Plain,
    /// Numbered `NAME.sql` files that hold both ways, as goose and dbmate make them.
    BothWays,
}

impl fmt::Display for LayoutChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Prisma => "prisma",
            Self::Updown => "updown",
            Self::Diesel => "diesel",
            Self::Plain => "plain",
            Self::BothWays => "both-ways",
        })
    }
}

/// A folder of migrations, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// The form it has; never [`LayoutChoice::Auto`].
    pub layout: LayoutChoice,
    /// Its path as the user would type it.
    pub path: String,
    /// In the order in which they run.
    pub migrations: Vec<Migration>,
    /// Things to tell the user that stop nothing.
    pub warnings: Vec<String>,
}

struct Layout {
    choice: LayoutChoice,
    detect: fn(&Tree) -> Option<String>,
    read: fn(&Tree) -> Result<Folder, LayoutError>,
    /// The files of a migration, up and down; `None` where they are only read.
    files: Option<fn(&str) -> [String; 2]>,
}

const KNOWN: [Layout; 5] = [
    Layout {
        choice: LayoutChoice::Prisma,
        detect: prisma::detect,
        read: prisma::read,
        files: Some(prisma::files),
    },
    Layout {
        choice: LayoutChoice::Updown,
        detect: updown::detect,
        read: updown::read,
        files: Some(updown::files),
    },
    Layout {
        choice: LayoutChoice::Diesel,
        detect: diesel::detect,
        read: diesel::read,
        files: Some(diesel::files),
    },
    Layout {
        choice: LayoutChoice::Plain,
        detect: plain::detect,
        read: plain::read,
        files: Some(plain::files),
    },
    Layout {
        choice: LayoutChoice::BothWays,
        detect: both_ways::detect,
        read: both_ways::read,
        files: None,
    },
];

/// The files of a migration of this name, up and down, from its folder on; `None` where the form has none that can be written.
pub fn files_of(layout: LayoutChoice, name: &str) -> Option<[String; 2]> {
    let known = KNOWN.iter().find(|known| known.choice == layout)?;
    known.files.map(|files| files(name))
}

/// Reads a folder of migrations.
pub fn read_folder(path: &Path, choice: LayoutChoice) -> Result<Folder, LayoutError> {
    read_ways(path, choice, Ways::Both)
}

/// The same, perhaps without the ways back.
pub fn read_ways(path: &Path, choice: LayoutChoice, ways: Ways) -> Result<Folder, LayoutError> {
    if !path.exists() {
        return Err(LayoutError::Missing {
            path: tree::shown(path),
        });
    }
    if !path.is_dir() {
        return Err(LayoutError::NotAFolder {
            path: tree::shown(path),
        });
    }
    let mut folder = read_tree(&Tree::read_ways(path, ways)?, choice)?;
    if folder.layout == LayoutChoice::Prisma {
        let version = runner::Prisma::of_project(path);
        for migration in &mut folder.migrations {
            let text = migration.up.as_ref().map_or("", |file| file.text.as_str());
            migration.transaction = runner::Prisma::sends(version, text);
        }
    }
    Ok(folder)
}

/// Reads a folder that is already in memory.
pub fn read_tree(tree: &Tree, choice: LayoutChoice) -> Result<Folder, LayoutError> {
    let candidates = KNOWN.iter().filter(|layout| match choice {
        LayoutChoice::Auto => true,
        LayoutChoice::Updown => matches!(layout.choice, LayoutChoice::Updown | LayoutChoice::Diesel),
        LayoutChoice::Prisma | LayoutChoice::Diesel | LayoutChoice::Plain | LayoutChoice::BothWays => {
            layout.choice == choice
        }
    });
    let shown: Vec<(&Layout, String)> = candidates
        .filter_map(|layout| Some((layout, (layout.detect)(tree)?)))
        .collect();
    match (shown.as_slice(), choice) {
        ([(layout, _)], _) => (layout.read)(tree),
        ([], LayoutChoice::Prisma) => prisma::read(tree),
        ([], LayoutChoice::Updown) if no_sql(tree) => updown::read(tree),
        ([], LayoutChoice::Diesel) if no_sql(tree) => diesel::read(tree),
        // Whoever says so may have names without numbers.
        ([], LayoutChoice::Plain) => plain::read(tree),
        ([], LayoutChoice::Auto) if in_prisma_folder(tree) && no_sql(tree) => prisma::read(tree),
        ([], _) => Err(LayoutError::Unknown {
            path: tree.path.clone(),
            choice,
            holds: holds(tree),
        }),
        ([(first, first_shown), (second, second_shown), ..], _) => Err(LayoutError::Ambiguous {
            path: tree.path.clone(),
            first: first.choice,
            first_shown: first_shown.clone(),
            second: second.choice,
            second_shown: second_shown.clone(),
        }),
    }
}

/// `prisma/migrations` before its first migration.
fn in_prisma_folder(tree: &Tree) -> bool {
    let path = Path::new(&tree.path);
    path.parent().is_some_and(|parent| parent.ends_with("prisma"))
}

fn is_sql(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "sql")
}

fn no_sql(tree: &Tree) -> bool {
    tree.files().all(|(name, _)| !is_sql(name))
        && tree.folders().all(|(_, files)| files.keys().all(|name| !is_sql(name)))
}

fn holds(tree: &Tree) -> String {
    let loose = tree.files().filter(|(name, _)| is_sql(name)).count();
    match (loose, tree.folders().count()) {
        (0, 0) => "it is empty".to_owned(),
        (0, folders) => format!("it holds {folders} folders without such a file"),
        (files, _) => format!("it holds {files} loose .sql files"),
    }
}

/// One migration from its texts.
fn migration(
    name: &str,
    (path, up): (String, Option<&str>),
    (down_path, down): (String, Option<&str>),
    transaction: TransactionModel,
) -> Migration {
    Migration {
        name: name.to_owned(),
        up: up.map(|text| SourceFile::new(path.clone(), text)),
        path,
        down: down.map(|text| SourceFile::new(down_path, text)),
        transaction,
    }
}

/// Why a folder of migrations could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LayoutError {
    /// Nothing there.
    #[error("there is no `{path}`")]
    Missing {
        /// The path.
        path: String,
    },
    /// A file where a folder was expected.
    #[error("`{path}` is a file, not a folder of migrations")]
    NotAFolder {
        /// The path.
        path: String,
    },
    /// The operating system said no.
    #[error("cannot read `{path}`: {source}")]
    Unreadable {
        /// The path.
        path: String,
        /// What it said.
        source: std::io::Error,
    },
    /// No layout knows it.
    #[error(
        "`{path}` is no folder of migrations that nonstop knows (looked for the layout `{choice}`): {holds}. Known are \
         NAME/migration.sql (prisma), NAME.up.sql (updown), NAME/up.sql (diesel) and numbered NAME.sql (plain, both-ways); \
         `nonstop check FILE.sql` takes any file"
    )]
    Unknown {
        /// The path.
        path: String,
        /// The value of `--layout`.
        choice: LayoutChoice,
        /// What it holds instead.
        holds: String,
    },
    /// More than one layout knows it.
    #[error(
        "`{path}` could be two layouts: {first} (it has `{first_shown}`) and {second} (it has `{second_shown}`). Say which \
         one with --layout, and keep the other's files elsewhere"
    )]
    Ambiguous {
        /// The path.
        path: String,
        /// One layout.
        first: LayoutChoice,
        /// What showed it.
        first_shown: String,
        /// Another.
        second: LayoutChoice,
        /// What showed that.
        second_shown: String,
    },
    /// `migration_lock.toml` names another database.
    #[error(
        "{place}: these migrations are for `{provider}`, and nonstop deploys to postgresql only (Prisma's P3019). If the \
         project has moved to PostgreSQL, its migrations start anew: move this folder away and make a first migration"
    )]
    Provider {
        /// File and line.
        place: String,
        /// What it names.
        provider: String,
    },
    /// `migration_lock.toml` names none.
    #[error("{path}: no line starts with `provider` (Prisma's P3019); it should read: provider = \"postgresql\"")]
    NoProvider {
        /// The file.
        path: String,
    },
    /// Diesel's `metadata.toml` does not parse.
    #[error("{path}: {message}")]
    Metadata {
        /// The file.
        path: String,
        /// What the parser said, with the line.
        message: String,
    },
    /// Two folders that Diesel cannot tell apart.
    #[error("`{path}`: `{first}` and `{second}` have the same Diesel version {version}; rename one of them")]
    SameVersion {
        /// The folder of migrations.
        path: String,
        /// One of them.
        first: String,
        /// The other.
        second: String,
        /// Their version.
        version: String,
    },
}

impl LayoutError {
    fn unreadable(path: &Path, source: std::io::Error) -> Self {
        Self::Unreadable {
            path: tree::shown(path),
            source,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// A tree from paths and texts; a path that ends in `/` is an empty folder.
    pub(super) fn tree(files: &[(&str, &str)]) -> Tree {
        let mut tree = Tree {
            path: "migrations".to_owned(),
            entries: BTreeMap::new(),
        };
        for (path, text) in files {
            let text = Text::Read((*text).to_owned());
            let Some((folder, file)) = path.split_once('/') else {
                tree.entries.insert((*path).to_owned(), Entry::File(text));
                continue;
            };
            let entry = tree.entries.entry(folder.to_owned());
            let entry = entry.or_insert_with(|| Entry::Folder(BTreeMap::new()));
            if let (Entry::Folder(files), false) = (entry, file.is_empty()) {
                files.insert(file.to_owned(), text);
            }
        }
        tree
    }

    #[test]
    fn layouts_are_found_by_themselves() {
        let found = |files: &[(&str, &str)]| read_tree(&tree(files), LayoutChoice::Auto).map(|folder| folder.layout);
        assert_eq!(found(&[("a/migration.sql", "")]).unwrap(), LayoutChoice::Prisma);
        assert_eq!(found(&[("a.up.sql", ""), ("b/", "")]).unwrap(), LayoutChoice::Updown);
        assert_eq!(found(&[("a/up.sql", "")]).unwrap(), LayoutChoice::Diesel);
        let both = found(&[("a/up.sql", ""), ("b/migration.sql", "")])
            .unwrap_err()
            .to_string();
        assert!(both.contains("b/migration.sql") && both.contains("a/up.sql"), "{both}");
        assert_eq!(found(&[("V1__init.sql", "")]).unwrap(), LayoutChoice::Plain);
        assert_eq!(found(&[("1_a.sql", "-- +goose Up\n")]).unwrap(), LayoutChoice::BothWays);
        let loose = found(&[("schema.sql", "")]).unwrap_err().to_string();
        assert!(loose.contains("1 loose .sql files"), "{loose}");
        assert!(found(&[]).is_err());
    }

    #[test]
    fn updown_takes_diesel_too() {
        let read = |choice| read_tree(&tree(&[("a/up.sql", "")]), choice);
        assert_eq!(read(LayoutChoice::Updown).unwrap().layout, LayoutChoice::Diesel);
        assert_eq!(read(LayoutChoice::Diesel).unwrap().layout, LayoutChoice::Diesel);
        assert_eq!(read(LayoutChoice::Prisma).unwrap().migrations[0].up, None);
    }

    #[test]
    fn an_empty_folder_is_prismas_only_where_prisma_has_it() {
        let mut tree = tree(&[]);
        assert!(read_tree(&tree, LayoutChoice::Auto).is_err());
        tree.path = "prisma/migrations".to_owned();
        assert_eq!(read_tree(&tree, LayoutChoice::Auto).unwrap().migrations, []);
    }
}
