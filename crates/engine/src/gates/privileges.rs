//! Gate `privileges`: what the plan needs, asked of the server before the first lock.
//!
//! <https://www.postgresql.org/docs/current/ddl-priv.html>: most forms of `ALTER TABLE` and `CREATE INDEX` need the owner.

use super::{Finding, Looked, Subject};
use nonstop_core::lock::LockMode;
use nonstop_core::quote::{Ident, Name};
use nonstop_core::sql;
use std::collections::BTreeMap;
use tokio_postgres::types::Type;

pub(super) const NAME: &str = "privileges";

#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    role: String,
    database: String,
    create_in_database: bool,
    /// Our schema, then the target's schema; `None` where it does not exist.
    journal: Option<bool>,
    target: Option<bool>,
    schema: String,
    /// Where there is a history table: whether we may read and write it.
    history: Option<bool>,
    history_table: Name,
    tables: Vec<Table>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Table {
    name: Name,
    mode: LockMode,
    owner: String,
    /// The owner, or a member of it.
    owns: bool,
    /// `REFERENCES` or `TRIGGER`, and enough for `LOCK TABLE`.
    refers: bool,
    /// `INSERT`, `UPDATE` or `DELETE`.
    writes: bool,
}

const ROLE: &str = "
    SELECT current_user::text, current_database()::text, has_database_privilege(current_database(), 'CREATE'),
           (SELECT has_schema_privilege(oid, 'USAGE') AND has_schema_privilege(oid, 'CREATE')
            FROM pg_namespace WHERE nspname = 'nonstop'),
           (SELECT has_schema_privilege(oid, 'USAGE') AND has_schema_privilege(oid, 'CREATE')
            FROM pg_namespace WHERE nspname = $1),
           (SELECT has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')
                   AND has_table_privilege(c.oid, 'UPDATE')
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $2 AND c.relname = $3)";
const TABLES: &str = "
    SELECT n.nspname::text, c.relname::text, r.rolname::text, pg_has_role(c.relowner, 'USAGE'),
           (has_table_privilege(c.oid, 'REFERENCES') OR has_table_privilege(c.oid, 'TRIGGER'))
               AND (has_table_privilege(c.oid, 'UPDATE') OR has_table_privilege(c.oid, 'DELETE')
                    OR has_table_privilege(c.oid, 'TRUNCATE')),
           has_table_privilege(c.oid, 'INSERT') OR has_table_privilege(c.oid, 'UPDATE')
               OR has_table_privilege(c.oid, 'DELETE')
    FROM unnest($1::text[], $2::text[]) t(schema, name)
    JOIN pg_namespace n ON n.nspname = t.schema
    JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = t.name AND c.relkind IN ('r', 'p', 'm', 'v', 'S', 'f')
    JOIN pg_roles r ON r.oid = c.relowner
    ORDER BY 1, 2";

pub(super) async fn look(subject: &Subject<'_>) -> Looked {
    let client = subject.session.client();
    let history_table = subject.history.table().clone();
    let schema = subject.history.schema().to_owned();
    let role = client
        .query_typed_one(
            ROLE,
            &[
                (&schema, Type::NAME),
                (&history_table.schema, Type::NAME),
                (&history_table.name, Type::NAME),
            ],
        )
        .await?;
    let modes = modes(subject);
    let (schemas, names) = subject.touched();
    let rows = client
        .query_typed(TABLES, &[(&schemas, Type::TEXT_ARRAY), (&names, Type::TEXT_ARRAY)])
        .await?;
    let table = |row: &tokio_postgres::Row| {
        let name = Name::new(row.try_get::<_, &str>(0)?, row.try_get::<_, &str>(1)?);
        Ok(Table {
            mode: modes.get(&name).copied().unwrap_or(LockMode::AccessShare),
            name,
            owner: row.try_get(2)?,
            owns: row.try_get(3)?,
            refers: row.try_get(4)?,
            writes: row.try_get(5)?,
        })
    };
    let tables: Result<Vec<Table>, tokio_postgres::Error> = rows.iter().map(table).collect();
    Ok(judge(&Seen {
        role: role.try_get(0)?,
        database: role.try_get(1)?,
        create_in_database: role.try_get(2)?,
        journal: role.try_get(3)?,
        target: role.try_get(4)?,
        schema,
        history: role.try_get(5)?,
        history_table,
        tables: tables?,
    }))
}

/// The strongest mode that the plan takes on each relation.
fn modes(subject: &Subject<'_>) -> BTreeMap<Name, LockMode> {
    let mut modes = BTreeMap::new();
    let steps = subject
        .plan
        .iter()
        .flat_map(|plan| &plan.migrations)
        .flat_map(|one| &one.steps);
    for lock in steps.flat_map(|step| &step.locks) {
        let mode = modes.entry(lock.relation.clone()).or_insert(lock.mode);
        *mode = (*mode).max(lock.mode);
    }
    modes
}

fn judge(seen: &Seen) -> Finding {
    let role = Ident(&seen.role);
    let mut findings = Vec::new();
    let mut schema = |name: &str, usable: Option<bool>, what: &str| match usable {
        Some(true) => {}
        Some(false) => findings.push(Finding::stop(format!(
            "the role {} may not create in schema {name} ({what}): {}.",
            seen.role,
            sql!("GRANT USAGE, CREATE ON SCHEMA {} TO {}", Ident(name), role)
        ))),
        None if seen.create_in_database => {}
        None => findings.push(Finding::stop(format!(
            "there is no schema {name} ({what}), and the role {} may not create one: {}.",
            seen.role,
            sql!("GRANT CREATE ON DATABASE {} TO {}", Ident(&seen.database), role)
        ))),
    };
    schema("nonstop", seen.journal, "nonstop's journal");
    schema(&seen.schema, seen.target, "the migrations'");
    if seen.history == Some(false) {
        findings.push(Finding::stop(format!(
            "the role {} may not write the history: {}.",
            seen.role,
            sql!("GRANT SELECT, INSERT, UPDATE ON {} TO {}", seen.history_table, role)
        )));
    }
    let missing = seen.tables.iter().filter(|table| !table.is_enough());
    findings.extend(missing.map(|table| {
        Finding::stop(format!(
            "the plan changes {}, which belongs to {}: only its owner may. Run as {1}, or {}.",
            table.name,
            table.owner,
            sql!("GRANT {} TO {}", Ident(&table.owner), role)
        ))
    }));
    Finding::all(findings, &format!("the role {} may do all of it", seen.role))
}

impl Table {
    /// What the strongest lock of the plan betrays about the statements that need it.
    fn is_enough(&self) -> bool {
        match self.mode {
            LockMode::AccessShare => true,
            LockMode::RowShare | LockMode::RowExclusive => self.owns || self.writes || self.refers,
            LockMode::ShareRowExclusive => self.owns || self.refers,
            LockMode::ShareUpdateExclusive | LockMode::Share | LockMode::Exclusive | LockMode::AccessExclusive => {
                self.owns
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Verdict;

    fn fine() -> Seen {
        Seen {
            role: "deployer".into(),
            database: "shop".into(),
            create_in_database: true,
            journal: None,
            target: Some(true),
            schema: "public".into(),
            history: None,
            history_table: Name::new("public", "_prisma_migrations"),
            tables: Vec::new(),
        }
    }

    fn table(mode: LockMode) -> Table {
        Table {
            name: Name::new("public", "Tip"),
            mode,
            owner: "app owner".into(),
            owns: false,
            refers: true,
            writes: true,
        }
    }

    #[test]
    fn each_missing_privilege_has_its_grant() {
        assert_eq!(judge(&fine()).verdict, Verdict::Ok);
        for (seen, grant) in [
            (
                Seen {
                    create_in_database: false,
                    ..fine()
                },
                r#"GRANT CREATE ON DATABASE "shop" TO "deployer""#,
            ),
            (
                Seen {
                    target: Some(false),
                    ..fine()
                },
                r#"GRANT USAGE, CREATE ON SCHEMA "public" TO "deployer""#,
            ),
            (
                Seen {
                    history: Some(false),
                    ..fine()
                },
                r#"GRANT SELECT, INSERT, UPDATE ON "public"."_prisma_migrations" TO "deployer""#,
            ),
            (
                Seen {
                    tables: vec![table(LockMode::AccessExclusive)],
                    ..fine()
                },
                r#"GRANT "app owner" TO "deployer""#,
            ),
        ] {
            let finding = judge(&seen);
            assert_eq!(finding.verdict, Verdict::Stop);
            assert!(finding.message.contains(grant), "{}", finding.message);
        }
    }

    #[test]
    fn a_referenced_table_needs_no_owner() {
        assert!(table(LockMode::ShareRowExclusive).is_enough());
        assert!(!table(LockMode::Share).is_enough());
    }
}
