//! The checks before anything is touched: each a line with ok, warning or stop.
//!
//! A gate looks (`look`, a query or two) and judges (`judge`, a pure function of what was seen). A gate that the server does
//! not let look becomes a warning: the other gates still count.

use crate::advisory::HistoryLock;
use crate::event::{Event, Verdict};
use crate::history::History;
use crate::session::{Session, in_words};
use crate::target::Target;
use nonstop_core::migration::Migration;
use nonstop_core::plan::Plan;
use nonstop_core::quote::Name;
use serde::Serialize;
use std::collections::BTreeSet;

mod activity;
mod archiving;
mod connections;
mod disk;
mod history;
mod leftovers;
mod pooler;
mod privileges;
mod replica;
mod replication;
mod version;

pub use leftovers::{Leftover, LeftoverKind, leftovers};

/// The gates' names in the order in which they are looked at; what `--skip` takes.
pub const NAMES: [&str; 11] = [
    version::NAME,
    pooler::NAME,
    replica::NAME,
    connections::NAME,
    privileges::NAME,
    history::NAME,
    activity::NAME,
    replication::NAME,
    leftovers::NAME,
    disk::NAME,
    archiving::NAME,
];

/// What the gates are about.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The database.
    pub target: &'a Target,
    /// A session on it, outside a transaction.
    pub session: &'a Session,
    /// The history of the folder.
    pub history: &'a History,
    /// The folder, in its order.
    pub migrations: &'a [Migration],
    /// What will be done, where it is known already.
    pub plan: Option<&'a Plan>,
    /// The history lock, where we hold it already.
    pub lock: Option<&'a HistoryLock>,
    /// Ids of history rows that our own journal can finish or unwind: they are no failures.
    pub resumable: &'a [String],
    /// Gates that the user said to skip.
    pub skip: &'a [String],
}

/// A gate's line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GateReport {
    /// Its name.
    pub gate: &'static str,
    /// Its verdict.
    pub verdict: Verdict,
    /// What was found, and what to do about it.
    pub message: String,
}

/// Why the gates could not be looked at.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GateError {
    /// There is no such gate.
    #[error("there is no gate {name:?} to skip; the gates are {}", NAMES.join(", "))]
    Unknown {
        /// The name given.
        name: String,
    },
    /// The connection broke.
    #[error("the connection broke at the gate {gate}: {}", in_words(source))]
    Lost {
        /// The gate.
        gate: &'static str,
        /// How.
        source: tokio_postgres::Error,
    },
}

/// A verdict and its words, before the gate's name is put to it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Finding {
    verdict: Verdict,
    message: String,
}

type Looked = Result<Finding, tokio_postgres::Error>;

impl Finding {
    fn ok(message: impl Into<String>) -> Self {
        Self::new(Verdict::Ok, message)
    }

    fn warning(message: impl Into<String>) -> Self {
        Self::new(Verdict::Warning, message)
    }

    fn stop(message: impl Into<String>) -> Self {
        Self::new(Verdict::Stop, message)
    }

    fn new(verdict: Verdict, message: impl Into<String>) -> Self {
        Self {
            verdict,
            message: message.into(),
        }
    }

    /// Several remarks as one line: the worst verdict, every text.
    fn all(findings: Vec<Finding>, fine: &str) -> Self {
        let rank = |finding: &Finding| match finding.verdict {
            Verdict::Ok | Verdict::Skipped => 0,
            Verdict::Warning => 1,
            Verdict::Stop => 2,
        };
        let Some(worst) = findings.iter().max_by_key(|finding| rank(finding)) else {
            return Self::ok(fine);
        };
        let verdict = worst.verdict;
        let texts: Vec<String> = findings.into_iter().map(|finding| finding.message).collect();
        Self::new(verdict, texts.join(" "))
    }
}

impl GateReport {
    /// As the event that long commands send.
    pub fn event(&self) -> Event {
        Event::Gate {
            gate: self.gate,
            verdict: self.verdict,
            message: self.message.clone(),
        }
    }
}

/// Looks at every gate, in the order of [`NAMES`]. A skipped gate is looked at too, and its stop becomes
/// [`Verdict::Skipped`]: what was passed over is in the record.
pub async fn run_gates(subject: &Subject<'_>) -> Result<Vec<GateReport>, GateError> {
    run(subject, &NAMES).await
}

/// Looks at the gates that a plan alone may be stopped by, for one that could be made only after others had run.
pub async fn run_gates_of_plan(subject: &Subject<'_>) -> Result<Vec<GateReport>, GateError> {
    run(subject, &[privileges::NAME]).await
}

async fn run(subject: &Subject<'_>, names: &[&'static str]) -> Result<Vec<GateReport>, GateError> {
    if let Some(name) = subject.skip.iter().find(|name| !NAMES.contains(&name.as_str())) {
        return Err(GateError::Unknown { name: name.clone() });
    }
    let mut reports = Vec::with_capacity(names.len());
    for &gate in names {
        let finding = match look(gate, subject).await {
            Ok(finding) => finding,
            Err(error) if error.as_db_error().is_some() => {
                Finding::warning(format!("could not look: {}.", in_words(&error)))
            }
            Err(source) => return Err(GateError::Lost { gate, source }),
        };
        let skipped = finding.verdict == Verdict::Stop && subject.skip.iter().any(|name| name == gate);
        reports.push(GateReport {
            gate,
            verdict: if skipped { Verdict::Skipped } else { finding.verdict },
            message: finding.message,
        });
    }
    Ok(reports)
}

async fn look(gate: &'static str, subject: &Subject<'_>) -> Looked {
    match gate {
        version::NAME => Ok(version::judge(subject.session.version())),
        pooler::NAME => pooler::look(subject).await,
        replica::NAME => replica::look(subject).await,
        connections::NAME => connections::look(subject).await,
        privileges::NAME => privileges::look(subject).await,
        history::NAME => history::look(subject).await,
        activity::NAME => activity::look(subject).await,
        replication::NAME => replication::look(subject).await,
        leftovers::NAME => leftovers::look(subject).await,
        disk::NAME => disk::look(subject).await,
        archiving::NAME => archiving::look(subject).await,
        _ => Ok(Finding::warning("this gate has no check")),
    }
}

impl Subject<'_> {
    /// Tables that the plan locks, schema and name apart, for `unnest`.
    fn touched(&self) -> (Vec<String>, Vec<String>) {
        let steps = self
            .plan
            .iter()
            .flat_map(|plan| &plan.migrations)
            .flat_map(|one| &one.steps);
        let names: BTreeSet<&Name> = steps.flat_map(|step| &step.locks).map(|lock| &lock.relation).collect();
        names
            .into_iter()
            .map(|name| (name.schema.clone(), name.name.clone()))
            .unzip()
    }
}

/// `12 s`, `3 min`, `2 h`, `5 days`.
fn age_in_words(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// `12 MiB`, `3.4 GiB`.
fn bytes_in_words(bytes: i64) -> String {
    const MIB: i64 = 1 << 20;
    const GIB: i64 = 1 << 30;
    match bytes {
        ..MIB => format!("{} KiB", (bytes + 1023) / 1024),
        MIB..GIB => format!("{} MiB", bytes / MIB),
        _ => format!("{}.{} GiB", bytes / GIB, bytes % GIB * 10 / GIB),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_verdict_counts_and_every_text_is_kept() {
        assert_eq!(Finding::all(Vec::new(), "fine"), Finding::ok("fine"));
        let both = Finding::all(vec![Finding::stop("a."), Finding::warning("b.")], "fine");
        assert_eq!(both, Finding::stop("a. b."));
    }

    #[test]
    fn sizes_and_ages() {
        assert_eq!(bytes_in_words(1), "1 KiB");
        assert_eq!(bytes_in_words(5 << 20), "5 MiB");
        assert_eq!(bytes_in_words((3 << 30) + (1 << 29)), "3.5 GiB");
        assert_eq!(
            [5, 300, 7200, 400_000].map(age_in_words),
            ["5 s", "5 min", "2 h", "4 days"]
        );
    }
}
