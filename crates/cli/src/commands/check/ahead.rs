//! Files parsed and judged on all cores, and replayed one after the other between.

use nonstop_core::migration::Migration;
use nonstop_core::sql::{Script, SyntaxError, parse, with_room};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;

/// A migration's statements; `None` without a file.
pub(super) type Parsed = Option<Result<Script, SyntaxError>>;

/// A migration to judge, with what is known before it.
struct Job<K> {
    at: usize,
    parsed: Parsed,
    known: K,
}

/// Replays each migration in order: what that gives is what the migration is judged with, on any core; without it, it is
/// not judged. The judgements are in the order of the migrations.
pub(super) fn each<'a, K: Send, J: Send>(
    migrations: &[&'a Migration],
    mut replay: impl FnMut(&Migration, &Parsed) -> Option<K>,
    judge: impl Fn(&'a Migration, Parsed, K) -> J + Sync,
) -> Vec<J> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let (to_replay, parsed) = mpsc::channel();
    let (to_judge, jobs) = mpsc::channel::<Job<K>>();
    let jobs = Mutex::new(jobs);
    let judged = Mutex::new(BTreeMap::new());
    let work = || {
        loop {
            // Only whoever waits for the next job holds the lock.
            let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(Job { at, parsed, known }) = job else { break };
            let done = judge(migrations[at], parsed, known);
            judged.lock().unwrap_or_else(PoisonError::into_inner).insert(at, done);
        }
    };
    thread::scope(|scope| {
        for _ in 0..threads.min(migrations.len()) {
            let (to_replay, next, work) = (to_replay.clone(), &next, &work);
            scope.spawn(move || {
                with_room(|| {
                    loop {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        let Some(migration) = migrations.get(at) else { break };
                        if to_replay.send((at, migration.up.as_ref().map(parse))).is_err() {
                            break;
                        }
                    }
                    drop(to_replay);
                    work();
                });
            });
        }
        drop(to_replay);
        let mut early = BTreeMap::new();
        for (at, migration) in migrations.iter().enumerate() {
            while !early.contains_key(&at)
                && let Ok((ready, parsed)) = parsed.recv()
            {
                early.insert(ready, parsed);
            }
            // Without it a thread has panicked, which the scope tells.
            let Some(parsed) = early.remove(&at) else { break };
            if let Some(known) = replay(migration, &parsed) {
                let _ = to_judge.send(Job { at, parsed, known });
            }
        }
        drop(to_judge);
        work();
    });
    let judged = judged.into_inner().unwrap_or_else(PoisonError::into_inner);
    judged.into_values().collect()
}
