//! One server per major for all tests, and a database of its own for each test.
//!
//! `cargo xtask test` starts the servers once and names them in the environment, because a runner may give each test a
//! process of its own. Without it each process starts what it needs; the engine's guard ends it with the process.

#![expect(clippy::print_stderr, reason = "what a test leaves out must be seen")]

use anyhow::{Context as _, Result};
use nonstop_core::quote::Ident;
use nonstop_core::sql;
use nonstop_engine::server::{Options, Programs, Server, Wanted};
use std::env;
use std::sync::{LazyLock, Once};
use std::thread;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::OnceCell;
use tokio_postgres::{Client, NoTls};

/// The majors that nonstop is tested on.
pub const MAJORS: [u32; 5] = [14, 15, 16, 17, 18];

/// The variable that names a running server of a major, as `postgres://user:password@host:port` without a database.
pub fn variable(major: u32) -> String {
    format!("NONSTOP_TEST_PG_{major}")
}

/// The server programs of a major.
pub fn programs(major: u32) -> Option<Programs> {
    Programs::locate(&Wanted::major(major)).ok()
}

/// The majors that are here, or of `NONSTOP_MAJORS` those (`15,18`). Says once which ones are not; in CI it is an error when none is.
pub fn majors() -> Vec<u32> {
    static HERE: LazyLock<Vec<u32>> = LazyLock::new(|| {
        let wanted = env::var("NONSTOP_MAJORS").ok();
        let is_wanted = |major: &u32| {
            wanted
                .as_ref()
                .is_none_or(|list| list.split(',').any(|word| word.trim() == major.to_string()))
        };
        MAJORS
            .into_iter()
            .filter(is_wanted)
            .filter(|&major| env::var_os(variable(major)).is_some() || programs(major).is_some())
            .collect()
    });
    static SAY: Once = Once::new();
    SAY.call_once(|| {
        let missing: Vec<String> = MAJORS
            .iter()
            .filter(|major| env::var_os("NONSTOP_MAJORS").is_none() && !HERE.contains(major))
            .map(u32::to_string)
            .collect();
        if !missing.is_empty() {
            eprintln!(
                "LEFT OUT: PostgreSQL {} (`cargo xtask majors` fetches them)",
                missing.join(", ")
            );
        }
    });
    let in_ci = env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false");
    assert!(!in_ci || !HERE.is_empty(), "no PostgreSQL server programs in CI");
    HERE.clone()
}

/// A server that many tests share.
struct Shared {
    base: String,
    _own: Option<Server>,
}

impl Shared {
    async fn of(major: u32) -> Result<&'static Self> {
        static SERVERS: [OnceCell<Shared>; 5] = [const { OnceCell::const_new() }; MAJORS.len()];
        let at = MAJORS
            .iter()
            .position(|&known| known == major)
            .with_context(|| format!("PostgreSQL {major} is not one of the tested majors"))?;
        SERVERS[at].get_or_try_init(|| Self::find_or_start(major)).await
    }

    async fn find_or_start(major: u32) -> Result<Self> {
        if let Ok(base) = env::var(variable(major)) {
            return Ok(Self { base, _own: None });
        }
        let server = own_server(major, Options::default()).await?;
        let base = server.url("").trim_end_matches('/').to_owned();
        Ok(Self {
            base,
            _own: Some(server),
        })
    }

    fn url(&self, database: &str) -> String {
        format!("{}/{database}", self.base)
    }

    async fn run(&self, text: &nonstop_core::quote::SqlText) -> Result<()> {
        let client = connect(&self.url("postgres")).await?;
        client
            .batch_execute(text.as_str())
            .await
            .with_context(|| text.to_string())
    }
}

/// A server that belongs to one test, for crashes and settings of its own.
pub async fn own_server(major: u32, options: Options) -> Result<Server> {
    let programs = Programs::locate(&Wanted::major(major))?;
    Ok(Server::start(&programs, options).await?)
}

/// A session at a URL; its connection's task ends with it.
pub async fn connect(url: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// An empty database on the shared server of a major, gone when this is dropped.
pub struct TestDatabase {
    shared: &'static Shared,
    /// The major of its server.
    pub major: u32,
    /// Its name.
    pub name: String,
}

/// A fresh database. Fails the test when the major is not here: ask [`majors`] first, or use [`each_major`].
pub async fn database(major: u32) -> TestDatabase {
    TestDatabase::create(major, "template0")
        .await
        .unwrap_or_else(|error| panic!("no database on PostgreSQL {major}: {error:#}"))
}

impl TestDatabase {
    async fn create(major: u32, template: &str) -> Result<Self> {
        let shared = Shared::of(major).await?;
        let name = format!("t_{}_{:08x}", std::process::id(), fastrand::u32(..));
        // Built before the await: the parts of `sql!` may not be sent to another thread.
        let text = sql!("CREATE DATABASE {} TEMPLATE {}", Ident(&name), Ident(template));
        shared.run(&text).await?;
        Ok(Self { shared, major, name })
    }

    /// A copy of this database as it is. Nobody may be connected to it meanwhile.
    pub async fn copy(&self) -> Self {
        Self::create(self.major, &self.name)
            .await
            .unwrap_or_else(|error| panic!("no copy on PostgreSQL {}: {error:#}", self.major))
    }

    /// Its address, with the password of the superuser `postgres`.
    pub fn url(&self) -> String {
        self.shared.url(&self.name)
    }

    /// A session of the superuser.
    pub async fn connect(&self) -> Client {
        connect(&self.url())
            .await
            .unwrap_or_else(|error| panic!("cannot connect to PostgreSQL {}: {error:#}", self.major))
    }

    /// Runs SQL of the test's own in a session of its own.
    pub async fn run(&self, text: &str) {
        if let Err(error) = self.connect().await.batch_execute(text).await {
            panic!("PostgreSQL {}: {text}: {error:?}", self.major);
        }
    }
}

impl Drop for TestDatabase {
    /// On a thread of its own, because the test's runtime may be the one that drops it.
    fn drop(&mut self) {
        let shared = self.shared;
        let text = sql!("DROP DATABASE IF EXISTS {} WITH (FORCE)", Ident(&self.name));
        let dropping = thread::spawn(move || -> Result<()> {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(shared.run(&text))
        });
        // The server waits until every backend has heard of it, those too that are asking a client of ours for its password: the
        // tasks of this thread, among which the client may be, have to go on meanwhile.
        let flavor = Handle::try_current().map(|handle| handle.runtime_flavor());
        let dropped = if matches!(flavor, Ok(RuntimeFlavor::MultiThread)) {
            tokio::task::block_in_place(|| dropping.join())
        } else {
            dropping.join()
        };
        // A test that stopped its server has no database to drop.
        drop(dropped);
    }
}

/// Runs the body of a test on every major that is here, side by side, each with a fresh database. The test fails when
/// one of them does, after all have ended, and the failed ones are named.
pub async fn each_major<F, Body>(body: F)
where
    F: Fn(TestDatabase) -> Body,
    Body: Future<Output = ()> + Send + 'static,
{
    let here = majors();
    if here.is_empty() {
        eprintln!("SKIPPED: no PostgreSQL server programs on this machine");
    }
    let mut running = Vec::new();
    for major in here {
        running.push((major, tokio::spawn(body(database(major).await))));
    }
    let mut failure = None;
    for (major, task) in running {
        if let Err(error) = task.await {
            eprintln!("FAILED on PostgreSQL {major}");
            failure = failure.or(Some(error));
        }
    }
    if let Some(error) = failure {
        std::panic::resume_unwind(error.into_panic());
    }
}
