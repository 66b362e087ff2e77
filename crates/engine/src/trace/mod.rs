//! A plan on a throw-away server: which locks its steps take there, what they read or write anew, how long they take.
//!
//! The catalog is made by the migrations that the production's history says are applied; where it is not the production's
//! after all, that is said. Decisions are not made anew: the plan is the one that the production's sizes gave. A step shows
//! its locks without the `LOCK TABLE` that a deploy puts before it, so that what is foreseen is not its own witness.

mod observe;
mod same;

use crate::history::{History, HistoryError, HistoryKind, RowState};
use crate::introspect::introspect;
use crate::rehearsal::{self, RehearsalError, Scene};
use crate::server::{Server, ServerError};
use crate::session::{ConnectError, Session};
use crate::target::Target;
use nonstop_core::plan::{MigrationPlan, Plan};
use nonstop_core::quote::{Ident, Name, SqlText};
use nonstop_core::source::SourceFile;
use nonstop_core::sql;
use nonstop_core::sql::Kind;
use nonstop_core::step::{RelationLock, Step, StepKind, Work};
use observe::Observer;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio_postgres::Client;

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// The throw-away server's version.
    pub server_version: String,
    /// How many applied migrations made its catalog.
    pub applied: usize,
    /// Where its catalog is not the production's, in words; the trace may then not be true for these.
    pub differences: Vec<String>,
    /// The steps of each migration that was run, in order.
    pub migrations: Vec<TracedMigration>,
}

/// A migration that was run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TracedMigration {
    /// Its name.
    pub name: String,
    /// What was seen of each step.
    pub steps: Vec<TracedStep>,
}

/// What was seen of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TracedStep {
    /// Its id in the plan.
    pub id: String,
    /// The strongest lock on each relation that was there before the migration.
    pub locks: Vec<RelationLock>,
    /// The heaviest work on each of them.
    pub work: BTreeMap<Name, Work>,
    /// From the first statement to the last answer, on tables without rows.
    pub duration: Duration,
    /// It ran outside a transaction, so its locks were sampled: what is held for a moment only may be missing.
    pub is_sampled: bool,
    /// Its text does not tell what it does: what was seen is what it does without rows.
    pub is_opaque: bool,
    /// What the plan does not say of it.
    pub unforeseen: Vec<String>,
    /// What the server said, where it failed; nothing is run after it.
    pub error: Option<String>,
}

impl Trace {
    /// Whether a step did what its plan does not say, or failed.
    pub fn has_surprises(&self) -> bool {
        let mut steps = self.migrations.iter().flat_map(|migration| &migration.steps);
        steps.any(|step| !step.unforeseen.is_empty() || step.error.is_some())
    }

    /// Whether a step did what its plan does not say, though its text tells what it does.
    pub fn has_defects(&self) -> bool {
        let mut steps = self.migrations.iter().flat_map(|migration| &migration.steps);
        // On another catalog than the production's a statement may fail for that alone.
        let is_like_it = self.differences.is_empty();
        steps.any(|step| !step.is_opaque && (!step.unforeseen.is_empty() || is_like_it && step.error.is_some()))
    }

    /// Whether there is a step of which only a part can be seen.
    pub fn has_opaque(&self) -> bool {
        let mut steps = self.migrations.iter().flat_map(|migration| &migration.steps);
        steps.any(|step| step.is_opaque)
    }

    /// What was seen of a step.
    pub fn find(&self, migration: &str, step: &str) -> Option<&TracedStep> {
        let migration = self.migrations.iter().find(|one| one.name == migration)?;
        migration.steps.iter().find(|one| one.id == step)
    }
}

/// Why there is no trace.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TraceError {
    /// The production.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// Its history.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The throw-away server.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// Its catalog could not be made.
    #[error("the catalog cannot be made on the throw-away server: {0}")]
    Catalog(#[from] RehearsalError),
    /// One of the two does not answer.
    #[error("a server does not say what nonstop asks: {}", crate::session::in_words(.0))]
    Asking(#[from] tokio_postgres::Error),
}

/// Runs a plan on a throw-away server, whose catalog is made by those migrations of the folder that the target's history
/// says are applied. Of the target it only reads.
pub async fn trace(
    server: &Server,
    target: &Target,
    history: HistoryKind,
    folder: &[Scene],
    plan: &Plan,
) -> Result<Trace, TraceError> {
    let session = Session::open(target, "nonstop plan").await?;
    let production = session.client();
    let rows = History::new(history, target)
        .read(production)
        .await?
        .unwrap_or_default();
    let is_applied = |scene: &&Scene| {
        let applied = rows.iter().filter(|row| row.state() == RowState::Applied);
        applied.into_iter().any(|row| row.name == scene.name)
    };
    let applied: Vec<Scene> = folder.iter().filter(is_applied).cloned().collect();
    let path = [target.schema.clone()];
    let theirs = introspect(production, &path, 0).await?;
    let roles = roles(production).await?;
    session.close().await;

    let copy = stage(server, target, &roles).await?;
    rehearsal::play(&copy, &applied).await?;
    // What a migration has SET for its session ends with it, and would show names otherwise.
    drop(copy);
    let copy = server.connect(DATABASE).await?;
    let ours = introspect(&copy, &path, 0).await?;
    let mut trace = Trace {
        server_version: plan.server_version.to_string(),
        applied: applied.len(),
        differences: same::differences(&theirs, &ours),
        migrations: Vec::new(),
    };
    drop(copy);
    let runnable = plan.migrations.iter().take_while(|one| one.refusals.is_empty());
    for migration in runnable {
        let traced = run(server, migration).await?;
        let failed = traced.steps.iter().any(|step| step.error.is_some());
        trace.migrations.push(traced);
        if failed {
            break;
        }
    }
    Ok(trace)
}

const DATABASE: &str = "trace";

/// A database where names are looked for as in the production, with its roles, so that grants can be made.
async fn stage(server: &Server, target: &Target, roles: &[String]) -> Result<Client, TraceError> {
    server.create_database(DATABASE, None).await?;
    let client = server.connect(DATABASE).await?;
    let schema = Ident(&target.schema);
    let path = sql!(
        "CREATE SCHEMA IF NOT EXISTS {}; ALTER DATABASE {} SET search_path TO {}",
        schema,
        Ident(DATABASE),
        schema
    );
    client.batch_execute(path.as_str()).await?;
    for role in roles {
        let role = sql!("CREATE ROLE {}", Ident(role));
        client.batch_execute(role.as_str()).await?;
    }
    drop(client);
    Ok(server.connect(DATABASE).await?)
}

async fn roles(client: &Client) -> Result<Vec<String>, tokio_postgres::Error> {
    let query = "SELECT rolname::text FROM pg_catalog.pg_roles WHERE rolname !~ '^pg_' AND rolname <> 'postgres'";
    let rows = client.query(query, &[]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Each migration has a session of its own.
async fn run(server: &Server, plan: &MigrationPlan) -> Result<TracedMigration, TraceError> {
    let mut observer = Observer::open(server, DATABASE).await?;
    let mut traced = TracedMigration {
        name: plan.name.clone(),
        steps: Vec::new(),
    };
    for step in &plan.steps {
        let mut seen = observer.step(step).await?;
        seen.is_opaque = plan.has_unknown_effect(step);
        seen.unforeseen = unforeseen(step, &seen);
        let failed = seen.error.is_some();
        traced.steps.push(seen);
        if failed {
            break;
        }
    }
    Ok(traced)
}

/// What keeps somebody out, or works on rows, and is not in the plan.
fn unforeseen(step: &Step, seen: &TracedStep) -> Vec<String> {
    let mut told = Vec::new();
    for lock in &seen.locks {
        let stops = lock.mode.blocks_writes() || lock.mode.blocks_reads();
        let said = step.locks.iter().filter(|said| said.relation == lock.relation);
        if stops && said.map(|said| said.mode).max() < Some(lock.mode) {
            told.push(format!("{} on {}", lock.mode, lock.relation));
        }
    }
    // Of a check and of rows that are changed one by one it is said elsewhere that they are read.
    if step.kind == StepKind::Check || step.batch.is_some() {
        return told;
    }
    // Whoever asks for rows or changes them reads: at once where they are few, else it is said that nobody knows for how long.
    let reads = sends_rows(step);
    for (relation, work) in &seen.work {
        if *work == Work::Scan && reads {
            continue;
        }
        // What takes a time that nobody knows may read; under a lock that keeps others out it may not.
        let keeps_out = seen
            .locks
            .iter()
            .any(|lock| lock.relation == *relation && lock.mode.blocks_writes());
        if *work > step.work && (!step.open_ended || keeps_out) {
            told.push(format!("{relation} {}", in_words(*work)));
        }
    }
    told
}

/// Whether one of its statements reads or changes rows by itself.
fn sends_rows(step: &Step) -> bool {
    let reads = |kind: &Kind| {
        matches!(
            kind,
            Kind::Dml(_) | Kind::Select(_) | Kind::CreateTableAs(_) | Kind::Do { .. } | Kind::Call { .. }
        )
    };
    step.sql.iter().flat_map(kinds).any(|kind| reads(&kind))
}

/// What the statements of a text are; nothing of one that does not parse.
fn kinds(text: &SqlText) -> Vec<Kind> {
    let script = sql::parse(&SourceFile::new("", text.as_str()));
    let statements = script.map(|script| script.statements).unwrap_or_default();
    statements.into_iter().map(|statement| statement.kind).collect()
}

/// What was done to a relation.
pub fn in_words(work: Work) -> &'static str {
    match work {
        Work::None => "is left alone",
        Work::Scan => "is read",
        Work::IndexBuild => "has an index built",
        Work::Rewrite => "is written anew",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nonstop_core::lock::LockMode;
    use nonstop_core::step::Goal;

    fn lock(mode: LockMode) -> RelationLock {
        RelationLock {
            relation: Name::new("public", "t"),
            mode,
        }
    }

    #[test]
    fn only_what_the_plan_does_not_say_is_told() {
        let step = Step {
            locks: vec![lock(LockMode::ShareRowExclusive)],
            ..Step::alone(StepKind::Ddl, SqlText::verbatim(""), Goal::Committed)
        };
        let seen = |mode, work| TracedStep {
            id: "1".to_owned(),
            locks: vec![lock(mode)],
            work: BTreeMap::from([(Name::new("public", "t"), work)]),
            duration: Duration::ZERO,
            is_sampled: false,
            is_opaque: false,
            unforeseen: Vec::new(),
            error: None,
        };
        assert_eq!(unforeseen(&step, &seen(LockMode::Share, Work::None)), [""; 0]);
        assert_eq!(
            unforeseen(&step, &seen(LockMode::AccessExclusive, Work::Rewrite)),
            ["ACCESS EXCLUSIVE on public.t", "public.t is written anew"]
        );
        let of = |text: &str| Step {
            sql: vec![SqlText::verbatim(text)],
            ..step.clone()
        };
        let read = seen(LockMode::RowExclusive, Work::Scan);
        assert_eq!(unforeseen(&of("UPDATE t SET a = 1"), &read), [""; 0]);
        assert_eq!(unforeseen(&of("ALTER TABLE t ADD a int"), &read), ["public.t is read"]);
        let nothing_said = Step::alone(StepKind::Ddl, SqlText::verbatim(""), Goal::Committed);
        assert_eq!(
            unforeseen(&nothing_said, &seen(LockMode::RowExclusive, Work::None)),
            [""; 0]
        );
    }
}
