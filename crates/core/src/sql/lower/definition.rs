//! Column and constraint definitions, and the parts that become steps of their own.

use super::super::{ColumnDef, ColumnParts, ConstraintDef, ConstraintKindDef, ExcludeDef, KeyDef, Rendered};
use super::alter::action_sql;
use super::expr::expression;
use super::names::{has_plain_modifiers, relation, text, texts, type_ref};
use super::plain;
use super::table::{element, index_rest, key_column, key_expressions, key_name};
use crate::catalog::Generated;
use crate::quote::SqlText;
use pg_query::NodeEnum;
use pg_query::protobuf::{
    self, AlterTableCmd, AlterTableType as At, ColumnDef as PgColumn, ConstrType, Constraint, DropBehavior, IndexStmt,
    Node,
};
use std::sync::Arc;

fn constraints_of(column: &PgColumn) -> impl Iterator<Item = &Constraint> {
    column.constraints.iter().filter_map(|node| match node.node.as_ref()? {
        NodeEnum::Constraint(constraint) => Some(constraint.as_ref()),
        _ => None,
    })
}

pub(super) fn column_def(column: &PgColumn) -> Option<ColumnDef> {
    let type_name = column.type_name.as_ref().filter(|name| has_plain_modifiers(name))?;
    let type_ref = type_ref(type_name);
    let mut def = ColumnDef {
        name: column.colname.clone(),
        parts: None,
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

/// The column that an action adds, with its parts.
pub(super) fn added_column(cmd: &Arc<AlterTableCmd>) -> Option<ColumnDef> {
    let def = column_def(column_of(cmd)?)?;
    // What the deparser cannot write of a column is its default, if anything.
    if def.default.as_ref().is_some_and(|default| default.sql.is_empty()) {
        return None;
    }
    let own = Arc::clone(cmd);
    Some(ColumnDef {
        parts: Some(Rendered::when_asked(move || {
            column_of(&own).and_then(column_parts).unwrap_or_default()
        })),
        ..def
    })
}

fn column_of(cmd: &AlterTableCmd) -> Option<&PgColumn> {
    match cmd.def.as_ref()?.node.as_ref()? {
        NodeEnum::ColumnDef(column) => Some(column),
        _ => None,
    }
}

fn column_parts(column: &PgColumn) -> Option<ColumnParts> {
    let bare = bare_column(column, true)?;
    let says = |kind| constraints_of(column).any(|constraint| constraint.contype() == kind);
    let bare_nullable = if says(ConstrType::ConstrNotnull) {
        bare_column(column, false)?
    } else {
        bare.clone()
    };
    let mut constraints = constraints_of(column);
    let of_identity = constraints.find(|constraint| constraint.contype() == ConstrType::ConstrIdentity);
    Some(ColumnParts {
        hollow: hollow_column(column)?,
        identity: of_identity.and_then(|constraint| identity(column, constraint)),
        bare,
        bare_nullable,
    })
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
    column_sql(bare)
}

/// The definition without anything that fills it: a serial is the integer that it stands for.
fn hollow_column(column: &PgColumn) -> Option<SqlText> {
    let mut hollow = column.clone();
    hollow.constraints.clear();
    if let Some(name) = hollow.type_name.as_mut().filter(|name| type_ref(name).serial) {
        let integer = match type_ref(name).display.as_str() {
            "smallint" => "int2",
            "bigint" => "int8",
            _ => "int4",
        };
        let part = |text: &str| Node {
            node: Some(NodeEnum::String(protobuf::String { sval: text.to_owned() })),
        };
        name.names = vec![part("pg_catalog"), part(integer)];
    }
    column_sql(hollow)
}

/// The type and its COLLATE alone.
pub(super) fn column_type(column: &PgColumn) -> Option<SqlText> {
    let mut bare = column.clone();
    bare.constraints.clear();
    bare.raw_default = None;
    "x".clone_into(&mut bare.colname);
    Some(SqlText::verbatim(column_sql(bare)?.as_str().strip_prefix("x ")?))
}

/// `GENERATED … AS IDENTITY (…)`; `None` where the sequence has a name of its own.
fn identity(column: &PgColumn, constraint: &Constraint) -> Option<SqlText> {
    let named = constraint.options.iter().any(|node| match &node.node {
        Some(NodeEnum::DefElem(option)) => matches!(option.defname.as_str(), "sequence_name" | "owned_by"),
        _ => false,
    });
    let mut alone = column.clone();
    alone.coll_clause = None;
    alone.constraints = vec![Node {
        node: Some(NodeEnum::Constraint(Box::new(constraint.clone()))),
    }];
    let text = column_sql(alone).filter(|_| !named)?;
    let at = text.as_str().rfind(" GENERATED ")?;
    Some(SqlText::verbatim(text.as_str()[at..].trim()))
}

fn column_sql(column: PgColumn) -> Option<SqlText> {
    let cmd = AlterTableCmd {
        subtype: At::AtAddColumn.into(),
        def: Some(Box::new(Node {
            node: Some(NodeEnum::ColumnDef(Box::new(column))),
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

pub(super) fn constraint_def(constraint: &Constraint) -> Option<ConstraintDef> {
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
        ConstrType::ConstrExclusion => {
            let exclude = exclude_def(constraint);
            columns = exclude.keys.iter().filter(|key| !key.is_empty()).cloned().collect();
            ConstraintKindDef::Exclude(exclude)
        }
        _ => return None,
    };
    Some(ConstraintDef {
        name: (!constraint.conname.is_empty()).then(|| constraint.conname.clone()),
        kind,
        columns,
        definition: definition(constraint)?,
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

/// A constraint without its name and `NOT VALID`.
fn definition(constraint: &Constraint) -> Option<SqlText> {
    plain::constraint(constraint)
        .map(SqlText::verbatim)
        .or_else(|| deparsed_definition(constraint.clone()))
}

/// The same for any constraint.
pub(super) fn deparsed_definition(mut own: Constraint) -> Option<SqlText> {
    own.conname.clear();
    own.skip_validation = false;
    own.initially_valid = true;
    let cmd = AlterTableCmd {
        subtype: At::AtAddConstraint.into(),
        def: Some(Box::new(Node {
            node: Some(NodeEnum::Constraint(Box::new(own))),
        })),
        behavior: DropBehavior::DropRestrict.into(),
        ..Default::default()
    };
    Some(SqlText::verbatim(action_sql(cmd)?.strip_prefix("ADD ")?))
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
        index_rest: Some(index_rest(&index)?),
        include: texts(&constraint.including),
        without_overlaps: constraint.without_overlaps,
        nulls_not_distinct: constraint.nulls_not_distinct,
    })
}

/// The index of an `EXCLUDE`: each key stands in a pair with its operator.
fn exclude_def(constraint: &Constraint) -> ExcludeDef {
    let pairs = constraint
        .exclusions
        .iter()
        .filter_map(|pair| match pair.node.as_ref()? {
            NodeEnum::List(pair) => element(pair.items.first()?),
            _ => None,
        });
    let elements: Vec<&protobuf::IndexElem> = pairs.collect();
    ExcludeDef {
        method: constraint.access_method.clone(),
        keys: elements.iter().map(|element| key_column(element)).collect(),
        key_names: elements.iter().map(|element| key_name(element)).collect(),
        classes: elements
            .iter()
            .map(|element| element.opclass.last().and_then(text))
            .collect(),
        expressions: key_expressions(&elements),
        predicate: constraint.where_clause.as_ref().map(|predicate| expression(predicate)),
    }
}
