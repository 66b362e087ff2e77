//! Conditions out of parser nodes.

use super::super::{Predicate, room};
use super::names::{constant, text};
use pg_query::NodeEnum;
use pg_query::protobuf::{AExprKind, BoolExprType, Node, NullTestType};

/// A condition's text, as it stands in a file or as the server prints it.
pub fn predicate(condition: &str) -> Predicate {
    // A token has a letter at least.
    room::for_text(condition, || read_text(condition))
}

fn read_text(condition: &str) -> Predicate {
    let parsed = pg_query::parse(&format!("SELECT {condition}"), pg_query::ParserOptions::DEFAULT);
    let Ok(parsed) = parsed else { return Predicate::Other };
    let statement = parsed
        .protobuf
        .stmts
        .first()
        .and_then(|raw| raw.stmt.as_ref()?.node.as_ref());
    match statement {
        Some(NodeEnum::SelectStmt(select)) => match select.target_list.first().and_then(|node| node.node.as_ref()) {
            Some(NodeEnum::ResTarget(target)) => target.val.as_ref().map_or(Predicate::Other, |value| read(value)),
            _ => Predicate::Other,
        },
        _ => Predicate::Other,
    }
}

fn read(node: &Node) -> Predicate {
    match &node.node {
        Some(NodeEnum::BoolExpr(expr)) => {
            let mut parts: Vec<Predicate> = expr.args.iter().map(read).collect();
            match expr.boolop() {
                BoolExprType::AndExpr => Predicate::And(parts),
                BoolExprType::OrExpr => Predicate::Or(parts),
                BoolExprType::NotExpr => parts
                    .pop()
                    .map_or(Predicate::Other, |part| Predicate::Not(Box::new(part))),
                BoolExprType::Undefined => Predicate::Other,
            }
        }
        Some(NodeEnum::NullTest(test)) => match test.arg.as_ref().and_then(|arg| column(arg)) {
            Some(column) if test.nulltesttype() == NullTestType::IsNotNull => Predicate::NotNull(column),
            Some(column) => Predicate::Null(column),
            None => Predicate::Other,
        },
        Some(NodeEnum::AExpr(expr)) => {
            let operator = expr.name.last().and_then(text).unwrap_or_default();
            let (Some(left), Some(right)) = (expr.lexpr.as_deref(), expr.rexpr.as_deref()) else {
                return Predicate::Other;
            };
            match expr.kind() {
                AExprKind::AexprOp => compare(left, &operator, right),
                AExprKind::AexprIn | AExprKind::AexprOpAny if operator == "=" => among(left, right),
                AExprKind::AexprBetween => match (column(left), &right.node) {
                    (Some(_), Some(NodeEnum::List(list))) if list.items.len() == 2 => Predicate::And(vec![
                        compare(left, ">=", &list.items[0]),
                        compare(left, "<=", &list.items[1]),
                    ]),
                    _ => Predicate::Other,
                },
                _ => Predicate::Other,
            }
        }
        _ => Predicate::Other,
    }
}

fn compare(left: &Node, operator: &str, right: &Node) -> Predicate {
    let turned = match operator {
        "<" => ">",
        "<=" => ">=",
        ">" => "<",
        ">=" => "<=",
        "=" | "<>" => operator,
        _ => return Predicate::Other,
    };
    match (column(left), constant(right), column(right), constant(left)) {
        (Some(column), Some(value), ..) => Predicate::Compare {
            column,
            operator: operator.to_owned(),
            value,
        },
        (_, _, Some(column), Some(value)) => Predicate::Compare {
            column,
            operator: turned.to_owned(),
            value,
        },
        _ => Predicate::Other,
    }
}

fn among(left: &Node, right: &Node) -> Predicate {
    fn items(node: &Node) -> Option<&[Node]> {
        match node.node.as_ref()? {
            NodeEnum::List(list) => Some(&list.items),
            NodeEnum::AArrayExpr(array) => Some(&array.elements),
            NodeEnum::TypeCast(cast) => items(cast.arg.as_ref()?),
            _ => None,
        }
    }
    let values = items(right).map(|items| items.iter().map(constant).collect::<Option<Vec<_>>>());
    match (column(left), values.flatten()) {
        (Some(column), Some(values)) => Predicate::In { column, values },
        _ => Predicate::Other,
    }
}

/// A column, also under the cast that the server prints: `(k)::text`.
fn column(node: &Node) -> Option<String> {
    match node.node.as_ref()? {
        NodeEnum::ColumnRef(column) => column.fields.last().and_then(text),
        NodeEnum::TypeCast(cast) => column(cast.arg.as_ref()?),
        _ => None,
    }
}
