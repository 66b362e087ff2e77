//! The loop: a text, a look, and whether it showed something new.

use crate::target::Target;
use crate::{mutate, seeds};
use anyhow::{Result, bail};
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use std::{fs, process, thread};

/// A text that takes longer has found a way to hang.
const PATIENCE: Duration = Duration::from_secs(30);

/// Looks at one text after the other until the time is over, or one is too much.
pub(crate) fn explore(target: Target, time: Duration, seed: u64, current: &Path) -> Result<()> {
    static TEXTS: AtomicU64 = AtomicU64::new(0);
    let statements = seeds::seeds();
    let mut random = fastrand::Rng::with_seed(seed);
    let mut features: BTreeSet<String> = BTreeSet::new();
    let mut shown: Vec<String> = Vec::new();
    thread::spawn(|| {
        let mut last = (0, Instant::now());
        loop {
            thread::sleep(Duration::from_millis(500));
            let now = TEXTS.load(Ordering::Relaxed);
            if now != last.0 {
                last = (now, Instant::now());
            } else if last.1.elapsed() > PATIENCE {
                eprintln!("one text takes longer than {} s", PATIENCE.as_secs());
                process::abort();
            }
        }
    });
    let began = Instant::now();
    while began.elapsed() < time {
        let text = mutate::text(&mut random, &statements, &shown);
        fs::write(current, &text)?;
        let seen = catch_unwind(AssertUnwindSafe(|| target.look(&text)));
        TEXTS.fetch_add(1, Ordering::Relaxed);
        let Ok(seen) = seen else { bail!("a panic") };
        let known = features.len();
        features.extend(seen);
        if features.len() > known && text.len() < 20_000 {
            shown.push(text);
        }
    }
    println!(
        "   {} texts from {} statements, {} features, {} texts kept",
        TEXTS.load(Ordering::Relaxed),
        statements.len(),
        features.len(),
        shown.len()
    );
    Ok(())
}
