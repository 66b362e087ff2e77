//! `deploy` and `plan`.

use crate::newest;
use crate::project::Project;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

const TWO: [(&str, &str); 2] = [
    (
        "20240101000000_a",
        "CREATE TABLE a (id int);\nCREATE INDEX a_id ON a (id);",
    ),
    ("20240102000000_b", "CREATE TABLE b (id int);"),
];

#[tokio::test]
async fn told_to_people() {
    let Some(database) = newest().await else { return };
    let project = Project::prisma(&TWO);
    insta::assert_snapshot!(project.on(&database, &["deploy", "--until", "20240101000000_a"]).shown(), @r"
    1 pending migration, PostgreSQL N
      20240101000000_a
    20240101000000_a  1 step
      1/1 ddl      CREATE TABLE a (id int) (and 1 more)
      applied in N s
    Applied 1 migration in N s.
    [0]
    ");
    insta::assert_snapshot!(project.on(&database, &["deploy", "-q"]).shown(), @"[0]");
    insta::assert_snapshot!(project.on(&database, &["deploy"]).shown(), @r"
    Nothing to do: every migration is applied.
    [0]
    ");
    insta::assert_snapshot!(project.on(&database, &["status"]).shown(), @r"
    PostgreSQL N, history in public._prisma_migrations
    2 migrations applied, the last 20240102000000_b at TIME UTC
    The database is up to date.
    [0]
    ");
    let unknown = project.on(&database, &["deploy", "--until", "20240109000000_x"]);
    assert_eq!(unknown.code, 2, "{unknown:?}");
}

#[tokio::test]
async fn told_to_programs() {
    let Some(database) = newest().await else { return };
    let project = Project::prisma(&TWO);
    let ran = project.on(&database, &["deploy", "--format", "json"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
    let lines = ran.lines();
    assert!(
        lines
            .iter()
            .all(|line| line["schema"] == "nonstop.event/1" && line["at"].is_string())
    );
    let names: Vec<_> = lines.iter().filter_map(|line| line["event"].as_str()).collect();
    assert!(names.contains(&"run_started") && names.contains(&"gate"));
    assert_eq!(names.iter().filter(|name| **name == "migration_finished").count(), 2);
    let last = lines.last().unwrap();
    assert_eq!(
        (&last["event"], &last["outcome"], &last["applied"]),
        (&"run_finished".into(), &"done".into(), &2.into())
    );
    let again = project.on(&database, &["deploy", "--format", "json"]);
    assert_eq!(again.code, 0);
    assert_eq!(again.lines().last().unwrap()["outcome"], "nothing");
}

#[tokio::test]
async fn a_failure_says_everything_and_leaves_nothing() {
    let Some(database) = newest().await else { return };
    let project = Project::prisma(&TWO);
    project.write(
        "prisma/migrations/20240103000000_c/migration.sql",
        "CREATE TABLE c (id int);\n\nCREATE TABLE a (\n  id int\n);\n",
    );
    project.write(
        "prisma/migrations/20240104000000_d/migration.sql",
        "CREATE TABLE d (id int);",
    );
    insta::assert_snapshot!(project.on(&database, &["deploy"]).shown(), @r#"
    4 pending migrations, PostgreSQL N
      20240101000000_a
      20240102000000_b
      20240103000000_c
      20240104000000_d
    20240101000000_a  1 step
      1/1 ddl      CREATE TABLE a (id int) (and 1 more)
      applied in N s
    20240102000000_b  1 step
      1/1 ddl      CREATE TABLE b (id int)
      applied in N s
    20240103000000_c  1 step
      1/1 ddl      CREATE TABLE c (id int) (and 1 more)
    failed 20240103000000_c: relation "a" already exists
      file         prisma/migrations/20240103000000_c/migration.sql:3:1
      statement    CREATE TABLE a (
                     id int
                   )
      SQLSTATE     42P07
      next         Nothing of this migration is left. Change its data or its file, then run `nonstop deploy` again.
    Failed after N s; 2 migrations applied before. Nothing is half done.
    [3]
    "#);
    let client = database.connect().await;
    let left = "SELECT count(*) FROM pg_class WHERE relname IN ('c', 'd')";
    assert_eq!(client.query_one(left, &[]).await.unwrap().get::<_, i64>(0), 0);
    let ran = project.on(&database, &["deploy", "--format", "json"]);
    assert_eq!(ran.code, 3, "{ran:?}");
    let lines = ran.lines();
    let failed = lines.iter().find(|line| line["event"] == "migration_failed").unwrap();
    assert_eq!(failed["migration"], "20240103000000_c");
    assert_eq!(failed["error"]["sqlstate"], "42P07");
    assert_eq!(lines.last().unwrap()["outcome"], "failed");

    project.write(
        "prisma/migrations/20240103000000_c/migration.sql",
        "CREATE TABLE c (id int);",
    );
    let mended = project.on(&database, &["deploy"]);
    assert_eq!(mended.code, 0, "{mended:?}");
    assert_eq!(project.on(&database, &["status"]).code, 0);
}

#[tokio::test]
async fn a_dry_run_touches_nothing() {
    let Some(database) = newest().await else { return };
    let project = Project::prisma(&TWO);
    let ran = project.on(&database, &["deploy", "--dry-run"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        ran.out.contains("CREATE TABLE a") && ran.out.contains("nothing was touched"),
        "{ran:?}"
    );
    let client = database.connect().await;
    let made = "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname !~ '^(pg_|information)'";
    assert_eq!(client.query_one(made, &[]).await.unwrap().get::<_, i64>(0), 0);
}

#[tokio::test]
async fn the_plan() {
    let Some(database) = newest().await else { return };
    let project = Project::prisma(&TWO);
    let ran = project.on(&database, &["plan", "--format", "json"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let document = ran.json();
    assert_eq!(document["schema"], "nonstop.plan/1");
    assert_eq!(document["migrations"][1]["name"], "20240102000000_b");
    assert_eq!(document["migrations"][1]["checksum"].as_str().unwrap().len(), 64);
    let step = &document["migrations"][1]["steps"][0];
    assert_eq!(
        (&step["id"], &step["kind"], &step["transaction"]),
        (&"1".into(), &"ddl".into(), &true.into())
    );
    assert_eq!(
        step["sql"][0].as_str().unwrap().trim_end_matches(';'),
        "CREATE TABLE b (id int)"
    );
    let ran = project.on(&database, &["plan"]);
    assert!(ran.out.starts_with("2 pending migrations, PostgreSQL "), "{ran:?}");
}

#[tokio::test]
async fn what_is_not_available_or_not_possible_is_said_before_connecting() {
    let Some(database) = newest().await else { return };
    let project = Project::prisma(&TWO);
    let expand = project.on(&database, &["deploy", "--breaking", "expand"]);
    assert_eq!(expand.code, 2);
    assert!(expand.err.contains("not available yet"), "{expand:?}");
    assert_eq!(project.on(&database, &["deploy", "--max-block", "0"]).code, 2);
    assert_eq!(project.on(&database, &["deploy", "--skip", "weather"]).code, 2);
}

#[tokio::test]
async fn a_database_with_tables_and_no_history_is_refused() {
    let Some(database) = newest().await else { return };
    database.run("CREATE TABLE somebodys (id int)").await;
    let ran = Project::prisma(&TWO).on(&database, &["deploy"]);
    assert_eq!(ran.code, 5, "{ran:?}");
    assert!(
        ran.err.contains("P3005") && ran.err.contains("nonstop baseline"),
        "{ran:?}"
    );
}

#[tokio::test]
async fn another_run_is_named() {
    let Some(database) = newest().await else { return };
    let holder = database.connect().await;
    holder
        .batch_execute("SET application_name = 'the other one'; SELECT pg_advisory_lock(72707369)")
        .await
        .unwrap();
    let ran = Project::prisma(&TWO).on(&database, &["deploy", "--wait", "0"]);
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(ran.err.contains("the other one"), "{ran:?}");
}

#[tokio::test]
async fn a_closed_output_stops_nothing() {
    let Some(database) = newest().await else { return };
    let project = Project::prisma(&TWO);
    let mut child = project
        .command(&["deploy", "--format", "json"])
        .env("NONSTOP_DATABASE_URL", database.url())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{said}");
    assert_eq!(project.on(&database, &["status"]).code, 0);
}

/// Ctrl-C while it waits for a table: nothing is half done, and the next run goes on.
#[tokio::test]
async fn an_interrupt_leaves_a_clean_database() {
    let Some(database) = newest().await else { return };
    let project = Project::prisma(&TWO);
    assert_eq!(project.on(&database, &["deploy"]).code, 0);
    let alter = "ALTER TABLE a ADD COLUMN note text;";
    project.write("prisma/migrations/20240103000000_c/migration.sql", alter);
    let holder = database.connect().await;
    holder.batch_execute("BEGIN; SELECT FROM a").await.unwrap();
    let mut child = project
        .command(&["deploy", "--format", "json", "--patience", "30s"])
        .env("NONSTOP_DATABASE_URL", database.url())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let waiting = lines
        .by_ref()
        .map_while(Result::ok)
        .find(|line| line.contains("\"lock_"));
    assert!(waiting.is_some(), "it never waited");
    kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGINT).unwrap();
    let last = lines.map_while(Result::ok).last().unwrap();
    let code = child.wait().unwrap().code();
    assert!(last.contains("run_finished") && last.contains("resumable"), "{last}");
    assert_eq!(code, Some(4), "{last}");
    holder.batch_execute("ROLLBACK").await.unwrap();
    let next = project.on(&database, &["deploy"]);
    assert_eq!(next.code, 0, "{next:?}");
}

#[tokio::test]
async fn sql_that_does_not_parse_is_usage_and_touches_nothing() {
    let Some(database) = newest().await else { return };
    let project = Project::prisma(&TWO);
    project.write(
        "prisma/migrations/20240103000000_c/migration.sql",
        "SELECT 1;\nCREATE TABEL c ();",
    );
    let ran = project.on(&database, &["deploy"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(
        ran.err.contains("migration.sql:2:8") && ran.err.contains("TABEL"),
        "{ran:?}"
    );
    let client = database.connect().await;
    let made = "SELECT count(*) FROM pg_class WHERE relname IN ('a', 'b')";
    assert_eq!(client.query_one(made, &[]).await.unwrap().get::<_, i64>(0), 0);
    assert_eq!(project.on(&database, &["plan"]).code, 2);
}

#[tokio::test]
async fn a_large_table_gets_safe_steps_and_a_refusal_is_explained() {
    let Some(database) = newest().await else { return };
    let project = Project::prisma(&TWO);
    assert_eq!(project.on(&database, &["deploy"]).code, 0);
    let index = "CREATE INDEX b_id ON b (id);";
    project.write("prisma/migrations/20240103000000_c/migration.sql", index);
    let plan = project
        .on(&database, &["plan", "--small-rows", "0", "--format", "json"])
        .json();
    let step = &plan["migrations"][0]["steps"][0];
    assert_eq!((&step["kind"], &step["transaction"]), (&"index".into(), &false.into()));
    assert!(step["sql"][0].as_str().unwrap().contains("CONCURRENTLY"), "{step}");
    assert!(step["lock_timeout_ms"].is_null(), "{step}");
    assert_eq!(project.on(&database, &["deploy", "--small-rows", "0"]).code, 0);

    project.write(
        "prisma/migrations/20240104000000_d/migration.sql",
        "ALTER TABLE b ALTER id TYPE bigint USING random();",
    );
    let refused = project.on(&database, &["deploy", "--small-rows", "0"]);
    assert_eq!(refused.code, 5, "{refused:?}");
    assert!(
        refused.err.contains("refused") && refused.err.contains("--allow blocking"),
        "{refused:?}"
    );
    let allowed = project.on(&database, &["deploy", "--small-rows", "0", "--allow", "blocking"]);
    assert_eq!(allowed.code, 0, "{allowed:?}");
}
