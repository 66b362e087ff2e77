//! Why a session could not be opened: what, where, and what to do.

use crate::target::Target;
use crate::tls::TlsError;
use std::error::Error as _;
use std::fmt::Write as _;
use std::time::Duration;
use tokio_postgres::error::{DbError, SqlState};

/// Why a session could not be opened. No message holds a password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// Nobody listens there, or the name does not resolve.
    #[error(
        "no PostgreSQL server answers at {place} ({reason}). Check that it runs, and host and port in the database URL."
    )]
    NoServer {
        /// Host and port, or the socket's path.
        place: String,
        /// What the operating system said.
        reason: String,
    },
    /// No answer in time.
    #[error(
        "no answer from {place} within {seconds} s. Check host, port and firewall, or set connect_timeout in the database \
         URL."
    )]
    Timeout {
        /// Host and port.
        place: String,
        /// The limit.
        seconds: u64,
    },
    /// Wrong password, wrong role, or none given.
    #[error("the server at {place} refuses the login: {message}. Check user and password in the database URL.")]
    Login {
        /// Host and port.
        place: String,
        /// 28P01 or 28000; `None` where a password was asked for and none given.
        sqlstate: Option<String>,
        /// The server's words.
        message: String,
    },
    /// The role may not connect to this database.
    #[error("the server at {place} refuses the connection: {message}. Ask for GRANT CONNECT on the database.")]
    Denied {
        /// Host and port.
        place: String,
        /// The server's words.
        message: String,
    },
    /// The database does not exist.
    #[error(
        "there is no such database at {place}: {message}. Correct the name in the database URL, or create it with createdb."
    )]
    NoDatabase {
        /// Host and port.
        place: String,
        /// The server's words.
        message: String,
    },
    /// No connection is left.
    #[error(
        "the server at {place} has no connection left: {message}. nonstop needs about four; close some, or raise \
         max_connections or the role's limit."
    )]
    Full {
        /// Host and port.
        place: String,
        /// The server's words.
        message: String,
    },
    /// Starting up, shutting down, or in recovery.
    #[error("the server at {place} does not take connections yet: {message}. Try again when it has started.")]
    Starting {
        /// Host and port.
        place: String,
        /// The server's words.
        message: String,
    },
    /// The handshake failed.
    #[error("no TLS connection to {place}: {reason}. Check sslmode, sslrootcert and sslaccept in the database URL.")]
    Tls {
        /// Host and port.
        place: String,
        /// Why.
        reason: String,
    },
    /// The files for TLS.
    #[error(transparent)]
    TlsFiles(#[from] TlsError),
    /// A setting did not stay.
    #[error(
        "the setting {name} was set to {wanted:?} and reads {found:?}. If the database URL names a pooler, give the direct \
         address of the server (DIRECT_URL)."
    )]
    Setting {
        /// Which.
        name: String,
        /// What was set.
        wanted: String,
        /// What came back.
        found: String,
    },
    /// The connection broke while it was being made ready.
    #[error("the connection to the server broke: {reason}")]
    Lost {
        /// What is known.
        reason: String,
    },
    /// Anything else that the server said.
    #[error("the server says {message} (SQLSTATE {sqlstate})")]
    Server {
        /// The SQLSTATE.
        sqlstate: String,
        /// The server's message.
        message: String,
        /// The server's detail.
        detail: Option<String>,
        /// The server's hint.
        hint: Option<String>,
    },
}

impl ConnectError {
    /// Whether the same try may work a moment later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::NoServer { .. }
            | Self::Timeout { .. }
            | Self::Full { .. }
            | Self::Starting { .. }
            | Self::Lost { .. } => true,
            Self::Server { sqlstate, .. } => sqlstate.starts_with("08") || sqlstate.starts_with("57P0"),
            Self::Login { .. }
            | Self::Denied { .. }
            | Self::NoDatabase { .. }
            | Self::Tls { .. }
            | Self::TlsFiles(_)
            | Self::Setting { .. } => false,
        }
    }

    pub(super) fn timeout(target: &Target, limit: Duration) -> Self {
        Self::Timeout {
            place: target.place(),
            seconds: limit.as_secs(),
        }
    }

    /// What a failure while connecting means.
    pub(super) fn while_connecting(error: &tokio_postgres::Error, target: &Target) -> Self {
        if let Some(said) = error.as_db_error() {
            return Self::said(said, target.place());
        }
        let place = target.place();
        // The library has no public names for its kinds of error; these texts are covered by tests.
        let text = error.to_string();
        if text.starts_with("error performing TLS") {
            return Self::Tls {
                place,
                reason: cause(error),
            };
        }
        if text.starts_with("error connecting to server") {
            return Self::NoServer {
                place,
                reason: cause(error),
            };
        }
        if text.starts_with("invalid configuration") || text.starts_with("authentication error") {
            return Self::Login {
                place,
                sqlstate: None,
                message: cause(error),
            };
        }
        Self::Lost { reason: chain(error) }
    }

    /// What a failure of one of our own first statements means.
    pub(super) fn while_preparing(error: &tokio_postgres::Error) -> Self {
        match error.as_db_error() {
            Some(said) => Self::said(said, String::new()),
            None => Self::Lost { reason: chain(error) },
        }
    }

    fn said(error: &DbError, place: String) -> Self {
        let message = error.message().to_owned();
        let code = error.code();
        if *code == SqlState::INVALID_PASSWORD || *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION {
            Self::Login {
                place,
                sqlstate: Some(code.code().to_owned()),
                message,
            }
        } else if *code == SqlState::INVALID_CATALOG_NAME {
            Self::NoDatabase { place, message }
        } else if *code == SqlState::INSUFFICIENT_PRIVILEGE {
            Self::Denied { place, message }
        } else if *code == SqlState::TOO_MANY_CONNECTIONS {
            Self::Full { place, message }
        } else if *code == SqlState::CANNOT_CONNECT_NOW {
            Self::Starting { place, message }
        } else {
            Self::Server {
                sqlstate: code.code().to_owned(),
                message,
                detail: error.detail().map(str::to_owned),
                hint: error.hint().map(str::to_owned),
            }
        }
    }
}

/// What the server said, with its SQLSTATE, detail and hint; or what happened to the connection. In one line.
pub fn in_words(error: &tokio_postgres::Error) -> String {
    let Some(said) = error.as_db_error() else {
        return chain(error);
    };
    let mut text = format!("{} (SQLSTATE {})", said.message(), said.code().code());
    for more in [said.detail(), said.hint()].into_iter().flatten() {
        let _ = write!(text, ". {}", more.trim_end_matches('.'));
    }
    text
}

/// An error and its causes in one line.
pub(super) fn chain(error: &tokio_postgres::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let _ = write!(text, ": {cause}");
        source = cause.source();
    }
    text
}

fn cause(error: &tokio_postgres::Error) -> String {
    error.source().map_or_else(|| error.to_string(), ToString::to_string)
}
