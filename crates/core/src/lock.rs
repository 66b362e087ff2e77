//! The eight table lock modes, which of them conflict, and what each stops.
//!
//! The table is the one of <https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-TABLES>.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A table-level lock mode, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum LockMode {
    /// Taken by `SELECT`.
    #[serde(rename = "ACCESS SHARE")]
    AccessShare,
    /// Taken by `SELECT … FOR UPDATE` and foreign-key checks.
    #[serde(rename = "ROW SHARE")]
    RowShare,
    /// Taken by `INSERT`, `UPDATE`, `DELETE`.
    #[serde(rename = "ROW EXCLUSIVE")]
    RowExclusive,
    /// Taken by `VACUUM`, `CREATE INDEX CONCURRENTLY`, `VALIDATE CONSTRAINT`.
    #[serde(rename = "SHARE UPDATE EXCLUSIVE")]
    ShareUpdateExclusive,
    /// Taken by `CREATE INDEX`.
    #[serde(rename = "SHARE")]
    Share,
    /// Taken by `ADD FOREIGN KEY`, `CREATE TRIGGER`.
    #[serde(rename = "SHARE ROW EXCLUSIVE")]
    ShareRowExclusive,
    /// Taken by `REFRESH MATERIALIZED VIEW CONCURRENTLY`.
    #[serde(rename = "EXCLUSIVE")]
    Exclusive,
    /// Taken by most `ALTER TABLE` forms, `DROP`, `TRUNCATE`.
    #[serde(rename = "ACCESS EXCLUSIVE")]
    AccessExclusive,
}

use LockMode::{
    AccessExclusive, AccessShare, Exclusive, RowExclusive, RowShare, Share, ShareRowExclusive, ShareUpdateExclusive,
};

impl LockMode {
    /// All modes, weakest first.
    pub const ALL: [LockMode; 8] = [
        AccessShare,
        RowShare,
        RowExclusive,
        ShareUpdateExclusive,
        Share,
        ShareRowExclusive,
        Exclusive,
        AccessExclusive,
    ];

    /// The modes that a holder of `self` keeps out.
    pub const fn conflicts(self) -> &'static [LockMode] {
        match self {
            AccessShare => &[AccessExclusive],
            RowShare => &[Exclusive, AccessExclusive],
            RowExclusive => &[Share, ShareRowExclusive, Exclusive, AccessExclusive],
            ShareUpdateExclusive => &[
                ShareUpdateExclusive,
                Share,
                ShareRowExclusive,
                Exclusive,
                AccessExclusive,
            ],
            Share => &[
                RowExclusive,
                ShareUpdateExclusive,
                ShareRowExclusive,
                Exclusive,
                AccessExclusive,
            ],
            ShareRowExclusive => &[
                RowExclusive,
                ShareUpdateExclusive,
                Share,
                ShareRowExclusive,
                Exclusive,
                AccessExclusive,
            ],
            Exclusive => &[
                RowShare,
                RowExclusive,
                ShareUpdateExclusive,
                Share,
                ShareRowExclusive,
                Exclusive,
                AccessExclusive,
            ],
            AccessExclusive => &Self::ALL,
        }
    }

    /// Whether two transactions cannot hold `self` and `other` on one relation at once.
    pub fn conflicts_with(self, other: LockMode) -> bool {
        self.conflicts().contains(&other)
    }

    /// Whether `INSERT`, `UPDATE` and `DELETE` wait for it.
    pub fn blocks_writes(self) -> bool {
        self.conflicts_with(RowExclusive)
    }

    /// Whether a plain `SELECT` waits for it.
    pub fn blocks_reads(self) -> bool {
        self.conflicts_with(AccessShare)
    }

    /// What the application notices, for messages: `reads and writes`, `writes`, or `nothing`.
    pub fn blocks_in_words(self) -> &'static str {
        if self.blocks_reads() {
            "reads and writes"
        } else if self.blocks_writes() {
            "writes"
        } else {
            "nothing"
        }
    }

    /// The SQL words, as in `LOCK TABLE … IN … MODE`.
    pub const fn as_sql(self) -> &'static str {
        match self {
            AccessShare => "ACCESS SHARE",
            RowShare => "ROW SHARE",
            RowExclusive => "ROW EXCLUSIVE",
            ShareUpdateExclusive => "SHARE UPDATE EXCLUSIVE",
            Share => "SHARE",
            ShareRowExclusive => "SHARE ROW EXCLUSIVE",
            Exclusive => "EXCLUSIVE",
            AccessExclusive => "ACCESS EXCLUSIVE",
        }
    }

    /// The mode as `pg_locks.mode` spells it, `AccessShareLock`.
    pub const fn as_pg_locks(self) -> &'static str {
        match self {
            AccessShare => "AccessShareLock",
            RowShare => "RowShareLock",
            RowExclusive => "RowExclusiveLock",
            ShareUpdateExclusive => "ShareUpdateExclusiveLock",
            Share => "ShareLock",
            ShareRowExclusive => "ShareRowExclusiveLock",
            Exclusive => "ExclusiveLock",
            AccessExclusive => "AccessExclusiveLock",
        }
    }

    /// The mode that `pg_locks.mode` spells so.
    pub fn from_pg_locks(word: &str) -> Option<LockMode> {
        Self::ALL.into_iter().find(|mode| mode.as_pg_locks() == word)
    }

    /// The mode for SQL words in any case.
    pub fn from_sql(words: &str) -> Option<LockMode> {
        Self::ALL
            .into_iter()
            .find(|mode| mode.as_sql().eq_ignore_ascii_case(words))
    }
}

impl fmt::Display for LockMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_sql())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conflicts_are_symmetric() {
        for a in LockMode::ALL {
            for b in LockMode::ALL {
                assert_eq!(a.conflicts_with(b), b.conflicts_with(a), "{a} and {b}");
            }
        }
    }

    #[test]
    fn what_stops() {
        let writes: Vec<_> = LockMode::ALL.into_iter().filter(|mode| mode.blocks_writes()).collect();
        assert_eq!(writes, [Share, ShareRowExclusive, Exclusive, AccessExclusive]);
        assert!(AccessExclusive.blocks_reads() && !Exclusive.blocks_reads());
    }

    #[test]
    fn words_round_trip() {
        for mode in LockMode::ALL {
            assert_eq!(LockMode::from_sql(mode.as_sql()), Some(mode));
        }
    }
}
