//! What the windows go over: the primary key, else a unique index without NULLs, else the pages of the table.

use crate::catalog::{Catalog, ConstraintKind, Index, Relation, RelationKind};
use crate::quote::Name;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What the windows go over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Key {
    /// Columns of a unique btree index, none of which holds NULL.
    Columns(Vec<String>),
    /// Ranges of pages, by `ctid`. A row that is updated moves, perhaps into a later page.
    Pages,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::Columns(columns) => write!(f, "({})", columns.join(", ")),
            Key::Pages => f.write_str("the pages of the table"),
        }
    }
}

/// The best key of a table; `None` where only its pages are left, and it has none of its own.
pub fn key_of(catalog: &Catalog, table: &Name) -> Option<Key> {
    let relation = catalog.relation(table)?;
    // The keys of a parent by inheritance say nothing of its children.
    if relation.kind == RelationKind::Table && catalog.children(table).next().is_some() {
        return None;
    }
    let primary = |index: &&Index| {
        relation
            .constraints
            .iter()
            .any(|c| c.kind == ConstraintKind::PrimaryKey && Some(&c.name) == index.constraint.as_ref())
    };
    let mut fit: Vec<&Index> = relation.indexes.iter().filter(|index| fits(relation, index)).collect();
    fit.sort_by_key(|index| (!primary(index), index.keys.len()));
    match fit.first() {
        Some(index) => Some(Key::Columns(index.keys.clone())),
        None => (relation.kind == RelationKind::Table).then_some(Key::Pages),
    }
}

/// A unique btree index over plain columns without NULLs, in their default order.
fn fits(relation: &Relation, index: &Index) -> bool {
    let not_null = |key: &String| relation.column(key).is_some_and(|column| column.not_null);
    index.unique
        && index.valid
        && index.method == "btree"
        && index.predicate.is_none()
        && index.expressions.is_none()
        && !index.keys.is_empty()
        && index.keys.iter().all(not_null)
        && (index.constraint.is_some() || is_plain(index))
}

/// No DESC, COLLATE or operator class: an index of a constraint has none of these.
fn is_plain(index: &Index) -> bool {
    let unquoted = |text: &str| text.replace('"', "");
    let keys = format!("({})", index.keys.join(", "));
    unquoted(&index.definition).contains(&unquoted(&keys))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay;
    use crate::source::SourceFile;
    use crate::version::ServerVersion;

    fn key(setup: &str) -> Option<Key> {
        let mut catalog = Catalog::empty(ServerVersion::of_major(15));
        for statement in crate::sql::parse(&SourceFile::new("setup", setup)).unwrap().statements {
            replay::apply(&mut catalog, &statement);
        }
        catalog.settle();
        key_of(&catalog, &Name::new("public", "t"))
    }

    fn columns(names: &[&str]) -> Key {
        Key::Columns(names.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn the_primary_key_comes_first_then_unique_then_pages() {
        assert_eq!(
            key("CREATE TABLE t (u int NOT NULL UNIQUE, a int, b int, PRIMARY KEY (b, a))"),
            Some(columns(&["b", "a"]))
        );
        assert_eq!(
            key("CREATE TABLE t (u int NOT NULL UNIQUE, a int)"),
            Some(columns(&["u"]))
        );
        assert_eq!(key("CREATE TABLE t (u int UNIQUE, a int)"), Some(Key::Pages));
        let index = |index: &str| {
            key(&format!(
                "CREATE TABLE t (a int NOT NULL, \"B\" text NOT NULL); CREATE UNIQUE INDEX i ON t {index}"
            ))
        };
        assert_eq!(index("(a, \"B\")"), Some(columns(&["a", "B"])));
        for unfit in [
            "(a DESC)",
            "(\"B\" text_pattern_ops)",
            "(a) WHERE a > 0",
            "(lower(\"B\"))",
        ] {
            assert_eq!(index(unfit), Some(Key::Pages), "{unfit}");
        }
    }

    #[test]
    fn a_parent_without_a_key_over_all_has_none() {
        assert_eq!(key("CREATE TABLE t (a int) PARTITION BY RANGE (a)"), None);
        assert_eq!(
            key("CREATE TABLE t (a int PRIMARY KEY) PARTITION BY RANGE (a)"),
            Some(columns(&["a"]))
        );
        assert_eq!(
            key("CREATE TABLE t (a int PRIMARY KEY); CREATE TABLE c () INHERITS (t)"),
            None
        );
    }
}
