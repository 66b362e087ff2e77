//! Every form in every surrounding, by cases that are put together: the end, and the rows, are those as written.
//!
//! A run takes some of them, by `NONSTOP_SEED`. `./x forms` takes all of them on every major, on tables of 50,000 rows;
//! `NONSTOP_FORMS` holds words of which one must be in a case's name.

use std::collections::VecDeque;
use std::env;
use std::path::Path;
use std::sync::{Arc, Mutex};
use testkit::forms::{Case, Ready, cases, pick, quiet};

/// Cases of a usual run on each major, and their rows.
const USUAL: (usize, u32) = (6, 300);
/// Rows where all of them run.
const LARGE: u32 = 50_000;
/// Cases that run side by side.
const SIDE_BY_SIDE: usize = 2;

fn number(variable: &str) -> Option<usize> {
    env::var(variable).ok()?.parse().ok()
}

fn of_this_run(major: u32) -> Vec<Case> {
    let whole = env::var("NONSTOP_GENERATED").is_ok_and(|value| value == "all");
    let rows = number("NONSTOP_ROWS").and_then(|rows| u32::try_from(rows).ok());
    let mut all = cases(major, rows.unwrap_or(if whole { LARGE } else { USUAL.1 }));
    if let Ok(words) = env::var("NONSTOP_FORMS") {
        all.retain(|case| words.split(' ').any(|word| case.name.contains(word)));
        return all;
    }
    if whole {
        return all;
    }
    let seed = number("NONSTOP_SEED").unwrap_or(7) + usize::try_from(major).unwrap();
    pick(&all, seed, USUAL.0)
}

/// Runs the cases of a major, and gives what is not as it should be, case by case.
async fn all_of(major: u32) -> Vec<String> {
    let ready = Arc::new(
        Ready::new(Path::new(env!("CARGO_BIN_EXE_nonstop")), major)
            .await
            .unwrap(),
    );
    let cases: Arc<Mutex<VecDeque<Case>>> = Arc::new(Mutex::new(of_this_run(major).into()));
    let count = cases.lock().unwrap().len();
    let running: Vec<_> = (0..SIDE_BY_SIDE)
        .map(|_| {
            let (ready, cases) = (Arc::clone(&ready), Arc::clone(&cases));
            tokio::spawn(async move {
                let mut wrong = Vec::new();
                loop {
                    let Some(case) = cases.lock().unwrap().pop_front() else {
                        break wrong;
                    };
                    if let Err(error) = quiet(&ready, &case).await {
                        eprintln!("PostgreSQL {major}: {}: {error:#}", case.name);
                        wrong.push(format!("PostgreSQL {major}: {}", case.name));
                    }
                }
            })
        })
        .collect();
    let mut wrong = Vec::new();
    for task in running {
        wrong.extend(task.await.unwrap());
    }
    eprintln!("PostgreSQL {major}: {count} cases, {} of them wrong", wrong.len());
    wrong
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn end_as_written() {
    let mut wrong = Vec::new();
    for major in testkit::majors() {
        wrong.extend(all_of(major).await);
    }
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
}
