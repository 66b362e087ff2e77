//! Gate `version`: a server whose behaviour is known.

use super::Finding;
use nonstop_core::version::ServerVersion;

pub(super) const NAME: &str = "version";

pub(super) fn judge(version: ServerVersion) -> Finding {
    if version < ServerVersion::OLDEST {
        Finding::stop(format!(
            "PostgreSQL {version} is older than {}, the oldest that nonstop works with.",
            ServerVersion::OLDEST.major()
        ))
    } else if version.major() > ServerVersion::NEWEST.major() {
        Finding::warning(format!(
            "PostgreSQL {version} is newer than {}, the newest whose locks were measured; its locks are taken to be the same.",
            ServerVersion::NEWEST.major()
        ))
    } else {
        Finding::ok(format!("PostgreSQL {version}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Verdict;

    #[test]
    fn from_the_oldest_to_the_newest() {
        for (number, verdict) in [
            (110_022, Verdict::Stop),
            (120_000, Verdict::Ok),
            (150_018, Verdict::Ok),
            (180_004, Verdict::Ok),
            (190_000, Verdict::Warning),
        ] {
            assert_eq!(judge(ServerVersion(number)).verdict, verdict, "{number}");
        }
    }
}
