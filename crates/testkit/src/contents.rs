//! What tables hold: rows counted, and rows added up to one checksum.

use anyhow::Result;
use nonstop_core::quote::{Ident, List, Name};
use nonstop_core::sql;
use nonstop_engine::compare::Except;
use std::collections::BTreeMap;
use tokio_postgres::Client;

/// What tables and sequences hold, by their name: how many rows, and their checksum.
pub type Contents = BTreeMap<String, (i64, Option<String>)>;

/// How many rows each table of users has; schema `nonstop` and history tables are left out.
pub async fn row_counts(client: &Client) -> Result<BTreeMap<String, i64>> {
    let mut counts = BTreeMap::new();
    for (table, _) in tables(client, "").await? {
        let text = sql!("SELECT count(*) FROM ONLY {}", table);
        counts.insert(table.to_string(), client.query_one(text.as_str(), &[]).await?.get(0));
    }
    Ok(counts)
}

/// The same with a checksum of each table's rows. Where a column stands, and in which order rows came, does not matter;
/// values that differ from run to run do not count: uuids, times, and numbers of a sequence, which follow the order of rows.
pub async fn contents(client: &Client) -> Result<Contents> {
    summed(
        client,
        " AND a.atttypid NOT IN ('uuid'::regtype, 'timestamp'::regtype, 'timestamptz'::regtype)
          AND (EXISTS (SELECT FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indisprimary AND a.attnum = ANY (i.indkey))
               OR a.attidentity = '' AND NOT EXISTS (
                   SELECT FROM pg_attrdef d WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum
                                              AND pg_get_expr(d.adbin, d.adrelid) LIKE 'nextval(%'))",
    )
    .await
}

/// The same with every value, and with where sequences are.
pub async fn contents_of_all(client: &Client) -> Result<Contents> {
    let mut contents = summed(client, "").await?;
    let except = Except::history();
    let sequences = "SELECT schemaname::text, sequencename::text, coalesce(last_value, -1) FROM pg_sequences";
    for row in client.query(sequences, &[]).await? {
        let name = Name::new(row.get::<_, String>(0), row.get::<_, String>(1));
        if !except.schemas.contains(&name.schema) {
            contents.insert(name.to_string(), (row.get(2), None));
        }
    }
    Ok(contents)
}

async fn summed(client: &Client, columns: &str) -> Result<Contents> {
    let mut contents = BTreeMap::new();
    for (table, columns) in tables(client, columns).await? {
        let columns: Vec<Ident> = columns.iter().map(|column| Ident(column)).collect();
        let text = sql!(
            "SELECT count(*), sum(hashtextextended(ROW({})::text, 0)::numeric)::text FROM ONLY {}",
            List(&columns),
            table
        );
        let row = client.query_one(text.as_str(), &[]).await?;
        contents.insert(table.to_string(), (row.get(0), row.get(1)));
    }
    Ok(contents)
}

/// Tables and materialized views with their columns in the order of names.
async fn tables(client: &Client, columns: &str) -> Result<Vec<(Name, Vec<String>)>> {
    let text = format!(
        r"SELECT n.nspname::text, c.relname::text,
                 ARRAY(SELECT a.attname::text FROM pg_attribute a
                       WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped{columns} ORDER BY a.attname)
          FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
          WHERE c.relkind IN ('r', 'm') AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'"
    );
    let rows = client.query(&text, &[]).await?;
    let except = Except::history();
    Ok(rows
        .iter()
        .map(|row| (Name::new(row.get::<_, String>(0), row.get::<_, String>(1)), row.get(2)))
        .filter(|(table, _)| !except.schemas.contains(&table.schema) && !except.relations.contains(&table.name))
        .collect())
}
