//! `plan --trace`: what a step does on a throw-away server stands beside what is foreseen.

use crate::newest;
use crate::project::Project;
use serde_json::{Value, json};

const INIT: &str = "CREATE TABLE \"Tip\" (id int PRIMARY KEY, amount int, note text);
    CREATE TYPE \"Mood\" AS ENUM ('good');";
const MORE: &str = "CREATE INDEX tip_note ON \"Tip\" (note);
    ALTER TABLE \"Tip\" ALTER COLUMN amount SET NOT NULL;
    UPDATE \"Tip\" SET note = '' WHERE note IS NULL;
    ALTER TABLE \"Tip\" ADD COLUMN token uuid NOT NULL DEFAULT gen_random_uuid();";

/// The steps of the first migration.
fn steps(document: &Value) -> &Vec<Value> {
    document["migrations"][0]["steps"].as_array().unwrap()
}

#[tokio::test]
async fn each_step_has_what_was_seen_of_it() {
    let Some(database) = newest().await else { return };
    let project = Project::prisma(&[("1_init", INIT), ("2_more", MORE)]);
    assert_eq!(project.on(&database, &["deploy", "--until", "1_init"]).code, 0);
    let arguments = ["plan", "--trace", "--small-rows", "0", "--format", "json"];
    let ran = project.on(&database, &arguments);
    assert_eq!(ran.code, 0, "{ran:?}");
    let document = ran.json();
    assert_eq!(document["trace"]["applied"], 1);
    assert_eq!(document["trace"]["differences"], json!([]));
    assert!(steps(&document).len() > 5);
    for step in steps(&document) {
        let seen = &step["trace"];
        assert_eq!(seen["unforeseen"], json!([]), "{step}");
        assert_eq!(seen["error"], Value::Null, "{step}");
        assert!(seen["duration_ms"].is_f64(), "{step}");
        // Nothing is foreseen of a look; everything else is seen as it is foreseen.
        if step["kind"] != "check" {
            assert_eq!(seen["locks"], step["locks"], "{step}");
        }
        if step["kind"] == "index" {
            assert_eq!(seen["sampled"], true);
            assert_eq!(seen["work"], json!([{"relation": "public.Tip", "kind": "index-build"}]));
        }
    }
    // Nothing of it was run on the database.
    let untouched = "SELECT count(*) FROM pg_attribute WHERE attrelid = '\"Tip\"'::regclass AND attname = 'token'";
    let client = database.connect().await;
    assert_eq!(client.query_one(untouched, &[]).await.unwrap().get::<_, i64>(0), 0);
    let told = project.on(&database, &["plan", "--trace"]).out;
    assert!(
        told.contains("seen: public.Tip ACCESS EXCLUSIVE; public.Tip is written anew; "),
        "{told}"
    );
    assert!(
        told.contains("on the empty tables that 1 applied migration made."),
        "{told}"
    );
}

/// An index that is made anew over the file it had, and rows that a statement reads because it is told to.
#[tokio::test]
async fn no_surprise_is_what_the_plan_tells_or_what_costs_nothing() {
    let Some(database) = newest().await else { return };
    let init =
        "CREATE SCHEMA s; CREATE TYPE s.e AS ENUM ('a'); CREATE TABLE t (id int PRIMARY KEY, code varchar(20), e s.e);
        CREATE INDEX t_code ON t (code); SET search_path TO s;";
    let copy =
        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; CREATE TEMP TABLE x ON COMMIT DROP AS SELECT id FROM t;
        INSERT INTO t (id) SELECT -id FROM x;";
    let more = "ALTER TABLE t ALTER code TYPE varchar(50); ALTER TABLE t ADD COLUMN n int;
        UPDATE t SET n = s.n FROM (SELECT code, count(*) AS n FROM t GROUP BY code) s WHERE s.code = t.code;
        ALTER TABLE t DROP COLUMN code;";
    let project = Project::prisma(&[("1_init", init), ("2_more", more), ("3_copy", copy)]);
    assert_eq!(project.on(&database, &["deploy", "--until", "1_init"]).code, 0);
    let allow = ["plan", "--trace", "--format", "json", "--allow", "blocking,data-loss"];
    let ran = project.on(&database, &allow);
    assert_eq!(ran.code, 0, "{ran:?}");
    let document = ran.json();
    assert_eq!(document["trace"]["differences"], json!([]));
    let migrations = document["migrations"].as_array().unwrap();
    for step in migrations.iter().flat_map(|one| one["steps"].as_array().unwrap()) {
        assert_eq!(step["trace"]["unforeseen"], json!([]), "{step}");
        assert_eq!(step["trace"]["error"], Value::Null, "{step}");
    }
}

#[tokio::test]
async fn a_catalog_that_is_not_the_databases_is_said() {
    let Some(database) = newest().await else { return };
    let project = Project::prisma(&[("1_init", INIT), ("2_more", "ALTER TABLE \"Tip\" DROP COLUMN extra;")]);
    assert_eq!(project.on(&database, &["deploy", "--until", "1_init"]).code, 0);
    database.run("ALTER TABLE \"Tip\" ADD COLUMN extra int").await;
    let ran = project.on(&database, &["plan", "--trace", "--format", "json"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    let document = ran.json();
    let differences = json!(["only in production: column public.Tip.extra integer"]);
    assert_eq!(document["trace"]["differences"], differences);
    let error = steps(&document)[0]["trace"]["error"].as_str().unwrap();
    assert!(error.contains("(42703)"), "{error}");
}

#[tokio::test]
async fn what_a_block_makes_of_the_catalog_is_seen_and_what_needs_rows_is_not() {
    let Some(database) = newest().await else { return };
    let by_catalog = "DO $$ DECLARE own text; BEGIN
        FOR own IN SELECT relname FROM pg_class WHERE relname = 'Tip' LOOP
            EXECUTE format('ALTER TABLE %I ALTER COLUMN amount TYPE bigint', own);
        END LOOP; END $$;";
    let by_rows = "DO $$ DECLARE own text; BEGIN
        FOR own IN SELECT note FROM \"Tip\" LOOP EXECUTE format('ALTER TABLE %I ADD COLUMN more int', own); END LOOP;
    END $$;";
    let project = Project::prisma(&[("1_init", INIT), ("2_catalog", by_catalog), ("3_rows", by_rows)]);
    assert_eq!(project.on(&database, &["deploy", "--until", "1_init"]).code, 0);
    let ran = project.on(&database, &["plan", "--trace", "--format", "json"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    let document = ran.json();
    for migration in document["migrations"].as_array().unwrap() {
        assert_eq!(migration["warnings"][0]["rule"], "effect-is-unknown", "{migration}");
        assert_eq!(migration["steps"][0]["trace"]["opaque"], true, "{migration}");
    }
    let unforeseen = |at: usize| &document["migrations"][at]["steps"][0]["trace"]["unforeseen"];
    let seen = json!(["ACCESS EXCLUSIVE on public.Tip", "public.Tip is written anew"]);
    assert_eq!(unforeseen(0), &seen);
    assert_eq!(unforeseen(1), &json!([]));
    let told = project.on(&database, &["plan", "--trace"]).out;
    assert!(told.contains("keeps out: ACCESS EXCLUSIVE on public.Tip"), "{told}");
    assert!(told.contains("a branch or loop that needs rows did not run"), "{told}");
    assert!(!told.contains("That is a defect"), "{told}");
}
