//! Whether a default must be computed for each row: only then does `ADD COLUMN … DEFAULT` rewrite the table.

use crate::catalog::{Catalog, Expression, Volatility};
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
    let name = NameRef::dotted(function);
    if let Some(overloads) = catalog
        .resolve_function(&name)
        .and_then(|name| catalog.functions.get(&name))
    {
        return overloads
            .iter()
            .map(|f| f.volatility)
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

/// Whether an expression gives another value for each row.
pub fn is_volatile(catalog: &Catalog, expression: &Expression) -> bool {
    expression
        .functions
        .iter()
        .any(|function| function_volatility(catalog, function) == Volatility::Volatile)
}
