//! Whether a default must be computed for each row: only then does `ADD COLUMN … DEFAULT` rewrite the table.

use crate::catalog::{Catalog, Expression, Function, Volatility};
use crate::sql::NameRef;

/// `pg_catalog` functions with `provolatile = 'v'` that can stand in a default or index expression.
const VOLATILE: &[&str] = &[
    "clock_timestamp",
    "currval",
    "gen_random_uuid",
    "lastval",
    "lo_creat",
    "lo_create",
    "nextval",
    "pg_advisory_lock",
    "pg_advisory_xact_lock",
    "pg_backend_pid",
    "pg_notify",
    "pg_sleep",
    "pg_sleep_for",
    "pg_sleep_until",
    "random",
    "random_normal",
    "set_config",
    "setseed",
    "setval",
    "timeofday",
    "uuidv4",
    "uuidv7",
    "txid_status",
    "pg_current_wal_lsn",
    "pg_try_advisory_lock",
];

/// Extension functions that are volatile wherever they are installed.
const VOLATILE_OF_EXTENSIONS: &[&str] = &[
    "uuid_generate_v1",
    "uuid_generate_v1mc",
    "uuid_generate_v4",
    "gen_random_bytes",
    "gen_salt",
];

/// A function's volatility: a user's own by the catalog (the most volatile overload), else by the built-in list.
pub fn function_volatility(catalog: &Catalog, function: &str) -> Volatility {
    volatility_at(catalog, function, 0)
}

/// A function whose body the planner puts in its place is as volatile as that.
fn of_overload(catalog: &Catalog, function: &Function, depth: usize) -> Volatility {
    match &function.inlined {
        Some(called) if function.volatility == Volatility::Volatile && depth < DEEPEST => called
            .iter()
            .map(|inner| volatility_at(catalog, inner, depth + 1))
            .max()
            .unwrap_or(Volatility::Immutable),
        _ => function.volatility,
    }
}

/// A function may call itself.
const DEEPEST: usize = 8;

fn volatility_at(catalog: &Catalog, function: &str, depth: usize) -> Volatility {
    let name = NameRef::dotted(function);
    if let Some(overloads) = catalog
        .resolve_function(&name)
        .and_then(|name| catalog.functions.get(&name))
    {
        return overloads
            .iter()
            .map(|f| of_overload(catalog, f, depth))
            .max()
            .unwrap_or(Volatility::Volatile);
    }
    let built_in = matches!(name.schema.as_deref(), None | Some("pg_catalog"));
    if VOLATILE_OF_EXTENSIONS.contains(&name.name.as_str()) || (built_in && VOLATILE.contains(&name.name.as_str())) {
        return Volatility::Volatile;
    }
    // A schema-qualified function that the catalog does not know is somebody's own.
    if built_in {
        Volatility::Stable
    } else {
        Volatility::Volatile
    }
}

/// `pg_catalog` functions of which no overload is immutable, and that people try in an index.
const STABLE: &[&str] = &[
    "array_to_string",
    "concat",
    "concat_ws",
    "current_database",
    "current_date",
    "current_schema",
    "current_setting",
    "current_time",
    "current_timestamp",
    "current_user",
    "format",
    "jsonb_build_array",
    "jsonb_build_object",
    "localtime",
    "localtimestamp",
    "now",
    "row_to_json",
    "session_user",
    "statement_timestamp",
    "to_char",
    "to_date",
    "to_json",
    "to_jsonb",
    "transaction_timestamp",
];

/// Whether no overload of the function can be immutable. Where that is not known, it is taken to be.
pub(super) fn is_surely_mutable(catalog: &Catalog, function: &str) -> bool {
    mutable_at(catalog, function, 0)
}

fn mutable_at(catalog: &Catalog, function: &str, depth: usize) -> bool {
    let name = NameRef::dotted(function);
    if let Some(overloads) = catalog
        .resolve_function(&name)
        .and_then(|name| catalog.functions.get(&name))
    {
        return overloads.iter().all(|f| match &f.inlined {
            _ if f.volatility == Volatility::Immutable => false,
            // The server looks at the expression that it has put in the place of the call.
            Some(called) if depth < DEEPEST => called.iter().any(|inner| mutable_at(catalog, inner, depth + 1)),
            _ => true,
        });
    }
    let plain = name.name.as_str();
    let built_in = matches!(name.schema.as_deref(), None | Some("pg_catalog"));
    if plain == "unaccent" {
        return catalog.extensions.contains("unaccent");
    }
    built_in && (STABLE.contains(&plain) || VOLATILE.contains(&plain))
}

/// Whether an expression gives another value for each row.
pub fn is_volatile(catalog: &Catalog, expression: &Expression) -> bool {
    expression
        .functions
        .iter()
        .any(|function| function_volatility(catalog, function) == Volatility::Volatile)
}

/// `pg_catalog` functions that came after 12, with the major that brought them.
const NEWER: &[(&str, u32)] = &[
    ("array_sort", 18),
    ("array_reverse", 18),
    ("casefold", 18),
    ("crc32", 18),
    ("crc32c", 18),
    ("date_add", 16),
    ("date_bin", 14),
    ("date_subtract", 16),
    ("erf", 16),
    ("erfc", 16),
    ("gamma", 18),
    ("gcd", 13),
    ("gen_random_uuid", 13),
    ("lcm", 13),
    ("lgamma", 18),
    ("random_normal", 16),
    ("regexp_count", 15),
    ("regexp_instr", 15),
    ("regexp_like", 15),
    ("regexp_substr", 15),
    ("string_to_table", 14),
    ("trim_array", 14),
    ("to_bin", 17),
    ("to_oct", 17),
    ("unistr", 14),
    ("uuid_extract_timestamp", 17),
    ("uuid_extract_version", 17),
    ("uuidv4", 18),
    ("uuidv7", 18),
];

/// Whether a function is surely not there: the server's, of a later major, and no extension can have brought it.
pub(super) fn missing_function(catalog: &Catalog, function: &str) -> bool {
    let name = NameRef::dotted(function);
    let built_in = matches!(name.schema.as_deref(), None | Some("pg_catalog"));
    let newer = NEWER.iter().find(|(known, _)| *known == name.name);
    let extended = catalog.extensions.iter().any(|extension| extension != "plpgsql");
    built_in
        && !extended
        && catalog.resolve_function(&name).is_none()
        && newer.is_some_and(|(_, major)| catalog.version < crate::version::ServerVersion::of_major(*major))
}
