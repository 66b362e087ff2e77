//! Publications.

use super::super::{Kind, NameRef, PublicationChange, PublicationVerb};
use super::names::{constant, object_name, option, relation};
use pg_query::NodeEnum;
use pg_query::protobuf::{AlterPublicationAction, Node, ObjectType, PublicationObjSpecType};

pub(super) fn lower(node: &NodeEnum) -> Option<Kind> {
    let change = match node {
        NodeEnum::CreatePublicationStmt(create) => PublicationChange {
            all_tables: create.for_all_tables,
            ..change(
                &create.pubname,
                PublicationVerb::Create,
                &create.pubobjects,
                &create.options,
            )
        },
        NodeEnum::AlterPublicationStmt(alter) => {
            let verb = match alter.action() {
                _ if alter.pubobjects.is_empty() => PublicationVerb::Options,
                AlterPublicationAction::ApAddObjects => PublicationVerb::Add,
                AlterPublicationAction::ApDropObjects => PublicationVerb::Remove,
                _ => PublicationVerb::Set,
            };
            change(&alter.pubname, verb, &alter.pubobjects, &alter.options)
        }
        NodeEnum::DropStmt(drop) if drop.remove_type() == ObjectType::ObjectPublication => {
            // More than one at a time is not worth a list of its own.
            let [name] = drop.objects.as_slice() else {
                return None;
            };
            change(&object_name(name)?.name, PublicationVerb::Drop, &[], &[])
        }
        _ => return None,
    };
    Some(Kind::Publication(change))
}

fn change(name: &str, verb: PublicationVerb, objects: &[Node], options: &[Node]) -> PublicationChange {
    let publish = option(options, "publish")
        .and_then(|elem| elem.arg.as_ref())
        .and_then(|arg| constant(arg));
    PublicationChange {
        name: name.to_owned(),
        verb,
        tables: objects.iter().filter_map(table).collect(),
        schemas: objects.iter().filter_map(schema).collect(),
        all_tables: false,
        publish: publish.map(|words| words.split(',').map(|word| word.trim().to_lowercase()).collect()),
    }
}

fn table(node: &Node) -> Option<NameRef> {
    match node.node.as_ref()? {
        NodeEnum::PublicationObjSpec(spec) => spec.pubtable.as_ref()?.relation.as_ref().map(relation),
        _ => None,
    }
}

fn schema(node: &Node) -> Option<String> {
    match node.node.as_ref()? {
        NodeEnum::PublicationObjSpec(spec) => match spec.pubobjtype() {
            PublicationObjSpecType::PublicationobjTablesInSchema
            | PublicationObjSpecType::PublicationobjTablesInCurSchema => Some(spec.name.clone()),
            _ => None,
        },
        _ => None,
    }
}
