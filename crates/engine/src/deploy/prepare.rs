//! Plans pending migrations, as far ahead as the catalog can be known.

use crate::event::{Event, Events, Failure};
use crate::introspect::introspect;
use crate::target::Target;
use nonstop_core::catalog::{Catalog, RelationKind};
use nonstop_core::migration::Migration;
use nonstop_core::plan::MigrationPlan;
use nonstop_core::planner::Planned;
use nonstop_core::quote::Name;
use nonstop_core::settings::PlanSettings;
use std::collections::{BTreeSet, VecDeque};
use tokio_postgres::{Client, Error};

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
    /// A migration was planned whose outcome is not known from its text.
    is_stale: bool,
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
        Ok(Self {
            catalog: introspect(client, &search_path, settings.small_rows).await?,
            is_stale: false,
            search_path,
            settings,
            planner,
        })
    }

    /// Reads the catalog again, if what was planned last may have left it otherwise than foreseen.
    pub(super) async fn refresh(&mut self, client: &Client) -> Result<(), Error> {
        if self.is_stale {
            self.catalog = introspect(client, &self.search_path, self.settings.small_rows).await?;
            self.is_stale = false;
        }
        Ok(())
    }

    /// Plans the next one.
    pub(super) fn plan(&mut self, migration: &Migration) -> Prepared {
        let is_table = |kind| matches!(kind, RelationKind::Table | RelationKind::PartitionedTable);
        let others = self
            .catalog
            .relations
            .iter()
            .filter(|(_, relation)| !is_table(relation.kind));
        let not_tables = others.map(|(name, _)| name.clone()).collect();
        let planned = (self.planner)(migration, &mut self.catalog, self.settings);
        self.is_stale |= planned.catalog_is_stale;
        Prepared {
            plan: planned.plan,
            not_tables,
        }
    }

    /// Plans up to and with the first one after which the catalog must be read again: a refusal among these is known before
    /// anything is touched.
    pub(super) fn plan_ahead(&mut self, pending: &[&Migration]) -> VecDeque<Prepared> {
        let mut ahead = VecDeque::new();
        for migration in pending {
            if self.is_stale || migration.up.is_none() {
                break;
            }
            ahead.push_back(self.plan(migration));
        }
        ahead
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
