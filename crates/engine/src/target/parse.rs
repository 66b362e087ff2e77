//! URL or key=value text → parameters → [`Target`].
//!
//! Both forms become the same list of parameters first, so that `host=` in a query string means what it means to libpq.

use super::{Address, Host, Secret, Target, TargetError, TlsMode, Verify};
use percent_encoding::percent_decode_str;
use std::path::PathBuf;
use std::time::Duration;
use tokio_postgres::config::{ChannelBinding, TargetSessionAttrs};

/// What `connect_timeout=0` (no limit) becomes: no wait of ours is without a deadline.
const LONGEST_CONNECT: Duration = Duration::from_secs(60);

/// Settings of Prisma's client and of libpq that change nothing for us.
const WITHOUT_EFFECT: [&str; 23] = [
    "application_name",
    "client_encoding",
    "connection_limit",
    "fallback_application_name",
    "gssencmode",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "krbsrvname",
    "load_balance_hosts",
    "max_connection_lifetime",
    "max_idle_connection_lifetime",
    "pool_timeout",
    "replication",
    "single_use_connections",
    "socket_timeout",
    "sslcompression",
    "sslsni",
    "statement_cache_size",
    "tcp_user_timeout",
    "uselibpqcompat",
    "sslnegotiation",
];

type Parameters = Vec<(String, String)>;

pub(super) fn target(text: &str) -> Result<Target, TargetError> {
    let rest = ["postgresql://", "postgres://"].into_iter().find_map(|scheme| {
        let head = text.get(..scheme.len())?;
        head.eq_ignore_ascii_case(scheme).then(|| &text[scheme.len()..])
    });
    match rest {
        Some(rest) => apply(url(rest)?),
        None if text.contains("://") || !text.contains('=') => Err(TargetError::Scheme),
        None => apply(pairs(text)?),
    }
}

fn url(rest: &str) -> Result<Parameters, TargetError> {
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    let (path, query) = tail.split_once('?').unwrap_or((tail, ""));
    // An @ further on means that a / or ? in the password ended the authority too early.
    let cut_short = authority.contains(':') && !authority.contains('@') && tail.contains('@');
    if cut_short || path.contains('@') {
        return Err(TargetError::Unencoded);
    }
    let mut parameters = Parameters::new();
    let hosts = match authority.rsplit_once('@') {
        Some((user_info, hosts)) => {
            let (user, password) = user_info.split_once(':').unwrap_or((user_info, ""));
            parameters.push(("user".to_owned(), decode(user, "user name")?));
            parameters.push(("password".to_owned(), decode(password, "password")?));
            hosts
        }
        None => authority,
    };
    let (names, ports) = authority_hosts(hosts)?;
    parameters.push(("host".to_owned(), names));
    parameters.push(("port".to_owned(), ports));
    let database = path.strip_prefix('/').unwrap_or(path);
    parameters.push(("dbname".to_owned(), decode(database, "database name")?));
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        if !is_parameter_name(key) || (value.contains('@') && !matches!(key, "user" | "password")) {
            return Err(TargetError::Unencoded);
        }
        parameters.push((key.to_owned(), decode(value, key)?));
    }
    Ok(parameters)
}

/// The host part as two comma lists, as `host=` and `port=` would give them.
fn authority_hosts(hosts: &str) -> Result<(String, String), TargetError> {
    let mut names = Vec::new();
    let mut ports = Vec::new();
    for host in hosts.split(',') {
        let (name, port) = if let Some(rest) = host.strip_prefix('[') {
            let (name, after) = rest.split_once(']').ok_or(TargetError::Bracket)?;
            (name, after.strip_prefix(':').unwrap_or(after))
        } else {
            host.split_once(':').unwrap_or((host, ""))
        };
        if name.parse::<std::net::Ipv6Addr>().is_err() && name.contains(':') {
            return Err(TargetError::Bracket);
        }
        names.push(decode(name, "host")?);
        ports.push(if port.is_empty() { "5432" } else { port });
    }
    Ok((names.join(","), ports.join(",")))
}

fn is_parameter_name(key: &str) -> bool {
    !key.is_empty()
        && key
            .chars()
            .all(|ch| ch.is_ascii_alphanumeric() || ch == '_' || ch == '-')
}

fn decode(text: &str, part: &str) -> Result<String, TargetError> {
    let error = || TargetError::Encoding { part: part.to_owned() };
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let hex = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_hexdigit());
        if byte == b'%' && !(hex(bytes.next()) && hex(bytes.next())) {
            return Err(error());
        }
    }
    let decoded = percent_decode_str(text).decode_utf8().map_err(|_| error())?;
    if decoded.contains('\0') {
        return Err(error());
    }
    Ok(decoded.into_owned())
}

/// `host=x password='it''s'`, with backslash escapes, as libpq reads them.
fn pairs(text: &str) -> Result<Parameters, TargetError> {
    let mut parameters = Parameters::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (key, after) = rest.split_once('=').ok_or(TargetError::Pairs)?;
        let key = key.trim_end();
        if !is_parameter_name(key) {
            return Err(TargetError::Pairs);
        }
        let (value, after) = pair_value(after.trim_start())?;
        parameters.push((key.to_owned(), value));
        rest = after.trim_start();
    }
    Ok(parameters)
}

fn pair_value(text: &str) -> Result<(String, &str), TargetError> {
    let quoted = text.starts_with('\'');
    let mut value = String::new();
    let mut chars = text.char_indices().skip(usize::from(quoted));
    while let Some((at, ch)) = chars.next() {
        match ch {
            '\\' => value.extend(chars.next().map(|(_, ch)| ch)),
            '\'' if quoted => return Ok((value, &text[at + 1..])),
            _ if !quoted && ch.is_whitespace() => return Ok((value, &text[at..])),
            _ => value.push(ch),
        }
    }
    if quoted {
        Err(TargetError::Pairs)
    } else {
        Ok((value, ""))
    }
}

/// What has to be seen together before it means something.
#[derive(Default)]
struct Together {
    hosts: String,
    ports: String,
    mode: Option<(TlsMode, Verify)>,
    strict: bool,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    roots: Option<String>,
}

fn apply(parameters: Parameters) -> Result<Target, TargetError> {
    let mut target = Target::new();
    let mut together = Together::default();
    for (key, value) in parameters {
        if !value.is_empty() {
            apply_one(&mut target, &mut together, &key, value)?;
        }
    }
    target.hosts = hosts(&together)?;
    apply_tls(&mut target, together);
    Ok(target)
}

fn apply_one(target: &mut Target, together: &mut Together, key: &str, value: String) -> Result<(), TargetError> {
    match key {
        "user" => target.user = Some(value),
        "password" => target.password = Some(Secret(value)),
        "dbname" => target.database = Some(value),
        "host" | "hostaddr" => together.hosts = value,
        "port" => together.ports = value,
        "schema" => target.schema = value,
        "pgbouncer" => target.pgbouncer = value == "true",
        "options" => target.options = Some(value),
        "connect_timeout" => {
            let seconds: u64 = value.parse().map_err(|_| TargetError::Parameter {
                name: "connect_timeout",
                expected: "a number of seconds",
            })?;
            let asked = Duration::from_secs(seconds);
            target.connect_timeout = if asked.is_zero() { LONGEST_CONNECT } else { asked };
        }
        "sslmode" => together.mode = Some(ssl_mode(&value)?),
        "ssl" => {
            if matches!(value.as_str(), "true" | "1") {
                together.mode.get_or_insert((TlsMode::Require, Verify::Nothing));
            }
        }
        "sslaccept" => together.strict = ssl_accept(&value)?,
        "sslcert" => together.certificate = Some(value.into()),
        "sslkey" => together.key = Some(value.into()),
        "sslrootcert" => together.roots = Some(value),
        "sslidentity" | "sslpassword" => target.warnings.push(format!(
            "{key} is not read (a PKCS#12 file): give the client certificate as PEM files with sslcert and sslkey"
        )),
        "channel_binding" => target.channel_binding = channel_binding(&value)?,
        "target_session_attrs" => {
            target.session_attrs = match value.as_str() {
                "read-write" | "primary" => TargetSessionAttrs::ReadWrite,
                _ => TargetSessionAttrs::Any,
            }
        }
        _ if WITHOUT_EFFECT.contains(&key) => {}
        _ => target.warnings.push(format!(
            "the parameter {key} in the database URL is not known, and ignored"
        )),
    }
    Ok(())
}

fn ssl_mode(value: &str) -> Result<(TlsMode, Verify), TargetError> {
    match value {
        "disable" => Ok((TlsMode::Disable, Verify::Nothing)),
        "allow" | "prefer" => Ok((TlsMode::Prefer, Verify::Nothing)),
        "require" | "no-verify" => Ok((TlsMode::Require, Verify::Nothing)),
        "verify-ca" => Ok((TlsMode::Require, Verify::Chain)),
        "verify-full" => Ok((TlsMode::Require, Verify::ChainAndName)),
        _ => Err(TargetError::Parameter {
            name: "sslmode",
            expected: "disable, prefer, require, verify-ca or verify-full",
        }),
    }
}

fn ssl_accept(value: &str) -> Result<bool, TargetError> {
    match value {
        "strict" => Ok(true),
        "accept_invalid_certs" => Ok(false),
        _ => Err(TargetError::Parameter {
            name: "sslaccept",
            expected: "strict or accept_invalid_certs",
        }),
    }
}

fn channel_binding(value: &str) -> Result<ChannelBinding, TargetError> {
    match value {
        "disable" => Ok(ChannelBinding::Disable),
        "prefer" => Ok(ChannelBinding::Prefer),
        "require" => Ok(ChannelBinding::Require),
        _ => Err(TargetError::Parameter {
            name: "channel_binding",
            expected: "disable, prefer or require",
        }),
    }
}

fn hosts(together: &Together) -> Result<Vec<Host>, TargetError> {
    let names: Vec<&str> = together.hosts.split(',').collect();
    let ports: Vec<&str> = together.ports.split(',').collect();
    if ports.len() != 1 && ports.len() != names.len() {
        return Err(TargetError::Ports {
            hosts: names.len(),
            ports: ports.len(),
        });
    }
    let host = |(at, name): (usize, &&str)| {
        let port = match *ports.get(at).unwrap_or(&ports[0]) {
            "" => 5432,
            text => text.parse().ok().filter(|port| *port > 0).ok_or(TargetError::Port)?,
        };
        let address = match *name {
            "" => Address::Tcp("localhost".to_owned()),
            dir if dir.starts_with('/') => Address::Socket(dir.into()),
            name => Address::Tcp(name.to_owned()),
        };
        Ok(Host { address, port })
    };
    names.iter().enumerate().map(host).collect()
}

/// Prisma's `sslcert` is the root certificate; libpq's is ours, and comes with `sslkey`.
fn apply_tls(target: &mut Target, together: Together) {
    let tls = &mut target.tls;
    if let Some((mode, verify)) = together.mode {
        tls.mode = mode;
        tls.verify = verify;
    }
    match (together.certificate, together.key) {
        (Some(certificate), Some(key)) => tls.identity = Some((certificate, key)),
        (certificate, _) => tls.roots = certificate,
    }
    match together.roots.as_deref() {
        None => {}
        Some("system") => (tls.mode, tls.verify) = (TlsMode::Require, Verify::ChainAndName),
        Some(path) => {
            tls.roots = Some(path.into());
            // As libpq does: `require` with a root certificate checks against it.
            if tls.mode == TlsMode::Require && tls.verify == Verify::Nothing {
                tls.verify = Verify::Chain;
            }
        }
    }
    if together.strict {
        tls.verify = Verify::ChainAndName;
    }
}

#[cfg(test)]
mod tests;
