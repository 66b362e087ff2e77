//! What the user set that decides how statements become steps.

use crate::catalog::Size;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What the user set that decides how statements become steps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanSettings {
    /// The longest that a statement of the application may wait because of us.
    pub max_block: Duration,
    /// Tables of at most this many rows (and [`SMALL_BYTES`]) are small; 0: every existing table counts as large.
    pub small_rows: u64,
    /// `--allow blocking`: what blocks and works, and has no safe form, is run as written.
    pub allow_blocking: bool,
    /// `--allow data-loss`.
    pub allow_data_loss: bool,
    /// What to do with statements that break running code.
    pub breaking: Breaking,
    /// `--as-written`: no rewriting; timeouts and retries only.
    pub as_written: bool,
}

/// Tables over this many bytes are never small.
pub const SMALL_BYTES: u64 = 8 * 1024 * 1024;

/// Whether a table of this size is small: at most so many rows, and [`SMALL_BYTES`]. Of unknown size it is not, and with 0
/// none is.
pub fn is_small(size: Option<Size>, rows: u64) -> bool {
    rows > 0 && size.is_some_and(|size| size.rows <= rows && size.bytes <= SMALL_BYTES)
}

/// What to do with statements that are instant but break code that is running.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Breaking {
    /// Run them, with a warning.
    AsWritten,
    /// Refuse the migration.
    Refuse,
}

impl Default for PlanSettings {
    fn default() -> Self {
        Self {
            max_block: Duration::from_millis(200),
            small_rows: 10_000,
            allow_blocking: false,
            allow_data_loss: false,
            breaking: Breaking::AsWritten,
            as_written: false,
        }
    }
}
