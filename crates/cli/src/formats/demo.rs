//! What the demo found out, for every format of it.

use jiff::Timestamp;
use nonstop_core::version::ServerVersion;
use nonstop_engine::load::{Trial, TrialSettings};
use std::time::Duration;

/// The trials of a demo and how they were made.
#[derive(Debug, Clone)]
pub struct Demo {
    /// The throw-away server's version.
    pub server_version: ServerVersion,
    /// Processors of the machine.
    pub cores: usize,
    /// When it ended.
    pub at: Timestamp,
    /// How each trial was made.
    pub settings: TrialSettings,
    /// `--max-block`.
    pub max_block: Duration,
    /// The trials, side by side.
    pub trials: Vec<Trial>,
}
