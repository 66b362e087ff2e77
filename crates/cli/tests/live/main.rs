//! What users see and what the exit codes are, on live servers.
#![expect(clippy::unwrap_used, reason = "a test file")]

mod project;
mod backfill;
mod demo;
mod deploy;
mod explain;
mod fix;
mod manage;
mod readme;
mod rollback;
mod saved;
mod secrets;
mod trace;

use testkit::TestDatabase;

/// A database of the newest major that is here: what the faces say does not depend on the major.
async fn newest() -> Option<TestDatabase> {
    let Some(major) = testkit::majors().pop() else {
        skipped();
        return None;
    };
    Some(testkit::database(major).await)
}

#[expect(clippy::print_stderr, reason = "what a test leaves out must be seen")]
fn skipped() {
    eprintln!("SKIPPED: no PostgreSQL server programs on this machine");
}
