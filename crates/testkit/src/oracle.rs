//! The real Prisma CLI, from npm, with nothing downloaded but public packages.
//!
//! Installed once into the cache, under a name that changes with the lock file. Runs `migrate` with Prisma's own
//! JavaScript engine; a deploy of it ends ten seconds after its work, so tests that need several run side by side.

#![expect(clippy::print_stderr, reason = "what a test leaves out must be seen")]

use crate::Ran;
use nonstop_core::hash::sha256_hex;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::{fs, io};
use tokio::process::Command;
use tokio::sync::OnceCell;

const FILES: [(&str, &str); 5] = [
    ("package.json", include_str!("oracle/package.json")),
    ("package-lock.json", include_str!("oracle/package-lock.json")),
    (".npmrc", include_str!("oracle/.npmrc")),
    ("prisma.config.ts", include_str!("oracle/prisma.config.ts")),
    ("schema.prisma", include_str!("oracle/schema.prisma")),
];

/// An installed CLI.
pub struct Oracle {
    dir: PathBuf,
}

impl Oracle {
    /// The CLI; where it cannot be had, says why the test is left out.
    pub async fn ready() -> Option<&'static Self> {
        static READY: OnceCell<Option<Oracle>> = OnceCell::const_new();
        let found = READY.get_or_init(|| async {
            install()
                .await
                .inspect_err(|reason| eprintln!("SKIPPED: the real Prisma CLI is not here: {reason}"))
                .ok()
        });
        found.await.as_ref()
    }

    /// `prisma migrate …` on a folder and a database.
    pub async fn migrate(&self, verb: &str, url: &str, migrations: &Path) -> Ran {
        let output = self.command(verb, url, migrations).output().await;
        Ran::of(&output.unwrap_or_else(|error| panic!("node does not start: {error}")))
    }

    /// The same, to be started by the test.
    pub fn command(&self, verb: &str, url: &str, migrations: &Path) -> Command {
        let mut command = Command::new("node");
        command
            .args(["node_modules/prisma/build/index.js", "migrate", verb])
            .current_dir(&self.dir)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .env("CHECKPOINT_DISABLE", "1")
            .env("PRISMA_HIDE_UPDATE_MESSAGE", "1")
            .env("DATABASE_URL", url)
            .env("ORACLE_MIGRATIONS", migrations)
            .kill_on_drop(true);
        command
    }
}

async fn install() -> Result<Oracle, String> {
    let all: String = FILES.iter().map(|(_, text)| *text).collect();
    let cache = nonstop_engine::server::cache("prisma-oracle").map_err(|error| error.to_string())?;
    let dir = cache.join(&sha256_hex(all.as_bytes())[..12]);
    if !dir.is_dir() {
        let made = tempfile::tempdir_in(&cache).map_err(|error| error.to_string())?;
        fill(made.path()).await?;
        match fs::rename(made.path(), &dir) {
            // Another process was faster.
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {}
            other => other.map_err(|error| error.to_string())?,
        }
    }
    Ok(Oracle { dir })
}

async fn fill(dir: &Path) -> Result<(), String> {
    for (name, text) in FILES {
        fs::write(dir.join(name), text).map_err(|error| format!("{name}: {error}"))?;
    }
    let installed = Command::new("npm")
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(dir)
        .output()
        .await
        .map_err(|error| format!("npm: {error}"))?;
    if installed.status.success() {
        return Ok(());
    }
    Err(format!("npm ci: {}", String::from_utf8_lossy(&installed.stderr)))
}
