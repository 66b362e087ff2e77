//! `./x bench`: nonstop side by side with what people do without it, in one run on one machine.
//!
//! Prints Markdown, as it stands in `docs/bench.md`. With `latency`, `backfill`, `history` or `check` only that part; with
//! `backfill-latency` and the like only a part of that one.
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
    let known: Vec<&str> = PARTS.into_iter().chain(backfill::PARTS).collect();
    if let Some(unknown) = parts.iter().find(|part| !known.contains(&part.as_str())) {
        bail!("there is no part `{unknown}`; the parts are {}", known.join(", "));
    }
    let given = |part: &str| parts.iter().any(|given| given == part);
    let wanted = |part: &str| parts.is_empty() || given(part);
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
    if wanted("backfill") || backfill::PARTS.into_iter().any(given) {
        let part = |part: &str| wanted("backfill") || given(part);
        runtime.block_on(backfill::run(&programs, part))?;
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
