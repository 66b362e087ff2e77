//! Plans pending migrations, as far ahead as the catalog can be known.

use super::hidden;
use super::jobs::Job;
use crate::event::{Event, Events, Failure};
use crate::introspect::introspect;
use crate::journal::InFlight;
use crate::session::Session;
use crate::target::Target;
use crate::worker::DeployError;
use nonstop_core::catalog::{Catalog, RelationKind};
use nonstop_core::migration::Migration;
use nonstop_core::plan::{MigrationPlan, Plan};
use nonstop_core::planner::{Outlook, Planned};
use nonstop_core::quote::Name;
use nonstop_core::settings::PlanSettings;
use std::collections::{BTreeSet, VecDeque};
use std::time::Instant;
use tokio_postgres::{Client, Error};

pub(super) use hidden::Waiting;

/// Plans one migration against the catalog, and brings the catalog to the state after it.
pub type Planner = fn(&Migration, &mut Catalog, &PlanSettings) -> Planned;

/// A migration that is ready to run.
pub(super) struct Prepared {
    /// Its plan.
    pub plan: MigrationPlan,
    /// Relations that `LOCK TABLE` does not take (views would lock their tables), as they were before it.
    pub not_tables: BTreeSet<Name>,
}

/// The catalog as it will be when the next migration runs.
pub(super) struct Foresight<'s> {
    catalog: Catalog,
    /// What could not be read when the catalog was.
    locked_away: BTreeSet<Name>,
    /// What follows cannot be planned without another look at the server.
    is_stale: bool,
    /// Relations of which not every name and text is known for sure.
    guessed: BTreeSet<Name>,
    search_path: Vec<String>,
    settings: &'s PlanSettings,
    planner: Planner,
}

impl<'s> Foresight<'s> {
    /// The catalog as it is.
    pub(super) async fn read(
        client: &Client,
        target: &Target,
        settings: &'s PlanSettings,
        planner: Planner,
    ) -> Result<Self, Error> {
        let search_path = vec![target.schema.clone()];
        let catalog = introspect(client, &search_path, settings.small_rows).await?;
        Ok(Self {
            locked_away: catalog.locked_away.clone(),
            catalog,
            is_stale: false,
            guessed: BTreeSet::new(),
            search_path,
            settings,
            planner,
        })
    }

    /// Reads the catalog again, if what was planned last may have left it otherwise than foreseen.
    pub(super) async fn refresh(&mut self, client: &Client) -> Result<(), Error> {
        if self.is_stale || !self.guessed.is_empty() {
            self.catalog = introspect(client, &self.search_path, self.settings.small_rows).await?;
            self.locked_away.clone_from(&self.catalog.locked_away);
            self.is_stale = false;
            self.guessed.clear();
        }
        Ok(())
    }

    /// Plans the next one, guesses or not.
    pub(super) fn plan(&mut self, job: &Job<'_>) -> Prepared {
        let (prepared, outlook) = self.look(job);
        self.trust(outlook);
        prepared
    }

    /// Plans the next one, unless its plan would rest on a guess.
    fn plan_for_sure(&mut self, job: &Job<'_>) -> Option<Prepared> {
        let before = (!self.guessed.is_empty()).then(|| self.catalog.clone());
        let (prepared, outlook) = self.look(job);
        if let Some(before) = before
            && outlook.rests_on(&self.guessed, &before, self.settings)
        {
            self.catalog = before;
            self.is_stale = true;
            return None;
        }
        self.trust(outlook);
        Some(prepared)
    }

    fn trust(&mut self, outlook: Outlook) {
        self.is_stale |= outlook.is_unknown;
        self.guessed.extend(outlook.guessed);
    }

    fn look(&mut self, job: &Job<'_>) -> (Prepared, Outlook) {
        let is_table = |kind| matches!(kind, RelationKind::Table | RelationKind::PartitionedTable);
        let others = self
            .catalog
            .relations
            .iter()
            .filter(|(_, relation)| !is_table(relation.kind));
        let not_tables = others.map(|(name, _)| name.clone()).collect();
        let mut planned = (self.planner)(&job.migration, &mut self.catalog, self.settings);
        planned.plan.refusals.extend(job.refusals.iter().cloned());
        planned.plan.warnings.extend(job.warnings.iter().cloned());
        let prepared = Prepared {
            plan: planned.plan,
            not_tables,
        };
        (prepared, planned.outlook)
    }

    /// Plans up to and with the first one after which the catalog must be read again: a refusal among these is known before
    /// anything is touched. `None`: the user did not want to wait.
    ///
    /// What somebody holds in ACCESS EXCLUSIVE could not be read, and without it what a plan would take away could not be
    /// put back: then the holder is waited for, and everything is read and planned again.
    pub(super) async fn plan_ahead(
        &mut self,
        client: &Client,
        jobs: &[Job<'_>],
        waiting: &Waiting<'_>,
    ) -> Result<Option<VecDeque<Prepared>>, DeployError> {
        let started = Instant::now();
        loop {
            let mut ahead = VecDeque::new();
            for job in jobs {
                if self.is_stale || (job.migration.up.is_none() && !ahead.is_empty()) {
                    break;
                }
                let Some(prepared) = self.plan_for_sure(job) else {
                    break;
                };
                ahead.push_back(prepared);
            }
            let Some(hidden) = hidden::of(&ahead, &self.locked_away) else {
                return Ok(Some(ahead));
            };
            if !waiting.for_holders(client, &hidden, started).await? {
                return Ok(None);
            }
            self.is_stale = true;
            self.refresh(client).await?;
        }
    }
}

/// These as one plan.
pub(super) fn plan_of<'p>(prepared: impl IntoIterator<Item = &'p Prepared>, session: &Session) -> Plan {
    let plans = prepared.into_iter().map(|prepared| prepared.plan.clone());
    Plan {
        server_version: session.version(),
        migrations: plans.collect(),
    }
}

/// The steps of a migration that an earlier run has begun, which are looked at whole: they are finished or taken back.
pub(super) fn begun(flight: &InFlight, session: &Session) -> Plan {
    Plan {
        server_version: session.version(),
        migrations: vec![MigrationPlan {
            name: flight.name.clone(),
            checksum: flight.checksum.clone(),
            steps: flight.steps.clone(),
            warnings: Vec::new(),
            refusals: Vec::new(),
        }],
    }
}

/// Tells why migrations are refused; whether there was any.
pub(super) fn tell_refusals<'p>(events: &Events, prepared: impl IntoIterator<Item = &'p Prepared>) -> bool {
    let mut refused = false;
    for prepared in prepared {
        for notice in &prepared.plan.refusals {
            refused = true;
            events.send(Event::MigrationFailed {
                migration: prepared.plan.name.clone(),
                error: Failure {
                    rule: Some(notice.rule.clone()),
                    statement: Some(notice.sql.to_string()),
                    message: format!("refused ({}): {}", notice.rule, notice.message),
                    hint: Some(notice.help.clone()),
                    ..Failure::default()
                },
                undone: Vec::new(),
                resumable: false,
            });
        }
    }
    refused
}
