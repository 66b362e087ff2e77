//! `NAME.up.sql` with `NAME.down.sql`, in the order of bytes: golang-migrate, sqlx, and many by hand.

use super::{Folder, LayoutChoice, LayoutError, Tree, is_sql, migration};
use nonstop_core::migration::{Migration, TransactionModel};

const UP: &str = ".up.sql";
const DOWN: &str = ".down.sql";

/// What shows that a folder has this form.
pub(super) fn detect(tree: &Tree) -> Option<String> {
    tree.files()
        .find(|(name, _)| name.ends_with(UP))
        .map(|(name, _)| name.to_owned())
}

/// The files of a migration.
pub(super) fn files(name: &str) -> [String; 2] {
    [UP, DOWN].map(|end| format!("{name}{end}"))
}

/// The migrations in the order of bytes.
#[expect(clippy::unnecessary_wraps, reason = "every layout has this signature")]
pub(super) fn read(tree: &Tree) -> Result<Folder, LayoutError> {
    let mut migrations: Vec<Migration> = tree
        .files()
        .filter_map(|(file_name, text)| Some((file_name.strip_suffix(UP)?, text)))
        .map(|(name, text)| {
            let [up, down] = files(name);
            migration(
                name,
                (tree.path_of(&[&up]), text.text()),
                (tree.path_of(&[&down]), tree.text(&down)),
                TransactionModel::Message,
            )
        })
        .collect();
    // By the name, not by the file: `a.up.sql` and `a_b.up.sql` sort differently.
    migrations.sort_by(|a, b| a.name.cmp(&b.name));
    let mut warnings = order_warnings(&migrations);
    warnings.extend(orphans(tree, &migrations));
    warnings.extend(without_way(tree));
    Ok(Folder {
        layout: LayoutChoice::Updown,
        path: tree.path.clone(),
        migrations,
        warnings,
    })
}

/// `10_b` before `9_a`: right by bytes, and hardly what was meant.
fn order_warnings(migrations: &[Migration]) -> Vec<String> {
    let neighbours = migrations.iter().zip(migrations.iter().skip(1));
    neighbours
        .filter(|(first, second)| {
            let numbers = leading_number(&first.name).zip(leading_number(&second.name));
            numbers.is_some_and(|(first, second)| first > second)
        })
        .map(|(first, second)| {
            format!(
                "`{}` runs before `{}`, because names are ordered by bytes. Fill the numbers up with zeros.",
                first.name, second.name
            )
        })
        .collect()
}

fn leading_number(name: &str) -> Option<u128> {
    let digits = name.bytes().take_while(u8::is_ascii_digit).count();
    name[..digits].parse().ok()
}

fn orphans(tree: &Tree, migrations: &[Migration]) -> Vec<String> {
    tree.files()
        .filter_map(|(file, _)| file.strip_suffix(DOWN))
        .filter(|name| migrations.iter().all(|migration| migration.name != **name))
        .map(|name| {
            format!(
                "`{}` has no `{name}{UP}` beside it and is left out.",
                tree.path_of(&[&format!("{name}{DOWN}")])
            )
        })
        .collect()
}

/// Numbered files that say neither up nor down: sqlx runs them with the others, golang-migrate does not see them.
fn without_way(tree: &Tree) -> impl Iterator<Item = String> {
    let says = |file: &str| file.ends_with(UP) || file.ends_with(DOWN);
    let numbered = tree
        .files()
        .filter(move |(file, _)| is_sql(file) && !says(file) && leading_number(file).is_some());
    numbered.map(|(file, _)| {
        let name = file.trim_end_matches(".sql");
        format!(
            "`{}` says neither up nor down and is left out; if it is a migration, call it `{name}{UP}`.",
            tree.path_of(&[file])
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::tree;
    use super::*;

    #[test]
    fn pairs_in_the_order_of_bytes() {
        let tree = tree(&[
            ("20240520_1200_add_safe_constraint.up.sql", "SELECT 1"),
            ("20240520_1200_add_safe_constraint.down.sql", "SELECT 2"),
            ("20240519.up.sql", ""),
            ("notes.md", ""),
            ("lost.down.sql", ""),
            ("20240521_way.sql", ""),
            ("seed.sql", ""),
        ]);
        assert_eq!(detect(&tree).as_deref(), Some("20240519.up.sql"));
        let folder = read(&tree).unwrap();
        let names: Vec<_> = folder.migrations.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["20240519", "20240520_1200_add_safe_constraint"]);
        assert_eq!(folder.migrations[0].down, None);
        assert_eq!(folder.migrations[1].down.as_ref().unwrap().text, "SELECT 2");
        assert_eq!(folder.warnings.len(), 2, "{:?}", folder.warnings);
        assert!(folder.warnings[0].contains("lost.down.sql"));
        assert!(folder.warnings[1].contains("20240521_way.sql"));
    }

    #[test]
    fn numbers_that_sort_oddly_are_named() {
        let folder = read(&tree(&[("9_a.up.sql", ""), ("10_b.up.sql", "")])).unwrap();
        assert!(
            folder.warnings[0].contains("`10_b` runs before `9_a`"),
            "{:?}",
            folder.warnings
        );
    }
}
