//! Gate `leftovers`: INVALID indexes and NOT VALID constraints that somebody left.

use super::{Finding, Looked, Subject};
use nonstop_core::quote::{Ident, Name};
use nonstop_core::sql;
use serde::Serialize;
use tokio_postgres::{Client, Error};

pub(super) const NAME: &str = "leftovers";

/// Something half done in the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Leftover {
    /// What it is.
    pub kind: LeftoverKind,
    /// Its table.
    pub table: Name,
    /// The index's or constraint's name.
    pub name: String,
}

/// What kind of leftover.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LeftoverKind {
    /// Costs every write, serves no query; unique ones still refuse rows.
    InvalidIndex,
    /// An index that a session is building at this moment.
    IndexInWork,
    /// Holds for new rows only.
    NotValidConstraint,
}

// `conenforced` came with 18: a constraint that is NOT ENFORCED is never valid, and meant so. What a child only inherits is its
// parent's to validate; before 18 a key to a partitioned table leaves its copies for the partitions NOT VALID for ever.
const QUERY: &str = "
    SELECT CASE WHEN p.index_relid IS NULL THEN 'index' ELSE 'in work' END, n.nspname::text, t.relname::text, c.relname::text
    FROM pg_index i
    JOIN pg_class c ON c.oid = i.indexrelid
    JOIN pg_class t ON t.oid = i.indrelid
    JOIN pg_namespace n ON n.oid = t.relnamespace
    LEFT JOIN pg_stat_progress_create_index p ON p.index_relid = i.indexrelid
    WHERE NOT i.indisvalid AND n.nspname !~ '^pg_'
    UNION ALL
    SELECT 'constraint', n.nspname::text, t.relname::text, c.conname::text
    FROM pg_constraint c
    JOIN pg_class t ON t.oid = c.conrelid
    JOIN pg_namespace n ON n.oid = t.relnamespace
    WHERE NOT c.convalidated AND c.conislocal AND n.nspname !~ '^pg_' AND coalesce((to_jsonb(c) ->> 'conenforced')::boolean, true)
    ORDER BY 1, 2, 3, 4";

/// All of them, system schemas left out.
pub async fn leftovers(client: &Client) -> Result<Vec<Leftover>, Error> {
    let rows = client.query_typed(QUERY, &[]).await?;
    let leftover = |row: &tokio_postgres::Row| {
        Ok(Leftover {
            kind: match row.try_get(0)? {
                "index" => LeftoverKind::InvalidIndex,
                "in work" => LeftoverKind::IndexInWork,
                _ => LeftoverKind::NotValidConstraint,
            },
            table: Name::new(row.try_get::<_, &str>(1)?, row.try_get::<_, &str>(2)?),
            name: row.try_get(3)?,
        })
    };
    rows.iter().map(leftover).collect()
}

impl Leftover {
    /// One sentence: what it is, and what to do.
    pub fn in_words(&self) -> String {
        let Self { table, name, .. } = self;
        match self.kind {
            LeftoverKind::InvalidIndex => format!(
                "the index {name} on {table} is INVALID (a CONCURRENTLY that failed): a migration that creates it builds it \
                 again, else {}.",
                sql!("DROP INDEX CONCURRENTLY {}", table.sibling(name))
            ),
            LeftoverKind::IndexInWork => format!("the index {name} on {table} is being built by another session."),
            LeftoverKind::NotValidConstraint => format!(
                "the constraint {name} on {table} is NOT VALID: old rows were never checked; {}.",
                sql!("ALTER TABLE {} VALIDATE CONSTRAINT {}", table, Ident(name))
            ),
        }
    }
}

pub(super) async fn look(subject: &Subject<'_>) -> Looked {
    Ok(judge(&leftovers(subject.session.client()).await?))
}

fn judge(seen: &[Leftover]) -> Finding {
    const SHOWN: usize = 5;
    let mut findings: Vec<Finding> = seen
        .iter()
        .take(SHOWN)
        .map(|one| Finding::warning(one.in_words()))
        .collect();
    if seen.len() > SHOWN {
        findings.push(Finding::warning(format!("And {} more.", seen.len() - SHOWN)));
    }
    Finding::all(findings, "no INVALID index, no NOT VALID constraint")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Verdict;

    #[test]
    fn each_is_named_with_its_way_out() {
        let left = |kind| Leftover {
            kind,
            table: Name::new("public", "Tip"),
            name: "a b".into(),
        };
        let finding = judge(&[left(LeftoverKind::InvalidIndex), left(LeftoverKind::NotValidConstraint)]);
        assert_eq!(finding.verdict, Verdict::Warning);
        assert!(finding.message.contains(r#"DROP INDEX CONCURRENTLY "public"."a b""#));
        assert!(
            finding
                .message
                .contains(r#"ALTER TABLE "public"."Tip" VALIDATE CONSTRAINT "a b""#)
        );
        assert_eq!(judge(&[]).verdict, Verdict::Ok);
    }
}
