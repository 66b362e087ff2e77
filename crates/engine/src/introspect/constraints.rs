//! Constraints of relations; those of domains belong to their types.

use super::expression::expression;
use super::{ByOid, Names, letter};
use nonstop_core::catalog::{Constraint, ConstraintKind, Relation};
use nonstop_core::version::ServerVersion;
use tokio_postgres::{Client, Error, Row};

pub(super) async fn read(
    client: &Client,
    version: ServerVersion,
    locked: &[u32],
    names: &Names,
    relations: &mut ByOid<Relation>,
) -> Result<(), Error> {
    // Version 18 has NOT ENFORCED, and NOT NULL as contype 'n'.
    let rows = client
        .query(
            if version.major() < 18 {
                "SELECT conrelid, conname::text, contype, convalidated, true, conislocal, coalesce(conkey, '{}'), confrelid,
                        coalesce(confkey, '{}'), CASE WHEN conrelid <> ALL ($1) THEN pg_catalog.pg_get_expr(conbin, conrelid) END,
                        CASE WHEN conrelid <> ALL ($1) OR contype <> 'c' THEN pg_catalog.pg_get_constraintdef(oid) ELSE '' END
                 FROM pg_catalog.pg_constraint WHERE conrelid <> 0 ORDER BY conrelid, conname"
            } else {
                "SELECT conrelid, conname::text, contype, convalidated, conenforced, conislocal, coalesce(conkey, '{}'), confrelid,
                        coalesce(confkey, '{}'), CASE WHEN conrelid <> ALL ($1) THEN pg_catalog.pg_get_expr(conbin, conrelid) END,
                        CASE WHEN conrelid <> ALL ($1) OR contype <> 'c' THEN pg_catalog.pg_get_constraintdef(oid) ELSE '' END
                 FROM pg_catalog.pg_constraint WHERE conrelid <> 0 ORDER BY conrelid, conname"
            },
            &[&locked],
        )
        .await?;
    for row in &rows {
        let table: u32 = row.get(0);
        if let Some(relation) = relations.get_mut(&table) {
            relation.constraints.extend(constraint(row, table, names));
        }
    }
    Ok(())
}

/// `None` for a kind that a later version may invent.
fn constraint(row: &Row, table: u32, names: &Names) -> Option<Constraint> {
    let columns = names.columns(table, &row.get::<_, Vec<i16>>(6));
    let referenced: u32 = row.get(7);
    let kind = match letter(row.get(2)) {
        'c' => {
            let sql = row.get::<_, Option<String>>(9).unwrap_or_default();
            ConstraintKind::Check(expression(sql, columns.iter().map(String::as_str)))
        }
        'n' => ConstraintKind::NotNull,
        'p' => ConstraintKind::PrimaryKey,
        'u' => ConstraintKind::Unique,
        'f' => ConstraintKind::ForeignKey {
            references: names.relations.get(&referenced)?.clone(),
            columns: names.columns(referenced, &row.get::<_, Vec<i16>>(8)),
        },
        'x' => ConstraintKind::Exclude,
        't' => ConstraintKind::Trigger,
        _ => return None,
    };
    Some(Constraint {
        name: row.get(1),
        kind,
        columns,
        valid: row.get(3),
        enforced: row.get(4),
        inherited: !row.get::<_, bool>(5),
        definition: row.get::<_, String>(10).trim_end_matches(" NOT VALID").to_owned(),
    })
}
