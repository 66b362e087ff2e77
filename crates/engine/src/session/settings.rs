//! The settings of a session (S3), set in one message and read back in another.
//!
//! Roles and databases may carry settings of their own (`ALTER ROLE … SET statement_timeout`). A step must run under the
//! plan's timeouts and no others, so all of them start at zero here.

use super::error::ConnectError;
use nonstop_core::quote::{Ident, Literal, SqlText};
use nonstop_core::sql;
use nonstop_core::version::ServerVersion;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, SimpleQueryMessage, SimpleQueryRow};

/// Not available on every platform (it needs a socket that tells of a closed peer).
pub(super) const CHECK_INTERVAL: &str = "client_connection_check_interval";

/// Name, value, first major that has it.
const SETTINGS: [(&str, &str, u32); 12] = [
    ("statement_timeout", "0", 1),
    ("lock_timeout", "0", 1),
    ("transaction_timeout", "0", 17),
    ("idle_session_timeout", "0", 14),
    // A transaction of ours that is idle means that our process hangs, and perhaps holds a lock.
    ("idle_in_transaction_session_timeout", "10s", 1),
    (CHECK_INTERVAL, "1s", 14),
    ("default_transaction_isolation", "read committed", 1),
    // Compiling costs more than any of our catalog queries.
    ("jit", "off", 11),
    ("tcp_keepalives_idle", "30", 1),
    ("tcp_keepalives_interval", "10", 1),
    ("tcp_keepalives_count", "3", 1),
    ("tcp_user_timeout", "60s", 12),
];

/// What `set_config` and `current_setting` of the same names give on two different lines.
const NOT_ON_SOCKETS: &str = "tcp_";

/// One setting.
pub(super) struct Wanted {
    name: &'static str,
    value: String,
}

/// What the server said while the settings were made.
pub(super) struct Established {
    pub(super) pid: i32,
    pub(super) version: ServerVersion,
    /// The second message came to another backend.
    pub(super) moved: bool,
}

/// The settings for a server of this version.
pub(super) fn wanted(version: ServerVersion, schema: &str, skipped: &[&str]) -> Vec<Wanted> {
    let fixed = SETTINGS
        .iter()
        .filter(|(name, _, since)| version.major() >= *since && !skipped.contains(name));
    let mut all: Vec<Wanted> = fixed
        .map(|(name, value, _)| Wanted {
            name,
            value: (*value).to_owned(),
        })
        .collect();
    all.push(Wanted {
        name: "search_path",
        value: sql!("{}", Ident(schema)).as_str().to_owned(),
    });
    all
}

/// Sets them, and reads them back in a transaction of its own.
pub(super) async fn establish(client: &Client, wanted: &[Wanted]) -> Result<Established, ConnectError> {
    let set = wanted.iter().fold(
        sql!("SELECT pg_backend_pid(), current_setting('server_version_num')"),
        |text, setting| {
            sql!(
                "{}, set_config({}, {}, false)",
                text,
                Literal(setting.name),
                Literal(&setting.value)
            )
        },
    );
    let read = wanted.iter().fold(sql!("SELECT pg_backend_pid()"), |text, setting| {
        sql!("{}, current_setting({})", text, Literal(setting.name))
    });
    let set = one_row(client, &set).await?;
    let read = one_row(client, &read).await?;
    let moved = set.get(0) != read.get(0);
    for (at, setting) in wanted.iter().enumerate() {
        let (made, found) = (set.get(at + 2), read.get(at + 1));
        if made != found && !moved && !setting.name.starts_with(NOT_ON_SOCKETS) {
            return Err(ConnectError::Setting {
                name: setting.name.to_owned(),
                wanted: made.unwrap_or_default().to_owned(),
                found: found.unwrap_or_default().to_owned(),
            });
        }
    }
    Ok(Established {
        pid: number(&set, 0)?,
        version: ServerVersion(number(&set, 1)?),
        moved,
    })
}

/// Whether the server refused [`CHECK_INTERVAL`].
pub(super) fn is_refused(error: &ConnectError) -> bool {
    matches!(error, ConnectError::Server { sqlstate, message, .. }
        if sqlstate == SqlState::INVALID_PARAMETER_VALUE.code() && message.contains(CHECK_INTERVAL))
}

async fn one_row(client: &Client, sql: &SqlText) -> Result<SimpleQueryRow, ConnectError> {
    let answer = client.simple_query(sql.as_str()).await;
    let messages = answer.map_err(|error| ConnectError::while_preparing(&error))?;
    let row = messages.into_iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    row.ok_or_else(|| strange("no row"))
}

fn number<T: std::str::FromStr>(row: &SimpleQueryRow, at: usize) -> Result<T, ConnectError> {
    let text = row.get(at).and_then(|text| text.parse().ok());
    text.ok_or_else(|| strange("no number"))
}

fn strange(what: &str) -> ConnectError {
    ConnectError::Lost {
        reason: format!("{what} in the answer to the first query; is this PostgreSQL?"),
    }
}
