//! `./x fuzz`: text that is nearly SQL, until something panics, hangs or dies.
//!
//! Each target runs in a process of its own, because the parser is C: what kills it is told apart from what it refuses.
//! The text is mutated by SQL's own tokens, and what shows something new (a kind of statement, a lock, a rule, an error)
//! is mutated on.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "its output is for the person who runs it"
)]

mod mutate;
mod run;
mod seeds;
mod target;

use anyhow::{Context as _, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;
use std::{env, fs};
use target::Target;

const USAGE: &str = "usage: fuzz [parse|lower|check]… [--seconds N] [--seed N] | fuzz replay TARGET FILE";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fuzz: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<()> {
    if let [verb, target, file] = arguments
        && verb == "replay"
    {
        let text = fs::read(file).with_context(|| file.clone())?;
        Target::named(target)?.look(&String::from_utf8_lossy(&text));
        println!("nothing");
        return Ok(());
    }
    let mut wanted = Wanted::read(arguments)?;
    fs::create_dir_all(folder())?;
    if wanted.is_child {
        let [target] = wanted.targets.as_slice() else {
            bail!("{USAGE}")
        };
        return run::explore(*target, wanted.seconds, wanted.seed, &current(*target));
    }
    if wanted.targets.is_empty() {
        wanted.targets.extend(Target::ALL);
    }
    let mut found = Vec::new();
    for target in &wanted.targets {
        found.extend(supervise(*target, &wanted)?);
    }
    for path in &found {
        println!("FOUND {}", path.display());
    }
    if found.is_empty() {
        Ok(())
    } else {
        bail!("{} found; `fuzz replay TARGET FILE` shows it again", found.len())
    }
}

/// What is asked.
struct Wanted {
    targets: Vec<Target>,
    seconds: Duration,
    seed: u64,
    is_child: bool,
}

impl Wanted {
    fn read(arguments: &[String]) -> Result<Self> {
        let mut wanted = Self {
            targets: Vec::new(),
            seconds: Duration::from_secs(60),
            seed: fastrand::u64(..),
            is_child: false,
        };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut number = || -> Result<u64> { Ok(arguments.next().context(USAGE)?.parse()?) };
            match argument.as_str() {
                "--seconds" => wanted.seconds = Duration::from_secs(number()?),
                "--seed" => wanted.seed = number()?,
                "--child" => wanted.is_child = true,
                name => wanted.targets.push(Target::named(name)?),
            }
        }
        Ok(wanted)
    }
}

/// Where findings are kept.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/fuzz")
}

/// The text that a target looks at now: what stands there when its process dies is what killed it.
fn current(target: Target) -> PathBuf {
    folder().join(format!("{}.sql", target.name()))
}

/// One process for one target; the text that ended it, if one did.
fn supervise(target: Target, wanted: &Wanted) -> Result<Option<PathBuf>> {
    println!(
        "== {} for {} s, seed {}",
        target.name(),
        wanted.seconds.as_secs(),
        wanted.seed
    );
    let status = Command::new(env::current_exe()?)
        .args([target.name(), "--child"])
        .args(["--seconds", &wanted.seconds.as_secs().to_string()])
        .args(["--seed", &wanted.seed.to_string()])
        .status()?;
    if status.success() {
        return Ok(None);
    }
    let kept = folder().join(format!("{}-{:016x}.sql", target.name(), wanted.seed));
    fs::copy(current(target), &kept)?;
    println!("== {} ended with {status}", target.name());
    Ok(Some(kept))
}
