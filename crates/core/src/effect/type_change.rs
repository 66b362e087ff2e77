//! Which `ALTER COLUMN … TYPE` rewrite the table, and which only change the catalog.
//!
//! The rules are `ATColumnChangeRequiresRewrite` and `TryReuseIndex` in `tablecmds.c`: a change is free when no cast
//! function runs for the rows. What uses the column is made again in any case.

use super::Builder;
use super::hanging::TypeError;
use super::types::{Cast, Shape, Type, assignment, explicit, has_default_class, split};
use crate::catalog::{Constraint, ConstraintKind, Generated, Index};
use crate::lock::LockMode::{AccessExclusive, AccessShare, Share, ShareRowExclusive, ShareUpdateExclusive};
use crate::quote::Name;
use crate::sql::TypeRef;
use crate::step::Work;

/// A change of a column's type.
pub(super) struct TypeChange<'a> {
    pub(super) column: &'a str,
    pub(super) to: &'a TypeRef,
    pub(super) using: bool,
    pub(super) cast: Option<&'a TypeRef>,
    pub(super) collate: bool,
    /// All columns whose type the statement changes.
    pub(super) columns: Vec<&'a str>,
}

impl TypeChange<'_> {
    /// `USING column::type` of the new type changes nothing that the change itself would not.
    fn is_plain(&self) -> bool {
        !self.using || self.cast.is_some_and(|cast| cast == self.to)
    }
}

impl Builder<'_> {
    pub(super) fn alter_type(&mut self, table: &Name, only: bool, change: &TypeChange<'_>) {
        let column = change.column;
        self.need_column(table, column);
        let Some(found) = self.column(table, column).cloned() else {
            return;
        };
        let from = Type::of_column(self.catalog, &found);
        let to = Type::of_ref(self.catalog, change.to);
        self.type_change_error(table, only, change, (&from, &to));
        let utc = matches!(
            self.catalog
                .time_zone
                .as_deref()
                .unwrap_or_default()
                .to_ascii_uppercase()
                .as_str(),
            "UTC" | "ETC/UTC" | "GMT" | "ETC/GMT" | "ZULU" | "UCT"
        );
        let (before, after) = (&found.type_name, self.effective_type(change.to));
        let same_domain = before == &change.to.display;
        let free = change.is_plain() && (same_domain || !to.checked) && is_free(&from, &to, (before, &after), utc);
        let shared = self
            .catalog
            .relation(table)
            .is_some_and(crate::catalog::Relation::is_shared);
        for name in std::iter::once(table.clone()).chain(self.catalog.descendants(table)) {
            if free {
                let kept = keeps_index(&from, &to) && !change.collate;
                self.remake_indexes(&name, column, kept);
            } else if self.is_partitioned(&name) {
                self.remake_parents(&name, column);
            } else {
                self.rewrite(&name);
            }
            if self.version(14) && self.has_statistics(&name, column) {
                self.lock(&name, ShareUpdateExclusive);
            }
            self.remake_keys(&name, change, free);
        }
        if shared && !free {
            let to = &change.to.display;
            self.breaks(
                "type-change-breaks-plans",
                format!("prepared statements that return {table}.{column} fail once: {before} becomes {to}"),
            );
        }
    }

    fn type_change_error(&mut self, table: &Name, only: bool, change: &TypeChange<'_>, (from, to): (&Type, &Type)) {
        let column = change.column;
        let Some(found) = self.column(table, column).cloned() else {
            return;
        };
        self.type_error(change.to);
        let generated = matches!(found.generated, Generated::Stored | Generated::Virtual);
        if generated && change.using {
            self.fails("42611", "cannot specify USING when altering type of generated column");
        }
        if self.is_inherited(table, column) {
            self.fails("42P16", format!("cannot alter inherited column \"{column}\""));
        }
        if self.is_partition_key(table, column) {
            self.fails(
                "42P16",
                format!("cannot alter column \"{column}\" because it is part of the partition key"),
            );
        }
        if only && self.catalog.children(table).next().is_some() {
            self.fails(
                "42P16",
                format!("type of inherited column \"{column}\" must be changed in child tables too"),
            );
        }
        let error = match (change.using, change.cast) {
            (false, _) => (assignment(from, to) == Some(Cast::Missing)).then_some("42804"),
            (true, None) => None,
            (true, Some(cast)) => {
                let middle = Type::of_ref(self.catalog, cast);
                if explicit(from, &middle) == Some(Cast::Missing) {
                    Some("42846")
                } else {
                    (assignment(&middle, to) == Some(Cast::Missing)).then_some("42804")
                }
            }
        };
        if let Some(sqlstate) = error {
            self.fails(
                sqlstate,
                format!("column \"{column}\" cannot be cast to type {}", change.to.display),
            );
        }
        if found.generated == Generated::Identity {
            self.identity_type_error(to);
        }
        self.row_type_error(table);
        for name in std::iter::once(table.clone()).chain(self.catalog.descendants(table)) {
            if let Some(user) = self.dependents(&name, column).into_iter().next() {
                let sqlstate = match user.on_type {
                    TypeError::Generated if !self.version(15) => "42601",
                    TypeError::Generated | TypeError::Unsupported => "0A000",
                };
                self.fails(sqlstate, format!("cannot alter type of a column used by {}", user.what));
            }
        }
        if let (Some(default), Generated::No) = (&found.default, found.generated) {
            let of = default_type(self.catalog, &default.sql, from);
            if of.and_then(|of| assignment(&of, to)) == Some(Cast::Missing) {
                self.fails(
                    "42804",
                    format!(
                        "default for column \"{column}\" cannot be cast automatically to type {}",
                        change.to.display
                    ),
                );
            }
        }
        self.lost_class_error(table, column, to);
    }

    /// An index without a class for the new type cannot be made again.
    fn lost_class_error(&mut self, table: &Name, column: &str, to: &Type) {
        let indexes = self.catalog.relation(table).map_or(&[][..], |rel| &rel.indexes);
        let lost = indexes
            .iter()
            .filter(|index| index.keys.iter().any(|key| key == column) && !index.definition.contains("_ops"))
            .find(|index| has_default_class(self.catalog, &index.method, to) == Some(false));
        if let Some(index) = lost {
            let message = format!(
                "the new type has no default operator class for access method \"{}\" of index \"{}\"",
                index.method, index.name
            );
            self.fails("42704", message);
        }
    }

    /// An unconstrained domain is its base type.
    fn effective_type(&self, to: &TypeRef) -> String {
        let domain = to.user.as_ref().and_then(|user| self.catalog.resolve_type(user));
        match domain.and_then(|name| self.catalog.types.get(&name)) {
            Some(crate::catalog::TypeDef::Domain { base, .. }) if !to.array => base.clone(),
            _ => to.display.clone(),
        }
    }

    /// No rewrite; but every index on the column is made again, from its old file where values compare as before, and
    /// checks are read again.
    fn remake_indexes(&mut self, table: &Name, column: &str, kept: bool) {
        let Some(rel) = self.catalog.relation(table) else {
            return;
        };
        let checked = rel
            .constraints
            .iter()
            .any(|c| matches!(&c.kind, ConstraintKind::Check(e) if e.columns.contains(column)));
        let indexes: Vec<Index> = rel.indexes.iter().filter(|index| index.uses(column)).cloned().collect();
        for index in indexes {
            self.lock(table, Share);
            self.lock_index(table, &index.name, AccessExclusive);
            // An index of a partition that hangs on its parent's is built anew with that.
            if kept && index.expressions.is_none() && index.predicate.is_none() && index.parent.is_none() {
                self.lock_index(table, &index.name, AccessShare);
            } else {
                self.work_family(table, Work::IndexBuild);
            }
        }
        if checked {
            self.work_family(table, Work::Scan);
        }
    }

    /// The indexes of a partitioned table, which hold nothing themselves.
    fn remake_parents(&mut self, table: &Name, column: &str) {
        let indexes = self.catalog.relation(table).map_or(&[][..], |rel| &rel.indexes);
        let indexes: Vec<String> = indexes
            .iter()
            .filter(|index| index.uses(column))
            .map(|index| index.name.clone())
            .collect();
        for index in indexes {
            self.lock(table, Share);
            self.lock_index(table, &index, AccessExclusive);
        }
    }

    /// Foreign keys on the column, and those that point at it, are dropped and added again.
    fn remake_keys(&mut self, table: &Name, change: &TypeChange<'_>, free: bool) {
        let column = change.column;
        let own = self.catalog.relation(table).map_or(&[][..], |rel| &rel.constraints);
        let own = own.iter().filter(|key| key.columns.iter().any(|name| name == column));
        let own: Vec<(Name, Constraint)> = own.map(|key| (table.clone(), key.clone())).collect();
        let pointing = self.catalog.referencing(table).filter(|(_, key)| {
            matches!(&key.kind, ConstraintKind::ForeignKey { columns, .. } if columns.iter().any(|own| own == column))
        });
        let pointing: Vec<(Name, Constraint)> = pointing.map(|(child, key)| (child.clone(), key.clone())).collect();
        for (child, key) in own.into_iter().chain(pointing) {
            if let Some(parent) = super::create::referenced(&key).filter(|_| !key.inherited) {
                self.remake_key((table, change), &child, &parent, free || !key.valid);
            }
        }
    }

    fn remake_key(&mut self, (table, change): (&Name, &TypeChange<'_>), child: &Name, parent: &Name, trusted: bool) {
        for side in [child, parent] {
            self.lock(side, AccessExclusive);
            self.lock(side, ShareRowExclusive);
            self.lock(side, AccessShare);
            if self.is_partitioned(side) {
                self.lock_family(side, ShareRowExclusive);
            }
        }
        if !trusted {
            let leaves = self.leaves(child);
            let mut family = self.catalog.descendants(table);
            family.push(table.clone());
            // The indexes on the columns are new by then.
            let new = |of: &Name, index: &Index| {
                family.contains(of) && change.columns.iter().any(|column| index.uses(column))
            };
            self.check_key_beside(&leaves, parent, false, &new);
        }
    }

    pub(super) fn has_statistics(&self, table: &Name, column: &str) -> bool {
        let rel = self.catalog.relation(table);
        rel.is_some_and(|rel| rel.statistics.iter().any(|own| own.columns.contains(column)))
    }
}

/// What a default is by itself: text that stands for a value of the column's type is of that type.
fn default_type(catalog: &crate::catalog::Catalog, sql: &str, column: &Type) -> Option<Type> {
    let bare = sql.trim();
    let value = bare.split("::").next().unwrap_or(bare).trim();
    let literal = value.len() > 1 && value.starts_with('\'') && value[1..].find('\'') == Some(value.len() - 2);
    if literal {
        let plain = bare.matches("::").count() <= 1 && !bare.contains('(');
        return plain.then(|| column.clone());
    }
    super::definition::type_of(catalog, sql)
}

/// Whether the rows stay as they are; `utc` says that the session's `TimeZone` is UTC.
fn is_free(from: &Type, to: &Type, (before, after): (&str, &str), utc: bool) -> bool {
    if before == after {
        return true;
    }
    let wider = |old: &[i32], new: &[i32]| match (old.first(), new.first()) {
        // No modifier is no limit.
        (_, None) => true,
        (Some(old), Some(new)) => new >= old,
        (None, Some(_)) => false,
    };
    // The modifier of a domain's base is not looked at: the server applies the new one to each value.
    let (old, new): (&[i32], &[i32]) = (if from.domain { &[] } else { &from.modifiers }, &to.modifiers);
    match (&from.shape, &to.shape) {
        (Shape::BuiltIn(one), Shape::BuiltIn(other)) => match (one.as_str(), other.as_str()) {
            ("numeric", "numeric") => {
                let scale = |modifiers: &[i32]| modifiers.get(1).copied().unwrap_or(0);
                new.is_empty() || (!old.is_empty() && wider(old, new) && scale(old) == scale(new))
            }
            ("timestamp without time zone", "timestamp with time zone")
            | ("timestamp with time zone", "timestamp without time zone") => utc && wider(old, new),
            (same, other) if same == other => {
                old == new || new.is_empty() || MODIFIED.contains(&same) && wider(old, new)
            }
            _ => new.is_empty() && assignment(from, to) == Some(Cast::Binary),
        },
        (Shape::Array(one), Shape::Array(other)) => {
            one.shape == other.shape && (one.modifiers == other.modifiers || other.modifiers.is_empty())
        }
        (Shape::Enum(one), Shape::Enum(other)) | (Shape::Composite(one), Shape::Composite(other)) => one == other,
        // An extension's type is known by its name alone: citext is text to the rows.
        (Shape::BuiltIn(text), Shape::Unknown) => is_text(text) && is_citext(after),
        (Shape::Unknown, Shape::BuiltIn(text)) => is_text(text) && new.is_empty() && is_citext(before),
        _ => false,
    }
}

fn is_text(name: &str) -> bool {
    matches!(name, "text" | "character varying")
}

fn is_citext(display: &str) -> bool {
    split(display).0.rsplit('.').next() == Some("citext")
}

/// Types whose modifier is a limit that can be raised without touching the rows.
const MODIFIED: &[&str] = &[
    "character varying",
    "bit varying",
    "interval",
    "timestamp without time zone",
    "timestamp with time zone",
    "time without time zone",
    "time with time zone",
];

/// Whether a plain index on the column survives a free change: only when values compare as before.
fn keeps_index(from: &Type, to: &Type) -> bool {
    match (&from.shape, &to.shape) {
        (Shape::BuiltIn(from), Shape::BuiltIn(to)) => {
            from == to || is_text(from) && is_text(to) || from == "cidr" && to == "inet"
        }
        (from, to) => from == to && *from != Shape::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::version::ServerVersion;

    fn of(display: &str) -> Type {
        let written = TypeRef {
            display: display.to_owned(),
            user: None,
            serial: false,
            array: false,
        };
        Type::of_ref(&Catalog::empty(ServerVersion::NEWEST), &written)
    }

    fn free(from: &str, to: &str, utc: bool) -> bool {
        is_free(&of(from), &of(to), (from, to), utc)
    }

    #[test]
    fn the_measured_list() {
        for (from, to) in [
            ("character varying(50)", "character varying(100)"),
            ("character varying(50)", "character varying"),
            ("character varying(50)", "text"),
            ("text", "character varying"),
            ("numeric(10,2)", "numeric(12,2)"),
            ("numeric(10,2)", "numeric"),
            ("interval(3)", "interval(6)"),
            ("cidr", "inet"),
            ("bit varying(8)", "bit varying(16)"),
            ("integer", "oid"),
        ] {
            assert!(free(from, to, true), "{from} to {to}");
        }
        for (from, to) in [
            ("character varying(50)", "character varying(20)"),
            ("text", "character varying(100)"),
            ("integer", "bigint"),
            ("numeric(10,2)", "numeric(12,3)"),
            ("numeric(10,2)", "numeric(8,2)"),
            ("character(10)", "text"),
            ("character(10)", "character(20)"),
            ("timestamp(6) without time zone", "timestamp(3) without time zone"),
            ("json", "jsonb"),
        ] {
            assert!(!free(from, to, true), "{from} to {to}");
        }
        let zones = ("timestamp without time zone", "timestamp with time zone");
        assert!(free(zones.0, zones.1, true) && !free(zones.0, zones.1, false));
        assert!(!keeps_index(&of(zones.0), &of(zones.1)));
        assert!(keeps_index(&of("character varying(5)"), &of("text")));
    }
}
