//! Files parsed and judged on all cores, and replayed one after the other between.
//!
//! Whoever is free replays what comes next, else judges what was replayed, else parses a file. So no more is held at a
//! time than threads work on.

use nonstop_core::migration::Migration;
use nonstop_core::sql::{Script, SyntaxError, parse, spawn_with_room};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// A migration's statements; `None` without a file.
pub(super) type Parsed = Option<Result<Script, SyntaxError>>;

/// What comes of replaying a migration.
pub(super) enum Replayed<K, J> {
    /// What is known before it, for whoever judges it.
    ToJudge(K),
    /// It was judged on the way.
    Judged(J),
    /// It is not to be judged.
    Passed,
}

/// How far all of them are.
struct Progress<K, J> {
    /// The first that nobody parses yet.
    to_parse: usize,
    /// The first that is not replayed, and whether somebody is about it.
    to_replay: usize,
    is_replaying: bool,
    /// Parsed, and not replayed.
    parsed: BTreeMap<usize, Parsed>,
    /// Replayed, and not judged: each with what is known before it.
    replayed: VecDeque<(usize, Parsed, K)>,
    judged: BTreeMap<usize, J>,
    /// So many have nothing to do.
    waiting: usize,
    /// Somebody has panicked, and will not do what the others wait for.
    is_broken: bool,
}

/// What there is to do.
enum Task<K> {
    Replay(usize, Parsed),
    Judge(usize, Parsed, K),
    Parse(usize),
}

/// The progress that all threads share.
struct Shared<K, J> {
    progress: Mutex<Progress<K, J>>,
    news: Condvar,
    count: usize,
}

/// Replays each migration in order: what that gives is what the migration is judged with, on any core. The judgements are in
/// the order of the migrations.
pub(super) fn each<'a, K: Send, J: Send>(
    migrations: &[&'a Migration],
    replay: impl FnMut(&'a Migration, &Parsed) -> Replayed<K, J> + Send,
    judge: impl Fn(&'a Migration, &Parsed, K) -> J + Sync,
) -> Vec<J> {
    let shared = Shared::new(migrations.len());
    let replay = Mutex::new(replay);
    let work = || {
        let _watch = Watch(&shared);
        while let Some(task) = shared.next() {
            match task {
                Task::Replay(at, parsed) => {
                    let replayed = (replay.lock().unwrap_or_else(PoisonError::into_inner))(migrations[at], &parsed);
                    let mut progress = shared.lock();
                    progress.is_replaying = false;
                    progress.to_replay = at + 1;
                    match replayed {
                        Replayed::ToJudge(known) => progress.replayed.push_back((at, parsed, known)),
                        Replayed::Judged(judged) => {
                            progress.judged.insert(at, judged);
                        }
                        Replayed::Passed => {}
                    }
                }
                Task::Judge(at, parsed, known) => {
                    let judged = judge(migrations[at], &parsed, known);
                    shared.lock().judged.insert(at, judged);
                }
                Task::Parse(at) => {
                    let parsed = migrations[at].up.as_ref().map(parse);
                    shared.lock().parsed.insert(at, parsed);
                }
            }
            shared.tell();
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 1..threads.min(migrations.len()) {
            spawn_with_room(scope, work);
        }
        work();
    });
    let progress = shared.progress.into_inner();
    let judged = progress.unwrap_or_else(PoisonError::into_inner).judged;
    judged.into_values().collect()
}

impl<K, J> Shared<K, J> {
    fn new(count: usize) -> Self {
        Self {
            progress: Mutex::new(Progress {
                to_parse: 0,
                to_replay: 0,
                is_replaying: false,
                parsed: BTreeMap::new(),
                replayed: VecDeque::new(),
                judged: BTreeMap::new(),
                waiting: 0,
                is_broken: false,
            }),
            news: Condvar::new(),
            count,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Progress<K, J>> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What to do next; `None` when there will be nothing more.
    fn next(&self) -> Option<Task<K>> {
        let mut progress = self.lock();
        loop {
            let at = progress.to_replay;
            if progress.is_broken {
                return None;
            }
            if !progress.is_replaying
                && let Some(parsed) = progress.parsed.remove(&at)
            {
                progress.is_replaying = true;
                return Some(Task::Replay(at, parsed));
            }
            if let Some((at, parsed, known)) = progress.replayed.pop_front() {
                return Some(Task::Judge(at, parsed, known));
            }
            if progress.to_parse < self.count {
                progress.to_parse += 1;
                return Some(Task::Parse(progress.to_parse - 1));
            }
            if at == self.count {
                return None;
            }
            progress.waiting += 1;
            progress = self.news.wait(progress).unwrap_or_else(PoisonError::into_inner);
            progress.waiting -= 1;
        }
    }

    /// Tells those who wait that something is done.
    fn tell(&self) {
        if self.lock().waiting > 0 {
            self.news.notify_all();
        }
    }
}

/// Lets nobody wait for a thread that has panicked.
struct Watch<'a, K, J>(&'a Shared<K, J>);

impl<K, J> Drop for Watch<'_, K, J> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.lock().is_broken = true;
            self.0.news.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nonstop_core::migration::TransactionModel;
    use nonstop_core::source::SourceFile;
    use nonstop_core::sql::with_room;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    fn migrations(count: usize) -> Vec<Migration> {
        let one = |number: usize| Migration {
            name: number.to_string(),
            up: (number % 7 != 3).then(|| SourceFile::new("m.sql", "SELECT 1;".repeat(number % 5))),
            path: String::new(),
            down: None,
            transaction: TransactionModel::Whole,
        };
        (0..count).map(one).collect()
    }

    #[test]
    fn each_is_replayed_in_order_and_judged_once() {
        let all = migrations(200);
        let all: Vec<&Migration> = all.iter().collect();
        let mut before = 0;
        let judged = with_room(|| {
            each(
                &all,
                |migration, parsed| {
                    assert_eq!(migration.name, before.to_string());
                    assert_eq!(parsed.is_some(), migration.up.is_some());
                    before += 1;
                    match before % 3 {
                        0 => Replayed::Passed,
                        1 => Replayed::ToJudge(before - 1),
                        _ => Replayed::Judged(before - 1),
                    }
                },
                |migration, _, known: usize| {
                    assert_eq!(migration.name, known.to_string());
                    known
                },
            )
        });
        assert_eq!(before, 200);
        assert_eq!(judged, (0..200).filter(|at| (at + 1) % 3 > 0).collect::<Vec<_>>());
    }

    #[test]
    fn a_panic_ends_all_of_them() {
        let all = migrations(50);
        let all: Vec<&Migration> = all.iter().collect();
        let replay = |migration: &Migration, _: &Parsed| -> Replayed<(), ()> {
            assert_ne!(migration.name, "20", "here it ends");
            Replayed::ToJudge(())
        };
        let run = AssertUnwindSafe(|| with_room(|| each(&all, replay, |_, _, ()| ())));
        assert!(catch_unwind(run).is_err());
    }
}
