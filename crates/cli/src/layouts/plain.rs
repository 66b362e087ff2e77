//! Numbered `NAME.sql` files: Flyway, sqlx, Supabase, Drizzle, and many by hand.
//!
//! They run in the order of their numbers: `V1.10__b` behind `V1.9__a`, `10_b` behind `9_a`. A way back is `NAME.down.sql`, or
//! Flyway's `U1__name.sql` beside `V1__name.sql`. How the tool sends a file nobody knows, but for sqlx's `-- no-transaction`.

use super::{Folder, LayoutChoice, LayoutError, Tree, both_ways, is_sql, migration};
use nonstop_core::migration::{Migration, Order, TransactionModel, flyway_version, is_numbered};

const UP: &str = ".sql";
const DOWN: &str = ".down.sql";

/// What shows that a folder has this form: a numbered file.
pub(super) fn detect(tree: &Tree) -> Option<String> {
    let (_, numbered) = numbered(tree).next().filter(|_| both_ways::detect(tree).is_none())?;
    Some(numbered.to_owned())
}

/// The names and files of a folder that has no other form, in which a number stands where a migration has it.
pub(super) fn numbered(tree: &Tree) -> impl Iterator<Item = (&str, &str)> {
    let is_other = tree.files().any(|(file, _)| file.ends_with(".up.sql"))
        || tree.folders().any(|(_, files)| files.keys().any(|file| is_sql(file)));
    let own = names(tree).filter(move |_| !is_other);
    own.filter(|(name, _)| is_numbered(name))
}

/// The files of a migration.
pub(super) fn files(name: &str) -> [String; 2] {
    [UP, DOWN].map(|end| format!("{name}{end}"))
}

/// The migrations in the order of their numbers.
#[expect(clippy::unnecessary_wraps, reason = "every layout has this signature")]
pub(super) fn read(tree: &Tree) -> Result<Folder, LayoutError> {
    let is_left_out = |name: &str| ["R__", "B"].iter().any(|kind| name.starts_with(kind)) && name.contains("__");
    let mut warnings = Vec::new();
    let mut migrations: Vec<Migration> = Vec::new();
    for (name, file) in names(tree) {
        let path = tree.path_of(&[file]);
        if is_left_out(name) {
            warnings.push(format!(
                "`{path}` is a repeatable or baseline migration of Flyway and is left out."
            ));
            continue;
        }
        let down = match flyway_version(name).map(|_| &name[1..]) {
            Some(rest) if tree.text(&format!("U{rest}.sql")).is_some() => format!("U{rest}.sql"),
            _ => format!("{name}{DOWN}"),
        };
        let up = tree.text(file);
        let is_bare = up
            .and_then(|up| up.lines().next())
            .is_some_and(|first| first.trim() == "-- no-transaction");
        let model = if is_bare {
            TransactionModel::Unwrapped
        } else {
            TransactionModel::Either
        };
        migrations.push(migration(
            name,
            (path, up),
            (tree.path_of(&[&down]), tree.text(&down)),
            model,
        ));
    }
    migrations.sort_by(|a, b| Order::Number.compare(&a.name, &b.name));
    Ok(Folder {
        layout: LayoutChoice::Plain,
        path: tree.path.clone(),
        migrations,
        warnings,
    })
}

/// The names of the files that lead forward.
fn names(tree: &Tree) -> impl Iterator<Item = (&str, &str)> {
    let forward = tree.files().filter(|(file, _)| !file.ends_with(DOWN));
    let named = forward.filter_map(|(file, _)| Some((file.strip_suffix(UP)?, file)));
    named.filter(|(name, _)| !(name.starts_with('U') && name.contains("__")))
}

#[cfg(test)]
mod tests {
    use super::super::tests::tree;
    use super::*;

    fn read_names(files: &[(&str, &str)]) -> (Vec<String>, Vec<String>) {
        let folder = read(&tree(files)).unwrap();
        let names = folder.migrations.into_iter().map(|one| one.name).collect();
        (names, folder.warnings)
    }

    #[test]
    fn in_the_order_of_numbers() {
        let files = [
            ("10_b.sql", ""),
            ("9_a.sql", ""),
            ("9_a.down.sql", ""),
            ("notes.md", ""),
        ];
        assert_eq!(detect(&tree(&files)).as_deref(), Some("10_b.sql"));
        assert_eq!(read_names(&files), (vec!["9_a".to_owned(), "10_b".to_owned()], vec![]));
        let files = [("v10_b.sql", ""), ("v9_a.sql", "")];
        assert_eq!(detect(&tree(&files)).as_deref(), Some("v10_b.sql"));
        assert_eq!(read_names(&files).0, ["v9_a", "v10_b"]);
    }

    #[test]
    fn as_flyway_has_them() {
        let files = [
            ("V1.10__c.sql", ""),
            ("V1.9__b.sql", "-- no-transaction\nSELECT 1"),
            ("V1__a.sql", ""),
            ("U1__a.sql", "SELECT 2"),
            ("R__views.sql", ""),
        ];
        let (names, warnings) = read_names(&files);
        assert_eq!(names, ["V1__a", "V1.9__b", "V1.10__c"]);
        assert_eq!(warnings.len(), 1);
        let folder = read(&tree(&files)).unwrap();
        assert_eq!(folder.migrations[0].down.as_ref().unwrap().text, "SELECT 2");
        assert_eq!(folder.migrations[0].transaction, TransactionModel::Either);
        assert_eq!(folder.migrations[1].transaction, TransactionModel::Unwrapped);
    }

    #[test]
    fn a_file_without_a_number_shows_nothing() {
        assert_eq!(detect(&tree(&[("schema.sql", ""), ("seed.sql", "")])), None);
        assert_eq!(detect(&tree(&[("1_a.up.sql", ""), ("2_seed.sql", "")])), None);
    }
}
