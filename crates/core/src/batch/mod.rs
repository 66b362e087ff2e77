//! A change of many rows in batches: windows over a key, the SQL of one window, and the pace.
//!
//! The end is taken when the work begins; the next bound is read from the index of the key. So a window holds a bounded
//! number of rows whatever the condition finds, and a row that was changed is never met again.

mod key;
mod limits;
mod pace;
mod rate;
mod text;
mod trail;

pub use key::{Key, key_of};
pub use limits::{Hold, Limits};
pub use pace::{BatchPace, Load, Rest, Spread, rest, resting_for};
pub use rate::Rate;
pub use trail::Trail;

use crate::quote::{Name, SqlText};
use serde::{Deserialize, Serialize};

/// A change of rows that is done in batches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// The table whose rows are changed.
    pub table: Name,
    /// What the table is called in the texts below.
    pub alias: String,
    /// What the windows go over.
    pub key: Key,
    /// `UPDATE … SET … FROM …` or `DELETE FROM … USING …`, up to its `WHERE`.
    pub change: SqlText,
    /// `SELECT … FROM …` of the same relations, by which rows are locked in the order of the key before they are changed.
    /// `None` where the change itself finds them by the key alone.
    pub locking: Option<SqlText>,
    /// What stood behind `WHERE`.
    pub condition: Option<SqlText>,
    /// Settings of the migration, as statements that hold for the transaction; mostly empty.
    pub settings: SqlText,
    /// Rows in a batch, where the user has said so.
    pub size: Option<u64>,
    /// A row that was changed does not meet the condition any more: then passes are repeated until one finds nothing.
    pub repeats: bool,
    /// Triggers of the table must not see it, as far as that is allowed: it stands for work that the server does itself.
    pub silent: bool,
}

/// A place in the order of the key: its values as the server prints them.
pub type Position = Vec<String>;

/// The rows behind one place, up to and with another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Rows behind this; `None`: from the first.
    pub after: Option<Position>,
    /// The last of them.
    pub upto: Position,
}
