//! The outcome becomes the exit code, nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    nonstop::run().into()
}
