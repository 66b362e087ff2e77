//! Where to connect: a database URL, read as Prisma and as libpq read it.
//!
//! The password goes in and never comes out: `Debug`, `Display` and every error leave it out, and an error never repeats a
//! piece of the URL that could be a part of a password whose special characters were not percent-encoded.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;
use tokio_postgres::config::{ChannelBinding, TargetSessionAttrs};

mod parse;
mod passfile;

/// How long opening a session may take when the URL does not say.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A database to work on.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    /// Servers, tried in order.
    pub hosts: Vec<Host>,
    /// The role; `None` is the name of the operating system's user.
    pub user: Option<String>,
    pub(crate) password: Option<Secret>,
    /// The database; `None` is the one named like the role.
    pub database: Option<String>,
    /// Prisma's `?schema=`: where the history table is, and where unqualified names go.
    pub schema: String,
    /// The URL says `pgbouncer=true`: it names a pooler.
    pub pgbouncer: bool,
    /// TLS.
    pub tls: Tls,
    /// How long opening a session may take, the TLS handshake and the password included.
    pub connect_timeout: Duration,
    /// `options=`, passed to the server as it is.
    pub options: Option<String>,
    /// `target_session_attrs=`: which of several hosts will do.
    pub session_attrs: TargetSessionAttrs,
    /// `channel_binding=`.
    pub channel_binding: ChannelBinding,
    /// What was not understood, a sentence each; nothing of it stops.
    pub warnings: Vec<String>,
}

/// One server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Its address.
    pub address: Address,
    /// Its port; for a socket the number in the socket's file name.
    pub port: u16,
}

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A name or an IP address.
    Tcp(String),
    /// The directory of a Unix socket.
    Socket(PathBuf),
}

/// Whether and how the connection is encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// Whether.
    pub mode: TlsMode,
    /// What of the server's certificate is checked.
    pub verify: Verify,
    /// A file of root certificates in PEM; `None` is the operating system's.
    pub roots: Option<PathBuf>,
    /// Our own certificate and its key, files in PEM.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// Whether the connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsMode {
    /// Never.
    Disable,
    /// If the server offers it.
    Prefer,
    /// Always.
    Require,
}

/// What of the server's certificate is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verify {
    /// Nothing: the line is encrypted, the other end unproved.
    Nothing,
    /// That a known authority signed it.
    Chain,
    /// That, and that it was made out to this host.
    ChainAndName,
}

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(pub(crate) String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Why a text is no target. No variant holds a piece of the text that could be secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// Not a PostgreSQL URL.
    #[error(
        "the database URL must start with postgresql:// or postgres:// (a Prisma Accelerate or Data Proxy URL cannot be \
         used for schema changes: give the direct one)"
    )]
    Scheme,
    /// A character that ends the password early.
    #[error(
        "the database URL cannot be read: percent-encode the special characters of user name, password and database name \
         (/ is %2F, @ is %40, ? is %3F, # is %23, : is %3A, % is %25)"
    )]
    Unencoded,
    /// `%` without two hexadecimal digits, or bytes that are not UTF-8.
    #[error("the {part} in the database URL is not valid percent-encoded UTF-8 (a plain % is written %25)")]
    Encoding {
        /// Which part.
        part: String,
    },
    /// A port that is no port.
    #[error("the port in the database URL must be a number from 1 to 65535")]
    Port,
    /// Not as many ports as hosts.
    #[error("the database URL has {hosts} hosts and {ports} ports: give one port for all, or one for each")]
    Ports {
        /// Hosts given.
        hosts: usize,
        /// Ports given.
        ports: usize,
    },
    /// An IPv6 address without its closing bracket.
    #[error("an IPv6 address in the database URL is written in brackets: [::1]")]
    Bracket,
    /// A parameter whose value is not one of those that it takes.
    #[error("the parameter {name} in the database URL must be {expected}")]
    Parameter {
        /// Its name.
        name: &'static str,
        /// What it takes.
        expected: &'static str,
    },
    /// A `key=value` text that does not scan.
    #[error("the connection string must be a postgresql:// URL, or key=value pairs as libpq takes them")]
    Pairs,
}

impl Target {
    /// Reads a `postgresql://` URL, or libpq's `key=value` pairs.
    pub fn parse(text: &str) -> Result<Self, TargetError> {
        parse::target(text.trim())
    }

    /// The same server and role, another database.
    pub fn with_database(&self, database: impl Into<String>) -> Self {
        Self {
            database: Some(database.into()),
            ..self.clone()
        }
    }

    /// Fills in a password (`PGPASSWORD`) where the URL has none.
    pub fn or_password(mut self, password: Option<String>) -> Self {
        if self.password.is_none() {
            self.password = password.filter(|text| !text.is_empty()).map(Secret);
        }
        self
    }

    /// Fills in a password from the text of a `.pgpass` file where the URL has none.
    pub fn or_passfile(self, text: &str) -> Self {
        let found = passfile::lookup(text, &self);
        self.or_password(found)
    }

    /// Host and port for messages: `db.example.com:5432`, or the socket's path.
    pub fn place(&self) -> String {
        let places: Vec<String> = self.hosts.iter().map(ToString::to_string).collect();
        places.join(", ")
    }

    fn new() -> Self {
        Self {
            hosts: Vec::new(),
            user: None,
            password: None,
            database: None,
            schema: "public".to_owned(),
            pgbouncer: false,
            tls: Tls {
                mode: TlsMode::Prefer,
                verify: Verify::Nothing,
                roots: None,
                identity: None,
            },
            connect_timeout: CONNECT_TIMEOUT,
            options: None,
            session_attrs: TargetSessionAttrs::Any,
            channel_binding: ChannelBinding::Prefer,
            warnings: Vec::new(),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.address {
            Address::Tcp(name) if name.contains(':') => write!(f, "[{name}]:{}", self.port),
            Address::Tcp(name) => write!(f, "{name}:{}", self.port),
            Address::Socket(dir) => write!(f, "{}/.s.PGSQL.{}", dir.display(), self.port),
        }
    }
}

/// A URL without the password, for people.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("postgresql://")?;
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        for (at, host) in self.hosts.iter().enumerate() {
            let comma = if at > 0 { "," } else { "" };
            match &host.address {
                Address::Tcp(_) => write!(f, "{comma}{host}")?,
                Address::Socket(_) => write!(f, "{comma}localhost:{}", host.port)?,
            }
        }
        write!(f, "/{}", self.database.as_deref().unwrap_or(""))?;
        let mut between = '?';
        for host in &self.hosts {
            if let Address::Socket(dir) = &host.address {
                write!(f, "{between}host={}", dir.display())?;
                between = '&';
            }
        }
        if self.schema != "public" {
            write!(f, "{between}schema={}", self.schema)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({self})")
    }
}
