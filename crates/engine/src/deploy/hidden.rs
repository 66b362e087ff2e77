//! Waits for who hides a relation that a plan touches.
//!
//! While somebody holds a relation in ACCESS EXCLUSIVE its definitions cannot be read without queueing behind them.

use super::prepare::Prepared;
use crate::event::{Event, Events, Holder, millis};
use crate::holders;
use crate::stop::Stop;
use crate::worker::DeployError;
use nonstop_core::lock::LockMode;
use nonstop_core::pace;
use nonstop_core::quote::Name;
use nonstop_core::step::RelationLock;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use tokio_postgres::Client;

/// How often an unchanged wait is told again.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// How a wait before the first step goes.
pub(super) struct Waiting<'w> {
    pub patience: Duration,
    pub events: &'w Events,
    pub stop: &'w Stop,
}

/// Relations that a migration touches and that could not be read.
pub(super) struct Hidden {
    migration: String,
    relations: Vec<Name>,
}

/// The first migration that touches what could not be read.
pub(super) fn of<'p>(ahead: impl IntoIterator<Item = &'p Prepared>, locked_away: &BTreeSet<Name>) -> Option<Hidden> {
    if locked_away.is_empty() {
        return None;
    }
    ahead.into_iter().find_map(|prepared| {
        let locks = prepared.plan.steps.iter().flat_map(|step| &step.locks);
        let touched: BTreeSet<&Name> = locks.map(|lock| &lock.relation).collect();
        let relations: Vec<Name> = touched
            .into_iter()
            .filter(|name| locked_away.contains(*name))
            .cloned()
            .collect();
        (!relations.is_empty()).then(|| Hidden {
            migration: prepared.plan.name.clone(),
            relations,
        })
    })
}

impl Waiting<'_> {
    /// Waits until nobody holds them. `false`: the user wants to stop.
    pub(super) async fn for_holders(
        &self,
        client: &Client,
        hidden: &Hidden,
        started: Instant,
    ) -> Result<bool, DeployError> {
        let mode = LockMode::AccessShare;
        let lock = |relation: &Name| RelationLock {
            relation: relation.clone(),
            mode,
        };
        let locks: Vec<RelationLock> = hidden.relations.iter().map(lock).collect();
        let mut told: Option<Instant> = None;
        let mut looks = 1;
        loop {
            let holding = holders::of_relations(client, &locks).await?;
            if holding.is_empty() {
                return Ok(true);
            }
            let holders: Vec<Holder> = holding.into_iter().map(|holding| holding.holder).collect();
            let waited = started.elapsed();
            if waited >= self.patience {
                return Err(hidden.gave_up(&holders, waited));
            }
            if told.is_none_or(|at| at.elapsed() >= TELL_EVERY) {
                told = Some(Instant::now());
                self.events.send(Event::LockWait {
                    migration: hidden.migration.clone(),
                    step: String::new(),
                    waiting_for: format!("the definition of {}", hidden.names()),
                    holders,
                    waited_ms: millis(waited),
                });
            }
            tokio::select! {
                () = tokio::time::sleep(pace::pause(looks, fastrand::f64())) => looks += 1,
                () = self.stop.wanted() => return Ok(false),
            }
        }
    }
}

impl Hidden {
    fn names(&self) -> String {
        let names: Vec<String> = self.relations.iter().map(Name::to_string).collect();
        names.join(", ")
    }

    fn gave_up(&self, who: &[Holder], waited: Duration) -> DeployError {
        DeployError::Hidden {
            migration: self.migration.clone(),
            relations: self.names(),
            seconds: waited.as_secs(),
            holders: holders::in_a_line(who),
        }
    }
}
