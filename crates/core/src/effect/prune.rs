//! Which partitions a statement with constant keys touches, as the planner prunes them and an `INSERT` is routed.
//!
//! Where a comparison would need a collation, a time zone or a hash, the answer is "perhaps", and the partition counts as
//! touched. The rules are those of `partprune.c` and `execPartition.c`.

use crate::catalog::{Catalog, Relation};
use crate::quote::Name;
use std::cmp::Ordering;

/// Whether a partition can hold the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    Yes,
    No,
    Perhaps,
}

/// A partition's bound.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    Default,
    List(Vec<Option<String>>),
    Range { from: Vec<Edge>, to: Vec<Edge> },
    Hash,
}

/// One column of one end of a range.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Edge {
    Least,
    Value(String),
    Greatest,
}

/// The direct partitions that can hold rows with these values.
pub(super) fn partitions(catalog: &Catalog, parent: &Name, equals: &[(String, String)]) -> Vec<Name> {
    let Some(rel) = catalog.relation(parent) else {
        return Vec::new();
    };
    let keys = key_columns(rel);
    let children: Vec<&Name> = catalog.children(parent).collect();
    let bound = |child: &Name| catalog.relation(child)?.bound.as_deref().and_then(read_bound);
    let judged: Vec<(Name, Holds, bool)> = children
        .into_iter()
        .map(|child| match bound(child) {
            Some(Bound::Default) => (child.clone(), Holds::Perhaps, true),
            Some(bound) => (child.clone(), holds(rel, &keys, &bound, equals), false),
            None => (child.clone(), Holds::Perhaps, false),
        })
        .collect();
    let found = judged.iter().any(|(_, holds, _)| *holds == Holds::Yes);
    judged
        .into_iter()
        .filter(|(_, holds, is_default)| *holds != Holds::No && !(*is_default && found))
        .map(|(child, ..)| child)
        .collect()
}

/// `RANGE (a, b)`: the columns; an expression among them makes all of no use.
pub(super) fn key_columns(rel: &Relation) -> Vec<String> {
    let Some(key) = &rel.partition_key else {
        return Vec::new();
    };
    let inside = key.sql.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    let names: Vec<String> = inside
        .unwrap_or_default()
        .split(',')
        .map(|part| part.trim().trim_matches('"').to_owned())
        .collect();
    if names.iter().all(|name| rel.column(name).is_some()) {
        names
    } else {
        Vec::new()
    }
}

fn holds(rel: &Relation, keys: &[String], bound: &Bound, equals: &[(String, String)]) -> Holds {
    let values: Vec<(&str, &str)> = keys
        .iter()
        .map_while(|key| {
            let (_, value) = equals.iter().find(|(column, _)| column == key)?;
            Some((rel.column(key)?.type_name.as_str(), value.as_str()))
        })
        .collect();
    if values.is_empty() {
        return Holds::Perhaps;
    }
    match bound {
        Bound::Default | Bound::Hash => Holds::Perhaps,
        Bound::List(list) => in_list(values[0], list),
        Bound::Range { from, to } => {
            let whole = values.len() == keys.len();
            let (low, high) = (against(&values, from), against(&values, to));
            match (low, high) {
                (Some(Ordering::Less), _) | (_, Some(Ordering::Greater)) => Holds::No,
                (_, Some(Ordering::Equal)) if whole => Holds::No,
                (Some(Ordering::Greater), Some(Ordering::Less)) => Holds::Yes,
                (Some(Ordering::Equal), Some(Ordering::Less)) if whole => Holds::Yes,
                _ => Holds::Perhaps,
            }
        }
    }
}

fn in_list((type_name, value): (&str, &str), list: &[Option<String>]) -> Holds {
    let mut answer = Holds::No;
    for one in list.iter().flatten() {
        match compare(type_name, value, one) {
            Some(Ordering::Equal) => return Holds::Yes,
            Some(_) => {}
            None if is_text(type_name) => {
                if value == one {
                    return Holds::Yes;
                }
            }
            None => answer = Holds::Perhaps,
        }
    }
    answer
}

/// The values against one end of a range, as far as they are known.
fn against(values: &[(&str, &str)], edges: &[Edge]) -> Option<Ordering> {
    for ((type_name, value), edge) in values.iter().zip(edges) {
        let order = match edge {
            Edge::Least => Ordering::Greater,
            Edge::Greatest => Ordering::Less,
            Edge::Value(edge) => compare(type_name, value, edge)?,
        };
        if order != Ordering::Equal {
            return Some(order);
        }
    }
    Some(Ordering::Equal)
}

fn is_text(type_name: &str) -> bool {
    type_name == "text" || type_name.starts_with("character varying")
}

/// How two constants of a type compare, where their text tells it.
pub(super) fn compare(type_name: &str, a: &str, b: &str) -> Option<Ordering> {
    let base = type_name.split('(').next().unwrap_or(type_name).trim();
    match base {
        "smallint" | "integer" | "bigint" => Some(a.trim().parse::<i64>().ok()?.cmp(&b.trim().parse::<i64>().ok()?)),
        "date" => Some(iso_date(a)?.cmp(iso_date(b)?)),
        "timestamp" => Some(iso_time(a)?.cmp(&iso_time(b)?)),
        "uuid" => Some(a.to_lowercase().cmp(&b.to_lowercase())),
        "boolean" => Some(a.parse::<bool>().ok()?.cmp(&b.parse::<bool>().ok()?)),
        _ if type_name.starts_with("timestamp") => Some(iso_time(a)?.cmp(&iso_time(b)?)),
        _ => None,
    }
}

/// `2024-01-31` compares as text.
fn iso_date(text: &str) -> Option<&str> {
    let is_shape = text.len() == 10
        && text.char_indices().all(|(at, c)| {
            if at == 4 || at == 7 {
                c == '-'
            } else {
                c.is_ascii_digit()
            }
        });
    is_shape.then_some(text)
}

/// `2024-01-31 10:00:00`, filled up; with a time zone of its own it is not compared.
fn iso_time(text: &str) -> Option<String> {
    let text = text.strip_suffix("+00").unwrap_or(text);
    let (day, time) = match text.split_at_checked(10)? {
        (day, "") => (day, ""),
        (day, rest) => (day, rest.strip_prefix([' ', 'T'])?),
    };
    iso_date(day)?;
    if !time.chars().all(|c| c.is_ascii_digit() || c == ':' || c == '.') {
        return None;
    }
    let midnight = "00:00:00.000000";
    Some(format!(
        "{day} {time}{}",
        midnight.get(time.len()..).unwrap_or_default()
    ))
}

/// `FOR VALUES …` or `DEFAULT`, as the server prints it.
pub(crate) fn read_bound(text: &str) -> Option<Bound> {
    if text == "DEFAULT" {
        return Some(Bound::Default);
    }
    let rest = text.strip_prefix("FOR VALUES ")?;
    if rest.starts_with("WITH") {
        return Some(Bound::Hash);
    }
    if let Some(list) = rest.strip_prefix("IN ") {
        let values = items(list)?.into_iter().map(|item| match item {
            Item::Word(word) if word.eq_ignore_ascii_case("null") => None,
            Item::Word(value) | Item::Quoted(value) => Some(value),
        });
        return Some(Bound::List(values.collect()));
    }
    let (from, to) = rest.strip_prefix("FROM ")?.split_once(" TO ")?;
    Some(Bound::Range {
        from: edges(from)?,
        to: edges(to)?,
    })
}

enum Item {
    Word(String),
    Quoted(String),
}

fn edges(text: &str) -> Option<Vec<Edge>> {
    let edges = items(text)?.into_iter().map(|item| match item {
        Item::Word(word) if word.eq_ignore_ascii_case("minvalue") => Edge::Least,
        Item::Word(word) if word.eq_ignore_ascii_case("maxvalue") => Edge::Greatest,
        Item::Word(value) | Item::Quoted(value) => Edge::Value(value),
    });
    Some(edges.collect())
}

/// The items of `('a', 1, NULL)`.
fn items(text: &str) -> Option<Vec<Item>> {
    let mut rest = text.trim().strip_prefix('(')?.strip_suffix(')')?.trim();
    let mut found = Vec::new();
    while !rest.is_empty() {
        if let Some(quoted) = rest.strip_prefix('\'') {
            let (mut value, mut tail) = (String::new(), quoted);
            loop {
                let (head, behind) = tail.split_once('\'')?;
                value.push_str(head);
                let Some(more) = behind.strip_prefix('\'') else {
                    tail = behind;
                    break;
                };
                value.push('\'');
                tail = more;
            }
            found.push(Item::Quoted(value));
            // A cast may follow.
            rest = tail.split_once(',').map_or("", |(_, more)| more).trim_start();
        } else {
            let (word, more) = rest.split_once(',').unwrap_or((rest, ""));
            found.push(Item::Word(word.trim().to_owned()));
            rest = more.trim_start();
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay;
    use crate::source::SourceFile;
    use crate::version::ServerVersion;

    fn touched(setup: &str, parent: &str, equals: &[(&str, &str)]) -> Vec<String> {
        let mut catalog = Catalog::empty(ServerVersion::NEWEST);
        for statement in crate::sql::parse(&SourceFile::new("m.sql", setup)).unwrap().statements {
            replay::apply(&mut catalog, &statement);
        }
        let equals: Vec<_> = equals.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        let found = partitions(&catalog, &Name::new("public", parent), &equals);
        found.into_iter().map(|name| name.name).collect()
    }

    #[test]
    fn ranges_of_days() {
        let setup = "create table p (id int, d date) partition by range (d);
            create table a partition of p for values from (minvalue) to ('2021-01-01');
            create table b partition of p for values from ('2021-01-01') to ('2022-01-01');
            create table z partition of p default;";
        assert_eq!(touched(setup, "p", &[("d", "2020-05-05")]), ["a"]);
        assert_eq!(touched(setup, "p", &[("d", "2021-01-01")]), ["b"]);
        assert_eq!(touched(setup, "p", &[("d", "2022-01-01")]), ["z"]);
        assert_eq!(touched(setup, "p", &[("d", "tomorrow")]), ["a", "b", "z"]);
        assert_eq!(touched(setup, "p", &[("id", "1")]), ["a", "b", "z"]);
    }

    #[test]
    fn lists_hashes_and_ranges_of_several() {
        let list = "create table p (k text) partition by list (k);
            create table a partition of p for values in ('it''s', 'b');
            create table n partition of p for values in (null);
            create table z partition of p default;";
        assert_eq!(touched(list, "p", &[("k", "it's")]), ["a"]);
        assert_eq!(touched(list, "p", &[("k", "c")]), ["z"]);
        let hash = "create table p (k int) partition by hash (k);
            create table a partition of p for values with (modulus 2, remainder 0);
            create table b partition of p for values with (modulus 2, remainder 1);";
        assert_eq!(touched(hash, "p", &[("k", "1")]), ["a", "b"]);
        let two = "create table p (a int, b int) partition by range (a, b);
            create table x partition of p for values from (1, 1) to (2, 5);
            create table y partition of p for values from (2, 5) to (9, maxvalue);";
        assert_eq!(touched(two, "p", &[("a", "2"), ("b", "5")]), ["y"]);
        assert_eq!(touched(two, "p", &[("a", "2")]), ["x", "y"]);
        assert_eq!(touched(two, "p", &[("a", "7")]), ["y"]);
    }
}
