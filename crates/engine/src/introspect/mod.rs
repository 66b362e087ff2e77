//! The live catalog as a `nonstop_core::catalog::Catalog`.
//!
//! A handful of queries, each over a whole system catalog, sent together in one read-only snapshot; rows are joined here
//! by oid. System schemas, temporary relations and our own schema `nonstop` are left out.

mod constraints;
mod counters;
mod dependents;
mod expression;
mod indexes;
mod objects;
mod publications;
mod relations;
mod sizes;

pub use counters::read_counters;

use nonstop_core::catalog::Catalog;
use nonstop_core::quote::Name;
use nonstop_core::version::ServerVersion;
use std::collections::{BTreeMap, BTreeSet};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error};

/// Whoever comes between the look for locks and the reading is waited for no longer than this.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; \
    SET LOCAL lock_timeout = '200ms'; SET LOCAL statement_timeout = '60s'";
/// How often the reading is begun again because of a newcomer.
const TRIES: usize = 10;

/// Reads the whole schema of the client's database.
///
/// `search_path` is what unqualified names of migrations are looked up in, and goes into the catalog as it is. Tables
/// of at most `small_rows` rows (and [`SMALL_BYTES`](nonstop_core::planner::SMALL_BYTES)) get a size that proves it,
/// counted if need be; with 0 nothing is counted.
///
/// The client must not be inside a transaction. Nothing here waits for somebody who holds a relation in ACCESS
/// EXCLUSIVE: the server's deparsing functions would, so such relations are only named, in [`Catalog::locked_away`]. Fails
/// with 55P03 if new ones come with each of ten tries.
pub async fn introspect(client: &Client, search_path: &[String], small_rows: u64) -> Result<Catalog, Error> {
    let mut tries = 1;
    let (mut catalog, names) = loop {
        client.batch_execute(BEGIN).await?;
        let read = read(client, search_path).await;
        client
            .batch_execute(if read.is_ok() { "COMMIT" } else { "ROLLBACK" })
            .await?;
        match read {
            Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) && tries < TRIES => tries += 1,
            read => break read?,
        }
    };
    sizes::fill(client, &names, &mut catalog, small_rows).await?;
    Ok(catalog)
}

async fn read(client: &Client, search_path: &[String]) -> Result<(Catalog, Names), Error> {
    let row = client
        .query_one(
            "SELECT pg_catalog.current_setting('server_version_num')::int4, pg_catalog.current_setting('TimeZone'),
                    ARRAY(SELECT DISTINCT l.relation FROM pg_catalog.pg_locks l
                          WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock'
                            AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid()
                            AND l.database = (SELECT oid FROM pg_catalog.pg_database
                                              WHERE datname = pg_catalog.current_database()))",
            &[],
        )
        .await?;
    let version = ServerVersion(row.get::<_, i32>(0).unsigned_abs());
    let locked: Vec<u32> = row.get(2);
    let types = objects::read_types(client).await?;
    let (names, mut relations) = relations::read(client, version, &types, &locked).await?;
    dependents::read(client, &names, &mut relations).await?;
    let publications = publications::read(client, version, &names, &mut relations).await?;
    let catalog = Catalog {
        publications,
        version,
        search_path: search_path.to_vec(),
        time_zone: Some(row.get(1)),
        schemas: objects::read_schemas(client).await?,
        relations: names.by_name(relations).into(),
        functions: objects::read_functions(client, version, &locked).await?.into(),
        extensions: objects::read_extensions(client).await?,
        types: types.definitions.into(),
        locked_away: locked
            .iter()
            .filter_map(|oid| names.relations.get(oid))
            .cloned()
            .collect(),
    };
    Ok((catalog, names))
}

/// Relations by oid, while rows are being joined.
type ByOid<T> = BTreeMap<u32, T>;

/// What an oid and an attribute number stand for.
#[derive(Debug, Default)]
struct Names {
    relations: ByOid<Name>,
    attributes: BTreeMap<(u32, i16), String>,
}

impl Names {
    fn column(&self, relation: u32, number: i16) -> Option<&str> {
        self.attributes.get(&(relation, number)).map(String::as_str)
    }

    /// Columns by number; an expression (0) and a dropped column have no name and become empty.
    fn columns(&self, relation: u32, numbers: &[i16]) -> Vec<String> {
        let name = |number: &i16| self.column(relation, *number).unwrap_or_default().to_owned();
        numbers.iter().map(name).collect()
    }

    /// All columns of one relation.
    fn all(&self, relation: u32) -> impl Iterator<Item = &str> {
        let range = (relation, i16::MIN)..=(relation, i16::MAX);
        self.attributes.range(range).map(|(_, name)| name.as_str())
    }

    fn by_name<T>(&self, relations: ByOid<T>) -> BTreeMap<Name, T> {
        let named = |(oid, value)| self.relations.get(&oid).map(|name| (name.clone(), value));
        relations.into_iter().filter_map(named).collect()
    }
}

/// `"char"` columns hold one byte.
fn letter(value: i8) -> char {
    char::from(value.unsigned_abs())
}
