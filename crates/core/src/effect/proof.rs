//! Whether the constraints of a table prove a partition's bound, so that its rows are not read
//! (`PartConstraintImpliedByRelConstraint`, `predtest.c`).
//!
//! Only what is surely proved counts: a proof that is not seen here costs a scan that is foretold and does not happen.

use super::prune::{Bound, Edge, compare, key_columns, read_bound};
use crate::catalog::{Catalog, ConstraintKind, Relation};
use crate::quote::Name;
use crate::sql::{Predicate, predicate};
use std::cmp::Ordering;

/// Whether the rows of a table surely lie inside a bound of a parent, and inside the parent's own.
pub(crate) fn lies_inside(catalog: &Catalog, parent: &Name, table: &Name, bound: &str) -> bool {
    let (Some(parent_rel), Some(rel)) = (catalog.relation(parent), catalog.relation(table)) else {
        return false;
    };
    let facts = facts(rel);
    let above = match (&parent_rel.bound, parent_rel.parents.first()) {
        (Some(bound), Some(next)) => lies_inside(catalog, next, table, bound),
        _ => true,
    };
    let own = conditions(parent_rel, bound);
    above && own.is_some_and(|conditions| conditions.iter().all(|one| follows(rel, &facts, one)))
}

/// Whether the rows of a default partition surely lie outside a bound.
pub(crate) fn lies_outside(catalog: &Catalog, parent: &Name, table: &Name, bound: &str) -> bool {
    let (Some(parent_rel), Some(rel)) = (catalog.relation(parent), catalog.relation(table)) else {
        return false;
    };
    let Some(conditions) = conditions(parent_rel, bound) else {
        return false;
    };
    facts(rel).iter().any(|fact| match fact {
        // NOT (low AND high): each of what it denies must be one of the bound's own conditions.
        Predicate::Not(inner) => parts(inner)
            .iter()
            .all(|part| conditions.iter().any(|one| implies(rel, one, part))),
        // below OR above: none of them may hold inside the bound.
        Predicate::Or(arms) => arms.iter().all(|arm| {
            parts(arm)
                .iter()
                .any(|part| conditions.iter().any(|one| excludes(rel, one, part)))
        }),
        one => conditions.iter().any(|inside| excludes(rel, inside, one)),
    })
}

/// What valid constraints say of every row, taken apart at AND.
fn facts(rel: &Relation) -> Vec<Predicate> {
    let checks = rel.constraints.iter().filter(|c| c.valid && c.enforced);
    let checks = checks.filter_map(|c| match &c.kind {
        ConstraintKind::Check(expression) => Some(predicate(&expression.sql)),
        ConstraintKind::NotNull
        | ConstraintKind::PrimaryKey
        | ConstraintKind::Unique
        | ConstraintKind::ForeignKey { .. }
        | ConstraintKind::Exclude
        | ConstraintKind::Trigger => None,
    });
    let is_proved = |column: &str| {
        let invalid = |c: &crate::catalog::Constraint| {
            c.kind == ConstraintKind::NotNull && !c.valid && c.columns == [column.to_owned()]
        };
        !rel.constraints.iter().any(invalid)
    };
    let not_null = rel.columns.iter().filter(|c| c.not_null && is_proved(&c.name));
    checks
        .flat_map(|check| parts(&check))
        .chain(not_null.map(|column| Predicate::NotNull(column.name.clone())))
        .collect()
}

fn parts(predicate: &Predicate) -> Vec<Predicate> {
    match predicate {
        Predicate::And(all) => all.iter().flat_map(parts).collect(),
        one => vec![one.clone()],
    }
}

/// A bound as conditions that all hold inside it; `None` where they are not that simple.
fn conditions(parent: &Relation, bound: &str) -> Option<Vec<Predicate>> {
    let keys = key_columns(parent);
    let [key] = keys.as_slice() else { return None };
    let mut all = vec![Predicate::NotNull(key.clone())];
    let comparison = |operator: &str, value: &String| Predicate::Compare {
        column: key.clone(),
        operator: operator.to_owned(),
        value: value.clone(),
    };
    match read_bound(bound)? {
        Bound::List(values) => all.push(Predicate::In {
            column: key.clone(),
            values: values.into_iter().collect::<Option<_>>()?,
        }),
        Bound::Range { from, to } => {
            if let [Edge::Value(value)] = from.as_slice() {
                all.push(comparison(">=", value));
            }
            if let [Edge::Value(value)] = to.as_slice() {
                all.push(comparison("<", value));
            }
        }
        Bound::Default | Bound::Hash => return None,
    }
    Some(all)
}

fn follows(rel: &Relation, facts: &[Predicate], wanted: &Predicate) -> bool {
    facts.iter().any(|fact| implies(rel, fact, wanted))
}

/// Whether one condition on a column makes another certain, for a row in which it is true.
fn implies(rel: &Relation, fact: &Predicate, wanted: &Predicate) -> bool {
    if fact == wanted {
        return true;
    }
    match (fact, wanted) {
        (
            Predicate::Compare {
                column: a,
                operator,
                value,
            },
            Predicate::Compare {
                column: b,
                operator: asked,
                value: limit,
            },
        ) if a == b => order(rel, a, value, limit).is_some_and(|order| stronger(operator, asked, order)),
        (
            Predicate::Compare {
                column: a,
                operator,
                value,
            },
            Predicate::In { column: b, values },
        ) => a == b && operator == "=" && values.iter().any(|one| is_same(rel, a, value, one)),
        (Predicate::In { column: a, values: own }, Predicate::In { column: b, values }) => {
            a == b && own.iter().all(|own| values.iter().any(|one| is_same(rel, a, own, one)))
        }
        // Inside a bound its column is not null; CHECK (NOT (c IS NOT NULL AND …)) says so.
        _ => false,
    }
}

/// Whether two conditions on a column cannot both be true.
fn excludes(rel: &Relation, inside: &Predicate, other: &Predicate) -> bool {
    match (inside, other) {
        (Predicate::NotNull(a), Predicate::Null(b)) => a == b,
        (
            Predicate::Compare {
                column: a,
                operator,
                value,
            },
            Predicate::Compare {
                column: b,
                operator: other,
                value: limit,
            },
        ) if a == b => {
            let Some(order) = order(rel, a, limit, value) else {
                return false;
            };
            match (operator.as_str(), other.as_str()) {
                (">=", "<") => order != Ordering::Greater,
                (">=", "<=" | "=") => order == Ordering::Less,
                ("<", ">=" | ">" | "=") => order != Ordering::Less,
                _ => false,
            }
        }
        (
            Predicate::In { column: a, values },
            Predicate::Compare {
                column: b,
                operator,
                value,
            },
        ) if a == b => match operator.as_str() {
            "=" => !values.iter().any(|one| is_same(rel, a, one, value)),
            "<>" => values.iter().all(|one| is_same(rel, a, one, value)),
            _ => false,
        },
        _ => false,
    }
}

/// `column operator value` makes `column asked limit` certain, where value stands to limit in that order.
fn stronger(operator: &str, asked: &str, order: Ordering) -> bool {
    match (operator, asked) {
        (">=" | ">" | "=", ">=") | (">", ">") => order != Ordering::Less,
        (">=" | "=", ">") => order == Ordering::Greater,
        ("<=" | "<" | "=", "<=") | ("<", "<") => order != Ordering::Greater,
        ("<=" | "=", "<") => order == Ordering::Less,
        _ => false,
    }
}

fn order(rel: &Relation, column: &str, a: &str, b: &str) -> Option<Ordering> {
    compare(&rel.column(column)?.type_name, a, b)
}

fn is_same(rel: &Relation, column: &str, a: &str, b: &str) -> bool {
    a == b || order(rel, column, a, b) == Some(Ordering::Equal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay;
    use crate::source::SourceFile;
    use crate::version::ServerVersion;

    fn catalog(checks: &[&str]) -> Catalog {
        let mut text = "create table p (d date, k int) partition by range (d);
            create table c (d date not null, k int);"
            .to_owned();
        for check in checks {
            text.push_str("alter table c add check (");
            text.push_str(check);
            text.push_str(");");
        }
        let mut catalog = Catalog::empty(ServerVersion::NEWEST);
        for statement in crate::sql::parse(&SourceFile::new("m.sql", text)).unwrap().statements {
            replay::apply(&mut catalog, &statement);
        }
        catalog
    }

    const BOUND: &str = "FOR VALUES FROM ('2022-01-01') TO ('2023-01-01')";

    #[test]
    fn what_proves_a_bound() {
        let name = |name: &str| Name::new("public", name);
        let inside = |checks: &[&str]| lies_inside(&catalog(checks), &name("p"), &name("c"), BOUND);
        assert!(inside(&["d >= '2022-01-01' and d < '2023-01-01'"]));
        assert!(inside(&["d >= '2022-05-01'", "d <= '2022-12-31'"]));
        assert!(inside(&["((d >= '2022-01-01'::date) AND (d < '2023-01-01'::date))"]));
        assert!(inside(&["d = '2022-07-07'"]));
        assert!(!inside(&["d >= '2022-01-01'"]));
        assert!(!inside(&["d > '2021-12-31' and d < '2023-01-01'"]));
        assert!(!inside(&["d >= '2022-01-01' or d < '2023-01-01'"]));
        let outside = |checks: &[&str]| lies_outside(&catalog(checks), &name("p"), &name("c"), BOUND);
        assert!(outside(&["not (d >= '2022-01-01' and d < '2023-01-01')"]));
        assert!(outside(&["d < '2022-01-01' or d >= '2023-01-01'"]));
        assert!(outside(&["d < '2021-06-01'"]));
        assert!(!outside(&["not (d >= '2022-02-01' and d < '2023-01-01')"]));
        assert!(!outside(&["d < '2022-02-01'"]));
    }
}
