//! `ALTER TABLE` and its actions.

use super::super::{Action, ActionKind, AlterTable, Kind, ObjectKind, Rendered, TypeRef};
use super::definition::{added_column, column_type, constraint_def};
use super::expr::{deparse, expression, placeholder};
use super::names::{relation, text, type_ref};
use super::table::partition_bound;
use crate::catalog::ReplicaIdentity;
use crate::quote::SqlText;
use pg_query::NodeEnum;
use pg_query::protobuf::{AlterTableCmd, AlterTableStmt, AlterTableType as At, DropBehavior, Node, ObjectType};
use std::mem;
use std::sync::Arc;

/// Takes the actions out of the tree: their texts are made of it when somebody asks.
pub(super) fn lower(node: &mut NodeEnum) -> Option<Kind> {
    match node {
        NodeEnum::AlterTableStmt(alter) => alter_table(alter).map(Kind::AlterTable),
        _ => None,
    }
}

/// An action's text, to stand behind `ALTER TABLE name`.
pub(super) fn action_sql(cmd: AlterTableCmd) -> Option<String> {
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

fn alter_table(alter: &mut AlterTableStmt) -> Option<AlterTable> {
    let cmds = mem::take(&mut alter.cmds);
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
    let mut actions = Vec::with_capacity(cmds.len());
    for node in cmds {
        let NodeEnum::AlterTableCmd(cmd) = node.node? else {
            return None;
        };
        let cmd = Arc::new(*cmd);
        actions.push(Action {
            kind: action_kind(&cmd)?,
            sql: Rendered::when_asked(move || {
                SqlText::verbatim(action_sql(Arc::unwrap_or_clone(cmd)).unwrap_or_default())
            }),
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

fn action_kind(cmd: &Arc<AlterTableCmd>) -> Option<ActionKind> {
    let name = || cmd.name.clone();
    let column = || cmd.name.clone();
    let cascade = cmd.behavior() == DropBehavior::DropCascade;
    let def = cmd.def.as_ref().and_then(|def| def.node.as_ref());
    Some(match cmd.subtype() {
        At::AtAddColumn => ActionKind::AddColumn {
            column: added_column(cmd)?,
            if_not_exists: cmd.missing_ok,
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
            NodeEnum::ColumnDef(c) => {
                // `USING` the column itself says what goes without saying.
                let using = c.raw_default.as_deref().filter(|using| !is_column(using, &cmd.name));
                ActionKind::AlterType {
                    column: column(),
                    to: c.type_name.as_ref().map(type_ref)?,
                    definition: column_type(c)?,
                    using: using.map(expression),
                    cast: using.and_then(|using| cast_of(using, &cmd.name)),
                    collate: c.coll_clause.is_some(),
                }
            }
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
        At::AtSetIdentity => ActionKind::SetIdentity {
            column: column(),
            sequence: matches!(def, Some(NodeEnum::List(options)) if options.items.iter().any(changes_sequence)),
        },
        At::AtDropIdentity => ActionKind::DropIdentity {
            column: column(),
            if_exists: cmd.missing_ok,
        },
        At::AtSetExpression => ActionKind::SetExpression { column: column() },
        At::AtDropExpression => ActionKind::DropExpression {
            column: column(),
            if_exists: cmd.missing_ok,
        },
        At::AtAttachPartition => match def? {
            NodeEnum::PartitionCmd(p) => ActionKind::AttachPartition {
                child: relation(p.name.as_ref()?),
                // ALTER INDEX … ATTACH PARTITION has no bound.
                bound: p.bound.as_ref().map(partition_bound).unwrap_or_default(),
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
        At::AtSetStorage | At::AtSetCompression => ActionKind::ColumnStorage {
            column: column(),
            plain: matches!(def, Some(NodeEnum::String(word))
                if word.sval.eq_ignore_ascii_case("plain") || word.sval.eq_ignore_ascii_case("default")),
        },
        At::AtSetRelOptions | At::AtResetRelOptions | At::AtReplaceRelOptions => ActionKind::RelationOptions,
        At::AtClusterOn => ActionKind::ClusterOn { index: Some(name()) },
        At::AtDropCluster => ActionKind::ClusterOn { index: None },
        At::AtAddOf => match def? {
            NodeEnum::TypeName(of) => ActionKind::OfType {
                name: super::names::qualified(&of.names),
            },
            _ => return None,
        },
        At::AtDropOf => ActionKind::OfType { name: None },
        At::AtReplicaIdentity => match def? {
            NodeEnum::ReplicaIdentityStmt(r) => ActionKind::ReplicaIdentity {
                to: match r.identity_type.as_str() {
                    "f" => ReplicaIdentity::Full,
                    "n" => ReplicaIdentity::Nothing,
                    "i" => ReplicaIdentity::Index(r.name.clone()),
                    _ => ReplicaIdentity::Default,
                },
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
        At::AtChangeOwner => ActionKind::Owner {
            role: cmd.newowner.as_ref().map(|role| role.rolename.clone()),
        },
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

/// The type in `column::type`.
fn cast_of(using: &Node, column: &str) -> Option<TypeRef> {
    let Some(NodeEnum::TypeCast(cast)) = &using.node else {
        return None;
    };
    let is_cast = is_column(cast.arg.as_ref()?, column);
    cast.type_name.as_ref().filter(|_| is_cast).map(type_ref)
}

/// The column and nothing else.
fn is_column(node: &Node, name: &str) -> bool {
    match &node.node {
        Some(NodeEnum::ColumnRef(named)) => named.fields.last().and_then(text).as_deref() == Some(name),
        _ => false,
    }
}

/// `SET GENERATED ALWAYS` is about the column alone.
fn changes_sequence(option: &Node) -> bool {
    matches!(&option.node, Some(NodeEnum::DefElem(option)) if option.defname != "generated")
}
