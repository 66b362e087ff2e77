//! Names and constants out of parser nodes.

use super::super::{NameRef, TypeRef};
use pg_query::NodeEnum;
use pg_query::protobuf::{self, Node, RangeVar, TypeName, a_const};

/// The text of a `String` node.
pub(super) fn text(node: &Node) -> Option<String> {
    str_of(node).map(str::to_owned)
}

/// The same, borrowed.
pub(super) fn str_of(node: &Node) -> Option<&str> {
    match node.node.as_ref()? {
        NodeEnum::String(s) => Some(&s.sval),
        _ => None,
    }
}

/// The texts of a list of `String` nodes.
pub(super) fn texts(nodes: &[Node]) -> Vec<String> {
    nodes.iter().filter_map(text).collect()
}

/// The last one or two parts of a qualified name.
pub(super) fn qualified(nodes: &[Node]) -> Option<NameRef> {
    let mut parts = texts(nodes);
    let name = parts.pop()?;
    Some(NameRef {
        schema: parts.pop(),
        name,
    })
}

/// The name of a `List`, `TypeName`, `ObjectWithArgs` or `String` node.
pub(super) fn object_name(node: &Node) -> Option<NameRef> {
    match node.node.as_ref()? {
        NodeEnum::List(list) => qualified(&list.items),
        NodeEnum::TypeName(t) => qualified(&t.names),
        NodeEnum::ObjectWithArgs(o) => qualified(&o.objname),
        NodeEnum::String(s) => Some(NameRef::bare(&s.sval)),
        NodeEnum::RangeVar(v) => Some(relation(v)),
        _ => None,
    }
}

/// A relation's name.
pub(super) fn relation(var: &RangeVar) -> NameRef {
    let schema = (!var.schemaname.is_empty()).then(|| var.schemaname.clone());
    NameRef {
        schema,
        name: var.relname.clone(),
    }
}

/// The relations of a list of `RangeVar` nodes.
pub(super) fn relations(nodes: &[Node]) -> Vec<NameRef> {
    let vars = nodes.iter().filter_map(|node| match node.node.as_ref()? {
        NodeEnum::RangeVar(v) => Some(relation(v)),
        _ => None,
    });
    vars.collect()
}

/// The names of roles.
pub(super) fn roles(nodes: &[Node]) -> Vec<String> {
    let names = nodes.iter().filter_map(|node| match node.node.as_ref()? {
        NodeEnum::RoleSpec(role) => Some(role.rolename.clone()),
        _ => None,
    });
    names.collect()
}

/// A constant's text.
pub(super) fn constant(node: &Node) -> Option<String> {
    match node.node.as_ref()? {
        NodeEnum::AConst(c) => Some(match c.val.as_ref()? {
            a_const::Val::Ival(i) => i.ival.to_string(),
            a_const::Val::Fval(f) => f.fval.clone(),
            a_const::Val::Boolval(b) => b.boolval.to_string(),
            a_const::Val::Sval(s) => s.sval.clone(),
            a_const::Val::Bsval(b) => b.bsval.clone(),
        }),
        NodeEnum::TypeCast(cast) => constant(cast.arg.as_ref()?),
        _ => text(node),
    }
}

/// A type, with built-in ones as `format_type` prints them.
pub(super) fn type_ref(name: &TypeName) -> TypeRef {
    let mut parts = texts(&name.names);
    let last = parts.pop().unwrap_or_default();
    let schema = parts.pop();
    let array = !name.array_bounds.is_empty();
    let builtin = match (schema.as_deref(), last.as_str()) {
        (None | Some("pg_catalog"), known) => builtin(known),
        _ => None,
    };
    let serial = schema.is_none()
        && matches!(
            last.as_str(),
            "serial" | "serial4" | "bigserial" | "serial8" | "smallserial" | "serial2"
        );
    let typmods: Vec<String> = name.typmods.iter().filter_map(modifier).collect();
    let base = builtin.map_or_else(
        || {
            if schema.as_deref() == Some("pg_catalog") {
                last.clone()
            } else {
                NameRef {
                    schema: schema.clone(),
                    name: last.clone(),
                }
                .to_string()
            }
        },
        str::to_owned,
    );
    let mut display = with_typmod(&base, &typmods);
    if array {
        display.push_str("[]");
    }
    let known =
        builtin.is_some() || serial || schema.as_deref() == Some("pg_catalog") || PLAIN.contains(&last.as_str());
    let user = (!known).then_some(NameRef { schema, name: last });
    TypeRef {
        display,
        user,
        serial,
        array,
    }
}

/// The grammar takes any expression as a modifier; the server takes constants and names, and the deparser writes no others.
pub(super) fn has_plain_modifiers(name: &TypeName) -> bool {
    let is_plain = |node: &Node| matches!(node.node, Some(NodeEnum::AConst(_) | NodeEnum::ColumnRef(_)));
    name.typmods.iter().all(is_plain)
}

/// A modifier: a number, or a word as in `geometry(Point, 4326)`.
fn modifier(node: &Node) -> Option<String> {
    match node.node.as_ref()? {
        NodeEnum::ColumnRef(column) => column.fields.last().and_then(text),
        _ => constant(node),
    }
}

/// `timestamp(3) without time zone`: the precision stands inside.
fn with_typmod(base: &str, typmods: &[String]) -> String {
    if typmods.is_empty() {
        return base.to_owned();
    }
    if base == "interval" {
        // The first is a mask of fields, 32767 for all.
        let fields = typmods.first().map_or("", |mask| interval_fields(mask));
        let precision = typmods
            .get(1)
            .map(|precision| format!("({precision})"))
            .unwrap_or_default();
        return format!("interval{fields}{precision}");
    }
    if base == "character" && typmods == ["1"] {
        return "character(1)".to_owned();
    }
    let list = typmods.join(",");
    match base.split_once(' ') {
        Some((head @ ("timestamp" | "time"), tail)) => format!("{head}({list}) {tail}"),
        _ => format!("{base}({list})"),
    }
}

/// `INTERVAL_MASK` of a set of fields, in words.
fn interval_fields(mask: &str) -> &'static str {
    match mask {
        "4" => " year",
        "2" => " month",
        "8" => " day",
        "1024" => " hour",
        "2048" => " minute",
        "4096" => " second",
        "6" => " year to month",
        "1032" => " day to hour",
        "3080" => " day to minute",
        "7176" => " day to second",
        "3072" => " hour to minute",
        "7168" => " hour to second",
        "6144" => " minute to second",
        _ => "",
    }
}

fn builtin(name: &str) -> Option<&'static str> {
    Some(match name {
        "int2" | "smallserial" | "serial2" => "smallint",
        "int4" | "int" | "integer" | "serial" | "serial4" => "integer",
        "int8" | "bigserial" | "serial8" => "bigint",
        "float4" => "real",
        "float8" => "double precision",
        "bool" => "boolean",
        "varchar" => "character varying",
        "bpchar" => "character",
        "varbit" => "bit varying",
        "timestamp" => "timestamp without time zone",
        "timestamptz" => "timestamp with time zone",
        "time" => "time without time zone",
        "timetz" => "time with time zone",
        "numeric" => "numeric",
        "interval" => "interval",
        "bit" => "bit",
        _ => return None,
    })
}

/// Built-in types whose catalog name is also their display name.
const PLAIN: &[&str] = &[
    "text",
    "uuid",
    "json",
    "jsonb",
    "jsonpath",
    "bytea",
    "date",
    "xml",
    "inet",
    "cidr",
    "macaddr",
    "macaddr8",
    "money",
    "oid",
    "name",
    "regclass",
    "regtype",
    "regproc",
    "regprocedure",
    "regrole",
    "regnamespace",
    "tsvector",
    "tsquery",
    "point",
    "line",
    "lseg",
    "box",
    "path",
    "polygon",
    "circle",
    "int4range",
    "int8range",
    "numrange",
    "tsrange",
    "tstzrange",
    "daterange",
    "int4multirange",
    "int8multirange",
    "nummultirange",
    "tsmultirange",
    "tstzmultirange",
    "datemultirange",
    "pg_lsn",
    "txid_snapshot",
    "pg_snapshot",
    "xid",
    "xid8",
    "cid",
    "tid",
    "refcursor",
    "record",
    "void",
    "trigger",
    "anyelement",
    "anyarray",
];

/// The value of a `DefElem` named so.
pub(super) fn option<'a>(options: &'a [Node], name: &str) -> Option<&'a protobuf::DefElem> {
    options.iter().find_map(|node| match node.node.as_ref()? {
        NodeEnum::DefElem(elem) if elem.defname == name => Some(elem.as_ref()),
        _ => None,
    })
}
