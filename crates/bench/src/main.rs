//! `./x bench`: nonstop side by side with what people do without it, in one run on one machine.
//!
//! Prints Markdown, as it stands in `docs/bench.md`. With `latency`, `backfill`, `history` or `check` only that part.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "its output is for the person who runs it"
)]

mod backfill;
mod check;
mod history;
mod latency;
mod process;
mod semicolons;
mod table;

use anyhow::{Result, bail};
use nonstop_engine::server::{Programs, Wanted};
use std::path::PathBuf;
use std::process::ExitCode;
use std::{env, thread};

fn main() -> ExitCode {
    match run(&env::args().skip(1).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(parts: &[String]) -> Result<()> {
    const PARTS: [&str; 4] = ["latency", "backfill", "history", "check"];
    if let Some(unknown) = parts.iter().find(|part| !PARTS.contains(&part.as_str())) {
        bail!("there is no part `{unknown}`; the parts are {}", PARTS.join(", "));
    }
    let wanted = |part: &str| parts.is_empty() || parts.iter().any(|given| given == part);
    let programs = Programs::locate(&Wanted::default())?;
    println!(
        "nonstop {}, PostgreSQL {}, {} cores, {} {}, {}.\n",
        env!("CARGO_PKG_VERSION"),
        programs.version(),
        thread::available_parallelism()?,
        env::consts::OS,
        env::consts::ARCH,
        jiff::Timestamp::now().strftime("%-d %B %Y")
    );
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    if wanted("latency") {
        runtime.block_on(latency::run(&programs))?;
    }
    if wanted("backfill") {
        runtime.block_on(backfill::run(&programs))?;
    }
    if wanted("history") {
        runtime.block_on(history::run(&programs))?;
    }
    if wanted("check") {
        runtime.block_on(check::run())?;
    }
    Ok(())
}

/// The program under test, built beside this one.
fn nonstop() -> Result<PathBuf> {
    let program = env::current_exe()?.with_file_name("nonstop");
    if !program.is_file() {
        bail!("{} is not there; `./x bench` builds both programs", program.display());
    }
    Ok(program)
}
