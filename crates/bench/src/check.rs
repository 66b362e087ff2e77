//! `nonstop check` beside squawk: the same files of real histories, and files that grow.

use crate::{process, table};
use anyhow::{Context as _, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Histories beside the repository, with the name of their files.
const HISTORIES: [(&str, &str); 3] = [
    ("langfuse", "migration.sql"),
    ("trigger.dev", "migration.sql"),
    ("crates-io", "up.sql"),
];
/// Runs of each, by turns.
const RUNS: usize = 15;
/// Statements of the files that grow.
const SIZES: [usize; 3] = [2_500, 5_000, 10_000];

/// A program with its arguments.
struct Contender {
    name: &'static str,
    program: PathBuf,
    arguments: Vec<PathBuf>,
}

/// Runs both on each history, and nonstop on large files.
pub(crate) async fn run() -> Result<()> {
    let folder = tempfile::tempdir()?;
    histories().await?;
    growth(folder.path()).await
}

async fn histories() -> Result<()> {
    println!("## check\n");
    let squawk = match squawk() {
        Ok(squawk) => Some(squawk),
        Err(error) => {
            println!("LEFT OUT: squawk: {error:#}\n");
            None
        }
    };
    let mut lines = Vec::new();
    for (name, file) in HISTORIES {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
        let folder = corpus.join(name).join("migrations");
        if !folder.is_dir() {
            println!("LEFT OUT: no real history at ../shared/corpus/{name}\n");
            continue;
        }
        let files = files(&folder, file)?;
        let count = files.len();
        let mut contenders = vec![Contender {
            name: "nonstop check",
            program: crate::nonstop()?,
            arguments: vec![PathBuf::from("check"), folder],
        }];
        contenders.extend(squawk.clone().map(|program| Contender {
            name: "squawk",
            program,
            arguments: files,
        }));
        let mut times = vec![Vec::new(); contenders.len()];
        for _ in 0..RUNS {
            for (contender, times) in contenders.iter().zip(&mut times) {
                times.push(contender.time()?);
            }
        }
        for (contender, times) in contenders.iter().zip(&mut times) {
            lines.push(contender.line(name, count, times).await?);
        }
    }
    let head = ["history", "files", "by", "fastest", "median", "peak memory"];
    table::print(&head, &lines);
    Ok(())
}

/// Writes the statement of a number.
type Form = fn(usize) -> String;

/// One file of many statements: whether time grows as the file does, and memory stays small.
async fn growth(folder: &Path) -> Result<()> {
    let forms: [(&str, Form); 4] = [
        ("INSERT", |at| format!("INSERT INTO t VALUES ({at}, 'a row');\n")),
        ("CREATE TABLE", |at| {
            format!("CREATE TABLE t{at} (id int PRIMARY KEY, name text);\n")
        }),
        ("ALTER TABLE", |at| {
            format!("ALTER TABLE t{} ALTER COLUMN name SET NOT NULL;\n", at % 100)
        }),
        ("CREATE INDEX", |at| {
            format!("CREATE INDEX i{at} ON t{} (name);\n", at % 100)
        }),
    ];
    let mut lines = Vec::new();
    for (name, statement) in forms {
        for size in SIZES {
            let path = folder.join("many.sql");
            fs::write(&path, (0..size).map(statement).collect::<String>())?;
            let contender = Contender {
                name: "nonstop check",
                program: crate::nonstop()?,
                arguments: vec![PathBuf::from("check"), path],
            };
            let mut times = vec![contender.time()?, contender.time()?];
            lines.push(contender.line(name, size, &mut times).await?);
        }
    }
    let head = ["one file of", "statements", "by", "fastest", "median", "peak memory"];
    table::print(&head, &lines);
    Ok(())
}

impl Contender {
    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).stdin(Stdio::null());
        command
    }

    fn time(&self) -> Result<Duration> {
        let mut command = self.command();
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let began = Instant::now();
        let status = command.status()?;
        let took = began.elapsed();
        // Both end with 1 where something is found.
        if !matches!(status.code(), Some(0 | 1)) {
            bail!("{} ended with {status}", self.program.display());
        }
        Ok(took)
    }

    async fn line(&self, of: &str, count: usize, times: &mut [Duration]) -> Result<Vec<String>> {
        times.sort_unstable();
        let peak = process::peak_of(self.command().into()).await?;
        let millis = |time: &Duration| table::duration(time.as_secs_f64() * 1e3);
        Ok(vec![
            of.to_owned(),
            count.to_string(),
            self.name.to_owned(),
            millis(times.first().context("no run")?),
            millis(times.get(times.len() / 2).context("no run")?),
            peak.map_or_else(|| "–".to_owned(), |kib| format!("{} MiB", kib.div_ceil(1024))),
        ])
    }
}

fn files(folder: &Path, name: &str) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let file = entry?.path().join(name);
        if file.is_file() {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

/// squawk as pip gives it, put under `target` where it is not there yet.
fn squawk() -> Result<PathBuf> {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/squawk");
    let program = place.join("bin/squawk");
    if !program.is_file() {
        quietly(Command::new("python3").args(["-m", "venv"]).arg(&place))?;
        quietly(Command::new(place.join("bin/pip")).args(["install", "--quiet", "squawk-cli"]))?;
    }
    let version = Command::new(&program).arg("--version").output()?;
    println!("{}\n", String::from_utf8_lossy(&version.stdout).trim());
    Ok(program)
}

fn quietly(command: &mut Command) -> Result<()> {
    let output = command.output()?;
    if !output.status.success() {
        bail!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
