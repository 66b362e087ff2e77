//! Gate `pooler`: a connection that is ours from end to end.

use super::{Finding, Looked, Subject};
use crate::session::PoolerSign;

pub(super) const NAME: &str = "pooler";

pub(super) async fn look(subject: &Subject<'_>) -> Looked {
    Ok(judge(subject.session.pooler_sign(subject.target).await?))
}

fn judge(sign: Option<PoolerSign>) -> Finding {
    let why = match sign {
        None => return Finding::ok("a direct connection"),
        Some(PoolerSign::NoSecond) => {
            return Finding::warning("a second session could not be opened, so a pooler could not be ruled out.");
        }
        Some(PoolerSign::Declared) => "it says pgbouncer=true",
        Some(PoolerSign::Moved) => "one session was moved from one server process to another",
        Some(PoolerSign::Shared) => "two sessions were given the same server process",
        Some(PoolerSign::Starved) => "a session got no answer while another was inside a transaction",
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
        for sign in [
            PoolerSign::Declared,
            PoolerSign::Moved,
            PoolerSign::Shared,
            PoolerSign::Starved,
        ] {
            let finding = judge(Some(sign));
            assert_eq!(finding.verdict, Verdict::Stop);
            assert!(finding.message.contains("DIRECT_URL"));
        }
        assert_eq!(judge(None).verdict, Verdict::Ok);
        assert_eq!(judge(Some(PoolerSign::NoSecond)).verdict, Verdict::Warning);
    }
}
