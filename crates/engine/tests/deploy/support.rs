//! Migrations from text, plans by hand, and events kept for the asserts.

use nonstop_core::catalog::Catalog;
use nonstop_core::lock::LockMode;
use nonstop_core::migration::{Migration, TransactionModel};
use nonstop_core::plan::MigrationPlan;
use nonstop_core::planner::{Outlook, Planned};
use nonstop_core::quote::{Name, SqlText};
use nonstop_core::settings::PlanSettings;
use nonstop_core::source::SourceFile;
use nonstop_core::step::{
    Goal, LockTimeout, RelationLock, StatementTimeout, Step, StepKind, Undo, UndoStep, Violation,
};
use nonstop_engine::deploy::{DeployError, DeployOptions, HistoryKind, Stop, deploy, deploy_by};
use nonstop_engine::event::{Event, Events, Outcome};
use nonstop_engine::target::Target;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use testkit::TestDatabase;

/// Events as they came.
#[derive(Clone, Default)]
pub(crate) struct Heard(Arc<Mutex<Vec<Event>>>);

impl Heard {
    pub(crate) fn sink(&self) -> Events {
        let kept = self.clone();
        Events::new(move |event| {
            kept.0.lock().unwrap().push(event);
        })
    }

    pub(crate) fn all(&self) -> Vec<Event> {
        self.0.lock().unwrap().clone()
    }
}

pub(crate) fn migration(name: &str, text: &str) -> Migration {
    Migration {
        name: name.to_owned(),
        up: Some(SourceFile::new(format!("{name}/migration.sql"), text)),
        path: format!("{name}/migration.sql"),
        down: None,
        transaction: TransactionModel::Whole,
    }
}

/// A migration whose text is the JSON of its steps, for [`by_hand`].
pub(crate) fn planned(name: &str, steps: &[Step]) -> Migration {
    migration(name, &serde_json::to_string(steps).unwrap())
}

/// The planner of migrations whose text is the JSON of their steps.
pub(crate) fn by_hand(migration: &Migration, _catalog: &mut Catalog, _settings: &PlanSettings) -> Planned {
    let text = &migration.up.as_ref().unwrap().text;
    Planned {
        plan: MigrationPlan {
            name: migration.name.clone(),
            checksum: migration.checksum(),
            steps: serde_json::from_str(text).unwrap(),
            warnings: Vec::new(),
            refusals: Vec::new(),
        },
        outlook: Outlook::default(),
    }
}

pub(crate) fn target(database: &TestDatabase) -> Target {
    Target::parse(&database.url()).unwrap()
}

pub(crate) async fn run(database: &TestDatabase, migrations: &[Migration]) -> (Result<Outcome, DeployError>, Heard) {
    let heard = Heard::default();
    let options = DeployOptions::default();
    let target = target(database);
    let outcome = deploy(
        &target,
        migrations,
        HistoryKind::Prisma,
        &options,
        &heard.sink(),
        Stop::never(),
    )
    .await;
    (outcome, heard)
}

pub(crate) async fn run_by_hand(
    database: &TestDatabase,
    migrations: &[Migration],
) -> (Result<Outcome, DeployError>, Heard) {
    let heard = Heard::default();
    let options = DeployOptions::default();
    let target = target(database);
    let sink = heard.sink();
    let outcome = deploy_by(
        by_hand,
        &target,
        migrations,
        HistoryKind::Prisma,
        &options,
        (&sink, Stop::never()),
    )
    .await;
    (outcome, heard)
}

/// One value of the first row, as text.
pub(crate) async fn value(database: &TestDatabase, query: &str) -> Option<String> {
    let rows = database.connect().await.simple_query(query).await.unwrap();
    rows.into_iter().find_map(|message| match message {
        tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    })
}

pub(crate) fn name(table: &str) -> Name {
    Name::new("public", table)
}

fn step(id: &str, kind: StepKind, sql: &str, goal: Goal, undo: Undo) -> Step {
    Step {
        id: id.to_owned(),
        undo,
        statements: vec![1],
        ..Step::alone(kind, SqlText::verbatim(sql), goal)
    }
}

fn back(sql: &str, transaction: bool, locks: &[(&str, LockMode)]) -> Undo {
    Undo::Steps(vec![UndoStep {
        sql: SqlText::verbatim(sql),
        transaction,
        locks: relation_locks(locks),
    }])
}

fn relation_locks(locks: &[(&str, LockMode)]) -> Vec<RelationLock> {
    let one = |(table, mode): &(&str, LockMode)| RelationLock {
        relation: name(table),
        mode: *mode,
    };
    locks.iter().map(one).collect()
}

pub(crate) fn ddl(id: &str, sql: &str, locks: &[(&str, LockMode)], undo: &str) -> Step {
    Step {
        transaction: true,
        locks: relation_locks(locks),
        lock_timeout: Some(LockTimeout(Duration::from_millis(200))),
        statement_timeout: Some(StatementTimeout(Duration::from_millis(200))),
        ..step(id, StepKind::Ddl, sql, Goal::Committed, back(undo, true, locks))
    }
}

pub(crate) fn index(id: &str, sql: &str, table: &str, index: &str) -> Step {
    let goal = Goal::IndexValid {
        table: name(table),
        index: name(index),
    };
    let undo = back(&format!("DROP INDEX CONCURRENTLY IF EXISTS {index}"), false, &[]);
    step(id, StepKind::Index, sql, goal, undo)
}

pub(crate) fn validate(id: &str, table: &str, constraint: &str) -> Step {
    let goal = Goal::ConstraintValid {
        table: name(table),
        constraint: constraint.to_owned(),
    };
    let sql = format!("ALTER TABLE {table} VALIDATE CONSTRAINT {constraint}");
    step(id, StepKind::Validate, &sql, goal, Undo::Nothing)
}

pub(crate) fn check(id: &str, query: &str) -> Step {
    let goal = Goal::NoRows(Violation {
        message: "rows that must not be there".to_owned(),
        sqlstate: "23514".to_owned(),
        find_all: SqlText::verbatim(query),
    });
    step(id, StepKind::Check, query, goal, Undo::Nothing)
}

/// Runs [`run_by_hand`] in a process of its own, which may be killed. The test binary calls itself.
pub(crate) fn child(database: &TestDatabase, case: &str, failpoint: Option<&str>) -> std::process::Child {
    child_at(&database.url(), case, failpoint)
}

/// The same at any address.
pub(crate) fn child_at(url: &str, case: &str, failpoint: Option<&str>) -> std::process::Child {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "kills::the_child", "--ignored", "--nocapture"])
        .env("NONSTOP_TEST_CHILD", url)
        .env("NONSTOP_TEST_CASE", case)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null());
    if let Some(failpoint) = failpoint {
        command.env("NONSTOP_FAILPOINT", failpoint);
    }
    command.spawn().unwrap()
}
