//! A throw-away PostgreSQL server: found, initialised, started, gone.
//!
//! It listens on a socket in a private folder and, with a random password, on a free port of 127.0.0.1. It ends with its
//! [`Server`]; should this process die without dropping it, a small guard process ends it, and should that die too, the
//! next start sweeps it away.

mod config;
mod locate;
mod place;
mod template;

pub use locate::{LocateError, Programs, Wanted};
pub use place::cache;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use nonstop_core::quote::{Ident, Literal};
use nonstop_core::sql;
use place::{Account, Room};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};
use tokio_postgres::{Client, Config, NoTls};

/// How often another port is tried when somebody takes the chosen one first.
const PORT_ATTEMPTS: u32 = 20;

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// A file or folder.
    #[error("throw-away server: {path}: {source}")]
    Io {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Our place in `/tmp` was made by somebody else.
    #[error("{path} was not made by this user; remove it, throw-away servers live there")]
    NotOurs {
        /// Which folder.
        path: PathBuf,
    },
    /// We are root and nobody else is there.
    #[error(
        "PostgreSQL refuses to run as root, and there is no user nobody, postgres or daemon to run it as; run as another user"
    )]
    NoAccount,
    /// `initdb` failed.
    #[error("initdb of {dir} failed: {message}")]
    Initdb {
        /// The folder of the programs.
        dir: PathBuf,
        /// What it said.
        message: String,
    },
    /// The server ended while starting.
    #[error("the throw-away PostgreSQL of {dir} ended while starting: {log}")]
    Ended {
        /// The folder of the programs.
        dir: PathBuf,
        /// What it logged.
        log: String,
    },
    /// The server did not answer in time.
    #[error("the throw-away PostgreSQL of {dir} was not ready after {waited:?}: {log}")]
    NotReady {
        /// The folder of the programs.
        dir: PathBuf,
        /// How long we waited.
        waited: Duration,
        /// What it logged.
        log: String,
    },
    /// The server refused a statement of ours.
    #[error("the throw-away PostgreSQL refused: {0}")]
    Sql(#[from] tokio_postgres::Error),
}

impl ServerError {
    fn io(path: &Path, source: io::Error) -> Self {
        Self::Io {
            path: path.to_owned(),
            source,
        }
    }
}

/// How a server is to be.
#[derive(Debug, Clone)]
pub struct Options {
    /// Settings for `postgresql.conf`, over the ones that make it small and fast.
    pub settings: Vec<(String, String)>,
    /// How long it may take to be ready.
    pub ready_within: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            settings: Vec::new(),
            ready_within: Duration::from_secs(60),
        }
    }
}

impl Options {
    /// With one more setting, such as `wal_level`, `logical`.
    pub fn set(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.push((name.into(), value.into()));
        self
    }
}

/// A running server of our own. Dropping it ends it and removes its files.
#[derive(Debug)]
pub struct Server {
    // Before the room: the process goes before its folder.
    process: Process,
    room: Room,
    programs: Programs,
    account: Option<Account>,
    options: Options,
    port: u16,
    password: String,
}

impl Server {
    /// Initialises a server, starts it and waits until it answers.
    pub async fn start(programs: &Programs, options: Options) -> Result<Self, ServerError> {
        let mut server = tokio::task::spawn_blocking({
            let programs = programs.clone();
            move || Self::prepare(programs, options)
        })
        .await
        .map_err(|error| ServerError::io(programs.dir(), io::Error::other(error)))??;
        server.start_on_free_port().await?;
        let text = sql!("ALTER ROLE postgres PASSWORD {}", Literal(&server.password));
        let client = server.connect("postgres").await?;
        client.batch_execute(text.as_str()).await?;
        Ok(server)
    }

    /// A hot standby that follows this server by streaming; this one is stopped for the moment in which it is copied.
    pub async fn follower(&mut self) -> Result<Self, ServerError> {
        self.stop_fast();
        let room = Room::create(self.account)?;
        let data = room.data_dir();
        let copied = template::copy_tree(&self.data_dir(), &data, self.account);
        let marked = copied.and_then(|()| std::fs::write(data.join("standby.signal"), ""));
        marked.map_err(|source| ServerError::io(&data, source))?;
        self.start_again().await?;
        let source = format!(
            "host={} port={} user=postgres application_name=follower",
            self.socket_dir().display(),
            self.port
        );
        let mut follower = Self {
            process: Process(None),
            room,
            programs: self.programs.clone(),
            account: self.account,
            options: self.options.clone().set("primary_conninfo", source),
            port: 0,
            password: self.password.clone(),
        };
        follower.start_on_free_port().await?;
        Ok(follower)
    }

    async fn start_on_free_port(&mut self) -> Result<(), ServerError> {
        let mut attempt = 1;
        loop {
            self.port = free_port().map_err(|source| ServerError::io(Path::new("127.0.0.1"), source))?;
            match self.start_again().await {
                Err(ServerError::Ended { log, .. }) if attempt < PORT_ATTEMPTS && port_was_taken(&log) => attempt += 1,
                outcome => return outcome,
            }
        }
    }

    fn prepare(programs: Programs, options: Options) -> Result<Self, ServerError> {
        let account = Account::needed()?;
        let room = Room::create(account)?;
        template::instantiate(&programs, account, &room.data_dir())?;
        Ok(Self {
            process: Process(None),
            room,
            programs,
            account,
            options,
            port: 0,
            password: uuid::Uuid::new_v4().simple().to_string(),
        })
    }

    /// Starts the server after [`Server::stop_immediate`], on the same port and files, and waits until it answers.
    pub async fn start_again(&mut self) -> Result<(), ServerError> {
        self.process.stop(Signal::SIGQUIT);
        let log_from = self.spawn()?;
        let began = Instant::now();
        loop {
            if self.process.has_ended() {
                return Err(ServerError::Ended {
                    dir: self.programs.dir().to_owned(),
                    log: self.log_since(log_from),
                });
            }
            if self.connect("postgres").await.is_ok() {
                return Ok(());
            }
            if began.elapsed() > self.options.ready_within {
                return Err(ServerError::NotReady {
                    dir: self.programs.dir().to_owned(),
                    waited: self.options.ready_within,
                    log: self.log_since(log_from),
                });
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Starts the process; gives where its part of the log begins.
    fn spawn(&mut self) -> Result<u64, ServerError> {
        let data = self.room.data_dir();
        config::write(&data, &self.room.socket_dir(), self.port, &self.options.settings)
            .map_err(|source| ServerError::io(&data, source))?;
        let log_path = self.room.log_path();
        let start = || -> io::Result<(Child, u64)> {
            let log = OpenOptions::new().create(true).append(true).open(&log_path)?;
            let log_from = log.metadata()?.len();
            let child = Account::command(self.account, &self.programs.dir().join("postgres"), self.room.path())
                .arg("-D")
                .arg(&data)
                .stdout(log.try_clone()?)
                .stderr(log)
                .spawn()?;
            Ok((child, log_from))
        };
        let (child, log_from) = start().map_err(|source| ServerError::io(self.programs.dir(), source))?;
        self.process = Process(Some(child));
        Ok(log_from)
    }

    /// A crash: SIGQUIT, so no checkpoint and no goodbye; the next start recovers. Returns when the process is gone.
    pub fn stop_immediate(&mut self) {
        self.process.stop(Signal::SIGQUIT);
    }

    /// An orderly end: sessions are cut, a checkpoint is written. Returns when the process is gone.
    pub fn stop_fast(&mut self) {
        self.process.stop(Signal::SIGINT);
    }

    /// Makes a database, as a copy of `template` if given. Nobody may be connected to the template.
    pub async fn create_database(&self, name: &str, template: Option<&str>) -> Result<(), ServerError> {
        let template = template.unwrap_or("template0");
        let text = sql!("CREATE DATABASE {} TEMPLATE {}", Ident(name), Ident(template));
        Ok(self.connect("postgres").await?.batch_execute(text.as_str()).await?)
    }

    /// Removes a database, cutting its sessions.
    pub async fn drop_database(&self, name: &str) -> Result<(), ServerError> {
        let text = sql!("DROP DATABASE IF EXISTS {} WITH (FORCE)", Ident(name));
        Ok(self.connect("postgres").await?.batch_execute(text.as_str()).await?)
    }

    /// The address of a database over TCP, with the password of the superuser `postgres`.
    pub fn url(&self, database: &str) -> String {
        let database = percent_encoding::utf8_percent_encode(database, percent_encoding::NON_ALPHANUMERIC);
        format!(
            "postgres://postgres:{}@127.0.0.1:{}/{database}",
            self.password, self.port
        )
    }

    /// How to reach a database over the private socket, without a password.
    pub fn config(&self, database: &str) -> Config {
        let mut config = Config::new();
        config
            .host_path(self.room.socket_dir())
            .port(self.port)
            .user("postgres")
            .dbname(database)
            .connect_timeout(Duration::from_secs(5));
        config
    }

    /// A session over the private socket; the connection's task ends with the client.
    pub async fn connect(&self, database: &str) -> Result<Client, tokio_postgres::Error> {
        let (client, connection) = self.config(database).connect(NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// The programs it runs.
    pub fn programs(&self) -> &Programs {
        &self.programs
    }

    /// The port on 127.0.0.1, which also names the socket.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder of the private socket.
    pub fn socket_dir(&self) -> PathBuf {
        self.room.socket_dir()
    }

    /// The data directory.
    pub fn data_dir(&self) -> PathBuf {
        self.room.data_dir()
    }

    /// Everything the server logged.
    pub fn log(&self) -> String {
        self.log_since(0)
    }

    fn log_since(&self, from: u64) -> String {
        let read = || -> io::Result<String> {
            let mut file = File::open(self.room.log_path())?;
            file.seek(SeekFrom::Start(from))?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
        };
        read().unwrap_or_default()
    }
}

/// The postmaster, ended when dropped.
#[derive(Debug)]
struct Process(Option<Child>);

impl Process {
    fn has_ended(&mut self) -> bool {
        self.0
            .as_mut()
            .is_none_or(|child| !matches!(child.try_wait(), Ok(None)))
    }

    fn stop(&mut self, signal: Signal) {
        let Some(mut child) = self.0.take() else { return };
        if let Ok(pid) = i32::try_from(child.id()) {
            let _ = kill(Pid::from_raw(pid), signal);
        }
        let deadline = Instant::now() + place::GOES_WITHIN;
        while let Ok(None) = child.try_wait() {
            if Instant::now() > deadline {
                drop(child.kill());
                drop(child.wait());
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop(Signal::SIGQUIT);
    }
}

/// A port that nobody has at this moment. The server binds it itself; if somebody is faster, another one is tried.
fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

fn port_was_taken(log: &str) -> bool {
    log.contains("could not bind") || log.contains("could not create any TCP/IP sockets")
}
