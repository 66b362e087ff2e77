//! Gate `privileges`: what the plan needs, asked of the server before the first lock.
//!
//! <https://www.postgresql.org/docs/current/ddl-priv.html>: most forms of `ALTER TABLE` and `CREATE INDEX` need the owner.

use super::{Finding, Looked, Subject};
use nonstop_core::lock::LockMode;
use nonstop_core::quote::{Ident, Name};
use nonstop_core::sql;
use std::cmp::Ordering;
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
    /// Whether a step takes that mode on it and on nothing else: then the statement is about this table.
    alone: bool,
    owner: String,
    /// The owner, or a member of it.
    owns: bool,
    /// `REFERENCES` or `TRIGGER`, and enough for `LOCK TABLE`.
    refers: bool,
    /// `INSERT`, `UPDATE` or `DELETE`.
    writes: bool,
    /// `TRUNCATE`, or `MAINTAIN` (17): some statements with strong locks need no more.
    strong: bool,
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
               OR has_table_privilege(c.oid, 'DELETE'),
           has_table_privilege(c.oid, 'TRUNCATE')
               OR CASE WHEN current_setting('server_version_num')::int >= 170000
                       THEN has_table_privilege(c.oid, 'MAINTAIN') ELSE false END
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
            mode: modes.get(&name).map_or(LockMode::AccessShare, |need| need.0),
            alone: modes.get(&name).is_some_and(|need| need.1),
            name,
            owner: row.try_get(2)?,
            owns: row.try_get(3)?,
            refers: row.try_get(4)?,
            writes: row.try_get(5)?,
            strong: row.try_get(6)?,
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

/// The strongest mode that the plan takes on each relation, and whether a step takes it there and nowhere else.
fn modes(subject: &Subject<'_>) -> BTreeMap<Name, (LockMode, bool)> {
    let mut modes: BTreeMap<Name, (LockMode, bool)> = BTreeMap::new();
    let steps = subject
        .plan
        .iter()
        .flat_map(|plan| &plan.migrations)
        .flat_map(|one| &one.steps);
    for step in steps {
        for lock in &step.locks {
            let others = step.locks.iter().filter(|other| other.relation != lock.relation);
            let alone = others.into_iter().all(|other| other.mode < lock.mode);
            let (mode, is_alone) = modes.entry(lock.relation.clone()).or_insert((lock.mode, alone));
            match lock.mode.cmp(mode) {
                Ordering::Greater => (*mode, *is_alone) = (lock.mode, alone),
                Ordering::Equal => *is_alone |= alone,
                Ordering::Less => {}
            }
        }
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
        let grant = sql!("GRANT {} TO {}", Ident(&table.owner), role);
        if table.may_be_enough() {
            // Dropping a table locks those that it refers to, and needs nothing of them.
            return Finding::warning(format!(
                "the plan locks {}, which belongs to {}: if a statement changes it, only its owner may ({grant}).",
                table.name, table.owner
            ));
        }
        Finding::stop(format!(
            "the plan changes {}, which belongs to {}: only its owner may. Run as {1}, or {grant}.",
            table.name, table.owner
        ))
    }));
    Finding::all(findings, &format!("the role {} may do all of it", seen.role))
}

impl Table {
    /// Whether the lock may be that of a statement which needs no owner here.
    fn may_be_enough(&self) -> bool {
        !self.alone || self.strong
    }

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
            alone: true,
            owner: "app owner".into(),
            owns: false,
            refers: true,
            writes: true,
            strong: false,
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
    fn a_strong_lock_beside_others_is_only_a_warning() {
        let beside = Table {
            alone: false,
            ..table(LockMode::AccessExclusive)
        };
        let truncated = Table {
            strong: true,
            ..table(LockMode::AccessExclusive)
        };
        for table in [beside, truncated] {
            let tables = vec![table];
            assert_eq!(judge(&Seen { tables, ..fine() }).verdict, Verdict::Warning);
        }
    }

    #[test]
    fn a_referenced_table_needs_no_owner() {
        assert!(table(LockMode::ShareRowExclusive).is_enough());
        assert!(!table(LockMode::Share).is_enough());
    }
}
