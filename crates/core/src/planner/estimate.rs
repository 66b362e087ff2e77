//! A guess of how long each step takes, from live sizes. It is for people who plan their evening, not for timeouts.

use crate::catalog::{Catalog, RelationKind, Size};
use crate::step::{Step, StepKind, Work};

/// Bytes that a scan reads in a millisecond, from memory or a fast disk: 400 MB/s.
const SCAN: u64 = 400_000;
/// Rows that an index build sorts in a millisecond.
const SORT: u64 = 1_500;
/// Bytes that a rewrite writes in a millisecond, its indexes and WAL included: 40 MB/s.
const REWRITE: u64 = 40_000;
/// Rows that batches change in a millisecond, of a table with an index or two.
const BATCHED: u64 = 25;
/// A statement that only changes the catalog.
const INSTANT: u64 = 1;

/// Fills in [`Step::estimate_ms`]; it stays unknown where a size is.
pub(super) fn fill(steps: &mut [Step], catalog: &Catalog) {
    for step in steps {
        step.estimate_ms = estimate(step, catalog);
    }
}

fn estimate(step: &Step, catalog: &Catalog) -> Option<u64> {
    let instant = INSTANT * step.sql.len() as u64;
    // A check takes no lock by which its tables could be told.
    if step.kind == StepKind::Check || step.open_ended {
        return None;
    }
    let sizes = step
        .locks
        .iter()
        .map(|lock| catalog.relation(&lock.relation).and_then(|rel| rel.size));
    if let Some(batch) = &step.batch {
        let all = std::iter::once(batch.table.clone()).chain(catalog.descendants(&batch.table));
        let sizes = all.filter_map(|name| catalog.relation(&name).filter(|rel| rel.kind == RelationKind::Table));
        let rows = sizes.map(|rel| rel.size.map(|size| size.rows)).sum::<Option<u64>>()?;
        return Some(instant + rows / BATCHED);
    }
    let worked: u64 = match step.work {
        Work::None => return Some(instant),
        Work::Scan => sizes.map(|size| size.map(scan)).sum::<Option<u64>>()?,
        // Concurrently, the table is read twice.
        Work::IndexBuild => sizes
            .map(|size| size.map(|size| 2 * scan(size) + size.rows / SORT))
            .sum::<Option<u64>>()?,
        Work::Rewrite => sizes
            .map(|size| size.map(|size| size.bytes / REWRITE))
            .sum::<Option<u64>>()?,
    };
    Some(instant + worked)
}

fn scan(size: Size) -> u64 {
    size.bytes / SCAN
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Relation;
    use crate::planner::tests::plan;
    use crate::quote::Name;
    use crate::version::ServerVersion;

    #[test]
    fn a_large_build_takes_longer_and_an_unknown_one_is_unknown() {
        let mut steps = plan("CREATE INDEX i ON t (b); ALTER TABLE t ADD COLUMN z int;").steps;
        let mut catalog = Catalog::empty(ServerVersion::of_major(15));
        let mut table = Relation::created(RelationKind::Table);
        table.size = Some(Size {
            rows: 1_500_000,
            bytes: 100_000_000,
        });
        catalog.relations.insert(Name::new("public", "t"), table);
        fill(&mut steps, &catalog);
        assert_eq!(
            steps.iter().map(|s| s.estimate_ms).collect::<Vec<_>>(),
            [Some(1_501), Some(1)]
        );
        fill(&mut steps, &Catalog::empty(ServerVersion::of_major(15)));
        assert_eq!(steps[0].estimate_ms, None);
    }
}
