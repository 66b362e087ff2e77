//! Gate `disk`: what index builds and rewrites will need. The server does not tell how much is free, so this only informs.

use super::{Finding, Looked, Subject, bytes_in_words};
use nonstop_core::quote::Name;
use nonstop_core::step::{Goal, Step, Work};
use tokio_postgres::types::Type;

pub(super) const NAME: &str = "disk";

pub(super) async fn look(subject: &Subject<'_>) -> Looked {
    let steps = subject
        .plan
        .iter()
        .flat_map(|plan| &plan.migrations)
        .flat_map(|one| &one.steps);
    let tables: Vec<&Name> = steps.filter_map(needy).collect();
    let schemas: Vec<&str> = tables.iter().map(|name| name.schema.as_str()).collect();
    let names: Vec<&str> = tables.iter().map(|name| name.name.as_str()).collect();
    let row = subject
        .session
        .client()
        .query_typed_one(
            "SELECT coalesce(sum(pg_relation_size(c.oid)), 0)::bigint, coalesce(max(pg_relation_size(c.oid)), 0)::bigint,
                    pg_database_size(current_database())
             FROM unnest($1::text[], $2::text[]) t(schema, name)
             JOIN pg_namespace n ON n.nspname = t.schema
             JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = t.name",
            &[(&schemas, Type::TEXT_ARRAY), (&names, Type::TEXT_ARRAY)],
        )
        .await?;
    Ok(judge(tables.len(), row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))
}

/// The table that a step copies or indexes.
fn needy(step: &Step) -> Option<&Name> {
    match (&step.goal, step.work) {
        (Goal::IndexValid { table, .. }, _) => Some(table),
        (_, Work::IndexBuild | Work::Rewrite) => step.locks.first().map(|lock| &lock.relation),
        (_, Work::None | Work::Scan) => None,
    }
}

/// An index is hardly larger than its table; while it is sorted it is on disk twice.
fn judge(builds: usize, total: i64, largest: i64, database: i64) -> Finding {
    if builds == 0 || total == 0 {
        return Finding::ok("no disk space to speak of");
    }
    Finding::ok(format!(
        "{builds} index builds or rewrites: at most about {} more on disk for good, and {} meanwhile (the database has {} now)",
        bytes_in_words(total),
        bytes_in_words(largest),
        bytes_in_words(database)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_tells_and_never_stops() {
        assert_eq!(judge(0, 0, 0, 1).message, "no disk space to speak of");
        let told = judge(2, 3 << 30, 2 << 30, 9 << 30).message;
        assert!(
            told.contains("3.0 GiB more") && told.contains("2.0 GiB meanwhile"),
            "{told}"
        );
    }
}
