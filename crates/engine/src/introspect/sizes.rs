//! Live sizes: how many bytes and rows, and proof where a table is small.
//!
//! Statistics are old or missing exactly when it matters, so a table whose size in pages leaves the question open is
//! counted, up to one row past the limit. Nothing here waits for a lock: what somebody holds in ACCESS EXCLUSIVE, or
//! waits for, has an unknown size, and unknown counts as large.

use super::{BTreeMap, Names};
use nonstop_core::catalog::{Catalog, RelationKind, Size};
use nonstop_core::quote::Name;
use nonstop_core::settings::SMALL_BYTES;
use nonstop_core::sql;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error, SimpleQueryMessage};

/// A page holds at most this many rows: 8,192 bytes less its header, 28 for the smallest row with its line pointer.
const ROWS_PER_PAGE: u64 = 291;
/// Rows per page when there are no statistics at all.
const GUESSED_ROWS_PER_PAGE: u64 = 80;
/// The page size that all the common builds have; a different one only makes the bound looser or tighter by a factor.
const PAGE: u64 = 8192;

/// What a bounded count said.
enum Counted {
    /// So many, which is not over the limit.
    Exactly(u64),
    /// Over the limit.
    More,
    /// It cannot be known without waiting, or not at all.
    Unknown,
}

pub(super) async fn fill(client: &Client, names: &Names, catalog: &mut Catalog, small_rows: u64) -> Result<(), Error> {
    let mut sizes = measure(client, names).await?;
    let open: Vec<Name> = sizes
        .iter()
        .filter(|(_, size)| may_be_small(**size, small_rows))
        .map(|(name, _)| name.clone())
        .collect();
    for name in open {
        let counted = count(client, &name, small_rows).await?;
        match (counted, sizes.get_mut(&name)) {
            (Counted::Exactly(rows), Some(size)) => size.rows = rows,
            (Counted::More, Some(size)) => size.rows = size.rows.max(small_rows + 1),
            (Counted::Unknown, _) | (_, None) => {
                sizes.remove(&name);
            }
        }
    }
    let names: Vec<Name> = catalog.relations.keys().cloned().collect();
    for name in names {
        if let Some(mut relation) = catalog.relations.get_mut(&name) {
            relation.size = match relation.kind {
                RelationKind::Table | RelationKind::MaterializedView => sizes.get(&name).copied(),
                RelationKind::View | RelationKind::Sequence => Some(Size { rows: 0, bytes: 0 }),
                RelationKind::PartitionedTable | RelationKind::ForeignTable => None,
            };
        }
    }
    let parents: Vec<Name> = catalog
        .relations
        .iter()
        .filter(|(_, relation)| relation.kind == RelationKind::PartitionedTable)
        .map(|(name, _)| name.clone())
        .collect();
    for parent in parents {
        let size = of_partitions(catalog, &parent);
        if let Some(mut relation) = catalog.relations.get_mut(&parent) {
            relation.size = size;
        }
    }
    Ok(())
}

/// What the leaves hold together; unknown if one of them is.
fn of_partitions(catalog: &Catalog, parent: &Name) -> Option<Size> {
    let below = catalog.descendants(parent);
    let leaves = below.iter().filter_map(|name| catalog.relation(name));
    leaves
        .filter(|leaf| leaf.kind != RelationKind::PartitionedTable)
        .try_fold(Size { rows: 0, bytes: 0 }, |sum, leaf| {
            leaf.size.map(|size| Size {
                rows: sum.rows + size.rows,
                bytes: sum.bytes + size.bytes,
            })
        })
}

/// Bytes as they are now, rows as the statistics say for that many pages.
async fn measure(client: &Client, names: &Names) -> Result<BTreeMap<Name, Size>, Error> {
    // pg_relation_size takes ACCESS SHARE, so what is locked away must not be asked; between look and call somebody may
    // still come, hence the timeout, and then a second try without the newcomer's table.
    let mut tries = 3;
    loop {
        client
            .batch_execute("BEGIN READ ONLY; SET LOCAL lock_timeout = '50ms'")
            .await?;
        let rows = client
            .query(
                r"WITH locked AS MATERIALIZED (
                      SELECT l.relation FROM pg_catalog.pg_locks l
                      WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock'
                        AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid()
                        AND l.database = (SELECT oid FROM pg_catalog.pg_database
                                          WHERE datname = pg_catalog.current_database()))
                  SELECT c.oid, pg_catalog.pg_relation_size(c.oid), c.reltuples::float8, c.relpages
                  FROM pg_catalog.pg_class c
                  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                  WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't'
                    AND n.nspname NOT LIKE 'pg\_%' AND n.nspname NOT IN ('information_schema', 'nonstop')
                    AND NOT EXISTS (SELECT FROM locked WHERE locked.relation = c.oid)",
                &[],
            )
            .await;
        client
            .batch_execute(if rows.is_ok() { "COMMIT" } else { "ROLLBACK" })
            .await?;
        match rows {
            Ok(rows) => return Ok(rows.iter().filter_map(|row| named_size(names, row)).collect()),
            Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) && tries > 0 => tries -= 1,
            Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => return Ok(BTreeMap::new()),
            Err(error) => return Err(error),
        }
    }
}

fn named_size(names: &Names, row: &tokio_postgres::Row) -> Option<(Name, Size)> {
    let name = names.relations.get(&row.get(0))?.clone();
    let bytes = u64::try_from(row.get::<_, Option<i64>>(1)?).ok()?;
    let rows = estimate(bytes, row.get(2), row.get(3));
    Some((name, Size { rows, bytes }))
}

/// As the planner estimates: the density of the last ANALYZE times the pages of today.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "an estimate"
)]
fn estimate(bytes: u64, tuples: f64, pages_then: i32) -> u64 {
    let pages = bytes.div_ceil(PAGE);
    let rows = if tuples >= 0.0 && pages_then > 0 {
        (tuples / f64::from(pages_then) * pages as f64).round() as u64
    } else {
        pages * GUESSED_ROWS_PER_PAGE
    };
    rows.min(pages * ROWS_PER_PAGE)
}

/// Whether the number of pages leaves it open on which side of the limit the table is.
fn may_be_small(size: Size, small_rows: u64) -> bool {
    small_rows > 0 && size.bytes <= SMALL_BYTES && size.bytes.div_ceil(PAGE) * ROWS_PER_PAGE > small_rows
}

/// Counts up to one row past the limit.
async fn count(client: &Client, table: &Name, limit: u64) -> Result<Counted, Error> {
    // One simple query is one transaction, and an error ends it.
    let text = sql!(
        "SET LOCAL lock_timeout = '50ms'; SET LOCAL statement_timeout = '500ms'; SET LOCAL row_security = off; \
         SELECT pg_catalog.count(*) FROM (SELECT FROM ONLY {} LIMIT {}) AS bounded",
        table,
        limit + 1
    );
    match client.simple_query(text.as_str()).await {
        Ok(messages) => Ok(match messages.iter().find_map(first_number) {
            Some(rows) if rows <= limit => Counted::Exactly(rows),
            Some(_) => Counted::More,
            None => Counted::Unknown,
        }),
        Err(error) if error.code().is_some_and(leaves_it_unknown) => Ok(Counted::Unknown),
        Err(error) => Err(error),
    }
}

fn first_number(message: &SimpleQueryMessage) -> Option<u64> {
    match message {
        SimpleQueryMessage::Row(row) => row.get(0)?.parse().ok(),
        _ => None,
    }
}

/// Locked, too slow, no right to read it, dropped meanwhile, or a materialized view without data.
fn leaves_it_unknown(code: &SqlState) -> bool {
    [
        SqlState::LOCK_NOT_AVAILABLE,
        SqlState::QUERY_CANCELED,
        SqlState::INSUFFICIENT_PRIVILEGE,
        SqlState::UNDEFINED_TABLE,
        SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
    ]
    .contains(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_follows_the_pages_and_their_capacity() {
        assert_eq!(estimate(0, 1000.0, 10), 0);
        assert_eq!(estimate(20 * PAGE, 1000.0, 10), 2000);
        assert_eq!(estimate(10 * PAGE, -1.0, 0), 800);
        assert_eq!(estimate(PAGE, 1_000_000.0, 1), ROWS_PER_PAGE);
    }

    #[test]
    fn only_the_open_question_is_counted() {
        let pages = |pages: u64| Size {
            rows: 0,
            bytes: pages * PAGE,
        };
        assert!(!may_be_small(pages(0), 10_000));
        assert!(!may_be_small(pages(34), 10_000));
        assert!(may_be_small(pages(35), 10_000));
        assert!(may_be_small(pages(1024), 10_000));
        assert!(!may_be_small(pages(1025), 10_000));
        assert!(!may_be_small(pages(100), 0));
    }
}
