//! `explain` on a live server: what is run and what is only planned, what writes nothing, what fails.

use crate::newest;
use crate::project::{Project, Ran};
use serde_json::Value;
use std::io::Write;
use std::process::Stdio;
use testkit::TestDatabase;

const TABLES: &str = r#"
    CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, note text);
    INSERT INTO "Tip" SELECT i, i % 100, 'x' FROM generate_series(1, 20000) AS i;
    CREATE SEQUENCE seen;
    CREATE FUNCTION looks() RETURNS bigint LANGUAGE sql VOLATILE AS $$ SELECT nextval('seen') $$;
    CREATE VIEW counted AS SELECT id, looks() AS n FROM "Tip" WHERE id < 3;
    ANALYZE;"#;

/// A name, a query, and why it is not run.
const QUERIES: [(&str, &str, Option<&str>); 7] = [
    ("read", r#"SELECT count(*) FROM "Tip" WHERE amount = 7"#, None),
    ("harmless", r#"SELECT * FROM "Tip" ORDER BY random() LIMIT 1"#, None),
    ("change", r#"UPDATE "Tip" SET note = 'y'"#, Some("it changes rows")),
    (
        "with",
        r#"WITH gone AS (DELETE FROM "Tip" RETURNING id) SELECT count(*) FROM gone"#,
        Some("its WITH gone changes rows"),
    ),
    (
        "lock",
        r#"SELECT * FROM "Tip" FOR UPDATE"#,
        Some("it locks rows (FOR UPDATE)"),
    ),
    ("own", "SELECT looks()", Some("it calls looks, which is volatile")),
    (
        "sequence",
        "SELECT pg_catalog.nextval('public.seen')",
        Some("it calls pg_catalog.nextval, which is volatile"),
    ),
];

fn project() -> Project {
    let project = Project::new(&[]);
    let queries = QUERIES.map(|(name, text, _)| format!("-- name: {name}\n{text};\n"));
    project.write("queries/all.sql", &queries.concat());
    project.write("queries/read-me.txt", "no query");
    project
}

fn saved(project: &Project, path: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(project.path().join(path)).unwrap()).unwrap()
}

fn with_input(project: &Project, database: &TestDatabase, arguments: &[&str], input: &str) -> Ran {
    let mut command = project.command(arguments);
    command.env("NONSTOP_DATABASE_URL", database.url());
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    Ran::of(child.wait_with_output().unwrap())
}

#[tokio::test]
async fn only_what_reads_is_run() {
    let Some(database) = newest().await else { return };
    database.run(TABLES).await;
    let project = project();
    let ran = project.on(&database, &["explain", "save", "queries"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.contains("planned, not run: it changes rows"), "{ran:?}");
    let document = saved(&project, "nonstop-explain.json");
    assert_eq!(document["schema"], "nonstop.explain/1");
    let queries = document["queries"].as_array().unwrap();
    assert_eq!(queries.len(), QUERIES.len());
    for (query, (name, _, why)) in queries.iter().zip(QUERIES) {
        assert_eq!(query["name"], name);
        assert_eq!(query["not_run"].as_str(), why, "{query}");
        assert_eq!(query["plan"]["Execution Time"].is_f64(), why.is_none(), "{query}");
        assert!(query["plan"]["Plan"]["Node Type"].is_string(), "{query}");
    }
    assert_eq!(document["indexes"][0]["index"], "Tip_pkey");
    let client = database.connect().await;
    let untouched = r#"SELECT count(*), count(*) FILTER (WHERE note = 'x'), (SELECT is_called FROM seen) FROM "Tip""#;
    let row = client.query_one(untouched, &[]).await.unwrap();
    assert_eq!((row.get(0), row.get(1), row.get(2)), (20_000_i64, 20_000_i64, false));
    let planned = project.on(&database, &["explain", "save", "queries", "--plan-only", "--out", "-"]);
    assert!(planned.json()["queries"][0]["not_run"].is_string(), "{planned:?}");
}

#[tokio::test]
async fn what_a_view_hides_the_server_refuses() {
    let Some(database) = newest().await else { return };
    database.run(TABLES).await;
    let project = project();
    let arguments = ["explain", "save", "-", "--out", "-"];
    let ran = with_input(&project, &database, &arguments, "SELECT * FROM counted");
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(ran.err.contains("read-only transaction (25006)"), "{ran:?}");
    let ran = with_input(&project, &database, &arguments, "SELECT nowhere FROM \"Tip\"");
    assert!(ran.err.contains("column \"nowhere\" does not exist (42703)"), "{ran:?}");
    // Where backslashes are the database's own way, the text is still what was parsed.
    let own_way = format!("ALTER DATABASE {} SET standard_conforming_strings = off", database.name);
    database.run(&own_way).await;
    let ran = with_input(&project, &database, &arguments, "SELECT 'back\\'; -- slash' AS a");
    assert_eq!(ran.json()["queries"][0]["sql"], "SELECT 'back\\'", "{ran:?}");
}

#[tokio::test]
async fn parameters_and_limits_of_time() {
    let Some(database) = newest().await else { return };
    database.run(TABLES).await;
    let project = project();
    let save = ["explain", "save", "-", "--out", "-", "--timeout", "200ms"];
    let parameter = with_input(&project, &database, &save, r#"SELECT * FROM "Tip" WHERE id = $1"#);
    if database.major >= 16 {
        let query = &parameter.json()["queries"][0];
        assert_eq!(query["plan"]["Plan"]["Index Name"], "Tip_pkey");
        assert!(query["not_run"].as_str().unwrap().contains("$1"), "{query}");
    } else {
        assert_eq!(parameter.code, 3, "{parameter:?}");
    }
    let endless = "SELECT count(*) FROM generate_series(1, 1000000000) AS i, generate_series(1, 1000) AS j";
    let query = with_input(&project, &database, &save, endless).json()["queries"][0].clone();
    assert_eq!(query["timed_out"], true);
    assert_eq!(query["not_run"], "it did not end within 0.2 s");
    assert!(query["plan"]["Plan"].is_object(), "{query}");
}

#[tokio::test]
async fn a_column_that_is_gone_is_a_finding() {
    let Some(database) = newest().await else { return };
    database.run(TABLES).await;
    let project = Project::new(&[("notes.sql", r#"SELECT note FROM "Tip" WHERE id = 5"#)]);
    assert_eq!(project.on(&database, &["explain", "save", "notes.sql"]).code, 0);
    let same = project.on(&database, &["explain", "compare", "--fail-on", "changed"]);
    assert_eq!(same.code, 0, "{same:?}");
    assert!(same.out.contains("plans: 1 the same."), "{same:?}");
    database.run(r#"ALTER TABLE "Tip" DROP COLUMN note"#).await;
    let failed = project.on(&database, &["explain", "compare"]);
    assert_eq!(failed.code, 1, "{failed:?}");
    assert!(
        failed.out.contains("column \"note\" does not exist (42703)"),
        "{failed:?}"
    );
    // Somebody has written into the file: nothing but a query is ever sent.
    let file = project.path().join("nonstop-explain.json");
    let text = std::fs::read_to_string(&file).unwrap();
    project.write(
        "nonstop-explain.json",
        &text.replace("SELECT note FROM", "DELETE FROM \\\"Tip\\\"; SELECT id FROM"),
    );
    let tampered = project.on(&database, &["explain", "compare"]);
    assert_eq!(tampered.code, 2, "{tampered:?}");
    let count = database
        .connect()
        .await
        .query_one(r#"SELECT count(*) FROM "Tip""#, &[])
        .await
        .unwrap();
    assert_eq!(count.get::<_, i64>(0), 20_000);
}
