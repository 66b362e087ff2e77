//! Numbered `NAME.sql` files that hold both ways, between comments: goose's `-- +goose Up`, dbmate's `-- migrate:up`.
//!
//! Each way is the file with all that is not of it blank, so that every place in it is a place in the file.

use super::{Folder, LayoutChoice, LayoutError, Tree, migration, plain};
use nonstop_core::migration::{Migration, Order, TransactionModel};

/// What shows that a folder has this form.
pub(super) fn detect(tree: &Tree) -> Option<String> {
    let has_mark = |text: &str| text.lines().any(|line| mark(line).is_some());
    let mut numbered = plain::numbered(tree);
    numbered
        .find(|(_, file)| tree.text(file).is_some_and(has_mark))
        .map(|(_, file)| file.to_owned())
}

/// The migrations in the order of their numbers.
#[expect(clippy::unnecessary_wraps, reason = "every layout has this signature")]
pub(super) fn read(tree: &Tree) -> Result<Folder, LayoutError> {
    let numbered = plain::numbered(tree).map(|(name, file)| {
        let path = tree.path_of(&[file]);
        let text = tree.text(file).unwrap_or_default();
        let model = if text.lines().any(is_bare) {
            TransactionModel::Unwrapped
        } else {
            TransactionModel::Whole
        };
        let (up, down) = (only(text, Way::Up), only(text, Way::Down));
        migration(name, (path.clone(), Some(&up)), (path, Some(&down)), model)
    });
    let mut migrations: Vec<Migration> = numbered.collect();
    migrations.sort_by(|a, b| Order::Number.compare(&a.name, &b.name));
    Ok(Folder {
        layout: LayoutChoice::BothWays,
        path: tree.path.clone(),
        migrations,
        warnings: Vec::new(),
    })
}

/// What follows a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Up,
    Down,
}

/// The words of a comment, in small letters.
fn comment(line: &str) -> Option<String> {
    let words = line.trim().strip_prefix("--")?.split_whitespace();
    Some(words.collect::<Vec<_>>().join(" ").to_ascii_lowercase())
}

fn mark(line: &str) -> Option<Way> {
    let comment = comment(line)?;
    let is = |goose: &str, dbmate: &str| comment == goose || comment.split(' ').next() == Some(dbmate);
    if is("+goose up", "migrate:up") {
        Some(Way::Up)
    } else if is("+goose down", "migrate:down") {
        Some(Way::Down)
    } else {
        None
    }
}

/// Without a transaction around it.
fn is_bare(line: &str) -> bool {
    let comment = comment(line).unwrap_or_default();
    comment == "+goose no transaction" || comment.starts_with("migrate:up ") && comment.contains("transaction:false")
}

/// A file with all that is not of this way blank, byte for byte.
fn only(text: &str, way: Way) -> String {
    let mut here = None;
    let lines = text.split_inclusive('\n').map(|line| {
        here = mark(line).or(here);
        if here == Some(way) {
            return line.to_owned();
        }
        let blank = |byte: u8| {
            if matches!(byte, b'\n' | b'\r') {
                char::from(byte)
            } else {
                ' '
            }
        };
        line.bytes().map(blank).collect()
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::tree;
    use super::*;

    const GOOSE: &str = "-- +goose NO TRANSACTION\n-- +goose Up\nCREATE TABLE ä ();\n-- +goose Down\nDROP TABLE ä;\n";

    #[test]
    fn each_way_is_blank_where_the_other_is() {
        let files = [
            ("2_b.sql", "-- migrate:up\nSELECT 1;\n\n-- migrate:down\nSELECT 2;\n"),
            ("1_a.sql", GOOSE),
        ];
        assert_eq!(detect(&tree(&files)).as_deref(), Some("1_a.sql"));
        let folder = read(&tree(&files)).unwrap();
        let [a, b] = folder.migrations.as_slice() else {
            panic!("{folder:?}")
        };
        let (up, down) = (&a.up.as_ref().unwrap().text, &a.down.as_ref().unwrap().text);
        assert_eq!((up.len(), down.len()), (GOOSE.len(), GOOSE.len()));
        assert_eq!(up.trim(), "-- +goose Up\nCREATE TABLE ä ();");
        assert_eq!(down.trim(), "-- +goose Down\nDROP TABLE ä;");
        assert_eq!(up.find("CREATE"), GOOSE.find("CREATE"));
        assert_eq!(a.transaction, TransactionModel::Unwrapped);
        assert_eq!(b.transaction, TransactionModel::Whole);
        assert_eq!(b.up.as_ref().unwrap().text.trim(), "-- migrate:up\nSELECT 1;");
    }
}
