//! Changes of rows, and what queries read.

use super::super::{Dml, DmlVerb, Kind, NameRef, Query, ReindexTarget};
use super::expr::expression;
use super::names::{relation, relations};
use super::rows::inserted;
use crate::lock::LockMode;
use pg_query::protobuf::{self, Node};
use pg_query::{Context, NodeEnum, NodeRef};

pub(super) fn lower(node: &NodeEnum) -> Option<Kind> {
    Some(match node {
        NodeEnum::InsertStmt(insert) => {
            let select = insert.select_stmt.as_ref().and_then(|node| match node.node.as_ref()? {
                NodeEnum::SelectStmt(select) => Some(select),
                _ => None,
            });
            let values = match select {
                Some(select) if select.values_lists.is_empty() => None,
                Some(select) => Some(select.values_lists.len()),
                None => Some(1),
            };
            let mut dml = dml(DmlVerb::Insert, insert.relation.as_ref()?, node, values);
            dml.inserted = inserted(insert);
            dml.sets = insert
                .on_conflict_clause
                .iter()
                .flat_map(|clause| &clause.target_list)
                .filter_map(assignment)
                .collect();
            Kind::Dml(dml)
        }
        NodeEnum::UpdateStmt(update) => {
            let mut dml = dml(DmlVerb::Update, update.relation.as_ref()?, node, None);
            filter(&mut dml, update.where_clause.as_deref());
            dml.sets = update.target_list.iter().filter_map(assignment).collect();
            Kind::Dml(dml)
        }
        NodeEnum::DeleteStmt(delete) => {
            let mut dml = dml(DmlVerb::Delete, delete.relation.as_ref()?, node, None);
            filter(&mut dml, delete.where_clause.as_deref());
            Kind::Dml(dml)
        }
        NodeEnum::MergeStmt(merge) => {
            let mut dml = dml(DmlVerb::Merge, merge.relation.as_ref()?, node, None);
            for clause in &merge.merge_when_clauses {
                let Some(NodeEnum::MergeWhenClause(clause)) = &clause.node else {
                    continue;
                };
                match clause.command_type() {
                    protobuf::CmdType::CmdInsert => dml.branches.push(DmlVerb::Insert),
                    protobuf::CmdType::CmdDelete => dml.branches.push(DmlVerb::Delete),
                    protobuf::CmdType::CmdUpdate => {
                        dml.branches.push(DmlVerb::Update);
                        dml.sets.extend(clause.target_list.iter().filter_map(assignment));
                    }
                    _ => {}
                }
            }
            Kind::Dml(dml)
        }
        NodeEnum::SelectStmt(select) => match select.into_clause.as_ref().and_then(|into| into.rel.as_ref()) {
            Some(target) => Kind::CreateTableAs(super::super::CreateTableAs {
                name: relation(target),
                if_not_exists: false,
                temporary: super::table::is_temporary(target),
                unlogged: target.relpersistence == "u",
                drop_on_commit: false,
                materialized_view: false,
                with_data: true,
                query: query_of(node),
                columns: Vec::new(),
                select: super::query::select_stmt(select),
            }),
            None => setting(select).unwrap_or_else(|| Kind::Select(query_of(node))),
        },
        NodeEnum::ExplainStmt(_) | NodeEnum::PrepareStmt(_) | NodeEnum::ExecuteStmt(_) => Kind::Select(query_of(node)),
        NodeEnum::TruncateStmt(truncate) => Kind::Truncate {
            tables: relations(&truncate.relations),
            only: only(&truncate.relations),
            restart: truncate.restart_seqs,
            cascade: truncate.behavior() == protobuf::DropBehavior::DropCascade,
        },
        NodeEnum::CopyStmt(copy) => Kind::Copy {
            table: copy.relation.as_ref().map(relation),
            from: copy.is_from,
            client_stream: copy.filename.is_empty(),
        },
        NodeEnum::LockStmt(lock) => Kind::Lock {
            tables: relations(&lock.relations),
            mode: lock_mode(lock.mode),
        },
        NodeEnum::CallStmt(call) => {
            let names = call
                .funccall
                .as_ref()
                .map(|f| super::names::texts(&f.funcname))
                .unwrap_or_default();
            Kind::Call {
                function: names.join("."),
            }
        }
        NodeEnum::ReindexStmt(reindex) => Kind::Reindex {
            target: reindex_target(reindex),
            concurrently: super::names::option(&reindex.params, "concurrently").is_some(),
        },
        NodeEnum::ClusterStmt(cluster) => Kind::Compact {
            table: cluster.relation.as_ref().map(relation),
            vacuum: false,
        },
        NodeEnum::VacuumStmt(vacuum) => {
            let tables: Vec<NameRef> = vacuum.rels.iter().filter_map(vacuum_relation).collect();
            if vacuum.is_vacuumcmd && super::names::option(&vacuum.options, "full").is_some() {
                Kind::Compact {
                    table: tables.into_iter().next(),
                    vacuum: true,
                }
            } else {
                Kind::Maintain {
                    tables,
                    vacuum: vacuum.is_vacuumcmd,
                }
            }
        }
        _ => return None,
    })
}

fn reindex_target(reindex: &protobuf::ReindexStmt) -> ReindexTarget {
    use protobuf::ReindexObjectType as Object;
    match (reindex.kind(), &reindex.relation) {
        (Object::ReindexObjectIndex, Some(index)) => ReindexTarget::Index(relation(index)),
        (_, Some(table)) => ReindexTarget::Table(relation(table)),
        (Object::ReindexObjectSchema, None) => ReindexTarget::Schema(reindex.name.clone()),
        (Object::ReindexObjectDatabase, None) => ReindexTarget::Database,
        (_, None) => ReindexTarget::System,
    }
}

/// Relations behind `ONLY`.
fn only(nodes: &[Node]) -> Vec<NameRef> {
    let vars = nodes.iter().filter_map(|node| match node.node.as_ref()? {
        NodeEnum::RangeVar(var) if !var.inh => Some(relation(var)),
        _ => None,
    });
    vars.collect()
}

/// `SELECT set_config('search_path', '', false)`, as `pg_dump` writes it, is a `SET`.
fn setting(select: &protobuf::SelectStmt) -> Option<Kind> {
    let [target] = select.target_list.as_slice() else {
        return None;
    };
    let NodeEnum::ResTarget(target) = target.node.as_ref()? else {
        return None;
    };
    let NodeEnum::FuncCall(call) = target.val.as_ref()?.node.as_ref()? else {
        return None;
    };
    if call.funcname.last().and_then(super::names::text).as_deref() != Some("set_config")
        || !select.from_clause.is_empty()
    {
        return None;
    }
    let [name, value, local] = call.args.as_slice() else {
        return None;
    };
    let value = super::names::constant(value)?;
    let name = super::names::constant(name)?.to_lowercase();
    let values = if name == "search_path" {
        let parts = value.split(',').map(|part| part.trim().trim_matches('"').to_owned());
        parts.collect()
    } else {
        vec![value]
    };
    Some(Kind::Set {
        name,
        values,
        local: super::names::constant(local)? == "true",
    })
}

fn vacuum_relation(node: &Node) -> Option<NameRef> {
    match node.node.as_ref()? {
        NodeEnum::VacuumRelation(v) => v.relation.as_ref().map(relation),
        _ => None,
    }
}

/// `LOCK TABLE` stores the mode as PostgreSQL's own number, from 1.
fn lock_mode(number: i32) -> LockMode {
    let at = usize::try_from(number - 1).unwrap_or(7);
    LockMode::ALL.get(at).copied().unwrap_or(LockMode::AccessExclusive)
}

fn dml(verb: DmlVerb, target: &protobuf::RangeVar, node: &NodeEnum, values: Option<usize>) -> Dml {
    let target = relation(target);
    let mut query = query_of(node);
    query.writes.retain(|name| *name != target);
    // The target itself shows as read only when a sub-query reads it; the walker cannot tell, and it makes no difference.
    Dml {
        verb,
        target,
        query,
        values,
        branches: Vec::new(),
        inserted: super::super::Inserted::default(),
        filtered: false,
        sets: Vec::new(),
        shape: super::shape::shape(node),
    }
}

fn filter(dml: &mut Dml, clause: Option<&Node>) {
    dml.filtered = clause.is_some();
}

fn assignment(node: &Node) -> Option<(String, crate::catalog::Expression)> {
    match node.node.as_ref()? {
        NodeEnum::ResTarget(target) => Some((target.name.clone(), expression(target.val.as_ref()?))),
        _ => None,
    }
}

/// What a query node reads, changes and calls.
pub(super) fn query(node: &Node) -> Query {
    node.node.as_ref().map(query_of).unwrap_or_default()
}

fn query_of(node: &NodeEnum) -> Query {
    let mut query = Query::default();
    query.rows.fix(node);
    let nodes = super::walk::nodes(node);
    let ctes: Vec<&str> = nodes
        .iter()
        .filter_map(|(node, _)| match node {
            NodeRef::CommonTableExpr(cte) => Some(cte.ctename.as_str()),
            _ => None,
        })
        .collect();
    for (node, context) in &nodes {
        match node {
            NodeRef::RangeVar(var) if !var.schemaname.is_empty() || !ctes.contains(&var.relname.as_str()) => {
                let list = if *context == Context::DML {
                    &mut query.writes
                } else {
                    &mut query.reads
                };
                let name = relation(var);
                if !list.contains(&name) {
                    list.push(name);
                }
            }
            NodeRef::FuncCall(call) => {
                let name = super::names::texts(&call.funcname).join(".");
                if !query.functions.contains(&name) {
                    query.functions.push(name);
                }
            }
            _ => {}
        }
        query.rows.note(node);
    }
    query
}
