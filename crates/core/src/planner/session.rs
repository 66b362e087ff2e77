//! `SET` in a migration.
//!
//! Prisma sends all files through one session, so a `SET` lasts into the next file. Here it lasts to the end of its own
//! migration, and is repeated, as `LOCAL`, in each transaction of it.

use crate::quote::{Literal, SqlText};
use crate::rewrite::{Body, Piece};
use crate::sql;

/// Settings in force for the statements that follow.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    in_force: Vec<(String, Vec<String>)>,
}

/// Timeouts are nonstop's own business.
pub(crate) fn is_bound(name: &str) -> bool {
    matches!(
        name,
        "lock_timeout"
            | "statement_timeout"
            | "idle_in_transaction_session_timeout"
            | "transaction_timeout"
            | "deadlock_timeout"
    )
}

/// `SET TRANSACTION …` and its like are statements of their place: they hold for the transaction in which they stand, and
/// only before its first query.
pub(crate) fn is_of_transaction(name: &str) -> bool {
    matches!(name, "TRANSACTION" | "TRANSACTION SNAPSHOT" | "SESSION CHARACTERISTICS")
}

impl Settings {
    /// No values: back to the default, which has to be said where the setting stood before in the same transaction.
    pub(crate) fn set(&mut self, name: &str, values: &[String]) {
        if name.is_empty() {
            // RESET ALL.
            self.in_force.iter_mut().for_each(|(_, values)| values.clear());
            return;
        }
        self.in_force.retain(|(known, _)| known != name);
        self.in_force.push((name.to_owned(), values.to_vec()));
    }

    /// Puts the settings in front of a piece that runs in a transaction. What runs alone was built with full names.
    pub(crate) fn apply(&self, mut piece: Piece) -> Piece {
        if self.in_force.is_empty() {
            return piece;
        }
        match &mut piece.body {
            Body::Instant(instant) => instant.sql = sql!("{}{}", self.prefix(), instant.sql),
            Body::Batches(batches) => batches.batch.settings = self.prefix(),
            Body::Lone(_) | Body::Check { .. } => {}
        }
        piece
    }

    /// `SELECT set_config(…);` for each of them.
    pub(crate) fn prefix(&self) -> SqlText {
        self.in_force.iter().fold(SqlText::verbatim(""), |all, (name, values)| {
            let value = match (name.as_str(), values.as_slice()) {
                (_, []) => SqlText::verbatim("NULL"),
                ("search_path", values) => sql!("{}", Literal(&quoted_list(values))),
                (_, values) => sql!("{}", Literal(&values.join(", "))),
            };
            sql!(
                "{}SELECT pg_catalog.set_config({}, {}, true);\n",
                all,
                Literal(name),
                value
            )
        })
    }
}

fn quoted_list(values: &[String]) -> String {
    let quoted = values
        .iter()
        .map(|value| sql!("{}", crate::quote::Ident(value)).as_str().to_owned());
    quoted.collect::<Vec<_>>().join(", ")
}
