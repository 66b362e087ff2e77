//! A database on which one scene after the other is set up and played.

use super::said::statements;
use nonstop_core::catalog::Catalog;
use nonstop_core::effect::effect;
use nonstop_core::version::ServerVersion;
use nonstop_engine::introspect::introspect;
use testkit::TestDatabase;
use testkit::truth::{Measured, Migration, Play};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

/// The rows were measured with these.
const SETTINGS: &str =
    "?options=-c%20TimeZone%3DUTC%20-c%20max_parallel_maintenance_workers%3D0%20-c%20client_min_messages%3Derror";

/// What belongs to the whole server; another lane may have made it.
const SHARED: [&str; 3] = [
    "SET allow_in_place_tablespaces = on",
    "CREATE TABLESPACE ts1 LOCATION ''",
    "CREATE ROLE r1",
];

/// Takes away whatever a scene has made.
const CLEAR: &str = r"
DO $$
DECLARE one text;
BEGIN
    FOR one IN
        SELECT format('EVENT TRIGGER IF EXISTS %I', evtname) FROM pg_event_trigger
        UNION ALL SELECT format('PUBLICATION IF EXISTS %I', pubname) FROM pg_publication
        UNION ALL SELECT format('SCHEMA IF EXISTS %I', nspname) FROM pg_namespace
            WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
        UNION ALL SELECT format('EXTENSION IF EXISTS %I', extname) FROM pg_extension WHERE extname <> 'plpgsql'
        UNION ALL SELECT format('ACCESS METHOD IF EXISTS %I', amname) FROM pg_am WHERE oid >= 16384
    LOOP
        EXECUTE 'DROP ' || one || ' CASCADE';
    END LOOP;
    CREATE SCHEMA public;
END $$";

/// A database, the session that sets up, and the one that plays.
pub(super) struct Stage<'a> {
    pub(super) major: u32,
    /// As it is after the set-up.
    pub(super) catalog: Catalog,
    client: Client,
    player: Migration<'a>,
}

/// A set-up that a server refuses.
pub(super) struct Failed {
    pub(super) code: String,
    /// The SQLSTATE that was foreseen.
    pub(super) said: Option<String>,
    pub(super) sql: String,
}

impl Failed {
    /// The server lacks something that others have: an extension.
    pub(super) fn is_missing(&self) -> bool {
        let missing = [SqlState::UNDEFINED_FILE, SqlState::FEATURE_NOT_SUPPORTED];
        missing.iter().any(|code| code.code() == self.code) && self.sql.to_lowercase().contains("create extension")
    }
}

/// The address of a database whose sessions are all as the rows need them.
pub(super) fn address(database: &TestDatabase) -> String {
    format!("{}{SETTINGS}", database.url())
}

impl<'a> Stage<'a> {
    pub(super) async fn open(database: &TestDatabase, play: &'a Play) -> Self {
        let client = testkit::servers::connect(&address(database)).await.unwrap();
        for sql in SHARED {
            // Refused where it is there already.
            let _ = client.batch_execute(sql).await;
        }
        Self {
            major: database.major,
            catalog: Catalog::empty(ServerVersion::of_major(database.major)),
            client,
            player: play.migration().await.unwrap(),
        }
    }

    /// Makes an empty database, and what the rows need; or says what is refused.
    pub(super) async fn set_up(&mut self, setup: &str) -> Option<Failed> {
        self.client.batch_execute(CLEAR).await.unwrap();
        for statement in statements(setup).unwrap() {
            let sql = statement.sql.as_str();
            if let Err(error) = self.client.batch_execute(sql).await {
                self.read().await;
                return Some(Failed {
                    code: error.code().unwrap().code().to_owned(),
                    said: effect(&statement, &self.catalog)
                        .error
                        .map(|error| error.sqlstate.to_owned()),
                    sql: sql.to_owned(),
                });
            }
        }
        self.read().await;
        self.player.settle().await.unwrap();
        None
    }

    async fn read(&mut self) {
        let path = ["public".to_owned()];
        self.catalog = introspect(&self.client, &path, 0).await.unwrap();
    }

    /// Plays inside a transaction, which is taken back.
    pub(super) async fn rehearse(&self, sql: &str) -> Measured {
        self.player.rehearse(sql).await.unwrap()
    }

    /// Plays outside a transaction, for good.
    pub(super) async fn alone(&self, sql: &str) -> Measured {
        self.player.alone(sql).await.unwrap()
    }
}
