//! The server's version as a number, as `server_version_num` gives it.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A PostgreSQL version, `150018` for 15.18.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ServerVersion(pub u32);

impl ServerVersion {
    /// The oldest server that deploy accepts.
    pub const OLDEST: ServerVersion = ServerVersion(120_000);
    /// The newest major whose behaviour was measured.
    pub const NEWEST: ServerVersion = ServerVersion(180_000);

    /// The first release of a major.
    pub const fn of_major(major: u32) -> Self {
        Self(major * 10_000)
    }

    /// The major number.
    pub const fn major(self) -> u32 {
        self.0 / 10_000
    }
}

impl fmt::Display for ServerVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major(), self.0 % 10_000)
    }
}
