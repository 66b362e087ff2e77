//! Deploying on live servers: whole migrations, steps by hand, and everything that can break on the way.
#![expect(clippy::unwrap_used, reason = "a test file")]

mod back;
mod backfill;
mod batches;
mod before;
mod chaos;
mod every_form;
mod faults;
mod kills;
mod locks;
mod plain;
mod reindex;
mod stepwise;
mod support;
