//! Three ways to run the migrations: as written, by hand with a `lock_timeout`, and nonstop.

use super::{LoadError, OURS, shop};
use crate::deploy::DeployOptions;
use crate::event::{Event, Events};
use crate::target::Target;
use nonstop_core::migration::Migration;
use nonstop_core::settings::PlanSettings;
use serde::Serialize;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::{Instant, sleep};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, NoTls};

/// How often somebody tries by hand before he goes home.
const TRIES_BY_HAND: u32 = 30;
/// How long he waits before he tries again.
const PAUSE_BY_HAND: Duration = Duration::from_secs(1);

/// One way to run migrations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// Each file as it is, one simple query: what `prisma migrate deploy` and `psql -f` send.
    AsWritten,
    /// The same with `SET lock_timeout`, and again after a pause when that runs out.
    ByHand {
        /// The setting, in milliseconds.
        lock_timeout_ms: u64,
    },
    /// `nonstop deploy`.
    Nonstop {
        /// `--max-block`, in milliseconds.
        max_block_ms: u64,
    },
}

/// One migration that ran; times count from the beginning of the load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// Its name.
    pub name: String,
    /// Its first try.
    pub from: Duration,
    /// Its end.
    pub to: Duration,
}

impl Way {
    /// Runs the migrations of the shop that come after the first `skip`.
    pub(super) async fn run(
        self,
        config: &Config,
        url: &str,
        (skip, origin): (usize, Instant),
        events: &Events,
    ) -> Result<Vec<Ran>, LoadError> {
        match self {
            Self::AsWritten => by_file(config, "as-written", None, (skip, origin)).await,
            Self::ByHand { lock_timeout_ms } => by_file(config, "by-hand", Some(lock_timeout_ms), (skip, origin)).await,
            Self::Nonstop { max_block_ms } => nonstop(url, Duration::from_millis(max_block_ms), origin, events).await,
        }
    }
}

async fn by_file(
    config: &Config,
    name: &str,
    lock_timeout_ms: Option<u64>,
    (skip, origin): (usize, Instant),
) -> Result<Vec<Ran>, LoadError> {
    let running = LoadError::sql("running a migration as written");
    let mut config = config.clone();
    config.application_name(format!("{OURS}{name}"));
    let (client, connection) = config.connect(NoTls).await.map_err(&running)?;
    tokio::spawn(connection);
    if let Some(limit) = lock_timeout_ms {
        client
            .execute("SELECT set_config('lock_timeout', $1, false)", &[&format!("{limit}ms")])
            .await
            .map_err(&running)?;
    }
    let mut done = Vec::new();
    for (name, text) in shop::next_files().into_iter().skip(skip) {
        let from = origin.elapsed();
        until_it_has_its_locks(&client, text).await.map_err(&running)?;
        done.push(Ran {
            name: name.to_owned(),
            from,
            to: origin.elapsed(),
        });
    }
    Ok(done)
}

async fn until_it_has_its_locks(client: &Client, text: &'static str) -> Result<(), tokio_postgres::Error> {
    let mut tries = 1;
    loop {
        match client.batch_execute(text).await {
            Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) && tries < TRIES_BY_HAND => {
                tries += 1;
                sleep(PAUSE_BY_HAND).await;
            }
            outcome => return outcome,
        }
    }
}

async fn nonstop(url: &str, max_block: Duration, origin: Instant, events: &Events) -> Result<Vec<Ran>, LoadError> {
    let ran: Arc<Mutex<Vec<Ran>>> = Arc::default();
    let both = {
        let (ran, events) = (Arc::clone(&ran), events.clone());
        Events::new(move |event| {
            if let Ok(mut ran) = ran.lock() {
                note(&mut ran, &event, origin.elapsed());
            }
            events.send(event);
        })
    };
    let migrations: Vec<Migration> = shop::migrations();
    let options = DeployOptions {
        plan: PlanSettings {
            max_block,
            ..PlanSettings::default()
        },
        ..DeployOptions::default()
    };
    shop::run(&Target::parse(url)?, &migrations, &options, &both).await?;
    Ok(ran.lock().map(|mut ran| std::mem::take(&mut *ran)).unwrap_or_default())
}

fn note(ran: &mut Vec<Ran>, event: &Event, now: Duration) {
    match event {
        Event::MigrationStarted { migration, .. } => ran.push(Ran {
            name: migration.clone(),
            from: now,
            to: now,
        }),
        Event::MigrationFinished { migration, .. } => {
            if let Some(last) = ran.last_mut().filter(|last| last.name == *migration) {
                last.to = now;
            }
        }
        _ => {}
    }
}
