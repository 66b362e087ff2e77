//! Diesel: a folder per migration with `up.sql` and `down.sql`, in the order of their versions.
//!
//! `metadata.toml` may say `run_in_transaction = false`; then each statement commits by itself.

use super::{Folder, LayoutChoice, LayoutError, Text, Tree, migration};
use nonstop_core::migration::{Migration, Order, TransactionModel, diesel_version};
use rayon::prelude::*;
use serde::Deserialize;
use std::collections::BTreeMap;

const UP: &str = "up.sql";
const DOWN: &str = "down.sql";
const METADATA: &str = "metadata.toml";

/// What shows that a folder is Diesel's.
pub(super) fn detect(tree: &Tree) -> Option<String> {
    tree.folders()
        .find(|(_, files)| files.contains_key(UP))
        .map(|(name, _)| format!("{name}/{UP}"))
}

/// The files of a migration.
pub(super) fn files(name: &str) -> [String; 2] {
    [UP, DOWN].map(|file| format!("{name}/{file}"))
}

/// The migrations in Diesel's order.
pub(super) fn read(tree: &Tree) -> Result<Folder, LayoutError> {
    // Diesel passes over hidden folders.
    let folders: Vec<_> = tree.folders().filter(|(name, _)| !name.starts_with('.')).collect();
    let read = |(name, files): (&str, &BTreeMap<String, Text>)| {
        let file = |file: &str| files.get(file).and_then(|text| text.text());
        Ok(migration(
            name,
            (tree.path_of(&[name, UP]), file(UP)),
            (tree.path_of(&[name, DOWN]), file(DOWN)),
            transaction_model(tree, name, files)?,
        ))
    };
    let mut migrations: Vec<Migration> = folders.into_par_iter().map(read).collect::<Result<_, _>>()?;
    migrations.sort_by(|a, b| Order::Diesel.compare(&a.name, &b.name));
    check_versions(tree, &migrations)?;
    Ok(Folder {
        layout: LayoutChoice::Diesel,
        path: tree.path.clone(),
        migrations,
        warnings: Vec::new(),
    })
}

/// Without the file the migration is one transaction; with the file and without the key it is not. That is Diesel's rule.
#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    run_in_transaction: bool,
}

fn transaction_model(tree: &Tree, name: &str, files: &BTreeMap<String, Text>) -> Result<TransactionModel, LayoutError> {
    let Some(text) = files.get(METADATA).and_then(Text::text) else {
        return Ok(TransactionModel::Whole);
    };
    match toml::from_str::<Metadata>(text) {
        Ok(Metadata {
            run_in_transaction: true,
        }) => Ok(TransactionModel::Whole),
        Ok(_) => Ok(TransactionModel::Unwrapped),
        Err(error) => Err(LayoutError::Metadata {
            path: tree.path_of(&[name, METADATA]),
            message: error.to_string().trim_end().to_owned(),
        }),
    }
}

fn check_versions(tree: &Tree, migrations: &[Migration]) -> Result<(), LayoutError> {
    for (first, second) in migrations.iter().zip(migrations.iter().skip(1)) {
        let version = diesel_version(&first.name);
        if version == diesel_version(&second.name) {
            return Err(LayoutError::SameVersion {
                path: tree.path.clone(),
                first: first.name.clone(),
                second: second.name.clone(),
                version,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::tree;
    use super::*;

    #[test]
    fn versions_order_and_metadata_decides_the_transaction() {
        let folder = read(&tree(&[
            ("2017-09-23-182408_b/up.sql", "SELECT 2"),
            ("2017-09-23-182408_b/down.sql", ""),
            ("2017-09-23-182408_b/metadata.toml", "run_in_transaction = false\n"),
            ("20170309122510_a/up.sql", "SELECT 1"),
            ("20170309122510_a/metadata.toml", "run_in_transaction = true"),
            ("20180101000000_c/up.sql", ""),
            (".hidden/up.sql", ""),
        ]))
        .unwrap();
        let seen: Vec<_> = folder
            .migrations
            .iter()
            .map(|one| (one.name.as_str(), one.transaction))
            .collect();
        assert_eq!(
            seen,
            [
                ("20170309122510_a", TransactionModel::Whole),
                ("2017-09-23-182408_b", TransactionModel::Unwrapped),
                ("20180101000000_c", TransactionModel::Whole),
            ]
        );
    }

    #[test]
    fn one_version_twice_is_an_error() {
        let error = read(&tree(&[("2017-01-01_a/up.sql", ""), ("20170101_b/up.sql", "")])).unwrap_err();
        assert!(error.to_string().contains("20170101"), "{error}");
    }

    #[test]
    fn broken_metadata_is_named() {
        let error = read(&tree(&[
            ("1_a/up.sql", ""),
            ("1_a/metadata.toml", "run_in_transaction = maybe"),
        ]));
        assert!(error.unwrap_err().to_string().contains("1_a/metadata.toml"));
    }
}
