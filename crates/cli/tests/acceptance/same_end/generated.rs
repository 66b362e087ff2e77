//! Cases put together: changes of a type by what hangs on the column. A run takes some of them, by a seed; all of them with
//! `NONSTOP_GENERATED=all`.

use super::Case;
use std::env;

/// The type before, a value of row `i`, and the change.
const CHANGES: &[(&str, &str, &str)] = &[
    ("int", "i", "bigint"),
    ("bigint", "i", "int"),
    ("int", "i", "numeric(12, 2)"),
    ("int", "i", "text"),
    ("smallint", "i", "int"),
    ("numeric", "i + 0.4", "int"),
    ("real", "i", "double precision"),
    ("varchar(30)", "'x' || i", "varchar(9)"),
    ("text", "i::text", "int USING $C::int"),
    ("text", "md5(i::text)", "uuid USING $C::uuid"),
    ("char(9)", "'x' || i", "text"),
    (
        "timestamp",
        "timestamp '2024-03-01' + i * interval '1 hour'",
        "timestamptz USING $C AT TIME ZONE 'Europe/Berlin'",
    ),
    ("timestamptz", "timestamptz '2024-03-01' + i * interval '1 day'", "date"),
    ("date", "date '2024-03-01' + i", "timestamptz"),
];

/// What hangs on the column.
const HANGING: &[&str] = &[
    "SELECT 1",
    "CREATE INDEX ON $T ($C)",
    "CREATE UNIQUE INDEX $I ON $T ($C, id DESC) INCLUDE (z)",
    "CREATE INDEX ON $T (z) WHERE $C IS NOT NULL",
    "ALTER TABLE $T ALTER $C SET NOT NULL",
    "ALTER TABLE $T ADD CHECK ($C IS NOT NULL OR z > 0)",
    "ALTER TABLE $T ADD UNIQUE ($C)",
    "ALTER TABLE $T DROP CONSTRAINT $K, ADD PRIMARY KEY ($C)",
    "COMMENT ON COLUMN $T.$C IS 'a column'; GRANT SELECT ($C), INSERT ($C) ON $T TO PUBLIC",
    "ALTER TABLE $T ADD UNIQUE ($C, id); ALTER TABLE $T REPLICA IDENTITY FULL",
];

/// Names of the table and the column.
const NAMES: &[(&str, &str)] = &[
    ("plain", "c"),
    ("Mixed Case", "The Column"),
    ("it''s \"\"quoted\"\"", "ä.ö"),
];

fn all() -> Vec<(String, String, String)> {
    let mut all = Vec::new();
    for (at, (before, value, change)) in CHANGES.iter().enumerate() {
        for (of, hanging) in HANGING.iter().enumerate() {
            let case = format!("type_g{at}_{of}");
            let (table, column) = NAMES[(at + of) % NAMES.len()];
            let quoted = |name: &str| format!("\"{name}\"");
            let table_name = format!("{table} {case}");
            let fill = |text: &str| {
                text.replace("$T", &quoted(&table_name))
                    .replace("$K", &quoted(&format!("{table_name}_pkey")))
                    .replace("$I", &quoted(&format!("{case} index")))
                    .replace("$C", &quoted(column))
            };
            let setup = format!(
                "CREATE TABLE $T (id int PRIMARY KEY, $C {before}, z int); INSERT INTO $T SELECT i, {value}, i FROM generate_series(1, 300) AS i; {hanging};"
            );
            let (setup, sql) = (
                fill(&setup),
                fill(&format!("ALTER TABLE $T ALTER COLUMN $C TYPE {change}")),
            );
            all.push((case, setup, sql));
        }
    }
    all
}

/// Whether this run takes all of them, on all majors.
pub(super) fn is_whole() -> bool {
    env::var("NONSTOP_GENERATED").is_ok_and(|value| value == "all")
}

/// The cases of this run.
pub(super) fn cases() -> &'static [Case] {
    let seed = env::var("NONSTOP_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(7_usize);
    // A step that shares no factor with their number comes by all of them.
    let cases = all();
    let count = if is_whole() { cases.len() } else { 14 };
    let picked = (0..count).map(|at| cases[(seed + at * 11) % cases.len()].clone());
    let leaked = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
    let cases: Vec<Case> = picked
        .map(|(name, before, sql)| (leaked(name), leaked(before), leaked(sql)))
        .collect();
    Box::leak(cases.into_boxed_slice())
}
