//! Publications, and how published tables name their old rows.

use super::{ByOid, Names, letter};
use nonstop_core::catalog::{Publication, Relation, ReplicaIdentity};
use nonstop_core::version::ServerVersion;
use std::collections::{BTreeMap, BTreeSet};
use tokio_postgres::{Client, Error};

const PUBLICATIONS: &str = "SELECT p.pubname::text, p.puballtables, p.pubupdate, p.pubdelete,
            ARRAY(SELECT r.prrelid FROM pg_catalog.pg_publication_rel r WHERE r.prpubid = p.oid),
            ARRAY(SELECT n.nspname::text FROM pg_catalog.pg_publication_namespace s
                  JOIN pg_catalog.pg_namespace n ON n.oid = s.pnnspid WHERE s.pnpubid = p.oid)
     FROM pg_catalog.pg_publication p";

/// Whole schemas are published from 15 on.
const PUBLICATIONS_BEFORE_15: &str = "SELECT p.pubname::text, p.puballtables, p.pubupdate, p.pubdelete,
            ARRAY(SELECT r.prrelid FROM pg_catalog.pg_publication_rel r WHERE r.prpubid = p.oid), '{}'::text[]
     FROM pg_catalog.pg_publication p";

pub(super) async fn read(
    client: &Client,
    version: ServerVersion,
    names: &Names,
    relations: &mut ByOid<Relation>,
) -> Result<BTreeMap<String, Publication>, Error> {
    read_identities(client, relations).await?;
    let sql = if version >= ServerVersion::of_major(15) {
        PUBLICATIONS
    } else {
        PUBLICATIONS_BEFORE_15
    };
    let rows = client.query(sql, &[]).await?;
    let publication = |row: &tokio_postgres::Row| {
        let tables: Vec<u32> = row.get(4);
        let schemas: Vec<String> = row.get(5);
        let publication = Publication {
            all_tables: row.get(1),
            schemas: schemas.into_iter().collect(),
            tables: tables
                .iter()
                .filter_map(|oid| names.relations.get(oid))
                .cloned()
                .collect::<BTreeSet<_>>(),
            updates: row.get(2),
            deletes: row.get(3),
        };
        (row.get(0), publication)
    };
    Ok(rows.iter().map(publication).collect())
}

async fn read_identities(client: &Client, relations: &mut ByOid<Relation>) -> Result<(), Error> {
    let rows = client
        .query(
            "SELECT c.oid, c.relreplident, i.relname::text
             FROM pg_catalog.pg_class c
             LEFT JOIN pg_catalog.pg_index x ON x.indrelid = c.oid AND x.indisreplident
             LEFT JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
             WHERE c.relkind IN ('r', 'p') AND c.relreplident IN ('f', 'n', 'i') AND c.oid >= 16384",
            &[],
        )
        .await?;
    for row in &rows {
        if let Some(relation) = relations.get_mut(&row.get::<_, u32>(0)) {
            relation.replica_identity = match letter(row.get(1)) {
                'f' => ReplicaIdentity::Full,
                'i' => ReplicaIdentity::Index(row.get::<_, Option<String>>(2).unwrap_or_default()),
                _ => ReplicaIdentity::Nothing,
            };
        }
    }
    Ok(())
}
