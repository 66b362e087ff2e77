//! Which `ALTER COLUMN … TYPE` rewrite the table, and which only change the catalog.
//!
//! The rules are `ATColumnChangeRequiresRewrite` and `TryReuseIndex` in `tablecmds.c`: a change is free when no cast
//! function runs for the rows.

use super::Builder;
use crate::catalog::{ConstraintKind, TypeDef};
use crate::lock::LockMode::{AccessExclusive, Share, ShareRowExclusive};
use crate::quote::Name;
use crate::sql::TypeRef;
use crate::step::Work;

impl Builder<'_> {
    pub(super) fn alter_type(&mut self, table: &Name, column: &str, to: &TypeRef, using: Option<&str>, collate: bool) {
        self.need_column(table, column);
        let Some(from) = self.column(table, column).map(|c| c.type_name.clone()) else {
            return;
        };
        let utc = matches!(
            self.catalog
                .time_zone
                .as_deref()
                .unwrap_or_default()
                .to_ascii_uppercase()
                .as_str(),
            "UTC" | "ETC/UTC" | "GMT" | "ETC/GMT" | "ZULU" | "UCT"
        );
        let plain_using = using.is_none_or(|using| is_plain_cast(using, column));
        let free = plain_using && is_free(&from, &self.effective_type(to), utc);
        let shared = self
            .catalog
            .relation(table)
            .is_some_and(crate::catalog::Relation::is_shared);
        for name in std::iter::once(table.clone()).chain(self.catalog.descendants(table)) {
            if free {
                self.free_change(&name, column, &from, &to.display, collate);
            } else if !self.is_partitioned(&name) {
                self.work(&name, Work::Rewrite);
            }
        }
        let parents = self.is_foreign_key_column(table, column);
        for parent in parents {
            self.lock(&parent, AccessExclusive);
            self.lock(&parent, ShareRowExclusive);
        }
        let pointing: Vec<Name> = self
            .catalog
            .referencing(table)
            .filter(|(_, c)| matches!(&c.kind, ConstraintKind::ForeignKey { columns, .. } if columns.iter().any(|c| c == column)))
            .map(|(name, _)| name.clone())
            .collect();
        for child in pointing {
            self.lock(&child, AccessExclusive);
            self.lock(&child, ShareRowExclusive);
            if !free {
                self.work(&child, Work::Scan);
            }
        }
        if shared && !free {
            let to = &to.display;
            self.breaks(
                "type-change-breaks-plans",
                format!("prepared statements that return {table}.{column} fail once: {from} becomes {to}"),
            );
        }
    }

    /// An unconstrained domain is its base type.
    pub(super) fn effective_type(&self, to: &TypeRef) -> String {
        let domain = to.user.as_ref().and_then(|user| self.catalog.resolve_type(user));
        match domain.and_then(|name| self.catalog.types.get(&name)) {
            Some(TypeDef::Domain {
                base,
                constrained: false,
            }) if !to.array => base.clone(),
            _ => to.display.clone(),
        }
    }

    /// No rewrite; but expression and partial indexes are rebuilt, and checks read again.
    pub(super) fn free_change(&mut self, table: &Name, column: &str, from: &str, to: &str, collate: bool) {
        let Some(rel) = self.catalog.relation(table) else {
            return;
        };
        let uses = |expression: &Option<crate::catalog::Expression>| {
            expression.as_ref().is_some_and(|e| e.columns.contains(column))
        };
        let rebuilt = rel.indexes.iter().any(|index| {
            let key = index.keys.iter().any(|key| key == column);
            uses(&index.expressions)
                || uses(&index.predicate)
                || (key && (index.predicate.is_some() || collate || !keeps_index(from, to)))
        });
        let checked = rel
            .constraints
            .iter()
            .any(|c| matches!(&c.kind, ConstraintKind::Check(e) if e.columns.contains(column)));
        if rebuilt {
            self.lock(table, Share);
            self.work(table, Work::IndexBuild);
        }
        if checked {
            self.work(table, Work::Scan);
        }
    }
}

/// `USING c::type` changes nothing that the cast itself would not.
fn is_plain_cast(using: &str, column: &str) -> bool {
    let head = using.split("::").next().unwrap_or(using).trim().trim_matches('"');
    using.contains("::") && !using.contains('(') && head == column && using.matches("::").count() == 1
}

/// A type's name without its modifiers, and the modifiers.
fn split(display: &str) -> (String, Vec<u32>) {
    let Some((head, rest)) = display.split_once('(') else {
        return (display.to_owned(), Vec::new());
    };
    let Some((inside, tail)) = rest.split_once(')') else {
        return (display.to_owned(), Vec::new());
    };
    let modifiers = inside.split(',').filter_map(|n| n.trim().parse().ok()).collect();
    (format!("{}{}", head.trim_end(), tail), modifiers)
}

/// Whether the rows stay as they are; `utc` says that the session's `TimeZone` is UTC.
fn is_free(from: &str, to: &str, utc: bool) -> bool {
    if from == to {
        return true;
    }
    let ((from, old), (to, new)) = (split(from), split(to));
    // No modifier is no limit.
    let wider = |old: &[u32], new: &[u32]| match (old.first(), new.first()) {
        (_, None) => true,
        (Some(old), Some(new)) => new >= old,
        (None, Some(_)) => false,
    };
    match (from.as_str(), to.as_str()) {
        ("text", "character varying") => new.is_empty(),
        ("numeric", "numeric") => {
            let scale = |modifiers: &[u32]| modifiers.get(1).copied().unwrap_or(0);
            new.is_empty() || (!old.is_empty() && wider(&old, &new) && scale(&old) == scale(&new))
        }
        ("timestamp without time zone", "timestamp with time zone")
        | ("timestamp with time zone", "timestamp without time zone") => utc && wider(&old, &new),
        ("character varying", "text" | "citext")
        | ("cidr", "inet")
        | ("text", "citext")
        | ("integer", "oid" | "regclass" | "regtype")
        | ("oid", "integer") => true,
        (same, other) => same == other && MODIFIED.contains(&same) && wider(&old, &new),
    }
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
fn keeps_index(from: &str, to: &str) -> bool {
    let ((from, _), (to, _)) = (split(from), split(to));
    let text = |name: &str| matches!(name, "character varying" | "text");
    from == to || (text(&from) && text(&to)) || (from == "cidr" && to == "inet")
}

#[cfg(test)]
mod tests {
    use super::*;

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
            assert!(is_free(from, to, true), "{from} to {to}");
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
            assert!(!is_free(from, to, true), "{from} to {to}");
        }
        let zones = ("timestamp without time zone", "timestamp with time zone");
        assert!(is_free(zones.0, zones.1, true) && !is_free(zones.0, zones.1, false));
        assert!(!keeps_index(zones.0, zones.1) && keeps_index("character varying(5)", "text"));
    }
}
