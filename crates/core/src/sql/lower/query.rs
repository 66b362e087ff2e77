//! Queries: what comes out of them, and the columns they name.

use super::super::query::{ColumnUse, From, Output, Select, Source, Value, With};
use super::names::{relation, text, texts, type_ref};
use pg_query::NodeEnum;
use pg_query::protobuf::{self, AExprKind, Node, SelectStmt, SetOperation, SubLinkType, a_const};

/// Deeper than this nobody writes a view; the parser's own limit is far beyond.
const DEEPEST: usize = 60;

/// The query of a view, or of a table made from one.
pub(super) fn select_of(node: Option<&Node>) -> Select {
    match node.and_then(|node| node.node.as_ref()) {
        Some(NodeEnum::SelectStmt(stmt)) => select(stmt, 0),
        _ => Select::default(),
    }
}

/// The same for a statement that is a query itself.
pub(super) fn select_stmt(stmt: &SelectStmt) -> Select {
    select(stmt, 0)
}

fn select(stmt: &SelectStmt, depth: usize) -> Select {
    let mut found = Select::default();
    if depth > DEEPEST {
        return found;
    }
    let depth = depth + 1;
    for node in stmt.with_clause.iter().flat_map(|with| &with.ctes) {
        if let Some(NodeEnum::CommonTableExpr(cte)) = &node.node
            && let Some(NodeEnum::SelectStmt(inner)) = cte.ctequery.as_ref().and_then(|query| query.node.as_ref())
        {
            found.with.push(With {
                name: cte.ctename.clone(),
                columns: texts(&cte.aliascolnames),
                select: select(inner, depth),
            });
        }
    }
    if stmt.op() != SetOperation::SetopNone && stmt.op() != SetOperation::Undefined {
        found.arms = [&stmt.larg, &stmt.rarg]
            .into_iter()
            .flatten()
            .map(|arm| select(arm, depth))
            .collect();
        return found;
    }
    let mut walk = Walk {
        select: &mut found,
        depth,
    };
    for node in &stmt.from_clause {
        walk.from(node, Some(Vec::new()));
    }
    for node in &stmt.target_list {
        if let Some(NodeEnum::ResTarget(target)) = &node.node {
            walk.output(target);
        }
    }
    let clauses = [
        &stmt.where_clause,
        &stmt.having_clause,
        &stmt.limit_count,
        &stmt.limit_offset,
    ];
    clauses.into_iter().flatten().for_each(|node| walk.expression(node));
    let lists = [
        &stmt.group_clause,
        &stmt.sort_clause,
        &stmt.distinct_clause,
        &stmt.window_clause,
    ];
    for nodes in lists {
        walk.list(nodes);
    }
    if let Some(Some(NodeEnum::List(row))) = stmt.values_lists.first().map(|node| &node.node) {
        for (at, item) in row.items.iter().enumerate() {
            let (name, value) = (format!("column{}", at + 1), value(item));
            walk.select.outputs.push(Output { name, value });
        }
    }
    stmt.values_lists.iter().for_each(|row| walk.expression(row));
    found
}

struct Walk<'a> {
    select: &'a mut Select,
    depth: usize,
}

impl Walk<'_> {
    fn nested(&mut self) -> Walk<'_> {
        Walk {
            select: self.select,
            depth: self.depth + 1,
        }
    }

    fn from(&mut self, node: &Node, merged: Option<Vec<String>>) {
        if self.depth > DEEPEST {
            return;
        }
        let named = |alias: Option<&protobuf::Alias>| {
            (
                alias.map(|alias| alias.aliasname.clone()),
                alias.map(|alias| texts(&alias.colnames)).unwrap_or_default(),
            )
        };
        let mut push = |source, alias: Option<&protobuf::Alias>| {
            let (alias, columns) = named(alias);
            self.select.from.push(From {
                source,
                alias,
                columns,
                merged: merged.clone(),
            });
        };
        match &node.node {
            Some(NodeEnum::RangeVar(var)) => push(Source::Table(relation(var)), var.alias.as_ref()),
            Some(NodeEnum::RangeSubselect(sub)) => {
                let inner = match sub.subquery.as_ref().and_then(|query| query.node.as_ref()) {
                    Some(NodeEnum::SelectStmt(inner)) => Source::Query(select(inner, self.depth)),
                    _ => Source::Other,
                };
                self.select.from.push(From {
                    source: inner,
                    alias: sub.alias.as_ref().map(|alias| alias.aliasname.clone()),
                    columns: sub
                        .alias
                        .as_ref()
                        .map(|alias| texts(&alias.colnames))
                        .unwrap_or_default(),
                    merged,
                });
            }
            Some(NodeEnum::RangeFunction(function)) => {
                push(Source::Other, function.alias.as_ref());
                self.list(&function.functions);
            }
            Some(NodeEnum::JoinExpr(join)) => {
                let mut walk = self.nested();
                if let Some(left) = &join.larg {
                    walk.from(left, merged);
                }
                if let Some(right) = &join.rarg {
                    let using = if join.is_natural {
                        None
                    } else {
                        Some(texts(&join.using_clause))
                    };
                    walk.from(right, using);
                }
                for column in texts(&join.using_clause) {
                    let use_of = ColumnUse {
                        of: None,
                        column: Some(column),
                    };
                    walk.select.uses.push(use_of);
                }
                join.quals.iter().for_each(|quals| walk.expression(quals));
            }
            _ => push(Source::Other, None),
        }
    }

    fn output(&mut self, target: &protobuf::ResTarget) {
        let Some(node) = &target.val else { return };
        self.expression(node);
        let name = if target.name.is_empty() {
            super::table::figure(node).unwrap_or_else(|| "?column?".to_owned())
        } else {
            target.name.clone()
        };
        let value = value(node);
        self.select.outputs.push(Output { name, value });
    }

    fn list(&mut self, nodes: &[Node]) {
        for node in nodes {
            self.expression(node);
        }
    }

    /// Columns that an expression names; its sub-queries apart.
    fn expression(&mut self, node: &Node) {
        if self.depth > DEEPEST {
            return;
        }
        let mut walk = self.nested();
        match &node.node {
            Some(NodeEnum::ColumnRef(column)) => walk.select.uses.extend(column_use(column)),
            Some(NodeEnum::SubLink(link)) => {
                link.testexpr.iter().for_each(|test| walk.expression(test));
                if let Some(NodeEnum::SelectStmt(inner)) = link.subselect.as_ref().and_then(|s| s.node.as_ref()) {
                    let inner = select(inner, walk.depth);
                    walk.select.inner.push(inner);
                }
            }
            Some(NodeEnum::AExpr(e)) => [&e.lexpr, &e.rexpr]
                .into_iter()
                .flatten()
                .for_each(|e| walk.expression(e)),
            Some(NodeEnum::BoolExpr(e)) => walk.list(&e.args),
            Some(NodeEnum::FuncCall(call)) => {
                walk.list(&call.args);
                walk.list(&call.agg_order);
                call.agg_filter.iter().for_each(|filter| walk.expression(filter));
                if let Some(over) = &call.over {
                    walk.list(&over.partition_clause);
                    walk.list(&over.order_clause);
                }
            }
            Some(NodeEnum::WindowDef(over)) => {
                walk.list(&over.partition_clause);
                walk.list(&over.order_clause);
            }
            Some(NodeEnum::TypeCast(e)) => e.arg.iter().for_each(|e| walk.expression(e)),
            Some(NodeEnum::CaseExpr(e)) => {
                e.arg.iter().chain(&e.defresult).for_each(|e| walk.expression(e));
                walk.list(&e.args);
            }
            Some(NodeEnum::CaseWhen(e)) => e.expr.iter().chain(&e.result).for_each(|e| walk.expression(e)),
            Some(NodeEnum::CoalesceExpr(e)) => walk.list(&e.args),
            Some(NodeEnum::MinMaxExpr(e)) => walk.list(&e.args),
            Some(NodeEnum::NullTest(e)) => e.arg.iter().for_each(|e| walk.expression(e)),
            Some(NodeEnum::BooleanTest(e)) => e.arg.iter().for_each(|e| walk.expression(e)),
            Some(NodeEnum::AArrayExpr(e)) => walk.list(&e.elements),
            Some(NodeEnum::AIndirection(e)) => e.arg.iter().for_each(|e| walk.expression(e)),
            Some(NodeEnum::RowExpr(e)) => walk.list(&e.args),
            Some(NodeEnum::CollateClause(e)) => e.arg.iter().for_each(|e| walk.expression(e)),
            Some(NodeEnum::NamedArgExpr(e)) => e.arg.iter().for_each(|e| walk.expression(e)),
            Some(NodeEnum::SortBy(e)) => e.node.iter().for_each(|e| walk.expression(e)),
            Some(NodeEnum::GroupingSet(e)) => walk.list(&e.content),
            Some(NodeEnum::GroupingFunc(e)) => walk.list(&e.args),
            Some(NodeEnum::List(e)) => walk.list(&e.items),
            Some(other) => walk.flat(other),
            None => {}
        }
    }

    /// Rare forms: every column below, whichever query it belongs to.
    fn flat(&mut self, node: &NodeEnum) {
        for (node, _) in super::walk::nodes(node) {
            if let pg_query::NodeRef::ColumnRef(column) = node {
                self.select.uses.extend(column_use(column));
            }
        }
    }
}

fn column_use(column: &protobuf::ColumnRef) -> Option<ColumnUse> {
    let all = matches!(column.fields.last()?.node, Some(NodeEnum::AStar(_)));
    let mut parts: Vec<String> = column.fields.iter().filter_map(text).collect();
    let name = if all { None } else { parts.pop() };
    Some(ColumnUse {
        of: parts.pop(),
        column: name,
    })
}

/// The type of a value, where the text alone tells it.
fn value(node: &Node) -> Value {
    match &node.node {
        Some(NodeEnum::ColumnRef(column)) => column_use(column).map_or(Value::Unknown, Value::Column),
        Some(NodeEnum::TypeCast(cast)) => cast
            .type_name
            .as_ref()
            .map_or(Value::Unknown, |t| Value::Cast(type_ref(t))),
        Some(NodeEnum::FuncCall(call)) => called(call),
        Some(NodeEnum::BoolExpr(_) | NodeEnum::NullTest(_) | NodeEnum::BooleanTest(_)) => Value::Of("boolean"),
        Some(NodeEnum::AExpr(e)) => operator(e),
        Some(NodeEnum::SubLink(link)) => match link.sub_link_type() {
            SubLinkType::ExistsSublink | SubLinkType::AllSublink | SubLinkType::AnySublink => Value::Of("boolean"),
            SubLinkType::ExprSublink => scalar(link.subselect.as_deref()),
            _ => Value::Unknown,
        },
        Some(NodeEnum::AConst(constant)) => match &constant.val {
            Some(a_const::Val::Ival(_)) => Value::Of("integer"),
            Some(a_const::Val::Boolval(_)) => Value::Of("boolean"),
            Some(a_const::Val::Fval(_)) => Value::Of("numeric"),
            Some(a_const::Val::Sval(_)) | None => Value::Of("text"),
            Some(a_const::Val::Bsval(_)) => Value::Unknown,
        },
        Some(NodeEnum::CoalesceExpr(e)) => like(e.args.first()),
        Some(NodeEnum::MinMaxExpr(e)) => like(e.args.first()),
        Some(NodeEnum::CollateClause(e)) => like(e.arg.as_deref()),
        Some(NodeEnum::CaseExpr(e)) => match e.args.first().and_then(|when| when.node.as_ref()) {
            Some(NodeEnum::CaseWhen(when)) => like(when.result.as_deref()),
            _ => Value::Unknown,
        },
        Some(NodeEnum::AArrayExpr(e)) => e
            .elements
            .first()
            .map_or(Value::Unknown, |e| Value::Array(Box::new(value(e)))),
        _ => Value::Unknown,
    }
}

/// A sub-query that stands for a value: its columns are another `FROM`'s.
fn scalar(node: Option<&Node>) -> Value {
    let Some(NodeEnum::SelectStmt(select)) = node.and_then(|node| node.node.as_ref()) else {
        return Value::Unknown;
    };
    match select.target_list.first().and_then(|target| target.node.as_ref()) {
        Some(NodeEnum::ResTarget(target)) => match target.val.as_ref().map(|val| value(val)) {
            Some(own @ (Value::Of(_) | Value::Cast(_))) => own,
            _ => Value::Unknown,
        },
        _ => Value::Unknown,
    }
}

fn like(node: Option<&Node>) -> Value {
    node.map_or(Value::Unknown, |node| Value::Like(Box::new(value(node))))
}

fn operator(e: &protobuf::AExpr) -> Value {
    let name = e.name.last().and_then(text).unwrap_or_default();
    match e.kind() {
        AExprKind::AexprOp => match name.as_str() {
            "=" | "<>" | "<" | ">" | "<=" | ">=" | "~" | "~*" | "!~" | "!~*" | "@>" | "<@" | "?" | "?|" | "?&"
            | "&&" => Value::Of("boolean"),
            "->>" | "#>>" => Value::Of("text"),
            "+" | "-" | "*" | "/" => match (&e.lexpr, &e.rexpr) {
                (Some(left), Some(right)) => Value::Number(Box::new((value(left), value(right)))),
                _ => Value::Unknown,
            },
            _ => Value::Unknown,
        },
        AExprKind::AexprNullif => like(e.lexpr.as_deref()),
        _ => Value::Of("boolean"),
    }
}

fn called(call: &protobuf::FuncCall) -> Value {
    let name = call.funcname.last().and_then(text).unwrap_or_default();
    match name.as_str() {
        "count" | "row_number" | "rank" | "dense_rank" => Value::Of("bigint"),
        "lower" | "upper" | "concat" | "concat_ws" | "string_agg" | "btrim" | "replace" | "substring" | "to_char"
        | "format" | "md5" | "left" | "right" => Value::Of("text"),
        "now" | "statement_timestamp" | "transaction_timestamp" | "clock_timestamp" => {
            Value::Of("timestamp with time zone")
        }
        "bool_and" | "bool_or" | "every" | "starts_with" => Value::Of("boolean"),
        "length" | "char_length" | "octet_length" | "array_length" | "cardinality" => Value::Of("integer"),
        "jsonb_build_object" | "jsonb_agg" | "to_jsonb" => Value::Of("jsonb"),
        "json_build_object" | "json_agg" | "to_json" => Value::Of("json"),
        "sum" => call
            .args
            .first()
            .map_or(Value::Unknown, |arg| Value::Sum(Box::new(value(arg)))),
        "min" | "max" | "lag" | "lead" | "first_value" | "last_value" => like(call.args.first()),
        _ => Value::Unknown,
    }
}
