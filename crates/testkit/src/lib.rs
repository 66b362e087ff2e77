//! What the tests share: PostgreSQL servers of every supported major, and a fresh database for each test.
//!
//! A dev-dependency only.

pub mod as_written;
pub mod compare;
mod contents;
pub mod forms;
pub mod oracle;
pub mod pooler;
pub mod proxy;
mod ran;
pub mod servers;
pub mod truth;
mod until;

pub use ran::Ran;
pub use servers::{MAJORS, TestDatabase, database, each_major, majors, own_server, programs};
pub use until::until;
