//! A statement's safe form: pieces that each either fit into a short transaction or run alone without keeping anybody
//! out.
//!
//! One file per family of statements. A piece knows its locks, its undo, and what it touches, so that the planner can
//! order pieces and put neighbours into one transaction.

mod alter_table;
mod check;
mod constraint;
mod dml;
mod duration;
mod fill;
mod footprint;
mod index;
mod not_null;
mod partition;
mod restore;
mod retype;
mod undo;
mod view;

pub(crate) use dml::{in_batches, whole};
pub(crate) use duration::is_open_ended;
pub(crate) use footprint::{Footprint, Key};
pub use restore::Made;
pub(crate) use restore::{goes_with_its_table, way_back};

use crate::batch::Batch;
use crate::catalog::{Catalog, Relation, RelationKind};
use crate::effect::Effect;
use crate::lock::LockMode;
use crate::plan::Notice;
use crate::quote::{Name, SqlText};
use crate::rule::{Context, Rule};
use crate::rules;
use crate::settings::{self, PlanSettings};
use crate::sql::{Kind, Statement};
use crate::step::{Goal, RelationLock, StepKind, Undo, Violation, Work};

/// A part of a plan, before it has its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Piece {
    /// What is run.
    pub(crate) body: Body,
    /// Which statement of the file it carries out, from 1.
    pub(crate) statement: usize,
    /// What it touches.
    pub(crate) footprint: Footprint,
    /// Why it is there; empty for the statement as written.
    pub(crate) note: String,
    /// It is a part of the statement that only was taken apart so that it could be moved: next to its siblings, the
    /// statement is run as written.
    pub(crate) part: bool,
}

impl Piece {
    /// Its SQL; `None` where it only looks.
    pub(crate) fn into_change(self) -> Option<SqlText> {
        match self.body {
            Body::Instant(instant) => Some(instant.sql),
            Body::Lone(lone) => Some(lone.sql),
            // What it runs is another text for each batch.
            Body::Batches(_) | Body::Check { .. } => None,
        }
    }
}

/// How a piece is run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Body {
    /// Inside a short transaction, with its neighbours.
    Instant(Instant),
    /// Alone, outside a transaction.
    Lone(Lone),
    /// A change of rows in batches, each in its own transaction.
    Batches(Batches),
    /// A query that must return no row, before anything is changed.
    Check { query: SqlText, violation: Violation },
}

/// A piece for a short transaction.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Instant {
    /// Its SQL.
    pub(crate) sql: SqlText,
    /// Locks on relations that others can see.
    pub(crate) locks: Vec<RelationLock>,
    /// How it is taken back after its commit.
    pub(crate) undo: Undo,
    /// It may run for long, though it keeps nobody out by itself: it must not share a transaction with strong locks.
    pub(crate) slow: bool,
    /// It does work that is not bounded: no timeout, the watchdog guards it.
    pub(crate) unbounded: bool,
    /// How long it takes is not known.
    pub(crate) open_ended: bool,
    /// The heaviest work under its locks.
    pub(crate) work: Work,
    /// Nothing may follow it in the same transaction (`ADD VALUE` before its use).
    pub(crate) commit_after: bool,
}

/// A piece that runs alone.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Lone {
    pub(crate) kind: StepKind,
    pub(crate) sql: SqlText,
    pub(crate) locks: Vec<RelationLock>,
    pub(crate) work: Work,
    pub(crate) goal: Goal,
    pub(crate) undo: Undo,
}

/// A piece that changes rows in batches.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Batches {
    /// The statement that it stands for.
    pub(crate) sql: SqlText,
    pub(crate) batch: Batch,
    pub(crate) locks: Vec<RelationLock>,
    pub(crate) undo: Undo,
}

/// What a rewriting sees.
pub(crate) struct Scene<'a> {
    /// The catalog before the statement.
    pub(crate) catalog: &'a Catalog,
    /// What the user set.
    pub(crate) settings: &'a PlanSettings,
    /// The statement must stay as written (a directive, or it belongs to a copy and its drop).
    pub(crate) as_written: bool,
}

impl Scene<'_> {
    /// Whether others use the relation, and it is too large to block.
    pub(crate) fn is_large(&self, name: &Name) -> bool {
        self.catalog
            .relation(name)
            .is_some_and(|rel| rel.is_shared() && !self.is_small(rel))
    }

    /// By the user's limit.
    pub(crate) fn is_small(&self, rel: &Relation) -> bool {
        settings::is_small(rel.size, self.settings.small_rows)
    }

    /// Whether any leaf of the relation is large.
    pub(crate) fn any_large(&self, name: &Name) -> bool {
        self.is_large(name) && !self.is_partitioned(name)
            || self
                .catalog
                .descendants(name)
                .iter()
                .any(|leaf| self.is_large(leaf) && !self.is_partitioned(leaf))
    }

    pub(crate) fn is_partitioned(&self, name: &Name) -> bool {
        self.catalog
            .relation(name)
            .is_some_and(|rel| rel.kind == RelationKind::PartitionedTable)
    }
}

/// Why a statement has no safe form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) rule: &'static str,
    pub(crate) message: String,
    pub(crate) help: String,
}

impl Refusal {
    pub(crate) fn notice(self, statement: &Statement, line: usize) -> Notice {
        Notice {
            rule: self.rule.to_owned(),
            statement: statement.ordinal,
            line,
            message: self.message,
            help: self.help,
            sql: SqlText::verbatim(statement.sql.as_str().chars().take(400).collect::<String>()),
        }
    }
}

/// The pieces of a statement, or why there are none.
pub(crate) fn rewrite(statement: &Statement, effect: &Effect, scene: &Scene<'_>) -> Result<Vec<Piece>, Refusal> {
    if scene.as_written {
        return Ok(vec![as_written(statement, effect, scene)]);
    }
    let safe = match &statement.kind {
        Kind::CreateIndex(index) => index::create(statement, index, effect, scene)?,
        Kind::Drop(drop) => index::drop(statement, drop, effect, scene),
        Kind::Reindex {
            target,
            concurrently: false,
        } => index::reindex(statement, target, scene),
        Kind::AlterTable(alter) => alter_table::rewrite(statement, alter, effect, scene)?,
        Kind::CreateTable(create) => partition::beside_default(statement, create, effect, scene),
        Kind::Dml(dml) => dml::rewrite(statement, dml, effect, scene)?,
        Kind::Refresh {
            name,
            concurrently: false,
            with_data: true,
        } => view::refresh(statement, name, effect, scene),
        _ => None,
    };
    if let Some(pieces) = safe {
        return Ok(pieces);
    }
    match Hazard::of(effect, scene).filter(|_| !scene.settings.allow_blocking) {
        Some(hazard) => Err(hazard.refusal(statement, effect, scene)),
        None if effect.outside_transaction => match &effect.error {
            Some(error) if error.sqlstate == "0A000" => Err(unsupported(statement, &error.message)),
            _ => Ok(vec![outside(statement, effect, scene)]),
        },
        None => Ok(vec![as_written(statement, effect, scene)]),
    }
}

/// A form that the server does not have, of a statement that runs alone: the steps before it would be done for nothing.
fn unsupported(statement: &Statement, message: &str) -> Refusal {
    let help = match &statement.kind {
        Kind::CreateIndex(_) => {
            "Leave out CONCURRENTLY: deploy then builds it concurrently on each partition, and attaches them."
        }
        Kind::Drop(_) => "Leave out CONCURRENTLY: the index goes with those of all partitions, in a moment.",
        _ => "Change the statement.",
    };
    Refusal {
        rule: rules::statement_fails::RULE.code,
        message: format!("the server would say no (0A000): {message}"),
        help: help.to_owned(),
    }
}

/// What of a statement would stop the application.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Hazard<'a> {
    /// Work on a large relation under a lock that keeps writes out.
    Work(&'a Name, Work, LockMode),
    /// Rows of a large table change, and stay locked until the whole is committed.
    Rows(&'a Name),
}

impl<'a> Hazard<'a> {
    /// The first that the statement has, if any.
    pub(crate) fn of(effect: &'a Effect, scene: &Scene<'_>) -> Option<Self> {
        let strongest = |name: &Name| {
            let own = effect.locks.iter().filter(|lock| lock.relation == *name);
            own.map(|lock| lock.mode).max()
        };
        let mut work = effect.work.iter().filter_map(|entry| {
            let mode = strongest(&entry.relation).filter(|mode| mode.blocks_writes())?;
            let is_large = scene.is_large(&entry.relation);
            is_large.then_some(Self::Work(&entry.relation, entry.work, mode))
        });
        let rows = || effect.changes.iter().find(|name| scene.any_large(name));
        work.next().or_else(|| rows().map(Self::Rows))
    }

    /// Why the statement is not run as it is written. Every rule is asked who explains it best.
    pub(crate) fn refusal(self, statement: &Statement, effect: &Effect, scene: &Scene<'_>) -> Refusal {
        let (relation, work, mode) = match self {
            Self::Work(relation, work, mode) => (relation, work, mode),
            Self::Rows(changed) => {
                return Refusal {
                    rule: rules::changes_many_rows::RULE.code,
                    message: format!(
                        "this statement may change any number of rows of {changed}{}, and each stays locked until the whole is committed: writes to those rows wait",
                        size_in_words(scene, changed)
                    ),
                    help: "Change the rows in batches over the primary key. Or allow it in a quiet hour: `--allow blocking`."
                        .to_owned(),
                };
            }
        };
        let (rule, doing, help): (&'static Rule, _, _) = match work {
            Work::Rewrite => (
                &rules::rewrites_table::RULE,
                "writes every row of it anew",
                "Make a new table or column, fill it in batches, and swap.",
            ),
            Work::IndexBuild => (
                &rules::builds_index_under_lock::RULE,
                "builds an index of it",
                "Build the index with CREATE INDEX CONCURRENTLY on the table itself first.",
            ),
            Work::Scan | Work::None => (
                &rules::scans_table_under_lock::RULE,
                "reads every row of it",
                "Prove the rule first with a constraint that is NOT VALID, and then validated.",
            ),
        };
        let context = Context::new(statement, effect, scene.catalog, scene.settings.small_rows);
        let (rule, help) = match rules::of_block(&context) {
            // It names the safe form that this statement has not got.
            Some(own) if own.help.contains("nonstop deploy") => (own, help),
            Some(own) => (own, own.help),
            None => (rule, help),
        };
        Refusal {
            rule: rule.code,
            message: format!(
                "this statement {doing} while it holds {mode} on {relation}{}: all {} on {relation} wait for so long",
                size_in_words(scene, relation),
                mode.blocks_in_words()
            ),
            help: format!(
                "{help} Or allow it in a quiet hour: `--allow blocking`. If {relation} is small after all, raise `--small-rows`."
            ),
        }
    }
}

/// Why a statement is not run as it is written, if it would stop the application.
pub(crate) fn hazard(statement: &Statement, effect: &Effect, scene: &Scene<'_>) -> Option<Refusal> {
    Some(Hazard::of(effect, scene)?.refusal(statement, effect, scene))
}

fn size_in_words(scene: &Scene<'_>, name: &Name) -> String {
    match scene.catalog.relation(name).and_then(|rel| rel.size) {
        // The server's own count of rows is an estimate.
        Some(size) => format!(" (about {} rows, {} MiB)", size.rows, size.bytes.div_ceil(1024 * 1024)),
        None => String::new(),
    }
}

/// Locks on relations that others can see, the strongest of each.
pub(crate) fn shared_locks(effect: &Effect) -> Vec<RelationLock> {
    let mut locks: Vec<RelationLock> = Vec::new();
    for lock in effect.locks.iter().filter(|lock| lock.existing) {
        merge_lock(
            &mut locks,
            RelationLock {
                relation: lock.relation.clone(),
                mode: lock.mode,
            },
        );
    }
    locks
}

pub(crate) fn merge_lock(locks: &mut Vec<RelationLock>, lock: RelationLock) {
    match locks.iter_mut().find(|known| known.relation == lock.relation) {
        Some(known) => known.mode = known.mode.max(lock.mode),
        None => locks.push(lock),
    }
}

pub(crate) fn lock(relation: &Name, mode: LockMode) -> RelationLock {
    RelationLock {
        relation: relation.clone(),
        mode,
    }
}

/// The statement unchanged, in a transaction.
pub(crate) fn as_written(statement: &Statement, effect: &Effect, scene: &Scene<'_>) -> Piece {
    let shared_work = effect
        .work
        .iter()
        .filter(|w| scene.catalog.relation(&w.relation).is_some_and(Relation::is_shared));
    let works = effect.work.iter().any(|w| scene.is_large(&w.relation));
    let slow = works
        || effect
            .reads
            .iter()
            .chain(&effect.changes)
            .any(|name| reads_much(scene, name));
    let works_on_new = effect.work.iter().any(|w| !is_shared(scene, &w.relation));
    let open_ended = is_open_ended(statement, effect, scene);
    let unbounded = slow || works_on_new || open_ended;
    Piece {
        body: Body::Instant(Instant {
            sql: statement.sql.clone(),
            locks: shared_locks(effect),
            undo: undo::of(statement, scene),
            slow,
            unbounded,
            open_ended,
            work: shared_work.map(|w| w.work).max().unwrap_or(Work::None),
            commit_after: false,
        }),
        statement: statement.ordinal,
        footprint: footprint::of(statement, scene.catalog),
        note: String::new(),
        part: false,
    }
}

fn is_shared(scene: &Scene<'_>, name: &Name) -> bool {
    scene.catalog.relation(name).is_some_and(Relation::is_shared)
}

/// Reading it takes long: it is large, or nobody knows.
fn reads_much(scene: &Scene<'_>, name: &Name) -> bool {
    let most = scene.settings.small_rows.max(1000);
    scene
        .catalog
        .relation(name)
        .is_some_and(|rel| !settings::is_small(rel.size, most))
}

/// The statement unchanged, outside a transaction: the server does not take it inside one.
fn outside(statement: &Statement, effect: &Effect, scene: &Scene<'_>) -> Piece {
    let goal = index::reindexed(statement, scene);
    Piece {
        body: Body::Lone(Lone {
            kind: match goal {
                Some(_) => StepKind::Index,
                None => StepKind::Opaque,
            },
            sql: statement.sql.clone(),
            locks: shared_locks(effect),
            work: effect.work.iter().map(|w| w.work).max().unwrap_or(Work::None),
            goal: goal.unwrap_or(Goal::Repeatable),
            undo: match &statement.kind {
                Kind::Maintain { .. } | Kind::Reindex { .. } => Undo::Nothing,
                _ => Undo::Impossible("it ran outside a transaction".to_owned()),
            },
        }),
        statement: statement.ordinal,
        footprint: footprint::of(statement, scene.catalog),
        note: "cannot run inside a transaction".to_owned(),
        part: false,
    }
}
