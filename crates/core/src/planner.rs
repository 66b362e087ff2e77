//! Migrations and a catalog in, plan out.

use crate::catalog::Catalog;
use crate::migration::Migration;
use crate::plan::MigrationPlan;
use crate::quote::SqlText;
use crate::step::{Goal, LockTimeout, Phase, Step, StepKind, Undo, Work};
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

/// A migration's plan, and whether the catalog still tells the truth after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// The plan.
    pub plan: MigrationPlan,
    /// The migration holds something whose outcome is not known from its text (a `DO` block, a function call): before the
    /// next migration is planned, the catalog must be read from the server again.
    pub catalog_is_stale: bool,
}

/// Plans one migration against the catalog as it is before it, and brings the catalog to the state after it.
pub fn plan_migration(migration: &Migration, _catalog: &mut Catalog, settings: &PlanSettings) -> Planned {
    let text = migration.up.as_ref().map_or("", |file| file.body().0);
    let step = Step {
        id: "1".to_owned(),
        kind: StepKind::Ddl,
        phase: Phase::Expand,
        transaction: true,
        sql: vec![SqlText::verbatim(text)],
        locks: Vec::new(),
        work: Work::None,
        lock_timeout: Some(LockTimeout(settings.max_block)),
        statement_timeout: None,
        goal: Goal::Committed,
        undo: Undo::Nothing,
        statements: vec![1],
        note: String::new(),
        estimate_ms: None,
    };
    Planned {
        plan: MigrationPlan {
            name: migration.name.clone(),
            checksum: migration.checksum.clone(),
            steps: vec![step],
            warnings: Vec::new(),
            refusals: Vec::new(),
        },
        catalog_is_stale: true,
    }
}
