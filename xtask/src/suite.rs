//! `./x test`, `./x chaos` and `./x forms`: what must hold, on every PostgreSQL major that is here.

use crate::majors;
use anyhow::{Context as _, Result, bail};
use nonstop_engine::server::{Options, Server};
use std::process::Command;
use std::time::Instant;

/// What a step came to.
struct Outcome {
    name: &'static str,
    passed: bool,
    seconds: f64,
}

/// Runs every step, also after one failed, and tells all outcomes at the end. With arguments only the tests run, and the
/// arguments go to their runner.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let mut outcomes = Vec::new();
    if arguments.is_empty() {
        outcomes.push(step("format", &mut cargo(&["fmt", "--all", "--check"])));
        outcomes.push(step(
            "clippy",
            &mut cargo(&[
                "clippy",
                "--workspace",
                "--all-targets",
                "--quiet",
                "--",
                "-D",
                "warnings",
            ]),
        ));
        outcomes.push(measured("walls between crates", walls));
        outcomes.push(step(
            "doctests",
            &mut cargo(&["test", "--workspace", "--doc", "--quiet"]),
        ));
    }
    let mut tests = runner();
    tests.args(arguments);
    on_servers(vec![("tests", tests)], outcomes)
}

/// `./x chaos [N]`: N (100) kills at random moments, one at each point of the journal and each step of every form on the way
/// forward and back, and N faults at random beside an application that writes.
pub(crate) fn chaos(arguments: &[String]) -> Result<()> {
    let wanted = match arguments {
        [] => 100,
        [wanted] => wanted
            .parse::<u32>()
            .with_context(|| format!("`{wanted}` is no number"))?,
        _ => bail!("usage: ./x chaos [N]"),
    };
    let mut kills = cargo(&[
        "test",
        "--workspace",
        "--test",
        "deploy",
        "--",
        "kills::",
        "back::",
        "batches::kills",
        "every_form::",
        "chaos::",
    ]);
    kills
        .args(["--nocapture", "--test-threads=2"])
        .env("NONSTOP_CHAOS", wanted.to_string());
    on_servers(vec![("chaos", kills)], Vec::new())
}

/// `./x forms`: every form of a statement in every surrounding, as written and through nonstop, and the shared histories; then
/// each form under load.
pub(crate) fn forms(words: &[String]) -> Result<()> {
    // One after the other: the second judges how long somebody waits.
    let mut outcomes = Vec::new();
    for (name, test) in [("forms, quiet", "acceptance"), ("forms, busy", "busy")] {
        let mut tests = cargo(&["test", "--workspace", "--test", test, "--"]);
        tests.args(["--nocapture", "forms"]).env("NONSTOP_GENERATED", "all");
        if words.is_empty() {
            tests.arg("corpus");
        } else {
            tests.env("NONSTOP_FORMS", words.join(" "));
        }
        outcomes.push((name, tests));
    }
    on_servers(outcomes, Vec::new())
}

/// Runs tests on one server of each major that is here, and tells all outcomes.
fn on_servers(runs: Vec<(&'static str, Command)>, mut outcomes: Vec<Outcome>) -> Result<()> {
    let left_out = majors::fetch(&testkit::MAJORS);
    let servers = Servers::start()?;
    for (name, mut tests) in runs {
        for server in &servers.running {
            let base = server.url("");
            let variable = testkit::servers::variable(server.programs().major());
            tests.env(variable, base.trim_end_matches('/'));
        }
        outcomes.push(step(name, &mut tests));
    }
    let here = servers.names();
    drop(servers);
    tell(&outcomes, &here, &left_out)
}

fn cargo(arguments: &[&str]) -> Command {
    let mut command = crate::cargo();
    command.args(arguments);
    command
}

/// nextest when it is here: it gives each test a process of its own, so a crash costs one test.
fn runner() -> Command {
    let has_nextest = cargo(&["nextest", "--version"])
        .output()
        .is_ok_and(|output| output.status.success());
    if has_nextest {
        cargo(&["nextest", "run", "--workspace", "--no-fail-fast"])
    } else {
        cargo(&["test", "--workspace", "--all-targets", "--no-fail-fast"])
    }
}

fn step(name: &'static str, command: &mut Command) -> Outcome {
    measured(name, || {
        let status = command
            .status()
            .with_context(|| command.get_program().display().to_string())?;
        if !status.success() {
            bail!("{status}");
        }
        Ok(())
    })
}

fn measured(name: &'static str, check: impl FnOnce() -> Result<()>) -> Outcome {
    println!("== {name}");
    let began = Instant::now();
    let result = check();
    if let Err(error) = &result {
        println!("== {name} FAILED: {error:#}");
    }
    Outcome {
        name,
        passed: result.is_ok(),
        seconds: began.elapsed().as_secs_f64(),
    }
}

/// The core has no runtime and no client, and what is for tests stays out of the product.
fn walls() -> Result<()> {
    for (package, banned) in [
        (
            "nonstop-core",
            &["tokio", "tokio-postgres", "clap", "nonstop-engine"] as &[&str],
        ),
        ("nonstop-engine", &["clap", "testkit", "nonstop"]),
        ("nonstop", &["testkit", "xtask"]),
    ] {
        let output = cargo(&["tree", "--package", package, "--edges", "normal", "--prefix", "none"]).output()?;
        if !output.status.success() {
            bail!("cargo tree: {}", String::from_utf8_lossy(&output.stderr));
        }
        let tree = String::from_utf8(output.stdout)?;
        // The first line is the package itself.
        let names = tree.lines().skip(1).filter_map(|line| line.split(' ').next());
        for name in names {
            if banned.contains(&name) {
                bail!("{package} must not depend on {name}");
            }
        }
    }
    Ok(())
}

/// One server of each major that is here. A server ends with this value, or with this process.
struct Servers {
    running: Vec<Server>,
    _runtime: tokio::runtime::Runtime,
}

impl Servers {
    fn start() -> Result<Self> {
        let runtime = tokio::runtime::Runtime::new()?;
        let starting: Vec<_> = testkit::majors()
            .into_iter()
            .map(|major| runtime.spawn(testkit::own_server(major, Options::default())))
            .collect();
        let mut running = Vec::new();
        for start in starting {
            running.push(runtime.block_on(start)??);
        }
        Ok(Self {
            running,
            _runtime: runtime,
        })
    }

    fn names(&self) -> Vec<String> {
        self.running
            .iter()
            .map(|server| server.programs().version().to_string())
            .collect()
    }
}

fn tell(outcomes: &[Outcome], here: &[String], left_out: &[(u32, String)]) -> Result<()> {
    println!("== summary");
    for outcome in outcomes {
        let word = if outcome.passed { "ok" } else { "FAILED" };
        println!("   {:<22} {word:<7} {:>7.1} s", outcome.name, outcome.seconds);
    }
    if here.is_empty() {
        println!("   PostgreSQL: NONE, every live test was left out");
    } else {
        println!("   PostgreSQL: {}", here.join(", "));
    }
    for (major, reason) in left_out {
        println!("   LEFT OUT: PostgreSQL {major}: {reason}");
    }
    let failed: Vec<_> = outcomes
        .iter()
        .filter(|outcome| !outcome.passed)
        .map(|outcome| outcome.name)
        .collect();
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    println!("== all passed");
    Ok(())
}
