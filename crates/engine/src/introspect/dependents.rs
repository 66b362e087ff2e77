//! What hangs on relations: triggers, policies, and what views and rules read.

use super::{BTreeSet, ByOid, Names};
use nonstop_core::catalog::{Policy, Relation, RowEvent, Statistics, Trigger};
use nonstop_core::quote::Name;
use tokio_postgres::{Client, Error};

pub(super) async fn read(client: &Client, names: &Names, relations: &mut ByOid<Relation>) -> Result<(), Error> {
    read_triggers(client, names, relations).await?;
    read_policies(client, names, relations).await?;
    read_statistics(client, names, relations).await?;
    read_reads(client, names, relations).await
}

fn named(names: &Names, relation: u32, numbers: &[i16]) -> BTreeSet<String> {
    let name = |number: &i16| names.column(relation, *number).map(str::to_owned);
    numbers.iter().filter_map(name).collect()
}

async fn read_triggers(client: &Client, names: &Names, relations: &mut ByOid<Relation>) -> Result<(), Error> {
    let rows = client
        .query(
            "SELECT t.tgrelid, t.tgname::text, n.nspname::text, p.proname::text,
                    ARRAY(SELECT DISTINCT d.refobjsubid::int2 FROM pg_catalog.pg_depend d
                          WHERE d.classid = 'pg_catalog.pg_trigger'::regclass AND d.objid = t.oid
                            AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = t.tgrelid
                            AND d.refobjsubid > 0),
                    t.tgtype::int4
             FROM pg_catalog.pg_trigger t
             JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
             JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
             WHERE NOT t.tgisinternal ORDER BY t.tgname",
            &[],
        )
        .await?;
    for row in &rows {
        let table: u32 = row.get(0);
        if let Some(relation) = relations.get_mut(&table) {
            relation.triggers.push(Trigger {
                name: row.get(1),
                function: Name::new(row.get::<_, String>(2), row.get::<_, String>(3)),
                columns: named(names, table, &row.get::<_, Vec<i16>>(4)),
                events: RowEvent::of_bits(row.get(5)),
                // TRIGGER_TYPE_ROW of PostgreSQL's pg_trigger.h.
                each_statement: row.get::<_, i32>(5) & 1 == 0,
            });
        }
    }
    Ok(())
}

async fn read_policies(client: &Client, names: &Names, relations: &mut ByOid<Relation>) -> Result<(), Error> {
    let rows = client
        .query(
            "SELECT p.polrelid, p.polname::text,
                    ARRAY(SELECT DISTINCT d.refobjsubid::int2 FROM pg_catalog.pg_depend d
                          WHERE d.classid = 'pg_catalog.pg_policy'::regclass AND d.objid = p.oid
                            AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = p.polrelid
                            AND d.refobjsubid > 0)
             FROM pg_catalog.pg_policy p ORDER BY p.polname",
            &[],
        )
        .await?;
    for row in &rows {
        let table: u32 = row.get(0);
        if let Some(relation) = relations.get_mut(&table) {
            relation.policies.push(Policy {
                name: row.get(1),
                columns: named(names, table, &row.get::<_, Vec<i16>>(2)),
            });
        }
    }
    Ok(())
}

async fn read_statistics(client: &Client, names: &Names, relations: &mut ByOid<Relation>) -> Result<(), Error> {
    // Columns in expressions (14) are those that the object depends on.
    let rows = client
        .query(
            "SELECT s.stxrelid, (SELECT n.nspname::text FROM pg_catalog.pg_namespace n WHERE n.oid = s.stxnamespace), s.stxname::text,
                    ARRAY(SELECT DISTINCT d.refobjsubid::int2 FROM pg_catalog.pg_depend d
                          WHERE d.classid = 'pg_catalog.pg_statistic_ext'::regclass AND d.objid = s.oid
                            AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = s.stxrelid
                            AND d.refobjsubid > 0)
             FROM pg_catalog.pg_statistic_ext s ORDER BY s.stxname",
            &[],
        )
        .await?;
    for row in &rows {
        let table: u32 = row.get(0);
        if let Some(relation) = relations.get_mut(&table) {
            relation.statistics.push(Statistics {
                name: Name::new(row.get::<_, String>(1), row.get::<_, String>(2)),
                columns: named(names, table, &row.get::<_, Vec<i16>>(3)),
            });
        }
    }
    Ok(())
}

async fn read_reads(client: &Client, names: &Names, relations: &mut ByOid<Relation>) -> Result<(), Error> {
    let rows = client
        .query(
            "SELECT DISTINCT r.ev_class, d.refobjid, d.refobjsubid::int2
             FROM pg_catalog.pg_rewrite r
             JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = r.oid
                                        AND d.refclassid = 'pg_catalog.pg_class'::regclass
             WHERE d.refobjid <> r.ev_class AND r.oid >= 16384",
            &[],
        )
        .await?;
    for row in &rows {
        let read: u32 = row.get(1);
        let (Some(relation), Some(name)) = (relations.get_mut(&row.get(0)), names.relations.get(&read)) else {
            continue;
        };
        let columns = relation.reads.entry(name.clone()).or_default();
        columns.extend(names.column(read, row.get(2)).map(str::to_owned));
    }
    Ok(())
}
