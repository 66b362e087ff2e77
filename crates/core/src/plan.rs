//! A plan: what `nonstop plan` prints and `nonstop deploy` runs.

use crate::quote::SqlText;
use crate::step::Step;
use crate::version::ServerVersion;
use serde::{Deserialize, Serialize};

/// The rule of a warning: the text of a statement does not tell what it does.
pub const UNKNOWN_EFFECT: &str = "effect-is-unknown";

/// The steps of all pending migrations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The server it was made for.
    pub server_version: ServerVersion,
    /// In order.
    pub migrations: Vec<MigrationPlan>,
}

/// The steps of one migration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MigrationPlan {
    /// The migration's name.
    pub name: String,
    /// Its checksum, as recorded in the history.
    pub checksum: String,
    /// In order.
    pub steps: Vec<Step>,
    /// Things to tell the user that stop nothing.
    pub warnings: Vec<Notice>,
    /// Why it is not run at all; empty when it can be.
    pub refusals: Vec<Notice>,
}

impl MigrationPlan {
    /// Whether the text of one of a step's statements does not tell what it does.
    pub fn has_unknown_effect(&self, step: &Step) -> bool {
        let mut unknown = self.warnings.iter().filter(|notice| notice.rule == UNKNOWN_EFFECT);
        unknown.any(|notice| step.statements.contains(&notice.statement))
    }

    /// Whether it is one transaction, so that its history row can commit with it.
    pub fn is_atomic(&self) -> bool {
        self.steps
            .iter()
            .filter(|step| step.kind != crate::step::StepKind::Check)
            .count()
            <= 1
            && self
                .steps
                .iter()
                .all(|step| step.transaction || step.kind == crate::step::StepKind::Check)
    }
}

/// A warning or refusal, tied to a statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The rule's name, `type-change-rewrites-table`.
    pub rule: String,
    /// Which statement of the file, from 1.
    pub statement: usize,
    /// Line of the statement, from 1.
    pub line: usize,
    /// What would happen to the user's traffic, in whole sentences.
    pub message: String,
    /// What to do instead.
    pub help: String,
    /// The statement, shortened for display.
    pub sql: SqlText,
}
