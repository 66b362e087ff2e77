//! Gate `connections`: room for worker, history lock, watchdog and observer.

use super::{Finding, Looked, Subject};

pub(super) const NAME: &str = "connections";

/// Sessions that a deploy holds at once.
const NEEDED: i64 = 4;

/// Free places by each limit; negative when a limit was lowered under the present number.
#[derive(Debug, Clone, Copy)]
struct Seen {
    server: i64,
    role: Option<i64>,
    database: Option<i64>,
}

const QUERY: &str = "
    WITH here AS (
        SELECT count(*) AS server,
               count(*) FILTER (WHERE usesysid = r.oid) AS role,
               count(*) FILTER (WHERE a.datid = d.oid) AS database
        FROM pg_stat_activity a, pg_roles r, pg_database d
        WHERE a.backend_type = 'client backend' AND r.rolname = session_user AND d.datname = current_database())
    SELECT current_setting('max_connections')::bigint
               - CASE WHEN r.rolsuper THEN 0
                      ELSE current_setting('superuser_reserved_connections')::bigint
                           + coalesce(current_setting('reserved_connections', true)::bigint, 0) END
               - here.server,
           CASE WHEN r.rolconnlimit >= 0 AND NOT r.rolsuper THEN r.rolconnlimit - here.role END,
           CASE WHEN d.datconnlimit >= 0 AND NOT r.rolsuper THEN d.datconnlimit - here.database END
    FROM here, pg_roles r, pg_database d
    WHERE r.rolname = session_user AND d.datname = current_database()";

pub(super) async fn look(subject: &Subject<'_>) -> Looked {
    let row = subject.session.client().query_typed_one(QUERY, &[]).await?;
    let ours = 1 + i64::from(subject.lock.is_some());
    let seen = Seen {
        server: row.try_get(0)?,
        role: row.try_get(1)?,
        database: row.try_get(2)?,
    };
    Ok(judge(seen, NEEDED - ours))
}

fn judge(seen: Seen, needed: i64) -> Finding {
    let limits = [
        (Some(seen.server), "max_connections"),
        (seen.role, "the role's CONNECTION LIMIT"),
        (seen.database, "the database's CONNECTION LIMIT"),
    ];
    let free = limits.iter().filter_map(|(left, limit)| left.map(|left| (left, limit)));
    match free.min_by_key(|(left, _)| *left) {
        Some((left, limit)) if left < needed => Finding::stop(format!(
            "{} connections are left by {limit}, and nonstop needs {needed} more. Close some, or raise the limit.",
            left.max(0)
        )),
        Some((left, _)) => Finding::ok(format!("{left} connections are left")),
        None => Finding::ok("no limit"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Verdict;

    #[test]
    fn the_tightest_limit_counts() {
        let seen = |server, role| Seen {
            server,
            role,
            database: None,
        };
        assert_eq!(judge(seen(3, None), 3).verdict, Verdict::Ok);
        assert_eq!(judge(seen(2, None), 3).verdict, Verdict::Stop);
        let tight = judge(seen(50, Some(1)), 3);
        assert_eq!(tight.verdict, Verdict::Stop);
        assert!(tight.message.contains("role's CONNECTION LIMIT"));
        assert!(judge(seen(-2, None), 3).message.starts_with("0 connections"));
    }
}
