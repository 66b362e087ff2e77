//! Relations with their columns, parents and owned sequences; constraints and indexes are read beside them.

use super::expression::expression;
use super::objects::Types;
use super::{ByOid, Names, constraints, indexes, letter};
use nonstop_core::catalog::{Column, Expression, Generated, Origin, Relation, RelationKind};
use nonstop_core::quote::Name;
use nonstop_core::version::ServerVersion;
use std::collections::{BTreeMap, BTreeSet};
use tokio_postgres::{Client, Error};

pub(super) async fn read(
    client: &Client,
    version: ServerVersion,
    types: &Types,
    locked: &[u32],
) -> Result<(Names, ByOid<Relation>), Error> {
    let mut names = Names::default();
    let mut relations = read_relations(client, types, &mut names).await?;
    read_columns(client, types, locked, &mut names, &mut relations).await?;
    read_partition_keys(client, locked, &names, &mut relations).await?;
    read_parents(client, &names, &mut relations).await?;
    read_owners(client, &names, &mut relations).await?;
    constraints::read(client, version, locked, &names, &mut relations).await?;
    indexes::read(client, locked, &names, &mut relations).await?;
    Ok((names, relations))
}

async fn read_relations(client: &Client, types: &Types, names: &mut Names) -> Result<ByOid<Relation>, Error> {
    let rows = client
        .query(
            r"SELECT c.oid, n.nspname::text, c.relname::text, c.relkind, c.relpersistence,
                     CASE WHEN c.relispartition THEN pg_catalog.pg_get_expr(c.relpartbound, 0) END,
                     pg_catalog.pg_get_userbyid(c.relowner)::text, c.reloftype
              FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
              WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND c.relpersistence <> 't'
                AND n.nspname NOT LIKE 'pg\_%' AND n.nspname NOT IN ('information_schema', 'nonstop')",
            &[],
        )
        .await?;
    let mut relations = BTreeMap::new();
    for row in &rows {
        let oid: u32 = row.get(0);
        let kind = match letter(row.get(3)) {
            'p' => RelationKind::PartitionedTable,
            'v' => RelationKind::View,
            'm' => RelationKind::MaterializedView,
            'S' => RelationKind::Sequence,
            'f' => RelationKind::ForeignTable,
            _ => RelationKind::Table,
        };
        names
            .relations
            .insert(oid, Name::new(row.get::<_, String>(1), row.get::<_, String>(2)));
        let relation = Relation {
            origin: Origin::Existing,
            unlogged: letter(row.get(4)) == 'u',
            bound: row.get(5),
            owner: row.get(6),
            of_type: types.names.get(&row.get(7)).cloned(),
            size: None,
            ..Relation::created(kind)
        };
        relations.insert(oid, relation);
    }
    Ok(relations)
}

async fn read_columns(
    client: &Client,
    types: &Types,
    locked: &[u32],
    names: &mut Names,
    relations: &mut ByOid<Relation>,
) -> Result<(), Error> {
    let rows = client
        .query(
            r"SELECT a.attrelid, a.attnum, a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod), a.atttypid,
                     a.attnotnull, a.attidentity, a.attgenerated, d.oid IS NOT NULL,
                     CASE WHEN c.oid <> ALL ($1) THEN pg_catalog.pg_get_expr(d.adbin, d.adrelid) END
              FROM pg_catalog.pg_attribute a
              JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
              JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
              LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
              WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relpersistence <> 't'
                AND n.nspname NOT LIKE 'pg\_%' AND n.nspname NOT IN ('information_schema', 'nonstop')
                AND a.attnum > 0 AND NOT a.attisdropped
              ORDER BY a.attrelid, a.attnum",
            &[&locked],
        )
        .await?;
    for row in &rows {
        names.attributes.insert((row.get(0), row.get(1)), row.get(2));
    }
    for row in &rows {
        let table: u32 = row.get(0);
        let Some(relation) = relations.get_mut(&table) else {
            continue;
        };
        let generated = match (letter(row.get(6)), letter(row.get(7))) {
            ('a' | 'd', _) => Generated::Identity,
            (_, 's') => Generated::Stored,
            (_, 'v') => Generated::Virtual,
            _ => Generated::No,
        };
        relation.columns.push(Column {
            name: row.get(2),
            type_name: row.get(3),
            user_type: types.names.get(&row.get(4)).cloned(),
            not_null: row.get(5),
            default: row.get::<_, bool>(8).then(|| {
                default(
                    row.get::<_, Option<String>>(9).unwrap_or_default(),
                    generated,
                    names,
                    table,
                )
            }),
            generated,
        });
    }
    Ok(())
}

/// Only a generated column may name columns; a default that holds `user` means the function.
fn default(sql: String, generated: Generated, names: &Names, table: u32) -> Expression {
    match generated {
        Generated::Stored | Generated::Virtual => expression(sql, names.all(table)),
        Generated::No | Generated::Identity => expression(sql, []),
    }
}

async fn read_partition_keys(
    client: &Client,
    locked: &[u32],
    names: &Names,
    relations: &mut ByOid<Relation>,
) -> Result<(), Error> {
    let rows = client
        .query(
            "SELECT partrelid, CASE WHEN partrelid <> ALL ($1) THEN pg_catalog.pg_get_partkeydef(partrelid) ELSE '' END,
                    partattrs::int2[]
             FROM pg_catalog.pg_partitioned_table",
            &[&locked],
        )
        .await?;
    for row in &rows {
        let table: u32 = row.get(0);
        if let (Some(relation), Some(sql)) = (relations.get_mut(&table), row.get::<_, Option<String>>(1)) {
            // `RANGE (a)`: the strategy is no call, because a blank follows it.
            let mut key = expression(sql, names.all(table));
            let plain: BTreeSet<String> = names.columns(table, &row.get::<_, Vec<i16>>(2)).into_iter().collect();
            key.columns
                .extend(plain.into_iter().filter(|column| !column.is_empty()));
            relation.partition_key = Some(key);
        }
    }
    Ok(())
}

async fn read_parents(client: &Client, names: &Names, relations: &mut ByOid<Relation>) -> Result<(), Error> {
    let rows = client
        .query(
            // The column came with 14.
            "SELECT inhrelid, inhparent, coalesce((pg_catalog.to_jsonb(i) ->> 'inhdetachpending')::bool, false)
             FROM pg_catalog.pg_inherits i ORDER BY inhrelid, inhseqno",
            &[],
        )
        .await?;
    for row in &rows {
        if let (Some(relation), Some(parent)) = (relations.get_mut(&row.get(0)), names.relations.get(&row.get(1))) {
            relation.parents.push(parent.clone());
            relation.detach_pending |= row.get::<_, bool>(2);
        }
    }
    Ok(())
}

async fn read_owners(client: &Client, names: &Names, relations: &mut ByOid<Relation>) -> Result<(), Error> {
    // 'a': serial or OWNED BY; 'i': identity.
    let rows = client
        .query(
            "SELECT d.objid, d.refobjid, d.refobjsubid::int2
             FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_class c ON c.oid = d.objid AND c.relkind = 'S'
             WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
               AND d.objsubid = 0 AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')",
            &[],
        )
        .await?;
    for row in &rows {
        let table: u32 = row.get(1);
        let column = names.column(table, row.get(2));
        if let (Some(sequence), Some(table), Some(column)) =
            (relations.get_mut(&row.get(0)), names.relations.get(&table), column)
        {
            sequence.owned_by = Some((table.clone(), column.to_owned()));
        }
    }
    Ok(())
}
