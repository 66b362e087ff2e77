//! What can stand in an index or a key: columns that exist, types that the access method knows, immutable expressions,
//! and with a unique one on a partitioned table the whole partition key. The checks of `ComputeIndexAttrs`.

use super::Builder;
use super::types::{Type, has_default_class, is_core};
use super::volatility::is_surely_mutable;
use crate::catalog::{Expression, Generated, Relation};
use crate::quote::Name;
use crate::sql::CreateIndex;

/// Columns that every table has.
pub(super) const SYSTEM_COLUMNS: &[&str] = &["ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"];

/// Classes that come with an extension.
const CLASSES_OF_EXTENSIONS: &[(&str, &str)] = &[
    ("gin_trgm_ops", "pg_trgm"),
    ("gist_trgm_ops", "pg_trgm"),
    ("gin_bigm_ops", "pg_bigm"),
    ("gin_hstore_ops", "hstore"),
    ("gin__int_ops", "intarray"),
    ("gist__int_ops", "intarray"),
    ("gist__intbig_ops", "intarray"),
];

impl Builder<'_> {
    /// The relation, where the catalog was told its columns.
    fn told(&self, table: &Name) -> Option<&Relation> {
        self.catalog.relation(table).filter(|rel| !rel.columns.is_empty())
    }

    /// A column that an index or a key names.
    pub(super) fn need_key_column(&mut self, table: &Name, column: &str) {
        let missing = self.told(table).is_some_and(|rel| rel.column(column).is_none());
        if missing && !SYSTEM_COLUMNS.contains(&column) {
            self.fails("42703", format!("column \"{column}\" named in key does not exist"));
        }
    }

    /// What the definition of an index gets wrong, in the server's order.
    pub(super) fn definition_error(&mut self, table: &Name, index: &CreateIndex) {
        if self.told(table).is_none() {
            return;
        }
        for expression in index.expressions.iter().chain(&index.predicate) {
            self.immutable(expression, "functions in an index must be marked IMMUTABLE");
        }
        self.method_error(index);
        for (at, column) in index.keys.iter().enumerate().filter(|(_, key)| !key.is_empty()) {
            self.need_key_column(table, column);
            let named = index.classes.get(at).and_then(Option::as_ref);
            match named {
                Some(class) => self.class_error(class, &index.method),
                None => self.need_class(table, column, &index.method),
            }
        }
        for column in &index.include {
            self.need_key_column(table, column);
        }
        if index.unique {
            self.partition_key_error(table, &index.keys);
        }
    }

    fn method_error(&mut self, index: &CreateIndex) {
        let method = index.method.as_str();
        let extended = self.catalog.extensions.iter().any(|name| name != "plpgsql");
        if !is_core(method) {
            if !extended {
                self.fails("42704", format!("access method \"{method}\" does not exist"));
            }
            return;
        }
        let includes = matches!(method, "btree" | "gist") || method == "spgist" && self.version(14);
        let lacks = if index.unique && method != "btree" {
            Some("unique indexes")
        } else if !index.include.is_empty() && !includes {
            Some("included columns")
        } else if index.keys.len() > 1 && matches!(method, "hash" | "spgist") {
            Some("multicolumn indexes")
        } else {
            None
        };
        if let Some(what) = lacks {
            self.fails("0A000", format!("access method \"{method}\" does not support {what}"));
        }
    }

    fn class_error(&mut self, class: &str, method: &str) {
        let of = CLASSES_OF_EXTENSIONS.iter().find(|(name, _)| *name == class);
        if of.is_some_and(|(_, extension)| !self.catalog.extensions.contains(*extension)) {
            self.fails(
                "42704",
                format!("operator class \"{class}\" does not exist for access method \"{method}\""),
            );
        }
    }

    /// The column's type must have a default operator class.
    pub(super) fn need_class(&mut self, table: &Name, column: &str, method: &str) {
        let Some(found) = self.column(table, column) else {
            return;
        };
        let virtual_column = found.generated == Generated::Virtual;
        let of = Type::of_column(self.catalog, found);
        let type_name = found.type_name.clone();
        if virtual_column {
            self.fails("0A000", "indexes on virtual generated columns are not supported");
        }
        if has_default_class(self.catalog, method, &of) == Some(false) {
            self.fails(
                "42704",
                format!("data type {type_name} has no default operator class for access method \"{method}\""),
            );
        }
    }

    /// The columns of a unique or primary key.
    pub(super) fn unique_error(&mut self, table: &Name, columns: &[String]) {
        if self.told(table).is_none() {
            return;
        }
        for column in columns {
            self.need_key_column(table, column);
        }
        for (at, column) in columns.iter().enumerate() {
            if columns[..at].contains(column) {
                self.fails("42701", format!("column \"{column}\" appears twice in the key"));
            }
            self.need_class(table, column, "btree");
        }
        self.partition_key_error(table, columns);
    }

    fn partition_key_error(&mut self, table: &Name, columns: &[String]) {
        // A partition may be divided further, by another key.
        let below = self.catalog.descendants(table);
        let family = std::iter::once(table).chain(&below);
        let keys = family.filter_map(|name| self.catalog.relation(name)?.partition_key.as_ref());
        let whole = keys.flat_map(|key| &key.columns).all(|column| columns.contains(column));
        if !whole {
            self.fails(
                "0A000",
                "a unique constraint on a partitioned table must include all partitioning columns",
            );
        }
    }

    /// A function that is not immutable is refused in indexes and generated columns.
    pub(super) fn immutable(&mut self, expression: &Expression, message: &str) {
        let mutable = expression
            .functions
            .iter()
            .any(|function| is_surely_mutable(self.catalog, function));
        if mutable {
            self.fails("42P17", message);
        }
    }
}
