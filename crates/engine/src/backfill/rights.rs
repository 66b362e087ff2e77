//! Whether the role may write the journal, asked before anything is done, with the grant that it lacks.

use super::BackfillError;
use crate::session::Session;
use crate::worker::DeployError;
use nonstop_core::quote::Ident;
use nonstop_core::sql;

/// What may be missing: to use the schema, its tables, to create in it, to create it.
const MISSING: &str = "
    SELECT current_user::text, current_database()::text, n.oid IS NOT NULL AS is_there,
           NOT CASE WHEN n.oid IS NULL THEN has_database_privilege(current_database(), 'CREATE')
                    ELSE has_schema_privilege(n.oid, 'USAGE')
                         AND (t.tables > 0 OR has_schema_privilege(n.oid, 'CREATE')) END AS schema,
           t.forbidden > 0 AS tables
    FROM (SELECT count(*) AS tables, count(*) FILTER (
                     WHERE NOT (has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')
                                AND has_table_privilege(c.oid, 'UPDATE'))) AS forbidden
          FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
          WHERE n.nspname = 'nonstop' AND c.relkind = 'r') AS t
    LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = 'nonstop'";

pub(super) async fn check(session: &Session) -> Result<(), BackfillError> {
    let row = session.client().query_one(MISSING, &[]).await;
    let row = row.map_err(DeployError::from)?;
    let (role, database): (String, String) = (row.get(0), row.get(1));
    let (is_there, schema, tables): (bool, bool, bool) = (row.get(2), row.get(3), row.get(4));
    let grant = match (is_there, schema, tables) {
        (_, false, false) => return Ok(()),
        (false, ..) => sql!("GRANT CREATE ON DATABASE {} TO {}", Ident(&database), Ident(&role)),
        (true, true, false) => sql!("GRANT USAGE, CREATE ON SCHEMA nonstop TO {}", Ident(&role)),
        (true, true, true) => sql!(
            "GRANT USAGE ON SCHEMA nonstop TO {}; GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA nonstop TO {}",
            Ident(&role),
            Ident(&role)
        ),
        (true, false, true) => sql!(
            "GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA nonstop TO {}",
            Ident(&role)
        ),
    };
    Err(BackfillError::Rights {
        role,
        grant: grant.to_string(),
    })
}
