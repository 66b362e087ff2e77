//! Whole histories of real projects on an empty database: nonstop, psql, and the real Prisma CLI.

use crate::process::{self, Cost};
use crate::{semicolons, table};
use anyhow::{Context as _, Result, bail};
use nonstop_engine::server::{Options, Programs, Server};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};
use std::{env, fs};
use testkit::oracle::Oracle;
use tokio::process::Command;

/// Histories beside the repository.
const HISTORIES: [&str; 2] = ["langfuse", "trigger.dev"];
/// Runs of each; the fastest counts, for all of them alike.
const RUNS: usize = 3;

/// What one of them took.
struct Time {
    cost: Cost,
    /// From its start to its last row in the history, where it has one.
    last_row: Option<Duration>,
}

/// Runs each on a database of its own.
pub(crate) async fn run(programs: &Programs) -> Result<()> {
    println!("## Whole histories on an empty database\n");
    let server = Server::start(programs, Options::default()).await?;
    let mut lines = Vec::new();
    let mut left_out = Vec::new();
    for name in HISTORIES {
        let source = corpus(name);
        if !source.is_dir() {
            left_out.push(format!("LEFT OUT: no real history at ../shared/corpus/{name}"));
            continue;
        }
        let folder = tempfile::tempdir()?;
        let count = copy(&source, folder.path())?;
        let nonstop = fastest(&server, Contender::Nonstop, folder.path()).await?;
        lines.push(line(name, count, "nonstop deploy", &nonstop));
        let psql = fastest(&server, Contender::Psql, folder.path()).await?;
        lines.push(line(name, count, "psql, each file with -f", &psql));
        if let Some(oracle) = Oracle::ready().await {
            let prisma = fastest(&server, Contender::Prisma(oracle), folder.path()).await?;
            lines.push(line(name, count, "prisma migrate deploy", &prisma));
        }
    }
    let head = [
        "history",
        "migrations",
        "by",
        "until it ended",
        "until the last row",
        "peak memory",
    ];
    table::print(&head, &lines);
    for words in left_out {
        println!("{words}");
    }
    Ok(())
}

enum Contender {
    Nonstop,
    Psql,
    Prisma(&'static Oracle),
}

async fn fastest(server: &Server, contender: Contender, folder: &Path) -> Result<Time> {
    let mut best: Option<Time> = None;
    for _ in 0..RUNS {
        server.create_database("history", None).await?;
        let time = once(server, &contender, folder).await?;
        server.drop_database("history").await?;
        if best.as_ref().is_none_or(|best| time.cost.took < best.cost.took) {
            best = Some(time);
        }
    }
    best.context("no run")
}

async fn once(server: &Server, contender: &Contender, folder: &Path) -> Result<Time> {
    let url = server.url("history");
    let command = match contender {
        Contender::Nonstop => {
            let mut command = Command::new(crate::nonstop()?);
            command.args(["deploy", "--quiet", "--dir"]).arg(folder);
            command.env("NONSTOP_DATABASE_URL", &url).current_dir(folder);
            command
        }
        Contender::Psql => psql(server, folder)?,
        Contender::Prisma(oracle) => oracle.command("deploy", &url, folder),
    };
    let cost = process::run(command).await?;
    let last_row = match contender {
        Contender::Psql => None,
        Contender::Nonstop | Contender::Prisma(_) => Some(until_last_row(server, cost, folder).await?),
    };
    Ok(Time { cost, last_row })
}

/// One session that runs every file, each statement by itself: the least that any tool could do.
fn psql(server: &Server, folder: &Path) -> Result<Command> {
    let beside = server.programs().dir().join("psql");
    let program = if beside.is_file() {
        beside.into_os_string()
    } else {
        OsString::from("psql")
    };
    let mut command = Command::new(program);
    command.args(["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1"]);
    command.env("PGOPTIONS", "-c client_min_messages=warning");
    command.arg("--host").arg(server.socket_dir());
    command.args([
        "--port",
        &server.port().to_string(),
        "--username",
        "postgres",
        "--dbname",
        "history",
    ]);
    for file in files(folder)? {
        command.arg("--file").arg(file);
    }
    Ok(command)
}

/// Also proves that every migration arrived.
async fn until_last_row(server: &Server, cost: Cost, folder: &Path) -> Result<Duration> {
    let client = server.connect("history").await?;
    let row = client
        .query_one(
            "SELECT count(*) FILTER (WHERE finished_at IS NOT NULL), extract(epoch FROM max(finished_at))::float8 \
             FROM _prisma_migrations",
            &[],
        )
        .await?;
    let (arrived, all): (i64, usize) = (row.get(0), files(folder)?.len());
    if usize::try_from(arrived)? != all {
        bail!("{arrived} of {all} migrations arrived");
    }
    let began = cost.began.duration_since(UNIX_EPOCH)?.as_secs_f64();
    Ok(Duration::try_from_secs_f64(row.get::<_, f64>(1) - began)?)
}

fn line(history: &str, count: usize, by: &str, time: &Time) -> Vec<String> {
    let millis = |duration: Duration| table::duration(duration.as_secs_f64() * 1e3);
    let dash = || "–".to_owned();
    vec![
        history.to_owned(),
        count.to_string(),
        by.to_owned(),
        millis(time.cost.took),
        time.last_row.map_or_else(dash, millis),
        time.cost
            .peak_kib
            .map_or_else(dash, |kib| format!("{} MiB", kib.div_ceil(1024))),
    ]
}

fn corpus(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.join("../shared/corpus").join(name).join("migrations")
}

/// A copy that all of them can run; how many migrations it has.
fn copy(from: &Path, to: &Path) -> Result<usize> {
    let lock = "migration_lock.toml";
    if from.join(lock).is_file() {
        fs::copy(from.join(lock), to.join(lock))?;
    }
    let all = files(from)?;
    for file in &all {
        let name = file
            .parent()
            .and_then(Path::file_name)
            .context("a file without a folder")?;
        fs::create_dir(to.join(name))?;
        let text = fs::read_to_string(file)?;
        fs::write(to.join(name).join("migration.sql"), semicolons::hide(&text))?;
    }
    Ok(all.len())
}

/// The files of a Prisma folder, in the order of their names.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let file = entry?.path().join("migration.sql");
        if file.is_file() {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}
