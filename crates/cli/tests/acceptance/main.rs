//! Whole histories: real projects, the real Prisma CLI, migrations that fail, and a stuck queue.
#![expect(clippy::unwrap_used, reason = "a test file")]
#![expect(clippy::print_stderr, reason = "what a test leaves out must be seen")]

mod support;
mod corpus;
mod failing;
mod fixed;
mod forms;
mod prisma;
mod replayed;
mod same_end;
mod stuck_queue;
mod truth;
mod writers;
