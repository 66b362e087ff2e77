//! What `./x <verb>` runs. Everything here is for people who work on nonstop; nothing of it is shipped.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "its output is for the person who runs it"
)]

mod docs;
mod majors;
mod suite;
mod truth;

use anyhow::{Context, Result, bail};
use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

const USAGE: &str = "\
usage: ./x <verb>

  test [name…]  format, clippy, walls, doctests, tests on every PostgreSQL major that is here; with names only those tests
  chaos [N]     kills at N random moments (100), at each point of the journal and each step of every form; N other faults beside writers
  forms [word…] every form of a statement, both ways and under load, on every major; with words only cases of such names
  truth [flag…] what check says of whole histories beside what a server shows (--history NAME|FOLDER, --major N, --misses N)
  fuzz [flag…]  text that is nearly SQL, until something panics, hangs or dies (parse, lower, check; --seconds N, --seed N)
  demo [flag…]  nonstop demo, built for speed
  bench [part…] nonstop beside the same migrations as written, by hand, psql, Prisma and squawk (parts: latency, backfill, backfill-latency and the like, history, check)
  docs          the documents that are made from the code: rule pages, the page of forms, man pages, the schema of nonstop.toml
  majors        fetch the PostgreSQL majors that this machine lacks";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("x: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<()> {
    let Some((verb, rest)) = arguments.split_first() else {
        bail!("{USAGE}");
    };
    match verb.as_str() {
        "test" => suite::run(rest),
        "chaos" => suite::chaos(rest),
        "forms" => suite::forms(rest),
        "truth" => truth::run(rest),
        "fuzz" => fuzz(rest),
        "demo" => demo(rest),
        "bench" => bench(rest),
        "docs" => write_docs(),
        "majors" => fetch_majors(),
        "help" | "--help" | "-h" => {
            println!("{USAGE}");
            Ok(())
        }
        other => bail!("unknown verb `{other}`\n{USAGE}"),
    }
}

fn demo(arguments: &[String]) -> Result<()> {
    let status = cargo()
        .args(["run", "--quiet", "--release", "--package", "nonstop", "--", "demo"])
        .args(if arguments.iter().any(|given| given.starts_with("--out")) {
            &[] as &[&str]
        } else {
            &["--out", "target/demo"]
        })
        .args(arguments)
        .status()?;
    if !status.success() {
        bail!("nonstop demo ended with {status}");
    }
    Ok(())
}

/// Cargo, as if it were run by hand: what it is told by the cargo that runs this makes build scripts run again.
fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in env::vars_os() {
        let of_package = [
            "CARGO_PKG_",
            "CARGO_MANIFEST_",
            "CARGO_BIN_NAME",
            "CARGO_CRATE_NAME",
            "CARGO_PRIMARY_PACKAGE",
        ];
        if of_package.iter().any(|own| name.to_string_lossy().starts_with(own)) {
            command.env_remove(name);
        }
    }
    command
}

/// A program that was built for this profile. To build one by itself would resolve features for it alone, and build most of
/// what it needs once more.
fn program(profile: &str, name: &str) -> Result<PathBuf> {
    let ours = env::current_exe()?;
    let target = ours.ancestors().nth(2).context("xtask is not where cargo builds")?;
    Ok(target.join(profile).join(name))
}

/// A program with the checks of a debug build, from the sources as they are.
fn built(name: &str) -> Result<PathBuf> {
    let status = cargo()
        .args(["build", "--quiet", "--workspace", "--all-targets"])
        .status()?;
    if !status.success() {
        bail!("the build ended with {status}");
    }
    program("debug", name)
}

fn fuzz(arguments: &[String]) -> Result<()> {
    let status = Command::new(built("fuzz")?).args(arguments).status()?;
    if !status.success() {
        bail!("fuzz ended with {status}");
    }
    Ok(())
}

/// Both programs are built for speed, and the one runs the other.
fn bench(arguments: &[String]) -> Result<()> {
    let built = cargo()
        .args([
            "build",
            "--quiet",
            "--release",
            "--package",
            "nonstop",
            "--package",
            "bench",
        ])
        .status()?;
    if !built.success() {
        bail!("the build ended with {built}");
    }
    let status = Command::new(program("release", "bench")?).args(arguments).status()?;
    if !status.success() {
        bail!("the bench ended with {status}");
    }
    Ok(())
}

fn write_docs() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .context("xtask has no parent")?;
    for done in docs::write(root)? {
        println!("{done}");
    }
    Ok(())
}

fn fetch_majors() -> Result<()> {
    let left_out = majors::fetch(&testkit::MAJORS);
    for major in testkit::MAJORS {
        match testkit::programs(major) {
            Some(programs) => println!("PostgreSQL {:<6} {}", programs.version(), programs.dir().display()),
            None => println!("PostgreSQL {major:<6} missing"),
        }
    }
    for (major, reason) in &left_out {
        println!("LEFT OUT: PostgreSQL {major}: {reason}");
    }
    if left_out.is_empty() {
        Ok(())
    } else {
        bail!("{} of {} majors left out", left_out.len(), testkit::MAJORS.len())
    }
}
