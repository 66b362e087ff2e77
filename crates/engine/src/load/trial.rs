//! One trial: the application and the witness start, the report takes the table, the migrations run one way, all end.

use super::report::{Held, Report};
use super::shop::Size;
use super::{Application, Load, LoadError, Ran, Request, Way, Witness, Witnessed};
use crate::event::Events;
use std::time::Duration;
use tokio::time::{Instant, sleep};
use tokio_postgres::Config;

/// How a trial is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrialSettings {
    /// The shop in the database.
    pub size: Size,
    /// What the application asks.
    pub load: Load,
    /// How long the report holds the table.
    pub hold: Duration,
    /// Of the five migrations, so many have been applied before, see [`super::shop::advance`]. With 1 the first one left
    /// needs the table's strongest lock while the report holds it.
    pub skip: usize,
    /// Load before the first request that counts: plans and caches get warm.
    pub warm_up: Duration,
    /// Load that counts before the report and after the last migration.
    pub margin: Duration,
}

impl TrialSettings {
    /// The default load on a shop of this size, with a report of six seconds.
    pub fn new(size: Size) -> Self {
        Self {
            size,
            load: Load::default(),
            hold: Duration::from_secs(6),
            skip: 0,
            warm_up: Duration::from_secs(2),
            margin: Duration::from_secs(2),
        }
    }
}

/// What happened. All times count from the same moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// How the migrations were run.
    pub way: Way,
    /// When the first migration was begun: nonstop's gates and plan come after it.
    pub from: Duration,
    /// When the last one had arrived.
    pub to: Duration,
    /// The migrations, in order.
    pub migrations: Vec<Ran>,
    /// The report.
    pub report: Held,
    /// The requests of the application since the warm-up.
    pub requests: Vec<Request>,
    /// Who waited for us.
    pub witnessed: Witnessed,
}

impl Trial {
    /// Runs the shop's migrations one way in a database that [`super::shop::build`] made, or a copy of it. `url` must lead to
    /// it by TCP or socket without TLS.
    pub async fn run(way: Way, url: &str, settings: TrialSettings, events: &Events) -> Result<Self, LoadError> {
        let config: Config = url.parse().map_err(LoadError::sql("reading the address"))?;
        let origin = Instant::now();
        let application = Application::start(&config, settings.load, settings.size, origin).await?;
        sleep(settings.warm_up).await;
        let counted_from = origin.elapsed();
        let witness = Witness::start(&config, origin).await?;
        sleep(settings.margin).await;
        let report = Report::start(&config, settings.hold, origin).await?;
        let from = origin.elapsed();
        let migrations = way.run(&config, url, (settings.skip, origin), events).await?;
        let to = origin.elapsed();
        let report = report.end().await?;
        sleep(settings.margin).await;
        let mut requests = application.end().await?;
        let witnessed = witness.end().await?;
        requests.retain(|request| request.due >= counted_from);
        Ok(Self {
            way,
            from,
            to,
            migrations,
            report,
            requests,
            witnessed,
        })
    }
}
