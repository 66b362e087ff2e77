//! Gate `pooler`: a connection that is ours from end to end, told by how it behaves.
//!
//! A pooler in transaction mode lends a backend for one transaction, and like PgBouncer often the same one again to
//! whoever asks next. So a second session is opened: two sessions on one backend give it away; and while the second is
//! inside a transaction, the first must still have its own.

use super::{Finding, Looked, Subject};
use crate::session::{ConnectError, Session};
use std::time::Duration;

pub(super) const NAME: &str = "pooler";

/// How long the first session may take for a `SELECT` while the second is inside a transaction.
const ANSWER: Duration = Duration::from_secs(3);

/// What gave it away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    Declared,
    Moved,
    Shared,
    Starved,
    NoSecond,
}

pub(super) async fn look(subject: &Subject<'_>) -> Looked {
    Ok(judge(sign(subject).await?))
}

async fn sign(subject: &Subject<'_>) -> Result<Option<Sign>, tokio_postgres::Error> {
    let first = subject.session;
    if subject.target.pgbouncer {
        return Ok(Some(Sign::Declared));
    }
    if first.is_pooled() {
        return Ok(Some(Sign::Moved));
    }
    let second = match Session::open(subject.target, "migration:probe").await {
        Ok(second) => second,
        Err(ConnectError::Setting { .. }) => return Ok(Some(Sign::Moved)),
        Err(_) => return Ok(Some(Sign::NoSecond)),
    };
    let sign = if second.is_pooled() {
        Some(Sign::Moved)
    } else if second.pid() == first.pid() {
        Some(Sign::Shared)
    } else {
        second.client().batch_execute("BEGIN; SELECT 1").await?;
        let answer = tokio::time::timeout(ANSWER, first.present_pid()).await;
        second.client().batch_execute("ROLLBACK").await?;
        match answer {
            Err(_) => Some(Sign::Starved),
            Ok(pid) => (pid? != Some(first.pid())).then_some(Sign::Moved),
        }
    };
    second.close().await;
    Ok(sign)
}

fn judge(sign: Option<Sign>) -> Finding {
    let why = match sign {
        None => return Finding::ok("a direct connection"),
        Some(Sign::NoSecond) => {
            return Finding::warning("a second session could not be opened, so a pooler could not be ruled out.");
        }
        Some(Sign::Declared) => "it says pgbouncer=true",
        Some(Sign::Moved) => "one session was moved from one server process to another",
        Some(Sign::Shared) => "two sessions were given the same server process",
        Some(Sign::Starved) => "a session got no answer while another was inside a transaction",
    };
    Finding::stop(format!(
        "the database URL leads to a connection pooler in transaction mode ({why}). Locks and settings do not stay with a \
         session there. Give the server's direct address: set DIRECT_URL, or --database-url (Supabase: port 5432 instead of \
         6543; Neon: the host without -pooler)."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Verdict;

    #[test]
    fn every_sign_names_the_way_out() {
        for sign in [Sign::Declared, Sign::Moved, Sign::Shared, Sign::Starved] {
            let finding = judge(Some(sign));
            assert_eq!(finding.verdict, Verdict::Stop);
            assert!(finding.message.contains("DIRECT_URL"));
        }
        assert_eq!(judge(None).verdict, Verdict::Ok);
        assert_eq!(judge(Some(Sign::NoSecond)).verdict, Verdict::Warning);
    }
}
