//! The outcome becomes the exit code, nothing else.

use mimalloc::MiMalloc;
use std::process::ExitCode;

/// A tree of small nodes for every statement: half of the time would go to the system's allocator.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    nonstop::run().into()
}
