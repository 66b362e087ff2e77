//! From a target to a prepared connection, and the task that drives it.

use super::Session;
use super::error::ConnectError;
use super::settings::{self, CHECK_INTERVAL};
use crate::target::{Address, Target, TlsMode};
use crate::tls;
use nonstop_core::version::ServerVersion;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio_postgres::config::SslMode;
use tokio_postgres::{AsyncMessage, Config, Connection};

/// Notices kept until somebody asks; a loop with RAISE NOTICE must not fill the memory.
const NOTICES_KEPT: usize = 200;

/// Something the server said beside the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// `NOTICE`, `WARNING`, ….
    pub severity: String,
    /// The SQLSTATE.
    pub sqlstate: String,
    /// The text.
    pub message: String,
}

/// The other end of the task that moves bytes.
pub(super) struct Driver {
    notices: Arc<Mutex<Vec<Notice>>>,
    ended: watch::Receiver<bool>,
}

/// One try, within the target's `connect_timeout`.
pub(super) async fn once(target: &Target, application_name: &str) -> Result<Session, ConnectError> {
    let limit = target.connect_timeout;
    match tokio::time::timeout(limit, open(target, application_name)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(ConnectError::timeout(target, limit)),
    }
}

async fn open(target: &Target, application_name: &str) -> Result<Session, ConnectError> {
    let tls = tls::connector(&target.tls)?;
    let connecting = config(target, application_name).connect(tls.clone()).await;
    let (client, connection) = connecting.map_err(|error| ConnectError::while_connecting(&error, target))?;
    let claimed = claimed_version(connection.parameter("server_version"));
    let driver = Driver::start(connection);
    let mut skipped = Vec::new();
    let wanted = settings::wanted(claimed, &target.schema, &skipped);
    let established = match settings::establish(&client, &wanted).await {
        Err(error) if settings::is_refused(&error) => {
            skipped.push(CHECK_INTERVAL);
            let wanted = settings::wanted(claimed, &target.schema, &skipped);
            settings::establish(&client, &wanted).await?
        }
        outcome => outcome?,
    };
    Ok(Session {
        client,
        driver,
        tls,
        pid: established.pid,
        version: established.version,
        search_path: target.schema.clone(),
        skipped,
        pooled: established.moved,
        prepared: Mutex::default(),
    })
}

fn config(target: &Target, application_name: &str) -> Config {
    let mut config = Config::new();
    for host in &target.hosts {
        match &host.address {
            Address::Tcp(name) => config.host(name.as_str()),
            Address::Socket(dir) => config.host_path(dir),
        };
        config.port(host.port);
    }
    if let Some(user) = &target.user {
        config.user(user.as_str());
    }
    if let Some(password) = &target.password {
        config.password(password.0.as_str());
    }
    if let Some(database) = &target.database {
        config.dbname(database.as_str());
    }
    if let Some(options) = &target.options {
        config.options(options.as_str());
    }
    // libpq ignores sslmode on a socket, and the server offers no TLS there.
    let all_sockets = target
        .hosts
        .iter()
        .all(|host| matches!(host.address, Address::Socket(_)));
    config.ssl_mode(match target.tls.mode {
        _ if all_sockets => SslMode::Disable,
        TlsMode::Disable => SslMode::Disable,
        TlsMode::Prefer => SslMode::Prefer,
        TlsMode::Require => SslMode::Require,
    });
    config
        .application_name(application_name)
        .channel_binding(target.channel_binding)
        .target_session_attrs(target.session_attrs)
        .connect_timeout(target.connect_timeout)
        .tcp_user_timeout(Duration::from_secs(60))
        .keepalives_idle(Duration::from_secs(30))
        .keepalives_interval(Duration::from_secs(10))
        .keepalives_retries(3);
    config
}

/// The major from what the server says at the start, `15.18 (Debian …)` or `18beta1`; it decides which settings exist.
fn claimed_version(text: Option<&str>) -> ServerVersion {
    let digits = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>();
    let major = text.and_then(|text| digits(text).parse().ok());
    ServerVersion::of_major(major.unwrap_or(ServerVersion::OLDEST.major()))
}

impl Driver {
    fn start<S, T>(mut connection: Connection<S, T>) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let notices = Arc::new(Mutex::new(Vec::new()));
        let (tell, ended) = watch::channel(false);
        let kept = Arc::clone(&notices);
        tokio::spawn(async move {
            while let Some(Ok(message)) = std::future::poll_fn(|cx| connection.poll_message(cx)).await {
                if let AsyncMessage::Notice(notice) = message {
                    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                    if kept.len() < NOTICES_KEPT {
                        kept.push(Notice {
                            severity: notice.severity().to_owned(),
                            sqlstate: notice.code().code().to_owned(),
                            message: notice.message().to_owned(),
                        });
                    }
                }
            }
            // Nobody may be listening any more.
            let _ = tell.send(true);
        });
        Self { notices, ended }
    }

    pub(super) fn take_notices(&self) -> Vec<Notice> {
        std::mem::take(&mut *self.notices.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn has_ended(&self) -> bool {
        *self.ended.borrow()
    }

    pub(super) async fn ended(&self) {
        // An error means that the task is gone, which is what is waited for.
        let _ = self.ended.clone().wait_for(|ended| *ended).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn majors_are_read_from_any_spelling() {
        for (text, major) in [("15.18 (Debian 15.18-1)", 15), ("18beta1", 18), ("9.6.24", 9)] {
            assert_eq!(claimed_version(Some(text)).major(), major);
        }
        assert_eq!(claimed_version(None).major(), 12);
    }
}
