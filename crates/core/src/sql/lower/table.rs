//! `CREATE TABLE` and `CREATE INDEX`.

use super::super::{ConstraintDef, ConstraintKindDef, CreateIndex, CreateTable, Kind, Like};
use super::definition::{column_def, constraint_def};
use super::expr::{deparse, expression, placeholder, sql};
use super::names::{relation, text};
use super::plain;
use crate::catalog::Expression;
use crate::quote::SqlText;
use pg_query::NodeEnum;
use pg_query::protobuf::{self, CreateStmt, IndexStmt, Node};

pub(super) fn lower(node: &NodeEnum) -> Option<Kind> {
    match node {
        NodeEnum::CreateStmt(create) => Some(Kind::CreateTable(create_table(create, false)?)),
        NodeEnum::CreateForeignTableStmt(create) => {
            Some(Kind::CreateTable(create_table(create.base_stmt.as_ref()?, true)?))
        }
        NodeEnum::IndexStmt(index) => create_index(index).map(Kind::CreateIndex),
        _ => None,
    }
}

/// `TEMPORARY`, or made in the schema of temporary things.
pub(super) fn is_temporary(name: &protobuf::RangeVar) -> bool {
    name.relpersistence == "t" || name.schemaname == "pg_temp"
}

fn create_table(create: &CreateStmt, foreign: bool) -> Option<CreateTable> {
    let name = create.relation.as_ref()?;
    let mut table = CreateTable {
        name: relation(name),
        if_not_exists: create.if_not_exists,
        temporary: is_temporary(name),
        drop_on_commit: create.oncommit() == protobuf::OnCommitAction::OncommitDrop,
        unlogged: name.relpersistence == "u",
        columns: Vec::new(),
        constraints: Vec::new(),
        parents: super::names::relations(&create.inh_relations),
        bound: create.partbound.as_ref().map(partition_bound),
        partition_key: create.partspec.as_ref().map(partition_key),
        like: Vec::new(),
        foreign,
        of_type: create
            .of_typename
            .as_ref()
            .and_then(|of| super::names::qualified(&of.names)),
    };
    for element in &create.table_elts {
        match element.node.as_ref()? {
            NodeEnum::ColumnDef(column) => table.columns.push(column_def(column)?),
            NodeEnum::Constraint(constraint) => table.constraints.push(of_new_table(constraint, foreign)?),
            NodeEnum::TableLikeClause(like) => table.like.extend(like.relation.as_ref().map(|source| Like {
                source: relation(source),
                including: like.options,
                after: table.columns.len(),
            })),
            _ => {}
        }
    }
    for constraint in &create.constraints {
        if let Some(NodeEnum::Constraint(constraint)) = &constraint.node {
            table.constraints.push(of_new_table(constraint, foreign)?);
        }
    }
    Some(table)
}

/// A new table has no rows that could violate a CHECK or a foreign key: `NOT VALID` means nothing there. The server does not
/// see the rows of a foreign table (`transformCheckConstraints` in `parse_utilcmd.c`).
fn of_new_table(constraint: &protobuf::Constraint, foreign: bool) -> Option<ConstraintDef> {
    let own = constraint_def(constraint)?;
    let proved = !foreign
        && matches!(
            own.kind,
            ConstraintKindDef::Check(_) | ConstraintKindDef::ForeignKey { .. }
        );
    Some(ConstraintDef {
        not_valid: own.not_valid && !proved,
        ..own
    })
}

fn partition_key(spec: &protobuf::PartitionSpec) -> Expression {
    let mut key = Expression::default();
    for param in &spec.part_params {
        if let Some(NodeEnum::PartitionElem(elem)) = &param.node {
            if !elem.name.is_empty() {
                key.columns.insert(elem.name.clone());
            }
            if let Some(expr) = &elem.expr {
                let inner = expression(expr);
                key.columns.extend(inner.columns);
                key.functions.extend(inner.functions);
            }
        }
    }
    let elements = spec.part_params.iter().filter_map(|param| match param.node.as_ref()? {
        NodeEnum::PartitionElem(elem) => Some(match &elem.expr {
            Some(expr) => format!("({})", expression(expr).sql),
            None => crate::sql!("{}", crate::quote::Ident(&elem.name)).as_str().to_owned(),
        }),
        _ => None,
    });
    let strategy = match spec.strategy() {
        protobuf::PartitionStrategy::List => "LIST",
        protobuf::PartitionStrategy::Hash => "HASH",
        _ => "RANGE",
    };
    key.sql = format!("{strategy} ({})", elements.collect::<Vec<_>>().join(", "));
    key
}

/// `DEFAULT` or `FOR VALUES …`, as the server prints it.
pub(super) fn partition_bound(bound: &protobuf::PartitionBoundSpec) -> String {
    let list = |nodes: &[Node]| nodes.iter().map(datum).collect::<Vec<_>>().join(", ");
    match bound.strategy.as_str() {
        _ if bound.is_default => "DEFAULT".to_owned(),
        "l" => format!("FOR VALUES IN ({})", list(&bound.listdatums)),
        "r" => format!(
            "FOR VALUES FROM ({}) TO ({})",
            list(&bound.lowerdatums),
            list(&bound.upperdatums)
        ),
        _ => format!(
            "FOR VALUES WITH (modulus {}, remainder {})",
            bound.modulus, bound.remainder
        ),
    }
}

fn datum(node: &Node) -> String {
    match &node.node {
        Some(NodeEnum::ColumnRef(column)) => column.fields.first().and_then(text).unwrap_or_default().to_uppercase(),
        _ => expression(node).sql,
    }
}

/// What stands behind `ON table` in `CREATE INDEX`.
pub(super) fn index_rest(index: &IndexStmt) -> Option<SqlText> {
    plain::index_rest(index)
        .map(SqlText::verbatim)
        .or_else(|| deparsed_rest(index.clone()))
}

/// The same for any index.
pub(super) fn deparsed_rest(mut index: IndexStmt) -> Option<SqlText> {
    index.relation = Some(placeholder());
    "x".clone_into(&mut index.idxname);
    index.unique = false;
    index.concurrent = false;
    index.if_not_exists = false;
    let text = deparse(NodeEnum::IndexStmt(Box::new(index)))?;
    Some(SqlText::verbatim(text.strip_prefix("CREATE INDEX x ON x ")?))
}

fn create_index(index: &IndexStmt) -> Option<CreateIndex> {
    let table = index.relation.as_ref()?;
    let elements: Vec<&protobuf::IndexElem> = index.index_params.iter().filter_map(element).collect();
    let expressions = key_expressions(&elements);
    Some(CreateIndex {
        name: (!index.idxname.is_empty()).then(|| index.idxname.clone()),
        table: relation(table),
        only: !table.inh,
        unique: index.unique,
        concurrently: index.concurrent,
        if_not_exists: index.if_not_exists,
        method: if index.access_method.is_empty() {
            "btree".to_owned()
        } else {
            index.access_method.clone()
        },
        keys: elements.iter().map(|e| key_column(e)).collect(),
        key_names: elements.iter().map(|e| key_name(e)).collect(),
        key_sql: elements.iter().map(|e| key_sql(e)).collect(),
        classes: elements.iter().map(|e| e.opclass.last().and_then(text)).collect(),
        include: index
            .index_including_params
            .iter()
            .filter_map(element)
            .map(|e| e.name.clone())
            .collect(),
        expressions,
        predicate: index.where_clause.as_ref().map(|e| expression(e)),
        nulls_not_distinct: index.nulls_not_distinct,
        rest: index_rest(index)?,
    })
}

/// The column of a key; empty for an expression. `(a)` and `(a COLLATE "C")` are columns.
pub(super) fn key_column(element: &protobuf::IndexElem) -> String {
    fn column(node: &Node) -> Option<String> {
        match node.node.as_ref()? {
            NodeEnum::ColumnRef(column) => column.fields.last().and_then(text),
            NodeEnum::CollateClause(collate) => column(collate.arg.as_ref()?),
            _ => None,
        }
    }
    match &element.expr {
        None => element.name.clone(),
        Some(expr) => column(expr).unwrap_or_default(),
    }
}

/// What the keys of an index that are expressions use.
pub(super) fn key_expressions(elements: &[&protobuf::IndexElem]) -> Option<Expression> {
    let mut expressions: Option<Expression> = None;
    let computed = elements.iter().filter(|e| key_column(e).is_empty());
    for expr in computed.filter_map(|e| e.expr.as_ref()) {
        let uses = expression(expr);
        let all = expressions.get_or_insert_with(Expression::default);
        all.sql = format!("{}{}{}", all.sql, if all.sql.is_empty() { "" } else { ", " }, uses.sql);
        all.columns.extend(uses.columns);
        all.functions.extend(uses.functions);
    }
    expressions
}

pub(super) fn element(node: &Node) -> Option<&protobuf::IndexElem> {
    match node.node.as_ref()? {
        NodeEnum::IndexElem(element) => Some(element),
        _ => None,
    }
}

/// `FigureColname` in PostgreSQL's parser: the function's name for a call, the column for a cast of one, ….
pub(super) fn figure(node: &Node) -> Option<String> {
    match node.node.as_ref()? {
        NodeEnum::FuncCall(call) => call.funcname.last().and_then(text),
        NodeEnum::ColumnRef(column) => column.fields.last().and_then(text),
        NodeEnum::TypeCast(cast) => {
            figure(cast.arg.as_ref()?).or_else(|| cast.type_name.as_ref().and_then(|t| t.names.last()).and_then(text))
        }
        NodeEnum::CollateClause(collate) => figure(collate.arg.as_ref()?),
        NodeEnum::CoalesceExpr(_) => Some("coalesce".to_owned()),
        NodeEnum::CaseExpr(case) => case
            .defresult
            .as_ref()
            .and_then(|result| figure(result))
            .or_else(|| Some("case".to_owned())),
        NodeEnum::MinMaxExpr(expr) => Some(match expr.op() {
            protobuf::MinMaxOp::IsLeast => "least".to_owned(),
            _ => "greatest".to_owned(),
        }),
        NodeEnum::AExpr(expr) if expr.kind() == protobuf::AExprKind::AexprNullif => Some("nullif".to_owned()),
        NodeEnum::AArrayExpr(_) => Some("array".to_owned()),
        NodeEnum::RowExpr(_) => Some("row".to_owned()),
        NodeEnum::SubLink(link) => match link.sub_link_type() {
            protobuf::SubLinkType::ExistsSublink => Some("exists".to_owned()),
            protobuf::SubLinkType::ArraySublink => Some("array".to_owned()),
            protobuf::SubLinkType::ExprSublink => first_output(link.subselect.as_ref()?),
            _ => None,
        },
        _ => None,
    }
}

/// A sub-query that stands for a value is named by its own first column.
fn first_output(query: &Node) -> Option<String> {
    let NodeEnum::SelectStmt(select) = query.node.as_ref()? else {
        return None;
    };
    match select.target_list.first()?.node.as_ref()? {
        NodeEnum::ResTarget(target) if target.name.is_empty() => figure(target.val.as_ref()?),
        NodeEnum::ResTarget(target) => Some(target.name.clone()),
        _ => None,
    }
}

/// The part of an index's name that an element gives.
pub(super) fn key_name(element: &protobuf::IndexElem) -> String {
    match &element.expr {
        None => element.name.clone(),
        Some(expr) => figure(expr).unwrap_or_else(|| "expr".to_owned()),
    }
}

fn key_sql(element: &protobuf::IndexElem) -> SqlText {
    match &element.expr {
        Some(expr) => sql(expr),
        None => crate::sql!("{}", crate::quote::Ident(&element.name)),
    }
}
