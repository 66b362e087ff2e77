//! Forms beside an application that writes and somebody who holds the table: nothing acknowledged is lost, every constraint
//! holds, and nobody waits for nonstop longer than `--max-block`.
//!
//! A duration is judged here, so this file is a program of its own, which gets the machine for itself. A usual run takes some
//! cases, by `NONSTOP_SEED`; `./x forms` takes one of each form on every major, and prints the table of `docs/bench.md`.

use std::collections::BTreeSet;
use std::env;
use std::path::Path;
use std::time::Duration;
use testkit::forms::{Case, Pace, Ready, busy, cases, pick};

/// What a wait may be longer than `--max-block`.
const MARGIN: Duration = Duration::from_millis(20);
/// Cases of a usual run, and their rows.
const USUAL: (usize, u32) = (4, 20_000);
/// Rows where all of them run.
const LARGE: u32 = 50_000;

fn number(variable: &str) -> Option<usize> {
    env::var(variable).ok()?.parse().ok()
}

/// Each form once, wherever it stands; several together as they are.
fn one_of_each(cases: Vec<Case>) -> Vec<Case> {
    let mut seen = BTreeSet::new();
    let first = |case: &Case| case.name.split('/').next().unwrap_or_default().to_owned();
    cases.into_iter().filter(|case| seen.insert(first(case))).collect()
}

fn of_this_run(major: u32) -> (Vec<Case>, u32) {
    let whole = env::var("NONSTOP_GENERATED").is_ok_and(|value| value == "all");
    let rows = number("NONSTOP_ROWS").and_then(|rows| u32::try_from(rows).ok());
    let rows = rows.unwrap_or(if whole { LARGE } else { USUAL.1 });
    let mut all = cases(major, rows);
    all.retain(|case| case.writes.is_some());
    let seed = number("NONSTOP_SEED").unwrap_or(7);
    if let Ok(words) = env::var("NONSTOP_FORMS") {
        all.retain(|case| words.split(' ').any(|word| case.name.contains(word)));
    } else if whole {
        // Another seed is another surrounding.
        let count = all.len();
        all = one_of_each(pick(&all, seed, count));
    } else {
        all = pick(&all, seed, USUAL.0);
    }
    (all, rows)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forms_lose_no_write_and_nobody_waits() {
    let majors = testkit::majors();
    let whole = env::var_os("NONSTOP_GENERATED").is_some();
    let newest: Vec<u32> = majors.last().copied().into_iter().collect();
    let mut wrong = Vec::new();
    let mut table = String::from(
        "| PostgreSQL | case | `--max-block` | longest wait caused | writes beside it | took |\n\
         | ---: | --- | ---: | ---: | ---: | ---: |\n",
    );
    for major in if whole { majors } else { newest } {
        let ready = Ready::new(Path::new(env!("CARGO_BIN_EXE_nonstop")), major)
            .await
            .unwrap();
        let (cases, rows) = of_this_run(major);
        for (at, case) in cases.iter().enumerate() {
            let max_block = Duration::from_millis(if at % 2 == 0 { 200 } else { 100 });
            let pace = Pace {
                turn: Duration::from_millis(8),
                hold: Duration::from_millis(400),
                rest: Duration::from_millis(300),
                max_block: Some(max_block),
            };
            match busy(&ready, case, rows, pace).await {
                Err(error) => {
                    let what = format!("PostgreSQL {major}: {}: {error:#}", case.name);
                    eprintln!("{what}");
                    wrong.push(what);
                }
                Ok(seen) => {
                    let longest = seen.longest.as_ref().map_or(Duration::ZERO, |wait| wait.lasted);
                    let waited = seen.longest.as_ref().map_or_else(
                        || "none seen".to_owned(),
                        |wait| format!("{} ms", wait.lasted.as_millis()),
                    );
                    let row = format!(
                        "| {major} | `{}` | {} ms | {waited} | {} | {} ms |\n",
                        case.name,
                        max_block.as_millis(),
                        seen.writes,
                        seen.took.as_millis()
                    );
                    eprint!("{row}");
                    table.push_str(&row);
                    if longest > max_block + MARGIN {
                        wrong.push(format!("PostgreSQL {major}: {}: {:#?}", case.name, seen.longest));
                    }
                }
            }
        }
    }
    if whole {
        eprintln!("\n{table}");
    }
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n\n"));
}
