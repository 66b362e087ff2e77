//! What a PATH of `check` stands for: a folder of migrations, one migration in it, a plain file, or standard input.

use super::{Folder, LayoutChoice, LayoutError, Ways, migration, read_ways, tree};
use nonstop_core::migration::{Migration, TransactionModel};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Migrations to look at, and the earlier ones of their folder that tell what exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// Everything known of the folder, in order.
    pub folder: Folder,
    /// One name where a single migration was asked for.
    pub only: Option<String>,
}

/// Finds out what a path is, and reads it.
pub fn select(path: &Path, choice: LayoutChoice, ways: Ways) -> Result<Selection, LayoutError> {
    if path.as_os_str() == "-" {
        let mut bytes = Vec::new();
        let read = std::io::stdin().read_to_end(&mut bytes);
        read.map_err(|source| LayoutError::unreadable(path, source))?;
        return Ok(alone("standard input", "-", &tree::decode(bytes)));
    }
    if path.is_dir() {
        return match ["migration.sql", "up.sql"]
            .iter()
            .find(|name| path.join(name).is_file())
        {
            Some(_) => one_of_folder(path, choice, ways),
            None => Ok(Selection {
                folder: read_ways(path, choice, ways)?,
                only: None,
            }),
        };
    }
    if !path.exists() {
        return Err(LayoutError::Missing {
            path: tree::shown(path),
        });
    }
    file(path, choice, ways)
}

fn file(path: &Path, choice: LayoutChoice, ways: Ways) -> Result<Selection, LayoutError> {
    let file_name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let file_name = file_name.unwrap_or_default();
    let parent = parent_of(path);
    if matches!(file_name.as_str(), "migration.sql" | "up.sql") {
        return one_of_folder(&parent, choice, ways);
    }
    if let Some(name) = file_name.strip_suffix(".up.sql") {
        return Ok(Selection {
            folder: read_ways(&parent, LayoutChoice::Updown, ways)?,
            only: Some(name.to_owned()),
        });
    }
    let bytes = std::fs::read(path).map_err(|source| LayoutError::unreadable(path, source))?;
    let name = file_name.strip_suffix(".sql").unwrap_or(&file_name);
    Ok(alone(name, &tree::shown(path), &tree::decode(bytes)))
}

/// A folder that holds one migration: its siblings tell what exists.
fn one_of_folder(path: &Path, choice: LayoutChoice, ways: Ways) -> Result<Selection, LayoutError> {
    let full = path
        .canonicalize()
        .map_err(|source| LayoutError::unreadable(path, source))?;
    let name = full.file_name().map(|name| name.to_string_lossy().into_owned());
    let parent = match path.file_name() {
        Some(_) => parent_of(path),
        None => full.parent().map_or_else(|| PathBuf::from("/"), Path::to_path_buf),
    };
    Ok(Selection {
        folder: read_ways(&parent, choice, ways)?,
        only: name,
    })
}

fn parent_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => PathBuf::from("."),
        Some(parent) => parent.to_path_buf(),
        None => PathBuf::from("/"),
    }
}

/// A file of which nobody knows what comes before it.
pub fn alone(name: &str, path: &str, text: &str) -> Selection {
    let one: Migration = migration(
        name,
        (path.to_owned(), Some(text)),
        (String::new(), None),
        TransactionModel::PerStatement,
    );
    Selection {
        folder: Folder {
            layout: LayoutChoice::Auto,
            path: path.to_owned(),
            migrations: vec![one],
            warnings: Vec::new(),
        },
        only: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_back_are_read_only_where_they_are_wanted() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        for (folder, up, down) in [("d/1_a", "up.sql", "down.sql"), ("u", "1_a.up.sql", "1_a.down.sql")] {
            std::fs::create_dir_all(root.join(folder)).unwrap();
            std::fs::write(root.join(folder).join(up), "SELECT 1").unwrap();
            std::fs::write(root.join(folder).join(down), "SELECT 2").unwrap();
        }
        for folder in ["d", "u"] {
            for (ways, back) in [(Ways::Both, Some("SELECT 2")), (Ways::Forward, None)] {
                let selection = select(&root.join(folder), LayoutChoice::Auto, ways).unwrap();
                let [one] = selection.folder.migrations.as_slice() else {
                    panic!("{folder}");
                };
                assert_eq!(one.up.as_ref().unwrap().text, "SELECT 1");
                assert_eq!(one.down.as_ref().map(|down| down.text.as_str()), back);
                assert!(selection.folder.warnings.is_empty());
            }
        }
    }

    #[test]
    fn a_path_may_be_a_folder_a_migration_or_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        for name in ["1_a", "2_b"] {
            std::fs::create_dir_all(root.join("m").join(name)).unwrap();
            std::fs::write(root.join("m").join(name).join("migration.sql"), name).unwrap();
        }
        std::fs::write(root.join("plain.sql"), "SELECT 1").unwrap();
        let only = |path: &str| {
            let selection = select(&root.join(path), LayoutChoice::Auto, Ways::Both).unwrap();
            (selection.folder.migrations.len(), selection.only)
        };
        assert_eq!(only("m"), (2, None));
        assert_eq!(only("m/2_b"), (2, Some("2_b".to_owned())));
        assert_eq!(only("m/2_b/migration.sql"), (2, Some("2_b".to_owned())));
        assert_eq!(only("plain.sql"), (1, None));
        assert!(select(&root.join("none"), LayoutChoice::Auto, Ways::Both).is_err());
    }
}
