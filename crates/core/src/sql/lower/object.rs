//! Everything that is created, dropped or renamed and is no table: types, views, functions, sequences, comments, grants.

use super::super::{Argument, CreateFunction, CreateTableAs, Drop, Kind, NameRef, ObjectKind, Query, Rename, TypeRef};
use super::names::{constant, object_name, option, qualified, relation, relations, text, texts, type_ref};
use super::{dml, expr, query, single_expression, table};
use crate::catalog::{Expression, RowEvent, Volatility};
use crate::quote::Ident;
use pg_query::NodeEnum;
use pg_query::protobuf::{
    self, ConstrType, DropBehavior, FunctionParameterMode, GrantTargetType, Node, ObjectType, RangeVar,
};

pub(super) fn lower(node: &NodeEnum) -> Option<Kind> {
    Some(match node {
        NodeEnum::DropStmt(drop) => Kind::Drop(drop_stmt(drop)),
        NodeEnum::RenameStmt(rename) => Kind::Rename(rename_stmt(rename)),
        NodeEnum::AlterObjectSchemaStmt(set) => Kind::SetSchema {
            object: object_kind(set.object_type()),
            name: name_of(set.relation.as_ref(), set.object.as_deref())?,
            schema: set.newschema.clone(),
        },
        NodeEnum::AlterOwnerStmt(owner) => Kind::Owner {
            object: object_kind(owner.object_type()),
        },
        NodeEnum::CreateEnumStmt(create) => Kind::CreateEnum {
            name: qualified(&create.type_name)?,
            labels: texts(&create.vals),
        },
        NodeEnum::AlterEnumStmt(alter) => alter_enum(alter)?,
        NodeEnum::CreateDomainStmt(create) => Kind::CreateDomain {
            name: qualified(&create.domainname)?,
            base: create.type_name.as_ref().map(type_ref)?,
            constrained: create.constraints.iter().any(|node| {
                let Some(NodeEnum::Constraint(c)) = &node.node else {
                    return false;
                };
                matches!(c.contype(), ConstrType::ConstrCheck | ConstrType::ConstrNotnull)
            }),
        },
        NodeEnum::AlterDomainStmt(alter) => Kind::AlterDomain {
            name: qualified(&alter.type_name)?,
            constrains: matches!(alter.subtype.as_str(), "C" | "O"),
            reads_rows: match alter.subtype.as_str() {
                "C" => {
                    !matches!(alter.def.as_ref().and_then(|d| d.node.as_ref()), Some(NodeEnum::Constraint(c)) if c.skip_validation)
                }
                "O" | "V" => true,
                _ => false,
            },
        },
        NodeEnum::CompositeTypeStmt(create) => Kind::CreateType {
            name: create.typevar.as_ref().map(relation)?,
            composite: true,
        },
        NodeEnum::CreateRangeStmt(create) => Kind::CreateType {
            name: qualified(&create.type_name)?,
            composite: false,
        },
        NodeEnum::DefineStmt(define) if define.kind() == ObjectType::ObjectType => Kind::CreateType {
            name: qualified(&define.defnames)?,
            composite: false,
        },
        NodeEnum::DefineStmt(_) => Kind::NoRelation {
            tag: "CREATE".to_owned(),
        },
        NodeEnum::CreateSeqStmt(create) => {
            let sequence = create.sequence.as_ref()?;
            Kind::CreateSequence {
                name: relation(sequence),
                if_not_exists: create.if_not_exists,
                temporary: table::is_temporary(sequence),
                owned_by: owned_by(&create.options),
            }
        }
        NodeEnum::AlterSeqStmt(alter) => Kind::AlterSequence {
            name: relation(alter.sequence.as_ref()?),
            owned_by: owned_by(&alter.options),
            options: alter
                .options
                .iter()
                .any(|node| !matches!(&node.node, Some(NodeEnum::DefElem(elem)) if elem.defname == "owned_by")),
        },
        NodeEnum::CreateFunctionStmt(create) => Kind::CreateFunction(create_function(create)?),
        NodeEnum::AlterFunctionStmt(alter) => alter_function(alter)?,
        NodeEnum::CreateTrigStmt(create) => Kind::CreateTrigger {
            name: create.trigname.clone(),
            table: relation(create.relation.as_ref()?),
            replace: create.replace,
            function: qualified(&create.funcname)?,
            columns: trigger_columns(create),
            events: RowEvent::of_bits(create.events),
            // TRIGGER_TYPE_BEFORE of PostgreSQL's pg_trigger.h.
            before_row: create.row && create.timing & 2 != 0,
            each_statement: !create.row,
            from: create.constrrel.as_ref().map(relation),
        },
        NodeEnum::CreatePolicyStmt(p) => Kind::Policy {
            name: p.policy_name.clone(),
            table: relation(p.table.as_ref()?),
            create: true,
            uses: both(p.qual.as_deref(), p.with_check.as_deref()),
        },
        NodeEnum::AlterPolicyStmt(p) => Kind::Policy {
            name: p.policy_name.clone(),
            table: relation(p.table.as_ref()?),
            create: false,
            uses: both(p.qual.as_deref(), p.with_check.as_deref()),
        },
        NodeEnum::RuleStmt(rule) => Kind::CreateRule {
            table: relation(rule.relation.as_ref()?),
        },
        NodeEnum::CreateStatsStmt(create) => Kind::CreateStatistics {
            name: qualified(&create.defnames),
            tables: relations(&create.relations),
            columns: create.exprs.iter().flat_map(statistics_columns).collect(),
        },
        NodeEnum::CommentStmt(comment) => comment_stmt(comment),
        NodeEnum::GrantStmt(grant) => Kind::Grant {
            revoke: !grant.is_grant,
            tables: match (grant.targtype(), grant.objtype()) {
                (GrantTargetType::AclTargetObject, ObjectType::ObjectTable) => relations(&grant.objects),
                _ => Vec::new(),
            },
        },
        NodeEnum::CreateSchemaStmt(create) => Kind::CreateSchema {
            name: if create.schemaname.is_empty() {
                create.authrole.as_ref()?.rolename.clone()
            } else {
                create.schemaname.clone()
            },
            if_not_exists: create.if_not_exists,
            with_elements: !create.schema_elts.is_empty(),
        },
        NodeEnum::CreateExtensionStmt(create) => Kind::CreateExtension {
            name: create.extname.clone(),
            schema: option(&create.options, "schema")
                .and_then(|elem| elem.arg.as_ref())
                .and_then(|arg| constant(arg)),
            if_not_exists: create.if_not_exists,
        },
        NodeEnum::ViewStmt(view) => Kind::CreateView {
            name: relation(view.view.as_ref()?),
            replace: view.replace,
            temporary: view.view.as_ref().is_some_and(table::is_temporary),
            columns: texts(&view.aliases),
            query: view.query.as_ref().map(|q| dml::query(q)).unwrap_or_default(),
            select: query::select_of(view.query.as_deref()),
        },
        NodeEnum::CreateTableAsStmt(create) => create_table_as(create)?,
        NodeEnum::RefreshMatViewStmt(refresh) => Kind::Refresh {
            name: relation(refresh.relation.as_ref()?),
            concurrently: refresh.concurrent,
            with_data: !refresh.skip_data,
        },
        _ => return None,
    })
}

fn name_of(relation_var: Option<&RangeVar>, object: Option<&Node>) -> Option<NameRef> {
    relation_var.map(relation).or_else(|| object_name(object?))
}

pub(super) fn object_kind(kind: ObjectType) -> ObjectKind {
    match kind {
        ObjectType::ObjectTable => ObjectKind::Table,
        ObjectType::ObjectView => ObjectKind::View,
        ObjectType::ObjectMatview => ObjectKind::MaterializedView,
        ObjectType::ObjectIndex => ObjectKind::Index,
        ObjectType::ObjectSequence => ObjectKind::Sequence,
        ObjectType::ObjectForeignTable => ObjectKind::ForeignTable,
        ObjectType::ObjectColumn => ObjectKind::Column,
        ObjectType::ObjectTabconstraint => ObjectKind::Constraint,
        ObjectType::ObjectTrigger => ObjectKind::Trigger,
        ObjectType::ObjectPolicy => ObjectKind::Policy,
        ObjectType::ObjectRule => ObjectKind::Rule,
        ObjectType::ObjectType => ObjectKind::Type,
        ObjectType::ObjectDomain => ObjectKind::Domain,
        ObjectType::ObjectAttribute => ObjectKind::Attribute,
        ObjectType::ObjectFunction
        | ObjectType::ObjectProcedure
        | ObjectType::ObjectRoutine
        | ObjectType::ObjectAggregate => ObjectKind::Function,
        ObjectType::ObjectSchema => ObjectKind::Schema,
        ObjectType::ObjectExtension => ObjectKind::Extension,
        ObjectType::ObjectStatisticExt => ObjectKind::Statistics,
        _ => ObjectKind::Other,
    }
}

fn drop_stmt(drop: &protobuf::DropStmt) -> Drop {
    let object = object_kind(drop.remove_type());
    let member = matches!(object, ObjectKind::Trigger | ObjectKind::Policy | ObjectKind::Rule);
    let (mut names, mut members, mut signatures) = (Vec::new(), Vec::new(), Vec::new());
    for node in &drop.objects {
        match &node.node {
            Some(NodeEnum::List(list)) if member => {
                let (own, table) = list
                    .items
                    .split_last()
                    .map_or((None, &[][..]), |(own, table)| (text(own), table));
                names.extend(qualified(table));
                members.extend(own);
            }
            _ => {
                names.extend(object_name(node));
                signatures.push(signature(node));
            }
        }
    }
    Drop {
        object,
        names,
        members,
        signatures,
        if_exists: drop.missing_ok,
        cascade: drop.behavior() == DropBehavior::DropCascade,
        concurrently: drop.concurrent,
    }
}

fn rename_stmt(rename: &protobuf::RenameStmt) -> Rename {
    let object = object_kind(rename.rename_type());
    let member = matches!(
        object,
        ObjectKind::Column
            | ObjectKind::Constraint
            | ObjectKind::Trigger
            | ObjectKind::Policy
            | ObjectKind::Rule
            | ObjectKind::Attribute
    );
    // A schema, role or database is named by `subname` alone.
    let name =
        name_of(rename.relation.as_ref(), rename.object.as_deref()).unwrap_or_else(|| NameRef::bare(&rename.subname));
    Rename {
        object,
        name,
        member: member.then(|| rename.subname.clone()),
        to: rename.newname.clone(),
        if_exists: rename.missing_ok,
    }
}

fn alter_enum(alter: &protobuf::AlterEnumStmt) -> Option<Kind> {
    let name = qualified(&alter.type_name)?;
    Some(if alter.old_val.is_empty() {
        let beside =
            (!alter.new_val_neighbor.is_empty()).then(|| (alter.new_val_neighbor.clone(), alter.new_val_is_after));
        Kind::AddEnumValue {
            name,
            label: alter.new_val.clone(),
            if_not_exists: alter.skip_if_new_val_exists,
            beside,
        }
    } else {
        Kind::RenameEnumValue {
            name,
            from: alter.old_val.clone(),
            to: alter.new_val.clone(),
        }
    })
}

fn owned_by(options: &[Node]) -> Option<(NameRef, String)> {
    let Some(NodeEnum::List(list)) = option(options, "owned_by")?.arg.as_ref()?.node.as_ref() else {
        return None;
    };
    let (column, table) = list.items.split_last()?;
    Some((qualified(table)?, text(column)?))
}

fn create_function(create: &protobuf::CreateFunctionStmt) -> Option<CreateFunction> {
    let word = |name: &str| {
        option(&create.options, name)
            .and_then(|elem| elem.arg.as_ref())
            .and_then(|arg| constant(arg))
    };
    let body = option(&create.options, "as").and_then(|elem| match elem.arg.as_ref()?.node.as_ref()? {
        NodeEnum::List(list) => list.items.first().and_then(text),
        _ => None,
    });
    Some(CreateFunction {
        name: qualified(&create.funcname)?,
        arguments: create.parameters.iter().filter_map(argument).collect(),
        returns: returns(create),
        replace: create.replace,
        procedure: create.is_procedure,
        volatility: volatility(word("volatility")).unwrap_or(Volatility::Volatile),
        language: word("language").unwrap_or_else(|| "sql".to_owned()).to_lowercase(),
        inlined: body
            .as_deref()
            .filter(|_| is_inlined(create, &word))
            .and_then(single_expression),
        body,
    })
}

fn volatility(word: Option<String>) -> Option<Volatility> {
    match word?.as_str() {
        "immutable" => Some(Volatility::Immutable),
        "stable" => Some(Volatility::Stable),
        _ => Some(Volatility::Volatile),
    }
}

fn alter_function(alter: &protobuf::AlterFunctionStmt) -> Option<Kind> {
    let function = alter.func.as_ref()?;
    let said = option(&alter.actions, "volatility").and_then(|elem| constant(elem.arg.as_ref()?));
    Some(Kind::AlterFunction {
        name: qualified(&function.objname)?,
        signature: argument_types(function),
        volatility: volatility(said),
    })
}

fn argument(node: &Node) -> Option<Argument> {
    let NodeEnum::FunctionParameter(parameter) = node.node.as_ref()? else {
        return None;
    };
    let mode = match parameter.mode() {
        FunctionParameterMode::FuncParamOut => "OUT",
        FunctionParameterMode::FuncParamInout => "INOUT",
        FunctionParameterMode::FuncParamVariadic => "VARIADIC",
        // Columns of RETURNS TABLE are told with what it returns.
        FunctionParameterMode::FuncParamTable => return None,
        _ => "",
    };
    Some(Argument {
        mode,
        name: parameter.name.clone(),
        type_ref: parameter.arg_type.as_ref().map(type_ref)?,
    })
}

fn returns(create: &protobuf::CreateFunctionStmt) -> String {
    let columns = create.parameters.iter().filter_map(|node| match node.node.as_ref()? {
        NodeEnum::FunctionParameter(p) if p.mode() == FunctionParameterMode::FuncParamTable => {
            let type_name = p.arg_type.as_ref().map(|t| type_ref(t).display)?;
            Some(crate::sql!("{} ", Ident(&p.name)).as_str().to_owned() + &type_name)
        }
        _ => None,
    });
    let columns: Vec<String> = columns.collect();
    match &create.return_type {
        _ if !columns.is_empty() => format!("TABLE({})", columns.join(", ")),
        Some(name) if name.setof => format!("SETOF {}", type_ref(name).display),
        Some(name) => type_ref(name).display,
        None => String::new(),
    }
}

/// The types of a function's arguments in `DROP FUNCTION f(int)`; none for `DROP FUNCTION f`.
fn signature(node: &Node) -> Option<Vec<TypeRef>> {
    match node.node.as_ref()? {
        NodeEnum::ObjectWithArgs(function) => argument_types(function),
        _ => None,
    }
}

fn argument_types(function: &protobuf::ObjectWithArgs) -> Option<Vec<TypeRef>> {
    let types = function.objargs.iter().filter_map(|node| match node.node.as_ref()? {
        NodeEnum::TypeName(name) => Some(type_ref(name)),
        _ => None,
    });
    (!function.args_unspecified).then(|| types.collect())
}

/// Whether the planner may put the body in the place of a call.
fn is_inlined(create: &protobuf::CreateFunctionStmt, word: &impl Fn(&str) -> Option<String>) -> bool {
    let kept = ["security", "strict", "set"]
        .iter()
        .any(|name| option(&create.options, name).is_some());
    let table = |node: &Node| {
        matches!(&node.node, Some(NodeEnum::FunctionParameter(p))
            if p.mode() == protobuf::FunctionParameterMode::FuncParamTable)
    };
    let many = create.return_type.as_ref().is_none_or(|returns| returns.setof) || create.parameters.iter().any(table);
    word("language").as_deref() == Some("sql") && !kept && !many && !create.is_procedure
}

fn trigger_columns(create: &protobuf::CreateTrigStmt) -> Vec<String> {
    let mut columns = texts(&create.columns);
    if let Some(when) = &create.when_clause {
        columns.extend(expr::expression(when).columns);
    }
    columns
}

fn both(a: Option<&Node>, b: Option<&Node>) -> Expression {
    let mut all = Expression::default();
    for expr in [a, b].into_iter().flatten().map(expr::expression) {
        all.columns.extend(expr.columns);
        all.functions.extend(expr.functions);
    }
    all
}

fn comment_stmt(comment: &protobuf::CommentStmt) -> Kind {
    let object = object_kind(comment.objtype());
    let name = comment
        .object
        .as_deref()
        .and_then(|node| match (object, node.node.as_ref()?) {
            // The last part is the column, constraint, trigger, …; before it stands the relation.
            (
                ObjectKind::Column
                | ObjectKind::Constraint
                | ObjectKind::Trigger
                | ObjectKind::Policy
                | ObjectKind::Rule,
                NodeEnum::List(list),
            ) => qualified(list.items.split_last()?.1),
            _ => object_name(node),
        });
    Kind::Comment { object, name }
}

fn create_table_as(create: &protobuf::CreateTableAsStmt) -> Option<Kind> {
    let into = create.into.as_ref()?;
    let target = into.rel.as_ref()?;
    Some(Kind::CreateTableAs(CreateTableAs {
        name: relation(target),
        if_not_exists: create.if_not_exists,
        temporary: table::is_temporary(target),
        unlogged: target.relpersistence == "u",
        drop_on_commit: into.on_commit() == protobuf::OnCommitAction::OncommitDrop,
        materialized_view: create.objtype() == ObjectType::ObjectMatview,
        with_data: !into.skip_data,
        query: create.query.as_ref().map_or_else(Query::default, |q| dml::query(q)),
        columns: texts(&into.col_names),
        select: query::select_of(create.query.as_deref()),
    }))
}

fn statistics_columns(node: &Node) -> Vec<String> {
    let Some(NodeEnum::StatsElem(element)) = &node.node else {
        return Vec::new();
    };
    let computed = element.expr.as_ref().map(|expression| expr::expression(expression));
    let named = (!element.name.is_empty()).then(|| element.name.clone());
    named
        .into_iter()
        .chain(computed.into_iter().flat_map(|expression| expression.columns))
        .collect()
}
