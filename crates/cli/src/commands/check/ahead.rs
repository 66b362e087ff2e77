//! Files parsed on all cores, ahead of whoever looks at them one after the other.

use nonstop_core::migration::Migration;
use nonstop_core::sql::{Script, SyntaxError, parse, with_room};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

/// A migration's statements; `None` without a file.
pub(super) type Parsed = Option<Result<Script, SyntaxError>>;

/// So few files are parsed sooner than a thread is there.
const FEW: usize = 4;

/// Gives each migration with its statements, in their order.
pub(super) fn each(migrations: &[&Migration], mut look: impl FnMut(&Migration, Parsed)) {
    let parsed = |migration: &Migration| migration.up.as_ref().map(parse);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    if migrations.len() < FEW || threads == 1 {
        for migration in migrations {
            look(migration, parsed(migration));
        }
        return;
    }
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..threads {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                with_room(|| {
                    loop {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        let Some(migration) = migrations.get(at) else { break };
                        if sender.send((at, parsed(migration))).is_err() {
                            break;
                        }
                    }
                });
            });
        }
        drop(sender);
        let mut early = BTreeMap::new();
        for (at, migration) in migrations.iter().enumerate() {
            while !early.contains_key(&at)
                && let Ok((ready, parsed)) = receiver.recv()
            {
                early.insert(ready, parsed);
            }
            // Without it a thread has panicked, which the scope tells.
            let Some(parsed) = early.remove(&at) else { break };
            look(migration, parsed);
        }
    });
}
