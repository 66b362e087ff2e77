//! Tables and indexes: `CREATE TABLE`, `ALTER TABLE`, `CREATE INDEX`.

use super::super::{
    Action, ActionKind, AlterTable, ColumnDef, ConstraintDef, ConstraintKindDef, CreateIndex, CreateTable, KeyDef,
    Kind, ObjectKind,
};
use super::expr::{deparse, expression, placeholder, sql};
use super::names::{relation, text, texts, type_ref};
use crate::catalog::{Expression, Generated};
use crate::quote::SqlText;
use pg_query::NodeEnum;
use pg_query::protobuf::{
    self, AlterTableCmd, AlterTableStmt, AlterTableType as At, ColumnDef as PgColumn, ConstrType, Constraint,
    CreateStmt, DropBehavior, IndexStmt, Node, ObjectType,
};

pub(super) fn lower(node: &NodeEnum) -> Option<Kind> {
    match node {
        NodeEnum::CreateStmt(create) => Some(Kind::CreateTable(create_table(create, false)?)),
        NodeEnum::CreateForeignTableStmt(create) => {
            Some(Kind::CreateTable(create_table(create.base_stmt.as_ref()?, true)?))
        }
        NodeEnum::AlterTableStmt(alter) => alter_table(alter).map(Kind::AlterTable),
        NodeEnum::IndexStmt(index) => create_index(index).map(Kind::CreateIndex),
        _ => None,
    }
}

fn create_table(create: &CreateStmt, foreign: bool) -> Option<CreateTable> {
    let name = create.relation.as_ref()?;
    let mut table = CreateTable {
        name: relation(name),
        if_not_exists: create.if_not_exists,
        temporary: name.relpersistence == "t",
        unlogged: name.relpersistence == "u",
        columns: Vec::new(),
        constraints: Vec::new(),
        parents: super::names::relations(&create.inh_relations),
        bound: create.partbound.as_ref().map(partition_bound),
        partition_key: create.partspec.as_ref().map(partition_key),
        like: Vec::new(),
        foreign,
    };
    for element in &create.table_elts {
        match element.node.as_ref()? {
            NodeEnum::ColumnDef(column) => table.columns.push(column_def(column)?),
            NodeEnum::Constraint(constraint) => table.constraints.push(constraint_def(constraint)?),
            NodeEnum::TableLikeClause(like) => table.like.extend(like.relation.as_ref().map(relation)),
            _ => {}
        }
    }
    for constraint in &create.constraints {
        if let Some(NodeEnum::Constraint(constraint)) = &constraint.node {
            table.constraints.push(constraint_def(constraint)?);
        }
    }
    Some(table)
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
    key.sql = key.columns.iter().cloned().collect::<Vec<_>>().join(", ");
    key
}

/// `DEFAULT`, or the bound's kind: the effect only asks which.
fn partition_bound(bound: &protobuf::PartitionBoundSpec) -> String {
    if bound.is_default {
        "DEFAULT".to_owned()
    } else {
        "FOR VALUES".to_owned()
    }
}

fn constraints_of(column: &PgColumn) -> impl Iterator<Item = &Constraint> {
    column.constraints.iter().filter_map(|node| match node.node.as_ref()? {
        NodeEnum::Constraint(constraint) => Some(constraint.as_ref()),
        _ => None,
    })
}

fn column_def(column: &PgColumn) -> Option<ColumnDef> {
    let type_ref = column.type_name.as_ref().map(type_ref)?;
    let mut def = ColumnDef {
        name: column.colname.clone(),
        bare: bare_column(column, true)?,
        bare_nullable: bare_column(column, false)?,
        not_null: type_ref.serial,
        default: None,
        generated: Generated::No,
        inline: Vec::new(),
        type_ref,
    };
    for constraint in constraints_of(column) {
        match constraint.contype() {
            ConstrType::ConstrNotnull => def.not_null = true,
            ConstrType::ConstrDefault => def.default = constraint.raw_expr.as_ref().map(|e| expression(e)),
            ConstrType::ConstrIdentity => {
                def.generated = Generated::Identity;
                def.not_null = true;
            }
            ConstrType::ConstrGenerated => {
                def.generated = if constraint.generated_kind == "s" {
                    Generated::Stored
                } else {
                    Generated::Virtual
                };
                def.default = constraint.raw_expr.as_ref().map(|e| expression(e));
            }
            ConstrType::ConstrPrimary => {
                def.not_null = true;
                def.inline.push(inline_constraint(constraint, &def.name)?);
            }
            ConstrType::ConstrUnique | ConstrType::ConstrCheck | ConstrType::ConstrForeign => {
                def.inline.push(inline_constraint(constraint, &def.name)?);
            }
            ConstrType::ConstrAttrDeferrable => {
                if let Some(last) = def.inline.last_mut() {
                    last.deferrable = true;
                }
            }
            ConstrType::ConstrAttrDeferred => {
                if let Some(last) = def.inline.last_mut() {
                    last.deferrable = true;
                    last.initially_deferred = true;
                }
            }
            ConstrType::ConstrAttrNotEnforced => {
                if let Some(last) = def.inline.last_mut() {
                    last.enforced = false;
                }
            }
            _ => {}
        }
    }
    Some(def)
}

/// The definition without what becomes steps of its own.
fn bare_column(column: &PgColumn, with_not_null: bool) -> Option<SqlText> {
    let mut bare = column.clone();
    bare.constraints.retain(|node| match &node.node {
        Some(NodeEnum::Constraint(constraint)) => match constraint.contype() {
            ConstrType::ConstrNotnull => with_not_null,
            ConstrType::ConstrDefault
            | ConstrType::ConstrIdentity
            | ConstrType::ConstrGenerated
            | ConstrType::ConstrNull => true,
            _ => false,
        },
        _ => true,
    });
    let cmd = AlterTableCmd {
        subtype: At::AtAddColumn.into(),
        def: Some(Box::new(Node {
            node: Some(NodeEnum::ColumnDef(Box::new(bare))),
        })),
        behavior: DropBehavior::DropRestrict.into(),
        ..Default::default()
    };
    Some(SqlText::verbatim(action_sql(cmd)?.strip_prefix("ADD COLUMN ")?))
}

/// An inline constraint as the table constraint that means the same.
fn inline_constraint(constraint: &Constraint, column: &str) -> Option<ConstraintDef> {
    let mut table = constraint.clone();
    let own = || {
        vec![Node {
            node: Some(NodeEnum::String(protobuf::String {
                sval: column.to_owned(),
            })),
        }]
    };
    match constraint.contype() {
        ConstrType::ConstrPrimary | ConstrType::ConstrUnique => table.keys = own(),
        ConstrType::ConstrForeign => table.fk_attrs = own(),
        _ => {}
    }
    constraint_def(&table)
}

fn constraint_def(constraint: &Constraint) -> Option<ConstraintDef> {
    let mut columns = texts(&constraint.keys);
    let kind = match constraint.contype() {
        ConstrType::ConstrCheck => {
            let expr = constraint.raw_expr.as_ref().map(|e| expression(e))?;
            columns = expr.columns.iter().cloned().collect();
            ConstraintKindDef::Check(expr)
        }
        ConstrType::ConstrNotnull => ConstraintKindDef::NotNull,
        ConstrType::ConstrPrimary => ConstraintKindDef::PrimaryKey(key_def(constraint)?),
        ConstrType::ConstrUnique => ConstraintKindDef::Unique(key_def(constraint)?),
        ConstrType::ConstrForeign => {
            columns = texts(&constraint.fk_attrs);
            ConstraintKindDef::ForeignKey {
                references: relation(constraint.pktable.as_ref()?),
                columns: texts(&constraint.pk_attrs),
                match_full: constraint.fk_matchtype == "f",
                period: constraint.fk_with_period,
            }
        }
        ConstrType::ConstrExclusion => ConstraintKindDef::Exclude,
        _ => return None,
    };
    let mut plain = constraint.clone();
    plain.conname.clear();
    plain.skip_validation = false;
    plain.initially_valid = true;
    let cmd = AlterTableCmd {
        subtype: At::AtAddConstraint.into(),
        def: Some(Box::new(Node {
            node: Some(NodeEnum::Constraint(Box::new(plain))),
        })),
        behavior: DropBehavior::DropRestrict.into(),
        ..Default::default()
    };
    Some(ConstraintDef {
        name: (!constraint.conname.is_empty()).then(|| constraint.conname.clone()),
        kind,
        columns,
        definition: SqlText::verbatim(action_sql(cmd)?.strip_prefix("ADD ")?),
        not_valid: constraint.skip_validation,
        // Table constraints carry the flag; an inline one says NOT ENFORCED in a node of its own.
        enforced: constraint.is_enforced
            || !matches!(
                constraint.contype(),
                ConstrType::ConstrCheck | ConstrType::ConstrForeign
            ),
        deferrable: constraint.deferrable,
        initially_deferred: constraint.initdeferred,
    })
}

/// How the index of a key is built by `CREATE UNIQUE INDEX`.
fn key_def(constraint: &Constraint) -> Option<KeyDef> {
    if !constraint.indexname.is_empty() {
        return Some(KeyDef {
            using_index: Some(constraint.indexname.clone()),
            ..KeyDef::default()
        });
    }
    let elements = |nodes: &[Node]| -> Vec<Node> {
        let names = nodes.iter().filter_map(text);
        let elements = names.map(|name| protobuf::IndexElem {
            name,
            ordering: protobuf::SortByDir::SortbyDefault.into(),
            nulls_ordering: protobuf::SortByNulls::SortbyNullsDefault.into(),
            ..Default::default()
        });
        elements
            .map(|element| Node {
                node: Some(NodeEnum::IndexElem(Box::new(element))),
            })
            .collect()
    };
    let index = IndexStmt {
        access_method: "btree".to_owned(),
        index_params: elements(&constraint.keys),
        index_including_params: elements(&constraint.including),
        options: constraint.options.clone(),
        table_space: constraint.indexspace.clone(),
        nulls_not_distinct: constraint.nulls_not_distinct,
        ..Default::default()
    };
    Some(KeyDef {
        using_index: None,
        index_rest: Some(index_rest(index)?),
        without_overlaps: constraint.without_overlaps,
        nulls_not_distinct: constraint.nulls_not_distinct,
    })
}

/// What stands behind `ON table` in `CREATE INDEX`.
fn index_rest(mut index: IndexStmt) -> Option<SqlText> {
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
    let mut expressions: Option<Expression> = None;
    for expr in elements.iter().filter_map(|e| e.expr.as_ref()) {
        let uses = expression(expr);
        let all = expressions.get_or_insert_with(Expression::default);
        all.sql = format!("{}{}{}", all.sql, if all.sql.is_empty() { "" } else { ", " }, uses.sql);
        all.columns.extend(uses.columns);
        all.functions.extend(uses.functions);
    }
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
        keys: elements.iter().map(|e| e.name.clone()).collect(),
        key_names: elements.iter().map(|e| key_name(e)).collect(),
        key_sql: elements.iter().map(|e| key_sql(e)).collect(),
        include: index
            .index_including_params
            .iter()
            .filter_map(element)
            .map(|e| e.name.clone())
            .collect(),
        expressions,
        predicate: index.where_clause.as_ref().map(|e| expression(e)),
        nulls_not_distinct: index.nulls_not_distinct,
        rest: index_rest(index.clone())?,
    })
}

fn element(node: &Node) -> Option<&protobuf::IndexElem> {
    match node.node.as_ref()? {
        NodeEnum::IndexElem(element) => Some(element),
        _ => None,
    }
}

/// `FigureIndexColname` in PostgreSQL's parser: the function's name for a call, the column for a cast of one, else `expr`.
fn key_name(element: &protobuf::IndexElem) -> String {
    fn figure(node: &Node) -> Option<String> {
        match node.node.as_ref()? {
            NodeEnum::FuncCall(call) => call.funcname.last().and_then(text),
            NodeEnum::ColumnRef(column) => column.fields.last().and_then(text),
            NodeEnum::TypeCast(cast) => figure(cast.arg.as_ref()?)
                .or_else(|| cast.type_name.as_ref().and_then(|t| t.names.last()).and_then(text)),
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
            _ => None,
        }
    }
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

/// An action's text, to stand behind `ALTER TABLE name`.
fn action_sql(cmd: AlterTableCmd) -> Option<String> {
    let stmt = AlterTableStmt {
        relation: Some(placeholder()),
        cmds: vec![Node {
            node: Some(NodeEnum::AlterTableCmd(Box::new(cmd))),
        }],
        objtype: ObjectType::ObjectTable.into(),
        missing_ok: false,
    };
    Some(
        deparse(NodeEnum::AlterTableStmt(stmt))?
            .strip_prefix("ALTER TABLE x ")?
            .to_owned(),
    )
}

fn alter_table(alter: &AlterTableStmt) -> Option<AlterTable> {
    let name = alter.relation.as_ref()?;
    let object = match alter.objtype() {
        ObjectType::ObjectTable => ObjectKind::Table,
        ObjectType::ObjectIndex => ObjectKind::Index,
        ObjectType::ObjectView => ObjectKind::View,
        ObjectType::ObjectMatview => ObjectKind::MaterializedView,
        ObjectType::ObjectSequence => ObjectKind::Sequence,
        ObjectType::ObjectForeignTable => ObjectKind::ForeignTable,
        ObjectType::ObjectType => ObjectKind::Type,
        _ => ObjectKind::Other,
    };
    let mut actions = Vec::new();
    for node in &alter.cmds {
        let NodeEnum::AlterTableCmd(cmd) = node.node.as_ref()? else {
            return None;
        };
        let sql = SqlText::verbatim(action_sql((**cmd).clone()).unwrap_or_default());
        actions.push(Action {
            kind: action_kind(cmd)?,
            sql,
        });
    }
    Some(AlterTable {
        object,
        name: relation(name),
        if_exists: alter.missing_ok,
        only: !name.inh,
        actions,
    })
}

fn action_kind(cmd: &AlterTableCmd) -> Option<ActionKind> {
    let name = || cmd.name.clone();
    let column = || cmd.name.clone();
    let cascade = cmd.behavior() == DropBehavior::DropCascade;
    let def = cmd.def.as_ref().and_then(|def| def.node.as_ref());
    Some(match cmd.subtype() {
        At::AtAddColumn => match def? {
            NodeEnum::ColumnDef(c) => ActionKind::AddColumn {
                column: column_def(c)?,
                if_not_exists: cmd.missing_ok,
            },
            _ => return None,
        },
        At::AtDropColumn => ActionKind::DropColumn {
            name: name(),
            if_exists: cmd.missing_ok,
            cascade,
        },
        At::AtColumnDefault => match cmd.def.as_ref() {
            Some(expr) => ActionKind::SetDefault {
                column: column(),
                default: expression(expr),
            },
            None => ActionKind::DropDefault { column: column() },
        },
        At::AtSetNotNull => ActionKind::SetNotNull { column: column() },
        At::AtDropNotNull => ActionKind::DropNotNull { column: column() },
        At::AtAlterColumnType => match def? {
            NodeEnum::ColumnDef(c) => ActionKind::AlterType {
                column: column(),
                to: c.type_name.as_ref().map(type_ref)?,
                using: c.raw_default.as_ref().map(|e| expression(e)),
                collate: c.coll_clause.is_some(),
            },
            _ => return None,
        },
        At::AtAddConstraint => match def? {
            NodeEnum::Constraint(c) => ActionKind::AddConstraint(constraint_def(c)?),
            _ => return None,
        },
        At::AtDropConstraint => ActionKind::DropConstraint {
            name: name(),
            if_exists: cmd.missing_ok,
            cascade,
        },
        At::AtValidateConstraint => ActionKind::ValidateConstraint { name: name() },
        At::AtAlterConstraint => match def? {
            NodeEnum::AtalterConstraint(c) => ActionKind::AlterConstraint {
                name: c.conname.clone(),
                enforced: c.alter_enforceability.then_some(c.is_enforced),
            },
            NodeEnum::Constraint(c) => ActionKind::AlterConstraint {
                name: c.conname.clone(),
                enforced: None,
            },
            _ => return None,
        },
        At::AtAddIdentity => ActionKind::AddIdentity { column: column() },
        At::AtSetIdentity => ActionKind::SetIdentity { column: column() },
        At::AtDropIdentity => ActionKind::DropIdentity { column: column() },
        At::AtSetExpression => ActionKind::SetExpression { column: column() },
        At::AtDropExpression => ActionKind::DropExpression { column: column() },
        At::AtAttachPartition => match def? {
            NodeEnum::PartitionCmd(p) => match &p.bound {
                Some(bound) => ActionKind::AttachPartition {
                    child: relation(p.name.as_ref()?),
                    bound: partition_bound(bound),
                },
                // ALTER INDEX … ATTACH PARTITION has no bound.
                None => ActionKind::Other {
                    tag: "ATTACH PARTITION".to_owned(),
                },
            },
            _ => return None,
        },
        At::AtDetachPartition | At::AtDetachPartitionFinalize => match def? {
            NodeEnum::PartitionCmd(p) => ActionKind::DetachPartition {
                child: relation(p.name.as_ref()?),
                concurrently: p.concurrent,
                finalize: cmd.subtype() == At::AtDetachPartitionFinalize,
            },
            _ => return None,
        },
        At::AtSetStatistics | At::AtSetOptions | At::AtResetOptions => ActionKind::ColumnOptions { column: column() },
        At::AtSetStorage | At::AtSetCompression => ActionKind::ColumnStorage { column: column() },
        At::AtSetRelOptions | At::AtResetRelOptions | At::AtReplaceRelOptions => ActionKind::RelationOptions,
        At::AtClusterOn | At::AtDropCluster => ActionKind::ClusterOn,
        At::AtReplicaIdentity => match def? {
            NodeEnum::ReplicaIdentityStmt(r) => ActionKind::ReplicaIdentity {
                index: (!r.name.is_empty()).then(|| r.name.clone()),
            },
            _ => return None,
        },
        At::AtEnableRowSecurity | At::AtDisableRowSecurity | At::AtForceRowSecurity | At::AtNoForceRowSecurity => {
            ActionKind::RowSecurity
        }
        At::AtEnableTrig | At::AtEnableAlwaysTrig | At::AtEnableReplicaTrig | At::AtEnableTrigUser => {
            ActionKind::Trigger {
                all: false,
                disable: false,
            }
        }
        At::AtEnableTrigAll => ActionKind::Trigger {
            all: true,
            disable: false,
        },
        At::AtDisableTrig | At::AtDisableTrigUser => ActionKind::Trigger {
            all: false,
            disable: true,
        },
        At::AtDisableTrigAll => ActionKind::Trigger {
            all: true,
            disable: true,
        },
        At::AtEnableRule | At::AtEnableAlwaysRule | At::AtEnableReplicaRule | At::AtDisableRule => ActionKind::Rule,
        At::AtChangeOwner => ActionKind::Owner,
        At::AtSetLogged => ActionKind::SetLogged { logged: true },
        At::AtSetUnLogged => ActionKind::SetLogged { logged: false },
        At::AtSetTableSpace => ActionKind::SetTablespace { name: name() },
        At::AtSetAccessMethod => ActionKind::SetAccessMethod { name: name() },
        At::AtAddInherit | At::AtDropInherit => {
            let Some(NodeEnum::RangeVar(parent)) = def else {
                return None;
            };
            let parent = relation(parent);
            if cmd.subtype() == At::AtAddInherit {
                ActionKind::Inherit { parent }
            } else {
                ActionKind::NoInherit { parent }
            }
        }
        other => ActionKind::Other {
            tag: format!("{other:?}"),
        },
    })
}
