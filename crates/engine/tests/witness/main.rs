//! The live witness: every statement of the table of truth runs on every major, a second session reads its locks while
//! the transaction is open, files and scan counters are compared, and table and server must agree.
//!
//! The table is asked with the catalog as it was read from that server, so that reading it is tested too. What runs inside
//! a transaction is taken back, so that all statements of one set-up share it. What stands in none is made to wait for a
//! holder of its tables and sampled: every lock that is seen must be said; one that is said may have been too brief to be
//! seen.
#![expect(clippy::unwrap_used, reason = "a test file")]

mod differences;
mod rows;
mod said;
mod stage;

use rows::{Row, Scene};
use said::Said;
use stage::Stage;
use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Instant;
use testkit::truth::{Locks, Measured, Play};
use testkit::{database, majors};

/// Databases that run scenes side by side on each major.
const LANES: usize = 2;

/// What was seen on one major.
#[derive(Default)]
struct Seen {
    rows: usize,
    left_out: usize,
    misses: Vec<String>,
    stale: Vec<String>,
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_agrees_with_live_servers() {
    let begun = Instant::now();
    let mut lanes = Vec::new();
    for major in majors() {
        let scenes: Arc<Mutex<VecDeque<Scene>>> = Arc::new(Mutex::new(rows::scenes().into()));
        for _ in 0..LANES {
            lanes.push((major, tokio::spawn(lane(major, Arc::clone(&scenes)))));
        }
    }
    let mut report = String::new();
    for (major, lane) in lanes {
        let seen = lane.await.unwrap();
        eprintln!(
            "PostgreSQL {major}: {} rows, {} left out, {} differ",
            seen.rows,
            seen.left_out,
            seen.misses.len()
        );
        for miss in seen.misses.iter().chain(&seen.stale) {
            let _ = writeln!(report, "{major}: {miss}");
        }
    }
    eprintln!("{:.0?}", begun.elapsed());
    assert!(report.is_empty(), "table and server disagree:\n{report}");
}

async fn lane(major: u32, scenes: Arc<Mutex<VecDeque<Scene>>>) -> Seen {
    let database = database(major).await;
    let mut seen = Seen::default();
    let play = Play::begin(&stage::address(&database)).await.unwrap();
    let mut stage = Stage::open(&database, &play).await;
    loop {
        let next = scenes.lock().unwrap().pop_front();
        let Some(scene) = next else { return seen };
        act(&mut stage, &scene, &mut seen).await;
    }
}

async fn act(stage: &mut Stage<'_>, scene: &Scene, seen: &mut Seen) {
    let (inside, alone): (Vec<&Row>, Vec<&Row>) = scene.rows.iter().partition(|row| row.in_transaction);
    let mut is_set = false;
    for row in inside.into_iter().chain(alone) {
        // What runs in no transaction stays, so each needs the set-up anew.
        if !is_set || !row.in_transaction {
            if let Some(failed) = stage.set_up(&scene.setup).await {
                // A set-up that this major does not read is as good as a statement of it.
                seen.rows += scene.rows.len();
                if failed.is_missing() {
                    seen.left_out += scene.rows.len();
                } else if failed.said.as_ref() != Some(&failed.code) {
                    let (code, said) = (&failed.code, &failed.said);
                    seen.misses
                        .push(format!("set-up: {code}, said {said:?}: {}", failed.sql));
                }
                return;
            }
            is_set = true;
        }
        let said = Said::of(&row.sql, row.in_transaction, &stage.catalog);
        let measured = if row.in_transaction {
            stage.rehearse(&row.sql).await
        } else {
            stage.alone(&row.sql).await
        };
        seen.rows += 1;
        if measured.left_out {
            seen.left_out += 1;
            continue;
        }
        let differs = difference(row, &said, &measured);
        match (differs, differences::reason(&row.id, stage.major)) {
            (None, None) | (Some(_), Some(_)) => {}
            (None, Some(reason)) => seen.stale.push(format!("{} agrees now, in spite of: {reason}", row.id)),
            (Some(differs), None) => seen.misses.push(format!("{} `{}`: {differs}", row.id, row.sql)),
        }
    }
}

fn difference(row: &Row, said: &Said, measured: &Measured) -> Option<String> {
    if said.error != measured.error {
        return Some(format!("error {:?}, server {:?}", said.error, measured.error));
    }
    if said.error.is_some() {
        return None;
    }
    let mut found = String::new();
    let mut compare = |what: &str, said: &Locks, measured: &Locks| {
        let pairs = |locks: &Locks| {
            let pairs = locks
                .iter()
                .flat_map(|(name, modes)| modes.iter().map(move |mode| (name.clone(), *mode)));
            pairs.collect::<Vec<_>>()
        };
        let (said, measured) = (pairs(said), pairs(measured));
        for (name, mode) in measured.iter().filter(|pair| !said.contains(pair)) {
            let _ = write!(found, "{what} {name} {mode} is not said; ");
        }
        // What is sampled may be missed.
        for (name, mode) in said
            .iter()
            .filter(|pair| row.in_transaction && !measured.contains(pair))
        {
            let _ = write!(found, "{what} {name} {mode} is not taken; ");
        }
    };
    compare("table", &said.locks, &measured.locks);
    if row.in_transaction {
        compare("index", &said.index_locks, &measured.index_locks);
        if said.work != measured.work {
            let _ = write!(found, "work {:?}, server {:?}", said.work, measured.work);
        }
    }
    (!found.is_empty()).then_some(found)
}
