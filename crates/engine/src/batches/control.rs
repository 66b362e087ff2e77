//! What the database says a change in batches keeps to, and whether it may go on. Any other command may change it.

use nonstop_core::batch::Limits;
use nonstop_core::quote::{Literal, SqlText};
use nonstop_core::sql;
use tokio_postgres::Row;

/// What stands there.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Control {
    pub(crate) limits: Limits,
    pub(crate) paused: bool,
    pub(crate) cancelled: bool,
}

impl Control {
    /// From the columns `limits` as text, `paused` and `cancelled`, from the given one on; all are NULL where nothing is said.
    pub(crate) fn of(row: &Row, from: usize) -> Self {
        let limits = row.get::<_, Option<String>>(from);
        Self {
            limits: limits
                .and_then(|text| serde_json::from_str(&text).ok())
                .unwrap_or_default(),
            paused: row.get::<_, Option<bool>>(from + 1).unwrap_or(false),
            cancelled: row.get::<_, Option<bool>>(from + 2).unwrap_or(false),
        }
    }
}

/// These limits hold from now on; with `None` those that stood there, or else the defaults.
pub(crate) fn set(id: &str, limits: Option<&Limits>) -> SqlText {
    let defaults = Limits::default();
    let text = serde_json::to_string(limits.unwrap_or(&defaults)).expect("limits have no failing serializer");
    let begin = sql!(
        "INSERT INTO nonstop.control (migration, limits) VALUES ({}, {}) ON CONFLICT (migration) DO",
        Literal(id),
        Literal(&text)
    );
    match limits {
        Some(_) => sql!("{} UPDATE SET limits = EXCLUDED.limits", begin),
        None => sql!("{} NOTHING", begin),
    }
}
