//! Queries that look for rows which a new rule would not allow, before anything is changed.
//!
//! Each shows up to ten; the violation carries the query that finds all.

use super::footprint::of_rows;
use super::{Body, Footprint, Piece};
use crate::catalog::{Catalog, Expression, RelationKind};
use crate::quote::{Ident, List, Name, SqlText};
use crate::sql;
use crate::step::Violation;

pub(super) fn piece(
    statement: usize,
    find_all: SqlText,
    footprint: Footprint,
    sqlstate: &str,
    message: String,
) -> Piece {
    Piece {
        body: Body::Check {
            query: sql!("{} LIMIT 10", find_all),
            violation: Violation {
                message,
                sqlstate: sqlstate.to_owned(),
                find_all,
            },
        },
        statement,
        footprint,
        note: "looks before anything is changed".to_owned(),
        part: false,
    }
}

/// The table without those that inherit from it, for rules that they do not share. Partitions are the table itself.
fn own_rows(catalog: &Catalog, table: &Name) -> SqlText {
    let is_whole = catalog
        .relation(table)
        .is_some_and(|rel| rel.kind == RelationKind::PartitionedTable);
    if is_whole || catalog.descendants(table).is_empty() {
        return sql!("{}", table);
    }
    sql!("ONLY {}", table)
}

/// Values of a future unique index that stand more than once; `footprint` is what its keys and its condition read.
pub(super) fn duplicates(
    statement: usize,
    catalog: &Catalog,
    table: &Name,
    keys: &[SqlText],
    predicate: Option<&Expression>,
    nulls_not_distinct: bool,
    footprint: Footprint,
) -> Piece {
    let mut conditions: Vec<SqlText> = predicate
        .map(|p| sql!("({})", SqlText::verbatim(&p.sql)))
        .into_iter()
        .collect();
    if !nulls_not_distinct {
        conditions.extend(keys.iter().map(|key| sql!("({}) IS NOT NULL", key)));
    }
    let filter = conditions.iter().fold(None, |all: Option<SqlText>, one| match all {
        None => Some(sql!(" WHERE {}", one)),
        Some(all) => Some(sql!("{} AND {}", all, one)),
    });
    let filter = filter.unwrap_or_else(|| SqlText::verbatim(""));
    // By place: GROUP BY takes no constant, and takes a whole number for a place.
    let places: Vec<SqlText> = (1_u64..).zip(keys).map(|(at, _)| sql!("{}", at)).collect();
    let find_all = sql!(
        "SELECT {}, count(*) AS rows FROM {}{} GROUP BY {} HAVING count(*) > 1",
        List(keys),
        own_rows(catalog, table),
        filter,
        List(&places)
    );
    let words = keys
        .iter()
        .map(|key| key.as_str().trim_matches('"'))
        .collect::<Vec<_>>()
        .join(", ");
    let message = format!("{table} holds the same value of ({words}) in more than one row");
    piece(statement, find_all, footprint, "23505", message)
}

/// The same for the columns of a key.
pub(super) fn duplicates_of_key(
    statement: usize,
    catalog: &Catalog,
    table: &Name,
    columns: &[String],
    nulls_not_distinct: bool,
) -> Piece {
    let keys: Vec<SqlText> = columns.iter().map(|column| sql!("{}", Ident(column))).collect();
    let footprint = Footprint::default().columns(table, columns);
    duplicates(statement, catalog, table, &keys, None, nulls_not_distinct, footprint)
}

/// Rows whose foreign key points at nothing.
pub(super) fn orphans(
    statement: usize,
    catalog: &Catalog,
    (child, columns): (&Name, &[String]),
    (parent, keys): (&Name, &[String]),
) -> Piece {
    let child_columns: Vec<SqlText> = columns.iter().map(|c| sql!("c.{}", Ident(c))).collect();
    let mut joined: Option<SqlText> = None;
    let mut present: Option<SqlText> = None;
    for (column, key) in child_columns.iter().zip(keys) {
        let equal = sql!("p.{} = {}", Ident(key), column);
        let not_null = sql!("{} IS NOT NULL", column);
        joined = Some(joined.map_or(equal.clone(), |all| sql!("{} AND {}", all, equal)));
        present = Some(present.map_or(not_null.clone(), |all| sql!("{} AND {}", all, not_null)));
    }
    let (joined, present) = (
        joined.unwrap_or_else(|| SqlText::verbatim("true")),
        present.unwrap_or_else(|| SqlText::verbatim("true")),
    );
    let find_all = sql!(
        "SELECT {} FROM {} AS c WHERE {} AND NOT EXISTS (SELECT FROM {} AS p WHERE {})",
        List(&child_columns),
        own_rows(catalog, child),
        present,
        own_rows(catalog, parent),
        joined
    );
    let message = format!("{child} holds rows whose ({}) is not in {parent}", columns.join(", "));
    let footprint = Footprint::default().columns(child, columns).columns(parent, keys);
    piece(statement, find_all, footprint, "23503", message)
}

/// Whose rows a CHECK is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// The table's, and those of its descendants.
    All,
    /// `NO INHERIT`.
    Own,
}

/// Rows for which a CHECK is false.
pub(super) fn violators(
    statement: usize,
    catalog: &Catalog,
    table: &Name,
    expression: &Expression,
    reach: Reach,
) -> Piece {
    let find_all = sql!(
        "SELECT * FROM {} WHERE NOT ({})",
        match reach {
            Reach::All => sql!("{}", table),
            Reach::Own => sql!("ONLY {}", table),
        },
        SqlText::verbatim(&expression.sql)
    );
    let message = format!("{table} holds rows for which ({}) is false", expression.sql);
    let footprint = of_rows(catalog, table, [], [expression]);
    piece(statement, find_all, footprint, "23514", message)
}

/// Rows in which a column is NULL.
pub(super) fn nulls(statement: usize, table: &Name, columns: &[String]) -> Piece {
    let mut any: Option<SqlText> = None;
    for column in columns {
        let null = sql!("{} IS NULL", Ident(column));
        any = Some(any.map_or(null.clone(), |all| sql!("{} OR {}", all, null)));
    }
    let find_all = sql!(
        "SELECT * FROM {} WHERE {}",
        table,
        any.unwrap_or_else(|| SqlText::verbatim("false"))
    );
    let message = format!("{table} holds rows in which {} is NULL", columns.join(", "));
    let footprint = Footprint::default().columns(table, columns);
    piece(statement, find_all, footprint, "23502", message)
}
