//! Places where a test makes the process die, fail or stop.
//!
//! Without the feature `failpoints` each is nothing. With it, `NONSTOP_FAILPOINT=name[:action[:n]]` acts when `name` is
//! passed for the n-th time (the first by default); actions are `kill` (as `kill -9` would, the default) and `pause`.

/// The names, in the order in which a deploy passes them.
pub const ALL: [&str; 15] = [
    "run-opened",
    "atomic-sent",
    "migration-begun",
    "step-started",
    "step-ran",
    "batches-begun",
    "batch-done",
    "batches-done",
    "step-done",
    "before-finish",
    "migration-finished",
    "undo-begun",
    "undo-step-ran",
    "undo-step-done",
    "before-undone",
];

/// Passes a place.
#[cfg(not(feature = "failpoints"))]
#[expect(clippy::unused_async, reason = "with the feature it may pause")]
pub(crate) async fn pass(_name: &'static str) {}

/// Passes a place.
#[cfg(feature = "failpoints")]
pub(crate) async fn pass(name: &'static str) {
    use std::sync::atomic::{AtomicU32, Ordering};
    static PASSED: AtomicU32 = AtomicU32::new(0);

    debug_assert!(ALL.contains(&name), "{name} is not in failpoint::ALL");
    let Ok(wanted) = std::env::var("NONSTOP_FAILPOINT") else {
        return;
    };
    let mut parts = wanted.split(':');
    if parts.next() != Some(name) {
        return;
    }
    let action = parts.next().unwrap_or("kill");
    let at: u32 = parts.next().and_then(|n| n.parse().ok()).unwrap_or(1);
    if PASSED.fetch_add(1, Ordering::SeqCst) + 1 != at {
        return;
    }
    if action == "pause" {
        std::future::pending::<()>().await;
    }
    let me = nix::unistd::Pid::this();
    let _ = nix::sys::signal::kill(me, nix::sys::signal::Signal::SIGKILL);
}
