//! Indexes of relations.

use super::expression::expression;
use super::{BTreeMap, ByOid, Names};
use nonstop_core::catalog::{Index, Origin, Relation};
use nonstop_core::quote::Name;
use tokio_postgres::{Client, Error, Row};

pub(super) async fn read(
    client: &Client,
    locked: &[u32],
    names: &Names,
    relations: &mut ByOid<Relation>,
) -> Result<(), Error> {
    let rows = client
        .query(
            r"SELECT i.indrelid, i.indexrelid, n.nspname::text, c.relname::text, am.amname::text, i.indkey::int2[], i.indnkeyatts,
                     i.indisunique, i.indisvalid, con.conname::text, inh.inhparent,
                     CASE WHEN i.indrelid <> ALL ($1) THEN pg_catalog.pg_get_expr(i.indexprs, i.indrelid) END,
                     CASE WHEN i.indrelid <> ALL ($1) THEN pg_catalog.pg_get_expr(i.indpred, i.indrelid) END,
                     CASE WHEN i.indrelid <> ALL ($1) THEN pg_catalog.pg_get_indexdef(i.indexrelid) END
              FROM pg_catalog.pg_index i
              JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
              JOIN pg_catalog.pg_am am ON am.oid = c.relam
              JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
              LEFT JOIN pg_catalog.pg_inherits inh ON inh.inhrelid = i.indexrelid
              LEFT JOIN pg_catalog.pg_constraint con ON con.conindid = i.indexrelid AND con.conrelid = i.indrelid
                                                    AND con.contype IN ('p', 'u', 'x')
              WHERE n.nspname NOT LIKE 'pg\_%' AND n.nspname NOT IN ('information_schema', 'nonstop')
                AND c.relpersistence <> 't'
              ORDER BY c.relname",
            &[&locked],
        )
        .await?;
    let indexes: BTreeMap<u32, Name> = rows
        .iter()
        .map(|row| (row.get(1), Name::new(row.get::<_, String>(2), row.get::<_, String>(3))))
        .collect();
    for row in &rows {
        let table: u32 = row.get(0);
        if let Some(relation) = relations.get_mut(&table) {
            relation.indexes.push(index(row, table, names, &indexes));
        }
    }
    Ok(())
}

fn index(row: &Row, table: u32, names: &Names, indexes: &BTreeMap<u32, Name>) -> Index {
    let mut keys = names.columns(table, &row.get::<_, Vec<i16>>(5));
    let include = keys.split_off(usize::try_from(row.get::<_, i16>(6)).unwrap_or(0).min(keys.len()));
    let definition: String = row.get::<_, Option<String>>(13).unwrap_or_default();
    let of_table = |sql: Option<String>| sql.map(|sql| expression(sql, names.all(table)));
    Index {
        name: row.get(3),
        origin: Origin::Existing,
        method: row.get(4),
        keys,
        include,
        expressions: of_table(row.get(11)),
        predicate: of_table(row.get(12)),
        unique: row.get(7),
        valid: row.get(8),
        constraint: row.get(9),
        parent: row.get::<_, Option<u32>>(10).and_then(|oid| indexes.get(&oid).cloned()),
        nulls_not_distinct: definition.contains(" NULLS NOT DISTINCT"),
        definition,
    }
}
