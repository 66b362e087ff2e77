//! Gate `replica`: a server that takes writes.

use super::{Finding, Looked, Subject};

pub(super) const NAME: &str = "replica";

#[derive(Debug, Clone, Copy)]
struct Seen {
    in_recovery: bool,
    read_only: bool,
}

pub(super) async fn look(subject: &Subject<'_>) -> Looked {
    let row = subject
        .session
        .client()
        .query_typed_one(
            "SELECT pg_is_in_recovery(), current_setting('transaction_read_only') = 'on'",
            &[],
        )
        .await?;
    Ok(judge(Seen {
        in_recovery: row.try_get(0)?,
        read_only: row.try_get(1)?,
    }))
}

fn judge(seen: Seen) -> Finding {
    if seen.in_recovery {
        Finding::stop(
            "this server is a replica (in recovery), which takes no schema changes. Give the address of the primary.",
        )
    } else if seen.read_only {
        Finding::stop(
            "transactions are read-only here (default_transaction_read_only is on for the server, the database or the role; \
             some providers set it when the disk is full). Turn it off first.",
        )
    } else {
        Finding::ok("a primary that takes writes")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Verdict;

    #[test]
    fn replicas_and_read_only_servers_stop() {
        for (in_recovery, read_only, verdict) in [
            (false, false, Verdict::Ok),
            (true, true, Verdict::Stop),
            (false, true, Verdict::Stop),
        ] {
            assert_eq!(judge(Seen { in_recovery, read_only }).verdict, verdict);
        }
    }
}
