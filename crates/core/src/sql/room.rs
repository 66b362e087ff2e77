//! Room on the stack for what is nested deeply.
//!
//! PostgreSQL's grammar nests as deep as its own stack carries it: some thousand levels. Reading such a tree, walking it
//! and letting it go takes a frame or more a level, which is more than the stacks of worker threads hold.

use std::cell::Cell;
use std::panic::resume_unwind;
use std::thread;

/// Address space; only what is used of it becomes memory.
const BYTES: usize = 512 << 20;

/// A text of so few bytes cannot be nested too deeply for any thread.
const SHORT: usize = 64;

thread_local! {
    static IS_HERE: Cell<bool> = const { Cell::new(false) };
}

/// Does something on a stack that is large enough for any text; what it calls finds itself there already.
pub fn with_room<T: Send>(act: impl FnOnce() -> T + Send) -> T {
    if IS_HERE.get() {
        return act();
    }
    let mut act = Some(act);
    let mut once = || {
        IS_HERE.set(true);
        act.take().map(|act| act())
    };
    let done = thread::scope(|scope| {
        let thread = thread::Builder::new().stack_size(BYTES);
        let thread = thread.spawn_scoped(scope, &mut once).ok()?;
        thread.join().unwrap_or_else(|panic| resume_unwind(panic))
    });
    // A system that gives no such thread gives the room there is.
    done.unwrap_or_else(|| {
        let done = once();
        IS_HERE.set(false);
        done.expect("no thread was there to do it")
    })
}

/// Does something beside the others on such a stack; where there is no such thread to be had, not at all.
pub fn spawn_with_room<'scope>(scope: &'scope thread::Scope<'scope, '_>, act: impl FnOnce() + Send + 'scope) {
    let thread = thread::Builder::new().stack_size(BYTES);
    let spawned = thread.spawn_scoped(scope, || {
        IS_HERE.set(true);
        act();
    });
    // The scope joins it.
    drop(spawned);
}

/// The same as [`with_room`], where a text is long enough to need it.
pub(super) fn for_text<T: Send>(text: &str, act: impl FnOnce() -> T + Send) -> T {
    if text.len() <= SHORT { act() } else { with_room(act) }
}
