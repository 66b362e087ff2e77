//! The configuration files of a throw-away server.
//!
//! A crash of the server loses nothing that was committed (`synchronous_commit` stays on); a crash of the machine may,
//! and nobody minds.

use nix::sys::statvfs::statvfs;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// Small and fast; what a caller sets comes later and wins.
const BASE: &[(&str, &str)] = &[
    ("listen_addresses", "127.0.0.1"),
    ("unix_socket_permissions", "0700"),
    ("fsync", "off"),
    ("full_page_writes", "off"),
    ("shared_buffers", "32MB"),
    ("max_connections", "200"),
    ("max_wal_size", "1GB"),
    ("password_encryption", "scram-sha-256"),
    ("timezone", "UTC"),
    ("log_timezone", "UTC"),
    ("log_line_prefix", "%m [%p] %q%u@%d %a "),
    ("lc_messages", "C"),
];

/// The folder of the socket is private, so who gets there is trusted; a port is open to every user of the machine.
const ACCESS: &str = "local all all trust\n\
                      host all all 127.0.0.1/32 scram-sha-256\n\
                      local replication all trust\n\
                      host replication all 127.0.0.1/32 scram-sha-256\n";

pub(super) fn write(data: &Path, socket_dir: &Path, port: u16, settings: &[(String, String)]) -> io::Result<()> {
    fs::write(data.join("postgresql.conf"), text(socket_dir, port, settings))?;
    fs::write(data.join("pg_hba.conf"), ACCESS)
}

fn text(socket_dir: &Path, port: u16, settings: &[(String, String)]) -> String {
    let place = [
        ("port".to_owned(), port.to_string()),
        ("unix_socket_directories".to_owned(), socket_dir.display().to_string()),
        ("dynamic_shared_memory_type".to_owned(), shared_memory().to_owned()),
    ];
    let base = BASE.iter().map(|&(name, value)| (name, value));
    let given = place.iter().chain(settings).map(|(name, value)| (&**name, &**value));
    let mut text = String::new();
    for (name, value) in base.chain(given) {
        let value = value.replace('\\', "\\\\").replace('\'', "''");
        let _ = writeln!(text, "{name} = '{value}'");
    }
    text
}

/// Where parallel workers meet. A container's `/dev/shm` may be missing, closed or 64 MiB; files always work.
fn shared_memory() -> &'static str {
    const ENOUGH: u64 = 256 << 20;
    if !cfg!(target_os = "linux") {
        return "posix";
    }
    let shm = Path::new("/dev/shm");
    let open = fs::metadata(shm).is_ok_and(|found| found.permissions().mode() & 0o003 == 0o003);
    let free = statvfs(shm).map_or(0, |found| {
        found.blocks_available().saturating_mul(found.fragment_size())
    });
    if open && free >= ENOUGH { "posix" } else { "mmap" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_quoted_and_the_callers_come_last() {
        let settings = [("cluster_name".to_owned(), r"it's a \".to_owned())];
        let text = text(Path::new("/tmp/s"), 5555, &settings);
        assert!(text.contains("port = '5555'\n"), "{text}");
        assert!(text.ends_with("cluster_name = 'it''s a \\\\'\n"), "{text}");
    }
}
