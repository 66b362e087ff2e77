//! Prisma Migrate: a folder per migration with `migration.sql` in it, and `migration_lock.toml` beside them.
//!
//! Every directory is a migration, whatever its name; one without its file is kept, and fails when its turn comes.

use super::{Folder, LayoutChoice, LayoutError, Tree, migration};
use nonstop_core::migration::{Migration, Order, TransactionModel};
use rayon::prelude::*;

const UP: &str = "migration.sql";
const DOWN: &str = "down.sql";
const LOCK: &str = "migration_lock.toml";

/// What shows that a folder is Prisma's.
pub(super) fn detect(tree: &Tree) -> Option<String> {
    let by_folder = tree
        .folders()
        .find(|(_, files)| files.contains_key(UP))
        .map(|(name, _)| format!("{name}/{UP}"));
    by_folder.or_else(|| tree.files().any(|(name, _)| name == LOCK).then(|| LOCK.to_owned()))
}

/// The files of a migration.
pub(super) fn files(name: &str) -> [String; 2] {
    [UP, DOWN].map(|file| format!("{name}/{file}"))
}

/// The migrations in Prisma's order.
pub(super) fn read(tree: &Tree) -> Result<Folder, LayoutError> {
    check_provider(tree)?;
    let folders: Vec<_> = tree.folders().collect();
    let mut migrations: Vec<Migration> = folders
        .into_par_iter()
        .map(|(name, files)| {
            let file = |file: &str| files.get(file).and_then(|text| text.text());
            migration(
                name,
                (tree.path_of(&[name, UP]), file(UP)),
                (tree.path_of(&[name, DOWN]), file(DOWN)),
                TransactionModel::Either,
            )
        })
        .collect();
    migrations.sort_by(|a, b| Order::Prisma.compare(&a.name, &b.name));
    Ok(Folder {
        layout: LayoutChoice::Prisma,
        path: tree.path.clone(),
        warnings: order_warnings(&migrations),
        migrations,
    })
}

/// Prisma sorts by the locale of whoever runs it; names on which byte order and collation disagree may swap elsewhere.
fn order_warnings(migrations: &[Migration]) -> Vec<String> {
    let neighbours = migrations.iter().zip(migrations.iter().skip(1));
    neighbours
        .filter(|(first, second)| Order::Bytes.compare(&first.name, &second.name).is_gt())
        .map(|(first, second)| {
            format!(
                "`{}` runs before `{}`, as Prisma's collation has it; by bytes it would be the other way round. \
                 Give both names the same form (a timestamp of fourteen digits) so that nobody can disagree.",
                first.name, second.name
            )
        })
        .collect()
}

/// The rule of Prisma's engine: the first line that starts with `provider` decides, and only the exact word will do.
fn check_provider(tree: &Tree) -> Result<(), LayoutError> {
    let Some((_, text)) = tree.files().find(|(name, _)| *name == LOCK) else {
        return Ok(());
    };
    let text = text.text().unwrap_or("");
    let found = text
        .lines()
        .enumerate()
        .find(|(_, line)| line.starts_with("provider"))
        .map(|(at, line)| (at + 1, line.trim_start_matches("provider = ").trim_matches('"')));
    match found {
        Some((_, "postgresql")) => Ok(()),
        Some((line, other)) => Err(LayoutError::Provider {
            place: format!("{}:{line}", tree.path_of(&[LOCK])),
            provider: other.to_owned(),
        }),
        None => Err(LayoutError::NoProvider {
            path: tree.path_of(&[LOCK]),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::tree;
    use super::*;

    #[test]
    fn every_folder_is_a_migration() {
        let tree = tree(&[
            ("x.sql/migration.sql", "SELECT 1"),
            ("name with 'quotes' \"und\" ümlaut/migration.sql", "\u{feff}a\r\n"),
            ("without_file/", ""),
            ("loose.sql", "SELECT 2"),
            ("20240101_a/migration.sql", ""),
            ("20240101_a/down.sql", "DROP TABLE a"),
        ]);
        assert!(detect(&tree).is_some());
        let folder = read(&tree).unwrap();
        let names: Vec<_> = folder.migrations.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "20240101_a",
                "name with 'quotes' \"und\" ümlaut",
                "without_file",
                "x.sql"
            ]
        );
        assert_eq!(folder.migrations[0].down.as_ref().unwrap().text, "DROP TABLE a");
        assert_eq!(
            folder.migrations[0].checksum(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        assert_eq!(
            folder.migrations[1].checksum(),
            nonstop_core::hash::sha256_hex(b"\xef\xbb\xbfa\r\n")
        );
        assert_eq!(folder.migrations[2].up, None);
        assert_eq!(folder.migrations[2].path, "migrations/without_file/migration.sql");
        assert_eq!(folder.migrations[2].checksum(), "");
        assert!(folder.warnings.is_empty());
    }

    #[test]
    fn neighbours_that_others_may_swap_are_named() {
        let folder = read(&tree(&[
            ("20240101-b/migration.sql", ""),
            ("20240101_a/migration.sql", ""),
        ]))
        .unwrap();
        assert_eq!(folder.migrations[0].name, "20240101_a");
        assert_eq!(folder.warnings.len(), 1);
        assert!(
            folder.warnings[0].contains("`20240101_a` runs before `20240101-b`"),
            "{}",
            folder.warnings[0]
        );
    }

    #[test]
    fn another_provider_is_refused() {
        let lock = |text: &str| read(&tree(&[("migration_lock.toml", text)]));
        assert!(lock("# comment\nprovider = \"postgresql\"\r\n").is_ok());
        let error = lock("# comment\nprovider = \"mysql\"\n").unwrap_err().to_string();
        assert!(error.contains("migration_lock.toml:2"), "{error}");
        assert!(error.contains("mysql") && error.contains("P3019"), "{error}");
        assert!(lock("").is_err());
    }
}
