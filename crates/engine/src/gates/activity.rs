//! Gate `activity`: transactions that a deploy will have to wait for. It waits politely, so this only warns.

use super::{Finding, Looked, Subject, age_in_words};
use tokio_postgres::types::{ToSql, Type};

pub(super) const NAME: &str = "activity";

/// A transaction this old is worth a word.
const OLD_SECONDS: i64 = 60;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    kind: Kind,
    /// `pid 4711, user app, "report"`, or the name of a prepared transaction.
    who: String,
    age: i64,
    /// Tables of the plan that it has locked.
    tables: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Transaction,
    Prepared,
    WraparoundVacuum,
}

const QUERY: &str = "
    WITH touched AS (
        SELECT c.oid, format('%s.%s', n.nspname, c.relname) AS name
        FROM unnest($1::text[], $2::text[]) t(schema, name)
        JOIN pg_namespace n ON n.nspname = t.schema
        JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = t.name),
    held AS (
        SELECT l.pid, l.virtualtransaction, array_agg(DISTINCT t.name ORDER BY t.name) AS tables
        FROM pg_locks l JOIN touched t ON t.oid = l.relation
        WHERE l.granted AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        GROUP BY 1, 2)
    SELECT CASE WHEN a.backend_type = 'autovacuum worker' THEN 'vacuum' ELSE 'transaction' END,
           format('pid %s, user %s, %s, %s', a.pid, coalesce(a.usename::text, '-'),
                  coalesce(nullif(a.application_name, ''), 'unnamed'), coalesce(a.state, a.backend_type)),
           extract(epoch FROM clock_timestamp() - a.xact_start)::bigint, coalesce(h.tables, '{}')
    FROM pg_stat_activity a LEFT JOIN held h ON h.pid = a.pid
    WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND a.xact_start IS NOT NULL
      AND (a.backend_type = 'client backend' AND a.xact_start < clock_timestamp() - make_interval(secs => $3)
           OR a.backend_type = 'autovacuum worker' AND a.query LIKE '%(to prevent wraparound)' AND h.pid IS NOT NULL)
    UNION ALL
    SELECT 'prepared', p.gid, extract(epoch FROM clock_timestamp() - p.prepared)::bigint,
           coalesce((SELECT h.tables FROM held h WHERE h.virtualtransaction = '-1/' || p.transaction::text), '{}')
    FROM pg_prepared_xacts p WHERE p.database = current_database()
    ORDER BY 3 DESC";

pub(super) async fn look(subject: &Subject<'_>) -> Looked {
    let (schemas, names) = subject.touched();
    #[expect(clippy::cast_precision_loss, reason = "a minute is exact")]
    let old = OLD_SECONDS as f64;
    let rows = {
        let parameters: [(&(dyn ToSql + Sync), Type); 3] = [
            (&schemas, Type::TEXT_ARRAY),
            (&names, Type::TEXT_ARRAY),
            (&old, Type::FLOAT8),
        ];
        subject.session.client().query_typed(QUERY, &parameters).await?
    };
    let seen = |row: &tokio_postgres::Row| {
        Ok(Seen {
            kind: match row.try_get(0)? {
                "vacuum" => Kind::WraparoundVacuum,
                "prepared" => Kind::Prepared,
                _ => Kind::Transaction,
            },
            who: row.try_get(1)?,
            age: row.try_get(2)?,
            tables: row.try_get(3)?,
        })
    };
    let seen: Result<Vec<Seen>, tokio_postgres::Error> = rows.iter().map(seen).collect();
    Ok(judge(&seen?))
}

fn judge(seen: &[Seen]) -> Finding {
    const SHOWN: usize = 5;
    let remark = |one: &Seen| {
        let what = match one.kind {
            Kind::Transaction => format!(
                "a transaction has been open for {} ({})",
                age_in_words(one.age),
                one.who
            ),
            Kind::Prepared => format!(
                "a prepared transaction has been left for {} ({:?}; COMMIT PREPARED or ROLLBACK PREPARED ends it)",
                age_in_words(one.age),
                one.who
            ),
            Kind::WraparoundVacuum => format!(
                "an anti-wraparound vacuum is at work ({}), and does not give way",
                one.who
            ),
        };
        Finding::warning(if one.tables.is_empty() {
            format!("{what}: CONCURRENTLY and VALIDATE will wait for it.")
        } else {
            format!("{what} on {}: deploy will wait for it.", one.tables.join(", "))
        })
    };
    let mut findings: Vec<Finding> = seen.iter().take(SHOWN).map(remark).collect();
    if seen.len() > SHOWN {
        findings.push(Finding::warning(format!("And {} more.", seen.len() - SHOWN)));
    }
    Finding::all(
        findings,
        "no old transaction, no prepared transaction, no anti-wraparound vacuum",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Verdict;

    #[test]
    fn each_is_named() {
        let seen = |kind, tables: &[&str]| Seen {
            kind,
            who: "pid 7, user app, report, active".into(),
            age: 600,
            tables: tables.iter().map(ToString::to_string).collect(),
        };
        let finding = judge(&[seen(Kind::Transaction, &["public.Tip"]), seen(Kind::Prepared, &[])]);
        assert_eq!(finding.verdict, Verdict::Warning);
        assert!(
            finding
                .message
                .contains("10 min (pid 7, user app, report, active) on public.Tip")
        );
        assert!(finding.message.contains("ROLLBACK PREPARED"));
        assert_eq!(judge(&[]).verdict, Verdict::Ok);
    }
}
