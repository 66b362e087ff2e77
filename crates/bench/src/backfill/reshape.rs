//! reshape, put under `target` by cargo where it is not there yet. It changes rows in batches only behind a new column.

use anyhow::{Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use tokio::process::Command;

const MIGRATION: &str = r#"
[[actions]]
type = "add_column"
table = "orders"
up = "total + 1"

    [actions.column]
    name = "total_new"
    type = "DECIMAL(12,2)"
"#;

pub(super) struct Reshape {
    program: PathBuf,
    folder: tempfile::TempDir,
}

impl Reshape {
    pub(super) fn ready() -> Result<Self> {
        let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/reshape");
        let program = place.join("bin/reshape");
        if !program.is_file() {
            let mut cargo = std::process::Command::new("cargo");
            let output = cargo
                .args(["install", "--quiet", "reshape", "--root"])
                .arg(&place)
                .output()?;
            if !output.status.success() {
                let said = String::from_utf8_lossy(&output.stderr);
                bail!(
                    "cargo install reshape: {}",
                    said.trim().lines().last().unwrap_or("failed")
                );
            }
        }
        let folder = tempfile::tempdir()?;
        fs::create_dir(folder.path().join("migrations"))?;
        fs::write(folder.path().join("migrations/1_total_new.toml"), MIGRATION)?;
        Ok(Self { program, folder })
    }

    /// Everything up to the point where the new column is filled.
    pub(super) fn command(&self, url: &str) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(["migration", "start", "--url", url])
            .current_dir(self.folder.path());
        command
    }
}
