//! The pure part of nonstop: migration text and a catalog in, effects and plans out.
//!
//! Nothing here opens a file, a socket or a clock; `Cargo.toml` and `clippy.toml` hold that wall. Each module below may
//! use only the modules above it.

pub mod source;
pub mod hash;
pub mod version;
pub mod date;
pub mod lock;
pub mod quote;
pub mod migration;
pub mod catalog;
pub mod sql;
pub mod replay;
pub mod batch;
pub mod step;
pub mod effect;
pub mod plan;
pub mod settings;
pub mod finding;
pub mod rule;
pub mod rules;
mod rewrite;
pub mod planner;
pub mod lint;
pub mod fix;
pub mod rollback;
pub mod pace;
pub mod explain;
