//! Types as the effects need them: which cast is there between two, and which access method can index one.
//!
//! The tables are `pg_cast` and the default classes of `pg_opclass`, alike in 12 to 18. Where a type is not built in and not
//! in the catalog (an extension's), the answer is that it is not known.

use crate::catalog::{Catalog, Column, TypeDef};
use crate::quote::Name;
use crate::sql::TypeRef;

/// A type with what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Type {
    /// Which it is.
    pub(super) shape: Shape,
    /// Its modifiers, `(10,2)`.
    pub(super) modifiers: Vec<i32>,
    /// It comes by a domain.
    pub(super) domain: bool,
    /// That domain checks its values.
    pub(super) checked: bool,
}

/// What a type is, domains looked through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shape {
    /// PostgreSQL's own, by the name that `format_type` gives it.
    BuiltIn(String),
    /// An enum.
    Enum(Name),
    /// A row type.
    Composite(Name),
    /// An array of a type.
    Array(Box<Type>),
    /// An extension's, a shell, or one that the catalog has not seen.
    Unknown,
}

/// How a value comes from one type to another in an assignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cast {
    /// The bits stay.
    Binary,
    /// Every value is computed.
    Computed,
    /// There is none.
    Missing,
}

impl Type {
    /// A column's.
    pub(super) fn of_column(catalog: &Catalog, column: &Column) -> Self {
        Self::of(catalog, &column.type_name, column.user_type.as_ref())
    }

    /// One that is written.
    pub(super) fn of_ref(catalog: &Catalog, written: &TypeRef) -> Self {
        let user = written.user.as_ref();
        let user = user.and_then(|user| catalog.resolve_type(user).or_else(|| catalog.resolve(user)));
        Self::of(catalog, &written.display, user.as_ref())
    }

    fn of(catalog: &Catalog, display: &str, user: Option<&Name>) -> Self {
        if let Some(element) = display.strip_suffix("[]") {
            let element = Self::of(catalog, element, user);
            return Self {
                shape: Shape::Array(Box::new(element)),
                modifiers: Vec::new(),
                domain: false,
                checked: false,
            };
        }
        let (base, modifiers) = split(display);
        let mut domain = false;
        let (shape, modifiers, checked) = match user.map(|user| (user, catalog.types.get(user))) {
            Some((_, Some(TypeDef::Domain { base, constrained }))) => {
                domain = true;
                // A domain over a domain prints the inner one's name.
                let inner = crate::sql::NameRef::dotted(base);
                let inner = catalog.resolve_type(&inner).filter(|inner| Some(inner) != user);
                let below = Self::of(catalog, base, inner.as_ref());
                (below.shape, below.modifiers, below.checked || *constrained)
            }
            Some((user, Some(TypeDef::Enum(_)))) => (Shape::Enum(user.clone()), modifiers, false),
            Some((user, Some(TypeDef::Composite))) => (Shape::Composite(user.clone()), modifiers, false),
            // Each table is a row type too.
            Some((user, None)) if catalog.relation(user).is_some() => {
                (Shape::Composite(user.clone()), modifiers, false)
            }
            None if is_built_in(&base) => (Shape::BuiltIn(base), modifiers, false),
            Some((_, Some(TypeDef::Other) | None)) | None => (Shape::Unknown, modifiers, false),
        };
        Self {
            shape,
            modifiers,
            domain,
            checked,
        }
    }

    /// Whether every value has the same length, so that none is ever compressed or moved out of its row.
    pub(super) fn is_fixed(&self) -> bool {
        match &self.shape {
            Shape::Enum(_) => true,
            Shape::BuiltIn(name) => name.starts_with("reg") || FIXED.contains(&name.as_str()),
            Shape::Composite(_) | Shape::Array(_) | Shape::Unknown => false,
        }
    }

    fn name(&self) -> Option<&str> {
        match &self.shape {
            Shape::BuiltIn(name) => Some(name),
            Shape::Enum(_) | Shape::Composite(_) | Shape::Array(_) | Shape::Unknown => None,
        }
    }
}

/// A type's name without its modifiers, and the modifiers.
pub(super) fn split(display: &str) -> (String, Vec<i32>) {
    let Some((head, rest)) = display.split_once('(') else {
        return (display.to_owned(), Vec::new());
    };
    let Some((inside, tail)) = rest.split_once(')') else {
        return (display.to_owned(), Vec::new());
    };
    let modifiers = inside.split(',').filter_map(|n| n.trim().parse().ok()).collect();
    (format!("{}{}", head.trim_end(), tail), modifiers)
}

/// The cast that an assignment uses; `None` where a type is not known.
pub(super) fn assignment(from: &Type, to: &Type) -> Option<Cast> {
    pathway(from, to, Context::Assignment)
}

/// The cast that `value::type` uses.
pub(super) fn explicit(from: &Type, to: &Type) -> Option<Cast> {
    pathway(from, to, Context::Explicit)
}

/// Whether no `value::type` leads from a type that is written to the type of a column. Of types that are not known it is not said.
pub(crate) fn lacks_cast(catalog: &Catalog, from: &TypeRef, to: &Column) -> bool {
    let (from, to) = (Type::of_ref(catalog, from), Type::of_column(catalog, to));
    explicit(&from, &to) == Some(Cast::Missing)
}

/// Whether a foreign key's `=` works between a referencing and a referenced column.
pub(super) fn comparable(referencing: &Type, referenced: &Type) -> Option<bool> {
    let found = pathway(referencing, referenced, Context::Implicit)?;
    let (Some(from), Some(to)) = (referencing.name(), referenced.name()) else {
        return Some(found != Cast::Missing);
    };
    let family = |names: &[&str]| names.contains(&from) && names.contains(&to);
    Some(found != Cast::Missing || FAMILIES.iter().any(|names| family(names)))
}

/// Types that one family of btree operators compares with each other.
const FAMILIES: &[&[&str]] = &[
    &["smallint", "integer", "bigint"],
    &["real", "double precision"],
    &["date", "timestamp without time zone", "timestamp with time zone"],
    &["text", "character varying", "name"],
    &["inet", "cidr"],
];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Context {
    Implicit,
    Assignment,
    Explicit,
}

fn pathway(from: &Type, to: &Type, context: Context) -> Option<Cast> {
    if from.shape == Shape::Unknown || to.shape == Shape::Unknown {
        return None;
    }
    if from.shape == to.shape {
        return Some(Cast::Binary);
    }
    if let (Shape::Array(from), Shape::Array(to)) = (&from.shape, &to.shape) {
        let element = pathway(from, to, context)?;
        return Some(if element == Cast::Missing {
            Cast::Missing
        } else {
            Cast::Computed
        });
    }
    if let (Some(from), Some(to)) = (from.name(), to.name())
        && let Some(cast) = listed(from, to, context)
    {
        return Some(cast);
    }
    // Through the types' text: to a string in an assignment, from one where it is asked for.
    let is_string = |side: &Type| side.name().is_some_and(|name| STRINGS.contains(&name));
    let by_text =
        (is_string(to) && context >= Context::Assignment) || (is_string(from) && context == Context::Explicit);
    Some(if by_text { Cast::Computed } else { Cast::Missing })
}

fn listed(from: &str, to: &str, context: Context) -> Option<Cast> {
    let is_reg = |name: &str| name.starts_with("reg");
    if is_reg(from) || is_reg(to) {
        return of_reg(from, to, context);
    }
    let (_, implicit, assignment, explicit) = CASTS.iter().find(|(name, ..)| *name == from)?;
    let has = |list: &str| list.split(", ").any(|name| name == to);
    let allowed = has(implicit)
        || context >= Context::Assignment && has(assignment)
        || context >= Context::Explicit && has(explicit);
    allowed.then(|| {
        if BINARY.contains(&(from, to)) {
            Cast::Binary
        } else {
            Cast::Computed
        }
    })
}

/// `regclass` and its kin are oids under a name.
fn of_reg(from: &str, to: &str, context: Context) -> Option<Cast> {
    let cast = match (from, to) {
        ("oid" | "integer", _)
        | (_, "oid")
        | ("regproc" | "regprocedure", "regproc" | "regprocedure")
        | ("regoper" | "regoperator", "regoper" | "regoperator") => Cast::Binary,
        (_, "integer") if context >= Context::Assignment => Cast::Binary,
        (_, "bigint") if context >= Context::Assignment => Cast::Computed,
        ("bigint" | "smallint", _) | ("text" | "character varying", "regclass") => Cast::Computed,
        _ => return None,
    };
    Some(cast)
}

const STRINGS: &[&str] = &["text", "character varying", "character", "name"];

/// From, then to: implicit, in an assignment, only explicit.
const CASTS: &[(&str, &str, &str, &str)] = &[
    ("\"char\"", "text", "character, character varying", "integer"),
    (
        "bigint",
        "double precision, numeric, oid, real",
        "integer, money, smallint",
        "bit, bytea",
    ),
    ("bit", "bit varying", "", "bigint, integer"),
    ("bit varying", "bit", "", ""),
    ("boolean", "", "character, character varying, text", "integer"),
    ("box", "", "polygon", "circle, lseg, point"),
    ("bytea", "", "", "bigint, integer, smallint"),
    ("character", "character varying, name, text", "\"char\"", "xml"),
    ("character varying", "character, name, text", "\"char\"", "xml"),
    ("cidr", "inet", "character, character varying, text", ""),
    ("circle", "", "", "box, point, polygon"),
    ("date", "timestamp with time zone, timestamp without time zone", "", ""),
    ("daterange", "", "", "datemultirange"),
    ("double precision", "", "bigint, integer, numeric, real, smallint", ""),
    ("inet", "", "character, character varying, cidr, text", ""),
    ("int4range", "", "", "int4multirange"),
    ("int8range", "", "", "int8multirange"),
    (
        "integer",
        "bigint, double precision, numeric, oid, real",
        "money, smallint",
        "\"char\", bit, boolean, bytea",
    ),
    ("interval", "", "time without time zone", ""),
    ("json", "", "jsonb", ""),
    (
        "jsonb",
        "",
        "json",
        "bigint, boolean, double precision, integer, numeric, real, smallint",
    ),
    ("lseg", "", "", "point"),
    ("macaddr", "macaddr8", "", ""),
    ("macaddr8", "macaddr", "", ""),
    ("money", "", "numeric", ""),
    ("name", "text", "character, character varying", ""),
    (
        "numeric",
        "double precision, real",
        "bigint, integer, money, smallint",
        "",
    ),
    ("numrange", "", "", "nummultirange"),
    ("oid", "", "bigint, integer", ""),
    ("path", "", "polygon", "point"),
    ("point", "", "box", ""),
    ("polygon", "", "path", "box, circle, point"),
    ("real", "double precision", "bigint, integer, numeric, smallint", ""),
    (
        "smallint",
        "bigint, double precision, integer, numeric, oid, real",
        "",
        "bytea",
    ),
    ("text", "character, character varying, name", "\"char\"", "xml"),
    ("time with time zone", "", "time without time zone", ""),
    ("time without time zone", "interval, time with time zone", "", ""),
    (
        "timestamp with time zone",
        "",
        "date, time with time zone, time without time zone, timestamp without time zone",
        "",
    ),
    (
        "timestamp without time zone",
        "timestamp with time zone",
        "date, time without time zone",
        "",
    ),
    ("tsrange", "", "", "tsmultirange"),
    ("tstzrange", "", "", "tstzmultirange"),
    ("xid8", "", "", "xid"),
    ("xml", "", "character, character varying, text", ""),
];

/// Casts that leave the bits as they are.
const BINARY: &[(&str, &str)] = &[
    ("bit", "bit varying"),
    ("bit varying", "bit"),
    ("character varying", "character"),
    ("character varying", "text"),
    ("cidr", "inet"),
    ("integer", "oid"),
    ("oid", "integer"),
    ("text", "character"),
    ("text", "character varying"),
    ("xml", "character"),
    ("xml", "character varying"),
    ("xml", "text"),
];

/// Built-in types whose values all have the same length.
const FIXED: &[&str] = &[
    "smallint",
    "integer",
    "bigint",
    "real",
    "double precision",
    "boolean",
    "date",
    "timestamp without time zone",
    "timestamp with time zone",
    "time without time zone",
    "time with time zone",
    "interval",
    "uuid",
    "macaddr",
    "macaddr8",
    "money",
    "oid",
    "name",
    "\"char\"",
    "point",
    "box",
    "line",
    "lseg",
    "circle",
    "pg_lsn",
    "xid",
    "xid8",
    "cid",
    "tid",
];

/// Built-in types that no default class of btree orders.
const UNORDERED: &[&str] = &[
    "aclitem",
    "box",
    "cid",
    "circle",
    "json",
    "jsonpath",
    "line",
    "lseg",
    "path",
    "pg_snapshot",
    "point",
    "polygon",
    "refcursor",
    "txid_snapshot",
    "xid",
    "xml",
];

/// Built-in types besides those that [`CASTS`] names.
const OTHERS: &[&str] = &[
    "bytea",
    "datemultirange",
    "int4multirange",
    "int8multirange",
    "jsonpath",
    "line",
    "nummultirange",
    "pg_lsn",
    "pg_snapshot",
    "refcursor",
    "tid",
    "tsmultirange",
    "tsquery",
    "tstzmultirange",
    "tsvector",
    "txid_snapshot",
    "uuid",
    "xid",
    "cid",
    "aclitem",
];

fn is_built_in(name: &str) -> bool {
    name.starts_with("reg") || OTHERS.contains(&name) || CASTS.iter().any(|(from, ..)| *from == name)
}

/// Whether the server has a type of the name, in one of its majors or under another spelling.
pub(super) fn is_system_type(name: &str) -> bool {
    is_built_in(name)
        || name.starts_with('_')
        || name.starts_with("pg_")
        || name.starts_with("any")
        || matches!(
            name,
            "bool"
                | "bpchar"
                | "char"
                | "cstring"
                | "event_trigger"
                | "fdw_handler"
                | "gtsvector"
                | "index_am_handler"
                | "int2vector"
                | "internal"
                | "language_handler"
                | "oidvector"
                | "record"
                | "table_am_handler"
                | "trigger"
                | "tsm_handler"
                | "unknown"
                | "void"
        )
}

/// Whether the access method has a default operator class for the type; `None` where that is not known.
pub(super) fn has_default_class(catalog: &Catalog, method: &str, of: &Type) -> Option<bool> {
    // These bring classes for types of the server's.
    let extended = |name: &str| catalog.extensions.contains(name);
    let name = match &of.shape {
        Shape::Unknown => return None,
        Shape::Array(_) if extended("intarray") => return None,
        Shape::Array(_) => return is_core(method).then_some(matches!(method, "btree" | "gin" | "hash")),
        Shape::Enum(_) => "enum",
        Shape::Composite(_) => "record",
        Shape::BuiltIn(name) => name.as_str(),
    };
    let name = match name {
        "character varying" => "text",
        "cidr" => "inet",
        reg if reg.starts_with("reg") => "oid",
        other => other,
    };
    let range = name.ends_with("range") && !name.ends_with("multirange");
    let of = |names: &[&str]| names.contains(&name);
    let ordered = !of(UNORDERED);
    Some(match method {
        "btree" => ordered,
        // Classes that came with 14.
        "hash" if name == "record" => return None,
        "hash" => {
            of(&["aclitem", "cid", "xid"]) || ordered && !of(&["bit", "bit varying", "money", "tsvector", "tsquery"])
        }
        "gin" if extended("btree_gin") => return None,
        "gin" => of(&["jsonb", "tsvector"]),
        "gist" if extended("btree_gist") => return None,
        "gist" => of(&["box", "circle", "point", "polygon", "tsquery", "tsvector"]) || name.ends_with("range"),
        "spgist" => of(&["box", "inet", "point", "polygon", "text"]) || range,
        "brin" if name == "tid" => return None,
        "brin" => {
            let left_out = [
                "boolean", "enum", "record", "jsonb", "money", "tsvector", "tsquery", "xid8",
            ];
            name == "box" || range || ordered && !of(&left_out) && !name.ends_with("range")
        }
        _ => return None,
    })
}

/// The access methods that every server has.
pub(super) fn is_core(method: &str) -> bool {
    matches!(method, "btree" | "hash" | "gin" | "gist" | "spgist" | "brin")
}
