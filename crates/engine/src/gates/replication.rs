//! Gate `replication`: replicas that lag and slots that keep WAL; every index build sends its pages through them.

use super::{Finding, Looked, Subject, age_in_words, bytes_in_words};

pub(super) const NAME: &str = "replication";

/// Lag worth a word.
const LAG_BYTES: i64 = 256 << 20;
const LAG_SECONDS: i64 = 30;
/// WAL kept for a slot that nobody reads.
const KEPT_BYTES: i64 = 1 << 30;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Seen {
    Replica { name: String, bytes: i64, seconds: i64 },
    InactiveSlot { name: String, bytes: i64 },
    Slot,
}

// Without pg_monitor the positions of others are NULL, and read as no lag.
const QUERY: &str = "
    WITH here AS (SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END AS lsn)
    SELECT 'replica', coalesce(nullif(application_name, ''), client_addr::text, 'unnamed'),
           coalesce(pg_wal_lsn_diff(here.lsn, replay_lsn), 0)::bigint,
           coalesce(extract(epoch FROM replay_lag), 0)::bigint
    FROM pg_stat_replication, here
    UNION ALL
    SELECT CASE WHEN active THEN 'slot' ELSE 'inactive' END, slot_name::text,
           coalesce(pg_wal_lsn_diff(here.lsn, restart_lsn), 0)::bigint, 0
    FROM pg_replication_slots, here WHERE NOT temporary
    ORDER BY 1, 2";

pub(super) async fn look(subject: &Subject<'_>) -> Looked {
    let rows = subject.session.client().query_typed(QUERY, &[]).await?;
    let seen = |row: &tokio_postgres::Row| {
        Ok(match row.try_get(0)? {
            "replica" => Seen::Replica {
                name: row.try_get(1)?,
                bytes: row.try_get(2)?,
                seconds: row.try_get(3)?,
            },
            "inactive" => Seen::InactiveSlot {
                name: row.try_get(1)?,
                bytes: row.try_get(2)?,
            },
            _ => Seen::Slot,
        })
    };
    let seen: Result<Vec<Seen>, tokio_postgres::Error> = rows.iter().map(seen).collect();
    Ok(judge(&seen?))
}

fn judge(seen: &[Seen]) -> Finding {
    let remark = |one: &Seen| match one {
        Seen::Replica { name, bytes, seconds } if *bytes >= LAG_BYTES || *seconds >= LAG_SECONDS => {
            Some(Finding::warning(format!(
                "the replica {name} is {} and {} behind; index builds will add to it.",
                bytes_in_words(*bytes),
                age_in_words(*seconds)
            )))
        }
        Seen::InactiveSlot { name, bytes } if *bytes >= KEPT_BYTES => Some(Finding::warning(format!(
            "nobody reads the replication slot {name}: {} of WAL are kept for it, and index builds will add to that. Drop \
             it if it is of no use.",
            bytes_in_words(*bytes)
        ))),
        Seen::Replica { .. } | Seen::InactiveSlot { .. } | Seen::Slot => None,
    };
    let replicas = seen.iter().filter(|one| matches!(one, Seen::Replica { .. })).count();
    let fine = match replicas {
        0 => "no replica".to_owned(),
        count => format!("{count} replicas keep up"),
    };
    Finding::all(seen.iter().filter_map(remark).collect(), &fine)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Verdict;

    #[test]
    fn lag_and_forgotten_slots_warn() {
        let replica = |bytes, seconds| Seen::Replica {
            name: "r1".into(),
            bytes,
            seconds,
        };
        assert_eq!(judge(&[replica(0, 1), Seen::Slot]).verdict, Verdict::Ok);
        assert_eq!(judge(&[replica(0, 31)]).verdict, Verdict::Warning);
        assert_eq!(judge(&[replica(1 << 29, 0)]).verdict, Verdict::Warning);
        let slot = judge(&[Seen::InactiveSlot {
            name: "old".into(),
            bytes: 5 << 30,
        }]);
        assert!(slot.message.contains("slot old") && slot.message.contains("5.0 GiB"));
    }
}
