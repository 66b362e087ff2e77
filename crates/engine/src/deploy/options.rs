//! What the user set about a run.

use nonstop_core::batch::Limits;
use nonstop_core::settings::PlanSettings;
use std::time::Duration;

/// What the user set about a run.
#[derive(Debug, Clone)]
pub struct DeployOptions {
    /// What decides how statements become steps; `max_block` in it bounds every wait.
    pub plan: PlanSettings,
    /// The last migration to run.
    pub until: Option<String>,
    /// Plan only, change nothing.
    pub dry_run: bool,
    /// What becomes of a migration that fails in the middle.
    pub on_failure: OnFailure,
    /// How long the history lock is waited for; zero leaves at once.
    pub wait: Duration,
    /// How long the locks of one step are tried for.
    pub patience: Duration,
    /// Gates to pass over.
    pub skip: Vec<String>,
    /// What changes of rows in batches keep to.
    pub limits: Limits,
}

/// What becomes of a migration that fails in the middle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OnFailure {
    /// The steps done are taken back.
    Unwind,
    /// They stay, and the next run goes on from there.
    Keep,
}

impl Default for DeployOptions {
    fn default() -> Self {
        Self {
            plan: PlanSettings::default(),
            until: None,
            dry_run: false,
            on_failure: OnFailure::Unwind,
            wait: Duration::from_secs(60),
            patience: Duration::from_secs(600),
            skip: Vec::new(),
            limits: Limits::default(),
        }
    }
}
