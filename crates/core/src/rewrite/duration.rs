//! Whether it is known how long a statement takes.
//!
//! A change of the catalog is instant, and work on a table of known size can be guessed. What reads or changes any number of
//! rows, or runs what its text does not tell, is neither.

use super::{Scene, is_shared, reads_much};
use crate::effect::Effect;
use crate::quote::Name;
use crate::replay;
use crate::sql::{Kind, Query, Statement};

/// Functions of the server's own that make any number of rows, or wait.
const LONG: &[&str] = &[
    "generate_series",
    "generate_subscripts",
    "pg_advisory_lock",
    "pg_advisory_lock_shared",
    "pg_advisory_xact_lock",
    "pg_advisory_xact_lock_shared",
    "pg_sleep",
    "pg_sleep_for",
    "pg_sleep_until",
];

/// Whether nobody can say how long the statement takes.
pub(crate) fn is_open_ended(statement: &Statement, effect: &Effect, scene: &Scene<'_>) -> bool {
    let is_much = |name: &Name| reads_much(scene, name);
    effect.opaque.is_some()
        || calls_code(statement, scene)
        || effect.reads.iter().chain(&effect.changes).any(is_much)
        // A table of this migration, filled by it.
        || effect
            .work
            .iter()
            .any(|entry| !is_shared(scene, &entry.relation) && reads_much(scene, &entry.relation))
        || match &statement.kind {
            Kind::Dml(dml) => calls_long(&dml.query),
            Kind::Select(query) => calls_long(query),
            Kind::CreateTableAs(create) => calls_long(&create.query),
            // A loop says nothing of how often it goes round, a file nothing of its size.
            Kind::Do { .. } | Kind::Call { .. } | Kind::Copy { .. } => true,
            Kind::Maintain { tables, .. } => {
                tables.is_empty() || tables.iter().filter_map(|name| scene.catalog.resolve(name)).any(|name| is_much(&name))
            }
            _ => false,
        }
}

/// A function made by a user takes as long as it takes, whatever its text says.
pub(super) fn calls_code(statement: &Statement, scene: &Scene<'_>) -> bool {
    !matches!(statement.kind, Kind::Do { .. }) && replay::inside(scene.catalog, statement).is_some()
}

fn calls_long(query: &Query) -> bool {
    let bare = |name: &String| name.strip_prefix("pg_catalog.").unwrap_or(name).to_owned();
    query.functions.iter().any(|name| LONG.contains(&bare(name).as_str()))
}
