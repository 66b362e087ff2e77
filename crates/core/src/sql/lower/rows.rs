//! Conditions, given values and locked rows out of parser nodes.

use super::super::{Conflict, Given, Inserted, NameRef, Rows};
use super::names::{constant, relation, relations, text};
use pg_query::protobuf::{AExpr, AExprKind, BoolExprType, FuncCall, InsertStmt, Node, SelectStmt};
use pg_query::{NodeEnum, NodeRef};
use std::collections::BTreeMap;

impl Rows {
    /// What one node of the statement's tree says.
    pub(super) fn note(&mut self, node: &NodeRef<'_>) {
        match node {
            NodeRef::FuncCall(call) => {
                self.sequences.extend(sequence(call));
                self.serials.extend(serial(call));
            }
            NodeRef::UpdateStmt(update) => self.changed.extend(update.relation.as_ref().map(relation)),
            NodeRef::DeleteStmt(delete) => self.changed.extend(delete.relation.as_ref().map(relation)),
            NodeRef::SelectStmt(select) => {
                for clause in &select.locking_clause {
                    let Some(NodeEnum::LockingClause(clause)) = &clause.node else {
                        continue;
                    };
                    let named = relations(&clause.locked_rels);
                    let all = relations_of(&select.from_clause);
                    let locked = all.into_iter().filter(|(name, alias)| {
                        named.is_empty() || named.iter().any(|one| one.name == *alias || one == name)
                    });
                    self.locked.extend(locked.map(|(name, _)| name));
                }
            }
            _ => {}
        }
    }

    /// What the condition of the whole statement fixes, and how many rows there are.
    pub(super) fn fix(&mut self, node: &NodeEnum) {
        self.series = match node {
            NodeEnum::SelectStmt(select) => series(select),
            NodeEnum::InsertStmt(insert) => match insert.select_stmt.as_ref().and_then(|node| node.node.as_ref()) {
                Some(NodeEnum::SelectStmt(select)) => series(select),
                _ => None,
            },
            _ => None,
        };
        let condition = match node {
            NodeEnum::SelectStmt(select) => of_select(select),
            NodeEnum::InsertStmt(insert) => match insert.select_stmt.as_ref().and_then(|node| node.node.as_ref()) {
                Some(NodeEnum::SelectStmt(select)) => of_select(select),
                _ => None,
            },
            NodeEnum::UpdateStmt(update) if update.from_clause.is_empty() => update.where_clause.as_deref(),
            NodeEnum::DeleteStmt(delete) if delete.using_clause.is_empty() => delete.where_clause.as_deref(),
            _ => None,
        };
        if let Some(condition) = condition {
            equalities(condition, &mut self.equals);
            self.few = few(condition);
        }
    }
}

/// Columns that a condition holds to so many values, all joined by AND.
fn few(condition: &Node) -> Vec<(String, u64)> {
    let mut parts = Vec::new();
    conjuncts(condition, &mut parts);
    let mut found = Vec::new();
    let (mut from, mut to): (BTreeMap<String, i64>, BTreeMap<String, i64>) = (BTreeMap::new(), BTreeMap::new());
    for part in parts {
        let sides = [part.lexpr.as_deref(), part.rexpr.as_deref()];
        let [Some(left), Some(right)] = sides else { continue };
        let Some(column) = column_name(left) else { continue };
        let values = match &right.node {
            Some(NodeEnum::List(list)) => list.items.iter().map(constant).collect(),
            _ => vec![constant(right)],
        };
        let Some(values) = values.into_iter().collect::<Option<Vec<String>>>() else {
            continue;
        };
        let numbers: Vec<i64> = values.iter().filter_map(|value| value.parse().ok()).collect();
        let operator = part.name.last().and_then(text).unwrap_or_default();
        match (part.kind(), operator.as_str(), numbers.as_slice()) {
            (AExprKind::AexprIn, "=", _) => found.push((column, values.len() as u64)),
            (AExprKind::AexprBetween, _, [low, high]) => {
                from.insert(column.clone(), *low);
                to.insert(column, *high);
            }
            (AExprKind::AexprOp, ">" | ">=", [low]) => {
                from.insert(column, *low);
            }
            (AExprKind::AexprOp, "<" | "<=", [high]) => {
                to.insert(column, *high);
            }
            _ => {}
        }
    }
    let windows = from.into_iter().filter_map(|(column, low)| {
        let width = to.get(&column)?.saturating_sub(low).saturating_add(1);
        Some((column, u64::try_from(width).unwrap_or(0)))
    });
    found.extend(windows);
    found
}

fn conjuncts<'a>(node: &'a Node, found: &mut Vec<&'a AExpr>) {
    match &node.node {
        Some(NodeEnum::BoolExpr(expr)) if expr.boolop() == BoolExprType::AndExpr => {
            expr.args.iter().for_each(|arg| conjuncts(arg, found));
        }
        Some(NodeEnum::AExpr(expr)) => found.push(expr),
        _ => {}
    }
}

fn of_select(select: &SelectStmt) -> Option<&Node> {
    match select.from_clause.as_slice() {
        [one] if matches!(one.node, Some(NodeEnum::RangeVar(_))) => select.where_clause.as_deref(),
        _ => None,
    }
}

/// The relations of a `FROM`, joins taken apart, each with the name it goes by.
fn relations_of(from: &[Node]) -> Vec<(NameRef, String)> {
    let mut found = Vec::new();
    for node in from {
        match &node.node {
            Some(NodeEnum::RangeVar(var)) => {
                let alias = var.alias.as_ref().map_or(&var.relname, |alias| &alias.aliasname);
                found.push((relation(var), alias.clone()));
            }
            Some(NodeEnum::JoinExpr(join)) => {
                let sides = [&join.larg, &join.rarg].into_iter().flatten();
                sides.for_each(|side| found.extend(relations_of(std::slice::from_ref(side))));
            }
            _ => {}
        }
    }
    found
}

/// Columns that a condition compares with constants, all joined by AND.
pub(super) fn equalities(node: &Node, found: &mut Vec<(String, String)>) {
    match &node.node {
        Some(NodeEnum::BoolExpr(expr)) if expr.boolop() == BoolExprType::AndExpr => {
            expr.args.iter().for_each(|arg| equalities(arg, found));
        }
        Some(NodeEnum::AExpr(expr))
            if expr.kind() == AExprKind::AexprOp && expr.name.last().and_then(text).as_deref() == Some("=") =>
        {
            let sides = [expr.lexpr.as_deref(), expr.rexpr.as_deref()];
            if let [Some(left), Some(right)] = sides {
                found.extend(column_name(left).zip(constant(right)));
                found.extend(column_name(right).zip(constant(left)));
            }
        }
        _ => {}
    }
}

fn column_name(node: &Node) -> Option<String> {
    match node.node.as_ref()? {
        NodeEnum::ColumnRef(column) => column.fields.last().and_then(text),
        _ => None,
    }
}

fn sequence(call: &FuncCall) -> Option<NameRef> {
    let name = call.funcname.last().and_then(text)?;
    if !matches!(name.as_str(), "nextval" | "setval" | "currval") {
        return None;
    }
    named(&constant(call.args.first()?)?)
}

/// The table and column of `pg_get_serial_sequence`; the column is a name as it is, the table one as in SQL.
fn serial(call: &FuncCall) -> Option<(NameRef, String)> {
    if call.funcname.last().and_then(text)? != "pg_get_serial_sequence" {
        return None;
    }
    let [table, column] = call.args.as_slice() else {
        return None;
    };
    Some((named(&constant(table)?)?, constant(column)?))
}

fn named(text: &str) -> Option<NameRef> {
    let mut parts = text.split('.').map(
        |part| match part.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
            Some(quoted) => quoted.to_owned(),
            None => part.to_lowercase(),
        },
    );
    let (first, second) = (parts.next()?, parts.next());
    Some(match second {
        Some(name) => NameRef {
            schema: Some(first),
            name,
        },
        None => NameRef::bare(first),
    })
}

/// What an `INSERT` gives.
pub(super) fn inserted(insert: &InsertStmt) -> Inserted {
    let select = insert.select_stmt.as_ref().and_then(|node| match node.node.as_ref()? {
        NodeEnum::SelectStmt(select) => Some(select),
        _ => None,
    });
    let rows = match select {
        // DEFAULT VALUES.
        None => Some(vec![Vec::new()]),
        Some(select) if select.values_lists.is_empty() => None,
        Some(select) => Some(select.values_lists.iter().map(row).collect()),
    };
    let columns = insert.cols.iter().filter_map(|node| match node.node.as_ref()? {
        NodeEnum::ResTarget(target) => Some(target.name.clone()),
        _ => None,
    });
    Inserted {
        columns: columns.collect(),
        rows,
        conflict: insert.on_conflict_clause.as_ref().map(|clause| match &clause.infer {
            None => Conflict::Any,
            Some(infer) if infer.conname.is_empty() => Conflict::Columns,
            Some(infer) => Conflict::Constraint(infer.conname.clone()),
        }),
    }
}

fn row(node: &Node) -> Vec<Given> {
    let Some(NodeEnum::List(list)) = &node.node else {
        return Vec::new();
    };
    list.items.iter().map(given).collect()
}

fn given(node: &Node) -> Given {
    match &node.node {
        Some(NodeEnum::SetToDefault(_)) => Given::Default,
        Some(NodeEnum::AConst(value)) if value.isnull => Given::Null,
        Some(NodeEnum::TypeCast(cast)) => cast.arg.as_ref().map_or(Given::Other, |arg| given(arg)),
        _ => constant(node).map_or(Given::Other, Given::Constant),
    }
}

/// `SELECT … FROM generate_series(1, 100)`, and nothing that leaves rows out.
fn series(select: &SelectStmt) -> Option<u64> {
    let plain = select.where_clause.is_none()
        && select.group_clause.is_empty()
        && select.having_clause.is_none()
        && select.distinct_clause.is_empty()
        && select.limit_count.is_none()
        && select.limit_offset.is_none()
        && select.larg.is_none();
    let ([from], true) = (select.from_clause.as_slice(), plain) else {
        return None;
    };
    let Some(NodeEnum::RangeFunction(function)) = &from.node else {
        return None;
    };
    let [one] = function.functions.as_slice() else {
        return None;
    };
    let Some(NodeEnum::List(list)) = &one.node else {
        return None;
    };
    let Some(NodeEnum::FuncCall(call)) = list.items.first().and_then(|item| item.node.as_ref()) else {
        return None;
    };
    if call.funcname.last().and_then(text).as_deref() != Some("generate_series") {
        return None;
    }
    let number = |node: &Node| constant(node)?.parse::<i64>().ok();
    match call.args.as_slice() {
        [first, last] => u64::try_from(number(last)? - number(first)? + 1).ok(),
        _ => None,
    }
}
