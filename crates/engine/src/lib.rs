//! The effects of nonstop: sessions, locks, journal, history, and throw-away servers. Plans in, events out.

pub mod event;
pub mod server;
