//! The effects of nonstop: sessions, locks, journal, history, and throw-away servers. Plans in, events out.

pub mod event;
pub mod server;
pub mod target;
pub mod tls;
pub mod session;
pub mod advisory;
pub mod introspect;
pub mod history;
pub mod journal;
pub mod unfinished;
pub mod gates;
pub mod manage;
pub mod stop;
pub mod failpoint;
pub mod failure;
pub mod message;
pub mod holders;
pub mod progress;
pub mod watchdog;
pub mod worker;
mod acquire;
mod alone;
mod check;
mod batches;
mod steps;
pub mod deploy;
pub mod load;
