//! `UPDATE` and `DELETE` taken apart, so that they can be done a part of the rows at a time.

use super::super::Shape;
use super::expr::{deparse, sql};
use super::names::text;
use crate::quote::SqlText;
use pg_query::protobuf::{self, BoolExprType, Node, NullTestType, RangeVar, SelectStmt};
use pg_query::{NodeEnum, NodeRef};

/// `None` where the deparser does not know a part of it.
pub(super) fn shape(node: &NodeEnum) -> Option<Shape> {
    let (target, condition, joined, whole, obstacle) = match node {
        NodeEnum::UpdateStmt(update) => {
            let mut whole = update.clone();
            whole.where_clause = None;
            whole.returning_clause = None;
            whole.with_clause = None;
            let obstacle = obstacle(node, update.returning_clause.is_some(), update.with_clause.is_some());
            let target = update.relation.as_ref()?;
            (
                target,
                &update.where_clause,
                &update.from_clause,
                NodeEnum::UpdateStmt(whole),
                obstacle,
            )
        }
        NodeEnum::DeleteStmt(delete) => {
            let mut whole = delete.clone();
            whole.where_clause = None;
            whole.returning_clause = None;
            whole.with_clause = None;
            let obstacle = obstacle(node, delete.returning_clause.is_some(), delete.with_clause.is_some());
            let target = delete.relation.as_ref()?;
            (
                target,
                &delete.where_clause,
                &delete.using_clause,
                NodeEnum::DeleteStmt(whole),
                obstacle,
            )
        }
        _ => return None,
    };
    let mut nulls = Vec::new();
    if let Some(condition) = condition {
        null_tests(condition, &mut nulls);
    }
    Some(Shape {
        change: SqlText::verbatim(deparse(whole)?),
        reading: SqlText::verbatim(deparse(reading(target, joined))?),
        condition: condition.as_deref().map(sql),
        alias: target
            .alias
            .as_ref()
            .map_or(&target.relname, |alias| &alias.aliasname)
            .clone(),
        joins: !joined.is_empty(),
        only: !target.inh,
        nulls,
        obstacle,
    })
}

/// `SELECT FROM target, others`.
fn reading(target: &RangeVar, joined: &[Node]) -> NodeEnum {
    let target = Node {
        node: Some(NodeEnum::RangeVar(target.clone())),
    };
    NodeEnum::SelectStmt(Box::new(SelectStmt {
        from_clause: std::iter::once(target).chain(joined.iter().cloned()).collect(),
        limit_option: protobuf::LimitOption::Default.into(),
        op: protobuf::SetOperation::SetopNone.into(),
        ..SelectStmt::default()
    }))
}

fn obstacle(node: &NodeEnum, returns: bool, with: bool) -> Option<&'static str> {
    if returns {
        return Some("it has RETURNING");
    }
    if with {
        return Some("it has a WITH");
    }
    super::walk::nodes(node).iter().find_map(|(node, _)| match node {
        NodeRef::SelectStmt(select) if select.limit_count.is_some() || select.limit_offset.is_some() => {
            Some("it has a LIMIT: which rows that leaves out is another thing in each batch")
        }
        NodeRef::CurrentOfExpr(_) => Some("it goes by a cursor"),
        _ => None,
    })
}

/// Columns that a condition demands to be NULL, all joined by AND.
fn null_tests(node: &Node, found: &mut Vec<String>) {
    match &node.node {
        Some(NodeEnum::BoolExpr(expr)) if expr.boolop() == BoolExprType::AndExpr => {
            expr.args.iter().for_each(|arg| null_tests(arg, found));
        }
        Some(NodeEnum::NullTest(test)) if test.nulltesttype() == NullTestType::IsNull => {
            if let Some(NodeEnum::ColumnRef(column)) = test.arg.as_ref().and_then(|arg| arg.node.as_ref()) {
                found.extend(column.fields.last().and_then(text));
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{Dml, Kind, parse};
    use crate::source::SourceFile;

    fn dml(text: &str) -> Dml {
        let script = parse(&SourceFile::new("m", text)).unwrap();
        match script.statements.into_iter().next().unwrap().kind {
            Kind::Dml(dml) => dml,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn taken_apart_it_is_the_same_statement() {
        let shape = dml(
            "update only s.\"T\" as x set a = a + 1, b = u.b from u join v using (id) where x.id = u.id or c is null",
        )
        .shape
        .unwrap();
        assert_eq!(
            shape.change.as_str(),
            "UPDATE ONLY s.\"T\" x SET a = a + 1, b = u.b FROM u JOIN v USING (id)"
        );
        assert_eq!(
            shape.reading.as_str(),
            "SELECT FROM ONLY s.\"T\" x, u JOIN v USING (id)"
        );
        assert_eq!(shape.condition.unwrap().as_str(), "x.id = u.id OR c IS NULL");
        assert_eq!((shape.alias.as_str(), shape.joins, shape.only), ("x", true, true));
        assert_eq!(shape.nulls, Vec::<String>::new());
        let shape = dml("DELETE FROM t USING u WHERE t.id = u.id AND t.c IS NULL")
            .shape
            .unwrap();
        assert_eq!(shape.change.as_str(), "DELETE FROM t USING u");
        assert_eq!(shape.nulls, ["c"]);
        assert_eq!(shape.obstacle, None);
    }

    #[test]
    fn what_looks_beyond_a_row_is_seen() {
        for (text, word) in [
            ("DELETE FROM t RETURNING id", "RETURNING"),
            ("WITH w AS (SELECT 1) UPDATE t SET a = 1", "WITH"),
            ("UPDATE t SET a = 1 WHERE id IN (SELECT id FROM u LIMIT 3)", "LIMIT"),
            ("DELETE FROM t WHERE CURRENT OF c", "cursor"),
        ] {
            let obstacle = dml(text).shape.unwrap().obstacle.unwrap();
            assert!(obstacle.contains(word), "{text}: {obstacle}");
        }
    }
}
