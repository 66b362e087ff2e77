//! A partition's bound as a condition on its rows, such as the server finds proved by a CHECK.
//!
//! The forms are those of `get_qual_for_list`, `get_qual_for_range` and `get_qual_for_hash` in `partbounds.c`.

use crate::catalog::{Catalog, Relation};
use crate::effect::{Bound, Edge, read_bound};
use crate::quote::{Ident, List, Literal, Name, SqlText};
use crate::sql;

/// What holds for the rows of a partition of `parent` with this bound, the parent's own bound and those above among it;
/// `None` where it cannot be written so that the server surely sees it.
pub(super) fn inside(catalog: &Catalog, parent: &Name, bound: &str) -> Option<SqlText> {
    let rel = catalog.relation(parent)?;
    let own = of_bound(catalog, parent, rel, bound)?;
    match (&rel.bound, rel.parents.first()) {
        (Some(above), Some(next)) => match (inside(catalog, next, above)?, own) {
            (above, own) if own.as_str() == ALL => Some(above),
            (above, own) => Some(sql!("{} AND {}", above, own)),
        },
        _ => Some(own),
    }
}

/// What holds for rows that a default partition may keep beside this bound.
pub(super) fn outside(catalog: &Catalog, parent: &Name, bound: &str) -> Option<SqlText> {
    let inside = of_bound(catalog, parent, catalog.relation(parent)?, bound)?;
    Some(sql!("NOT ({})", inside))
}

/// Every row.
const ALL: &str = "true";

fn of_bound(catalog: &Catalog, parent: &Name, rel: &Relation, bound: &str) -> Option<SqlText> {
    let keys = keys(rel)?;
    // A call in a bound is computed when the statement runs, and only then.
    let calls = |(_, c, quoted): &(usize, char, bool)| *c == '(' && !quoted;
    if unquoted(bound).filter(calls).count() > 2 {
        return None;
    }
    match read_bound(bound)? {
        Bound::List(values) => list(keys.first()?, &values),
        Bound::Range { from, to } => {
            let range = range(&keys, &from, &to)?;
            Some(joined(std::iter::once(present(&keys)).chain(range), " AND "))
        }
        Bound::Hash => hash(parent, rel, &keys, bound),
        Bound::Default => others(catalog, parent, &keys),
    }
}

/// The rows of a default partition: those that no other partition takes.
fn others(catalog: &Catalog, parent: &Name, keys: &[SqlText]) -> Option<SqlText> {
    let mut values = Vec::new();
    let mut ranges: Vec<SqlText> = Vec::new();
    let bounds = catalog
        .children(parent)
        .filter_map(|child| catalog.relation(child)?.bound.as_deref());
    for bound in bounds.filter(|bound| *bound != "DEFAULT") {
        match read_bound(bound)? {
            Bound::List(own) => values.extend(own),
            // A range over all would leave nothing to a default partition.
            Bound::Range { from, to } => {
                let range = range(keys, &from, &to)?;
                if range.is_empty() {
                    return None;
                }
                ranges.push(joined(range.into_iter(), " AND "));
            }
            Bound::Hash | Bound::Default => return None,
        }
    }
    if let [first, rest @ ..] = ranges.as_slice() {
        let any = rest
            .iter()
            .fold(sql!("({})", first), |any, one| sql!("{} OR ({})", any, one));
        return Some(sql!("NOT ({} AND ({}))", present(keys), any));
    }
    if values.is_empty() {
        return Some(SqlText::verbatim(ALL));
    }
    Some(sql!("NOT ({})", list(keys.first()?, &values)?))
}

fn present(keys: &[SqlText]) -> SqlText {
    joined(keys.iter().map(|key| sql!("{} IS NOT NULL", key)), " AND ")
}

fn joined(parts: impl Iterator<Item = SqlText>, word: &'static str) -> SqlText {
    let parts: Vec<String> = parts.map(|part| part.as_str().to_owned()).collect();
    SqlText::verbatim(parts.join(word))
}

fn list(key: &SqlText, values: &[Option<String>]) -> Option<SqlText> {
    let constants: Vec<Literal<'_>> = values.iter().flatten().map(|value| Literal(value)).collect();
    let in_list = match constants.as_slice() {
        [] => None,
        [one] => Some(sql!("{} = {}", key, *one)),
        all => Some(sql!("{} IN ({})", key, List(all))),
    };
    match (in_list, constants.len() < values.len()) {
        (Some(some), false) => Some(sql!("{} IS NOT NULL AND {}", key, some)),
        (Some(some), true) => Some(sql!("({} IS NULL OR {})", key, some)),
        (None, true) => Some(sql!("{} IS NULL", key)),
        (None, false) => None,
    }
}

/// What a range demands of keys that are not NULL; nothing where it has no ends.
fn range(keys: &[SqlText], from: &[Edge], to: &[Edge]) -> Option<Vec<SqlText>> {
    if from.len() != keys.len() || to.len() != keys.len() {
        return None;
    }
    let mut all = Vec::new();
    // The columns that both ends have in common; of the last one they differ.
    let same = |at: usize| matches!((&from[at], &to[at]), (Edge::Value(a), Edge::Value(b)) if a == b);
    let start = (0..keys.len() - 1).take_while(|at| same(*at)).count();
    for (key, edge) in keys.iter().zip(from).take(start) {
        if let Edge::Value(value) = edge {
            all.push(sql!("{} = {}", key, Literal(value)));
        }
    }
    let (keys, from, to) = (&keys[start..], &from[start..], &to[start..]);
    all.extend(end(keys, from, &Edge::Least, [">=", ">"]));
    all.extend(end(keys, to, &Edge::Greatest, ["<=", "<"]));
    Some(all)
}

/// One end of a range: nearer in the first column, or equal in it and nearer in the next, and so on.
fn end(keys: &[SqlText], edges: &[Edge], open: &Edge, [with, without]: [&'static str; 2]) -> Option<SqlText> {
    let mut arms: Vec<SqlText> = Vec::new();
    let mut equal: Vec<SqlText> = Vec::new();
    for (at, (key, edge)) in keys.iter().zip(edges).enumerate() {
        let Edge::Value(value) = edge else { break };
        let next = edges.get(at + 1);
        let is_last_below = next.is_none() && with == ">=";
        let operator = if is_last_below || next == Some(open) {
            with
        } else {
            without
        };
        let mut parts = equal.clone();
        parts.push(sql!("{} {} {}", key, SqlText::verbatim(operator), Literal(value)));
        arms.push(joined(parts.into_iter(), " AND "));
        equal.push(sql!("{} = {}", key, Literal(value)));
    }
    match arms.as_slice() {
        [] => None,
        [one] => Some(one.clone()),
        all => Some(sql!("({})", joined(all.iter().map(|arm| sql!("({})", arm)), " OR "))),
    }
}

/// Types without a collation: with one, the server would not see that the two calls are the same.
const UNCOLLATED: &[&str] = &[
    "smallint", "integer", "bigint", "uuid", "date", "numeric", "oid", "boolean",
];

fn hash(parent: &Name, rel: &Relation, keys: &[SqlText], bound: &str) -> Option<SqlText> {
    let plain = |key: &SqlText| {
        let of_key = |column: &&crate::catalog::Column| sql!("{}", Ident(&column.name)) == *key;
        let column = rel.columns.iter().find(of_key)?;
        let base = column.type_name.split('(').next()?.trim();
        (UNCOLLATED.contains(&base) || base.starts_with("timestamp")).then_some(())
    };
    keys.iter().try_for_each(plain)?;
    let numbers: Vec<u64> = bound
        .split(|c: char| !c.is_ascii_digit())
        .filter(|word| !word.is_empty())
        .map_while(|word| word.parse().ok())
        .collect();
    let [modulus, remainder] = numbers.as_slice() else {
        return None;
    };
    let table = sql!("{}", parent);
    Some(sql!(
        "pg_catalog.satisfies_hash_partition({}::pg_catalog.regclass::pg_catalog.oid, {}, {}, {})",
        Literal(table.as_str()),
        *modulus,
        *remainder,
        List(keys)
    ))
}

/// The columns and expressions of a partition key; `None` where one has a collation or operator class of its own.
fn keys(rel: &Relation) -> Option<Vec<SqlText>> {
    let text = &rel.partition_key.as_ref()?.sql;
    let inside = text.split_once('(')?.1.trim_end().strip_suffix(')')?;
    parts(inside)?.iter().map(|part| key(rel, part.trim())).collect()
}

fn key(rel: &Relation, part: &str) -> Option<SqlText> {
    let named =
        |column: &&crate::catalog::Column| column.name == part || sql!("{}", Ident(&column.name)).as_str() == part;
    if let Some(column) = rel.columns.iter().find(named) {
        return Some(sql!("{}", Ident(&column.name)));
    }
    // `f(…)` or `(…)`, and nothing behind.
    let head = part.split('(').next()?;
    let is_call = head.chars().all(|c| c.is_alphanumeric() || "_.\"".contains(c));
    let closes = part.ends_with(')') && closing(&part[head.len()..]) == Some(part.len() - head.len() - 1);
    let call = SqlText::verbatim(part);
    (is_call && closes).then(|| if head.is_empty() { call } else { sql!("({})", call) })
}

/// Where the parenthesis that opens a text is closed.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, c, quoted) in unquoted(text) {
        match c {
            _ if quoted => {}
            '(' => depth += 1,
            ')' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

/// Split at the commas that stand in no parentheses.
fn parts(text: &str) -> Option<Vec<&str>> {
    let (mut found, mut depth, mut start) = (Vec::new(), 0_usize, 0);
    for (at, c, quoted) in unquoted(text) {
        match c {
            _ if quoted => {}
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.checked_sub(1)?,
            ',' if depth == 0 => {
                found.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    found.push(&text[start..]);
    Some(found)
}

/// Each character, and whether it stands in quotes.
fn unquoted(text: &str) -> impl Iterator<Item = (usize, char, bool)> {
    let mut open: Option<char> = None;
    text.char_indices().map(move |(at, c)| {
        let inside = open.is_some();
        match open {
            Some(quote) if quote == c => open = None,
            None if c == '\'' || c == '"' => open = Some(c),
            _ => {}
        }
        (at, c, inside || open.is_some())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::planner::tests::catalog_of;

    fn of(setup: &str, bound: &str) -> Option<String> {
        let found = inside(&catalog_of(15, setup), &Name::new("public", "p"), bound);
        found.map(|sql| sql.as_str().replace('"', ""))
    }

    #[test]
    fn as_the_server_has_them() {
        let list = "CREATE TABLE p (a text) PARTITION BY LIST (a);";
        assert_eq!(
            of(list, "FOR VALUES IN ('x', 'y')").unwrap(),
            "a IS NOT NULL AND a IN ('x', 'y')"
        );
        assert_eq!(
            of(list, "FOR VALUES IN ('it''s', NULL)").unwrap(),
            "(a IS NULL OR a = 'it''s')"
        );
        assert_eq!(of(list, "DEFAULT").unwrap(), "true");
        let expression = "CREATE TABLE p (a text) PARTITION BY LIST (lower(a));";
        assert_eq!(of(expression, "FOR VALUES IN (NULL)").unwrap(), "(lower(a)) IS NULL");
        let two = "CREATE TABLE p (a int, b text) PARTITION BY RANGE (a, b);
            CREATE TABLE x PARTITION OF p FOR VALUES FROM (10, MINVALUE) TO (20, MINVALUE);";
        assert_eq!(
            of(two, "FOR VALUES FROM (1, 'a') TO (5, 'f')").unwrap(),
            "a IS NOT NULL AND b IS NOT NULL AND ((a > '1') OR (a = '1' AND b >= 'a')) AND ((a < '5') OR (a = '5' AND b < 'f'))"
        );
        assert_eq!(
            of(two, "FOR VALUES FROM (1, 'a') TO (1, MAXVALUE)").unwrap(),
            "a IS NOT NULL AND b IS NOT NULL AND a = '1' AND b >= 'a'"
        );
        assert_eq!(
            of(two, "DEFAULT").unwrap(),
            "NOT (a IS NOT NULL AND b IS NOT NULL AND ((a >= '10' AND a < '20')))"
        );
        let hash = |of_type: &str| format!("CREATE TABLE p (a {of_type}) PARTITION BY HASH (a);");
        let remainder = "FOR VALUES WITH (modulus 4, remainder 1)";
        assert!(
            of(&hash("int"), remainder)
                .unwrap()
                .ends_with("::pg_catalog.oid, 4, 1, a)")
        );
        assert_eq!(of(&hash("text"), remainder), None);
        let rel = crate::catalog::Relation::created(crate::catalog::RelationKind::PartitionedTable);
        assert_eq!(key(&rel, "lower(a) COLLATE \"C\""), None);
        assert_eq!(key(&rel, "(a || b) text_ops"), None);
    }
}
