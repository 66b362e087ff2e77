//! A case on a quiet database: as written on one copy, through nonstop on another; catalogs and rows must be equal.

use super::Case;
use crate::as_written::{Sent, send};
use crate::compare::{Snapshot, contents, contents_of_all, diff, snapshot};
use crate::{Ran, TestDatabase, database};
use anyhow::{Context as _, Result, bail, ensure};
use nonstop_core::source::SourceFile;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tempfile::TempDir;
use tokio::process::Command;
use tokio_postgres::Client;

/// A server with a database whose history has begun, and the program: what every case starts from.
pub struct Ready {
    program: PathBuf,
    empty: TestDatabase,
}

impl Ready {
    /// On the server of a major.
    pub async fn new(program: &Path, major: u32) -> Result<Self> {
        let ready = Self {
            program: program.to_owned(),
            empty: database(major).await,
        };
        let folder = folder(None)?;
        let ran = ready.run(&ready.empty, folder.path(), &["baseline", "0000"]).await?;
        ensure!(ran.code == 0, "baseline: {}{}", ran.out, ran.err);
        Ok(ready)
    }

    /// A database with what is there before a case.
    pub async fn before(&self, case: &Case) -> Result<TestDatabase> {
        let database = self.empty.copy().await;
        let client = database.connect().await;
        client
            .batch_execute(&case.setup)
            .await
            .with_context(|| format!("set-up: {}", case.setup))?;
        Ok(database)
    }

    /// Runs `nonstop deploy` with what every case has and these flags.
    pub async fn deploy(&self, database: &TestDatabase, case: &Case, flags: &[&str]) -> Result<Ran> {
        let folder = folder(Some(case))?;
        let arguments: Vec<&str> = ["deploy", "--quiet", "--small-rows", "0"]
            .iter()
            .chain(flags)
            .copied()
            .collect();
        self.run(database, folder.path(), &arguments).await
    }

    /// The same, where it must end well.
    pub async fn deployed(&self, database: &TestDatabase, case: &Case, flags: &[&str]) -> Result<()> {
        let ran = self.deploy(database, case, flags).await?;
        ensure!(
            ran.code == 0,
            "deploy ended with {}: {}{}\n{}",
            ran.code,
            ran.out,
            ran.err,
            case.migration
        );
        Ok(())
    }

    async fn run(&self, database: &TestDatabase, folder: &Path, arguments: &[&str]) -> Result<Ran> {
        let output = Command::new(&self.program)
            .args(arguments)
            .arg("--dir")
            .arg(folder)
            .current_dir(folder)
            .stdin(Stdio::null())
            .env_remove("DIRECT_URL")
            .env_remove("DATABASE_URL")
            .env("NONSTOP_DATABASE_URL", database.url())
            .kill_on_drop(true)
            .output()
            .await?;
        Ok(Ran::of(&output))
    }
}

/// A Prisma folder with a first migration that is applied, and that of a case.
fn folder(case: Option<&Case>) -> Result<TempDir> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("migration_lock.toml"), "provider = \"postgresql\"\n")?;
    let migrations = [("0000", "SELECT 1")]
        .into_iter()
        .chain(case.map(|case| ("0001_case", case.migration.as_str())));
    for (name, text) in migrations {
        fs::create_dir(folder.path().join(name))?;
        fs::write(folder.path().join(name).join("migration.sql"), text)?;
    }
    Ok(folder)
}

/// Runs a case both ways. An error says what is not as it should be.
pub async fn quiet(ready: &Ready, case: &Case) -> Result<()> {
    let ours = ready.before(case).await?;
    if let Some(rule) = case.refused {
        return refused(ready, &ours, case, rule).await;
    }
    let written = ours.copy().await;
    let client = written.connect().await;
    as_written(&client, case).await?;
    // Those who are at work beside it are other cases, for whom it need not rest.
    ready.deployed(&ours, case, &["--nice", "0"]).await?;
    same(&snapshot(&client).await?, &snapshot(&ours.connect().await).await?, case)?;
    let through = ours.connect().await;
    let rows = if case.unsteady {
        (contents(&client).await?, contents(&through).await?)
    } else {
        (contents_of_all(&client).await?, contents_of_all(&through).await?)
    };
    ensure!(
        rows.0 == rows.1,
        "rows: {:#?}\nthrough nonstop: {:#?}\n{}",
        rows.0,
        rows.1,
        case.migration
    );
    Ok(())
}

/// Sends a case as its file is.
pub(super) async fn as_written(client: &Client, case: &Case) -> Result<()> {
    let file = SourceFile::new("migration.sql", case.migration.as_str());
    match send(client, &file).await? {
        Sent::Whole | Sent::Apart(_) => Ok(()),
        Sent::Failed(error) => bail!("as written: {error:?}: {}", case.migration),
    }
}

/// It is refused by this rule, and nothing is touched.
async fn refused(ready: &Ready, database: &TestDatabase, case: &Case, rule: &str) -> Result<()> {
    let client = database.connect().await;
    let before = (snapshot(&client).await?, contents_of_all(&client).await?);
    let ran = ready.deploy(database, case, &[]).await?;
    ensure!(
        ran.code == 5 && (ran.out.contains(rule) || ran.err.contains(rule)),
        "not refused by {rule} but ended with {}: {}{}\n{}",
        ran.code,
        ran.out,
        ran.err,
        case.migration
    );
    same(&before.0, &snapshot(&client).await?, case)?;
    ensure!(
        before.1 == contents_of_all(&client).await?,
        "rows changed, though it was refused"
    );
    Ok(())
}

/// Two catalogs are equal but for what is only physical.
pub(super) fn same(left: &Snapshot, right: &Snapshot, case: &Case) -> Result<()> {
    let differences: Vec<String> = diff(left, right)
        .iter()
        .filter(|difference| !difference.is_physical())
        .map(ToString::to_string)
        .collect();
    ensure!(
        differences.is_empty(),
        "{} differences:\n{}\n{}",
        differences.len(),
        differences.join("\n"),
        case.migration
    );
    Ok(())
}
