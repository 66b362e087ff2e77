//! Whole histories: real projects, the real Prisma CLI, migrations that fail, and situations of real teams from the first command to the last.
#![expect(clippy::unwrap_used, reason = "a test file")]
#![expect(clippy::print_stderr, reason = "what a test leaves out must be seen")]

mod support;
mod corpus;
mod failing;
mod fixed;
mod forms;
mod many_indexes;
mod prisma;
mod replayed;
mod same_end;
mod split_by_fix;
mod stuck_queue;
mod truth;
mod writers;
