//! Schemas, types, functions, extensions.

use super::{BTreeMap, BTreeSet, ByOid, letter};
use nonstop_core::catalog::{Function, Kept, TypeDef, Volatility};
use nonstop_core::quote::Name;
use nonstop_core::sql::single_expression;
use nonstop_core::version::ServerVersion;
use tokio_postgres::{Client, Error};

/// Types made by users, and which of them each type is made of.
pub(super) struct Types {
    /// By name, as the catalog keeps them.
    pub(super) definitions: BTreeMap<Name, TypeDef>,
    /// By oid; the oid of an array stands for its element.
    pub(super) names: ByOid<Name>,
}

pub(super) async fn read_schemas(client: &Client) -> Result<BTreeSet<String>, Error> {
    let rows = client
        .query(
            r"SELECT nspname::text FROM pg_catalog.pg_namespace
              WHERE nspname NOT LIKE 'pg\_%' AND nspname NOT IN ('information_schema', 'nonstop')",
            &[],
        )
        .await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

pub(super) async fn read_extensions(client: &Client) -> Result<BTreeSet<String>, Error> {
    let rows = client
        .query("SELECT extname::text FROM pg_catalog.pg_extension", &[])
        .await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

pub(super) async fn read_types(client: &Client) -> Result<Types, Error> {
    // Arrays are no types of their own; row types of tables are, but only for the columns that are made of them.
    let rows = client
        .query(
            r"WITH RECURSIVE basis AS (
                  SELECT t.oid AS start, t.oid, t.typnotnull, t.typbasetype FROM pg_catalog.pg_type t WHERE t.typtype = 'd'
                  UNION ALL
                  SELECT basis.start, t.oid, t.typnotnull, t.typbasetype
                  FROM basis JOIN pg_catalog.pg_type t ON t.oid = basis.typbasetype AND t.typtype = 'd'),
              constrained AS (
                  SELECT start, bool_or(typnotnull OR EXISTS (
                      SELECT FROM pg_catalog.pg_constraint c WHERE c.contypid = basis.oid)) AS is
                  FROM basis GROUP BY start)
              SELECT t.oid, t.typarray, n.nspname::text, t.typname::text, t.typtype,
                     pg_catalog.format_type(t.typbasetype, t.typtypmod), coalesce(constrained.is, false),
                     (SELECT array_agg(l.enumlabel::text ORDER BY l.enumsortorder)
                      FROM pg_catalog.pg_enum l WHERE l.enumtypid = t.oid),
                     c.relkind IS NOT NULL AND c.relkind <> 'c'
              FROM pg_catalog.pg_type t
              JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
              LEFT JOIN pg_catalog.pg_class c ON c.oid = t.typrelid
              LEFT JOIN constrained ON constrained.start = t.oid
              WHERE n.nspname NOT LIKE 'pg\_%' AND n.nspname NOT IN ('information_schema', 'nonstop')
                AND (c.oid IS NULL OR c.relkind IN ('c', 'r', 'p', 'v', 'm', 'f'))
                AND NOT EXISTS (SELECT FROM pg_catalog.pg_type e WHERE e.oid = t.typelem AND e.typarray = t.oid)",
            &[],
        )
        .await?;
    let mut types = Types {
        definitions: BTreeMap::new(),
        names: BTreeMap::new(),
    };
    for row in &rows {
        let name = Name::new(row.get::<_, String>(2), row.get::<_, String>(3));
        let definition = match letter(row.get(4)) {
            'e' => TypeDef::Enum(row.get::<_, Option<Vec<String>>>(7).unwrap_or_default()),
            'd' => TypeDef::Domain {
                base: row.get(5),
                constrained: row.get(6),
            },
            'c' => TypeDef::Composite,
            _ => TypeDef::Other,
        };
        types.names.insert(row.get(0), name.clone());
        types.names.insert(row.get(1), name.clone());
        if !row.get::<_, bool>(8) {
            types.definitions.insert(name, definition);
        }
    }
    types.names.remove(&0);
    Ok(types)
}

pub(super) async fn read_functions(
    client: &Client,
    version: ServerVersion,
    locked: &[u32],
) -> Result<BTreeMap<Name, Vec<Function>>, Error> {
    // Version 14 keeps the body of a standard SQL function as a tree, and `prosrc` empty. To print it, the server locks
    // the relations in it.
    let is_locked = !locked.is_empty();
    let rows = if version.major() < 14 {
        client
            .query(
                r"SELECT n.nspname::text, p.proname::text, pg_catalog.pg_get_function_identity_arguments(p.oid),
                         p.provolatile, l.lanname::text, p.prosrc,
                         coalesce(pg_catalog.pg_get_function_result(p.oid), ''),
                         p.prosecdef OR p.proisstrict OR p.proretset OR p.proconfig IS NOT NULL OR p.prokind <> 'f'
                  FROM pg_catalog.pg_proc p
                  JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
                  JOIN pg_catalog.pg_language l ON l.oid = p.prolang
                  WHERE n.nspname NOT LIKE 'pg\_%' AND n.nspname NOT IN ('information_schema', 'nonstop')
                  ORDER BY 1, 2, 3",
                &[],
            )
            .await?
    } else {
        client
            .query(
                r"SELECT n.nspname::text, p.proname::text, pg_catalog.pg_get_function_identity_arguments(p.oid),
                         p.provolatile, l.lanname::text,
                         CASE WHEN p.prosqlbody IS NULL OR $1 THEN p.prosrc ELSE pg_catalog.pg_get_function_sqlbody(p.oid) END,
                         coalesce(pg_catalog.pg_get_function_result(p.oid), ''),
                         p.prosecdef OR p.proisstrict OR p.proretset OR p.proconfig IS NOT NULL OR p.prokind <> 'f'
                  FROM pg_catalog.pg_proc p
                  JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
                  JOIN pg_catalog.pg_language l ON l.oid = p.prolang
                  WHERE n.nspname NOT LIKE 'pg\_%' AND n.nspname NOT IN ('information_schema', 'nonstop')
                  ORDER BY 1, 2, 3",
                &[&is_locked],
            )
            .await?
    };
    let mut functions: BTreeMap<Name, Vec<Function>> = BTreeMap::new();
    for row in &rows {
        let language: String = row.get(4);
        let name = Name::new(row.get::<_, String>(0), row.get::<_, String>(1));
        let body = row
            .get::<_, Option<String>>(5)
            .filter(|_| !matches!(language.as_str(), "c" | "internal"));
        let kept = language != "sql" || row.get(7);
        functions.entry(name).or_default().push(Function {
            arguments: row.get(2),
            returns: row.get(6),
            volatility: match letter(row.get(3)) {
                'i' => Volatility::Immutable,
                's' => Volatility::Stable,
                _ => Volatility::Volatile,
            },
            inlined: body.as_deref().filter(|_| !kept).and_then(single_expression),
            body,
            language,
            kept: Kept::default(),
        });
    }
    Ok(functions)
}
