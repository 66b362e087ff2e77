//! `status`, `resolve`, `baseline`, `preflight`.

use crate::newest;
use crate::project::Project;

const TWO: [(&str, &str); 2] = [
    ("20240101000000_a", "CREATE TABLE a (id int);"),
    ("20240102000000_it's b", "CREATE TABLE b (id int);"),
];

/// Prisma's own table and a failed row, as its CLI leaves them.
const FAILED: &str = "
    CREATE TABLE _prisma_migrations (
        id VARCHAR(36) PRIMARY KEY NOT NULL, checksum VARCHAR(64) NOT NULL, finished_at TIMESTAMPTZ,
        migration_name VARCHAR(255) NOT NULL, logs TEXT, rolled_back_at TIMESTAMPTZ,
        started_at TIMESTAMPTZ NOT NULL DEFAULT now(), applied_steps_count INTEGER NOT NULL DEFAULT 0);
    INSERT INTO _prisma_migrations (id, checksum, migration_name, logs, started_at)
    VALUES ('1', 'x', '20240101000000_a', 'A migration failed to apply. Database error code: 25001
Database error: ERROR: CREATE INDEX CONCURRENTLY cannot run inside a transaction block', '2025-12-25 10:00:00+00');
    CREATE TABLE t (id int); INSERT INTO t VALUES (1), (1);";

#[tokio::test]
async fn a_first_deploy() {
    let Some(database) = newest().await else { return };
    let project = Project::prisma(&TWO);
    insta::assert_snapshot!(project.on(&database, &["status"]).shown(), @r"
    PostgreSQL N, no history yet: a first deploy
    2 migrations pending:
      20240101000000_a
      20240102000000_it's b

    What to do:
      nonstop deploy
          applies what is pending
    [1]
    ");
    let ran = project.on(&database, &["status", "--format", "json"]);
    assert_eq!(ran.code, 1);
    let document = ran.json();
    assert_eq!(document["schema"], "nonstop.status/1");
    assert_eq!(document["managed"], false);
    assert_eq!(
        document["pending"],
        serde_json::json!(["20240101000000_a", "20240102000000_it's b"])
    );
    assert_eq!(document["next"], serde_json::json!(["nonstop deploy"]));
}

#[tokio::test]
async fn a_failed_migration_and_the_way_out() {
    let Some(database) = newest().await else { return };
    database.run(FAILED).await;
    let failed = database.connect().await;
    assert!(
        failed
            .batch_execute("CREATE UNIQUE INDEX CONCURRENTLY half ON t (id)")
            .await
            .is_err()
    );
    let project = Project::prisma(&TWO);
    insta::assert_snapshot!(project.on(&database, &["status"]).shown(), @r#"
    PostgreSQL N, history in public._prisma_migrations
    failed 20240101000000_a, begun TIME UTC
        A migration failed to apply. Database error code: 25001
        Database error: ERROR: CREATE INDEX CONCURRENTLY cannot run inside a transaction block
      It ran inside one transaction, where CONCURRENTLY cannot. `nonstop deploy` runs such a statement alone, so the file needs no edit.
    1 migration pending, waiting behind the failed one:
      20240102000000_it's b
    left behind the index half on public.t is INVALID (a CONCURRENTLY that failed): a migration that creates it builds it again, else DROP INDEX CONCURRENTLY "public"."half".

    What to do:
      nonstop resolve --rolled-back 20240101000000_a
          if nothing of it is there, or what is there may stay: the next deploy runs the file again, unedited
      nonstop resolve --applied 20240101000000_a
          if everything of it is there
      nonstop deploy
          then: applies what is pending
    [1]
    "#);
    let document = project.on(&database, &["status", "--format", "json"]).json();
    assert_eq!(document["failed"][0]["name"], "20240101000000_a");
    assert_eq!(document["leftovers"][0]["kind"], "invalid-index");
    assert_eq!(document["leftovers"][0]["table"], "public.t");
    assert_eq!(document["next"][0], "nonstop resolve --rolled-back 20240101000000_a");

    let unknown = project.on(&database, &["resolve", "--rolled-back", "nobody"]);
    insta::assert_snapshot!(unknown.shown(), @r"
    error: P3011: the migration nobody cannot be marked rolled back: public._prisma_migrations has no attempt of it.
    [3]
    ");
    let resolved = project.on(&database, &["resolve", "--rolled-back", "20240101000000_a"]);
    insta::assert_snapshot!(resolved.shown(), @r"
    Next: `nonstop deploy` applies what is pending.
    The failed attempts of 20240101000000_a are recorded as rolled back.
    [0]
    ");
    let applied = project.on(&database, &["resolve", "--applied", "20240101000000_a"]);
    assert_eq!(applied.code, 0, "{applied:?}");
    let again = project.on(&database, &["resolve", "--applied", "20240101000000_a"]);
    insta::assert_snapshot!(again.shown(), @r"
    error: P3008: the migration 20240101000000_a is already recorded as applied in public._prisma_migrations.
    [3]
    ");
}

#[tokio::test]
async fn what_a_run_left_unfinished() {
    let Some(database) = newest().await else { return };
    let project = Project::prisma(&[("20240101000000_a", "CREATE TABLE a (id int, c int);")]);
    assert_eq!(project.on(&database, &["deploy"]).code, 0);
    database
        .run("INSERT INTO a SELECT i, 7 FROM generate_series(1, 20000) i; ANALYZE a")
        .await;
    project.write(
        "prisma/migrations/20240102000000_b/migration.sql",
        "ALTER TABLE a ADD CONSTRAINT k CHECK (id > 0);\nALTER TABLE a ADD CONSTRAINT l CHECK (c < 7);",
    );
    let ran = project.on(&database, &["deploy", "--on-failure", "keep"]);
    assert_eq!(ran.code, 4, "{ran:?}");
    insta::assert_snapshot!(project.on(&database, &["status"]).shown(), @r"
    PostgreSQL N, history in public._prisma_migrations
    1 migration applied, the last 20240101000000_a at TIME UTC
    unfinished 20240102000000_b, 1 of 5 steps done
        public.a holds rows for which (c < 7) is false

    What to do:
      nonstop deploy
          goes on from there, or takes it back if its file was changed, then applies what is pending
    [1]
    ");
    let document = project.on(&database, &["status", "--format", "json"]).json();
    assert_eq!(document["failed"], serde_json::json!([]));
    assert_eq!(document["unfinished"]["name"], "20240102000000_b");
    assert_eq!(document["next"], serde_json::json!(["nonstop deploy"]));
    let resolved = project.on(&database, &["resolve", "--rolled-back", "20240102000000_b"]);
    assert_eq!(resolved.code, 0, "{resolved:?}");
    insta::assert_snapshot!(project.on(&database, &["status"]).shown(), @r"
    PostgreSQL N, history in public._prisma_migrations
    1 migration applied, the last 20240101000000_a at TIME UTC
    1 earlier attempt rolled back; they block nothing
    unfinished 20240102000000_b, 1 of 5 steps done, being taken back
        public.a holds rows for which (c < 7) is false
    1 migration pending:
      20240102000000_b

    What to do:
      nonstop deploy
          takes back what was begun, then applies what is pending
    [1]
    ");
    database.run("UPDATE a SET c = 1").await;
    assert_eq!(project.on(&database, &["deploy"]).code, 0);
    assert_eq!(project.on(&database, &["status"]).code, 0);
}

#[tokio::test]
async fn a_database_without_history() {
    let Some(database) = newest().await else { return };
    database.run("CREATE TABLE a (id int)").await;
    let project = Project::prisma(&TWO);
    insta::assert_snapshot!(project.on(&database, &["status"]).shown(), @r"
    PostgreSQL N, not managed: the schema has tables (a) and no history
    2 migrations pending:
      20240101000000_a
      20240102000000_it's b

    What to do:
      nonstop baseline 20240101000000_a
          if its tables come from the first migrations of the folder: name the last one that is already there
    [1]
    ");
    let misspelt = project.on(&database, &["baseline", "20240101000000_b"]);
    insta::assert_snapshot!(misspelt.shown(), @r"
    error: P3017: there is no migration 20240101000000_b in the folder. Give the whole name, as `nonstop status` prints it.
    [2]
    ");
    let done = project.on(&database, &["baseline", "20240101000000_a"]);
    insta::assert_snapshot!(done.shown(), @r"
    Recorded as applied, without running: 1 migration.
    [0]
    ");
    project.write("prisma/migrations/20240101000000_a/migration.sql", "-- another text");
    std::fs::remove_dir_all(project.path().join("prisma/migrations/20240102000000_it's b")).unwrap();
    insta::assert_snapshot!(project.on(&database, &["status"]).shown(), @r"
    PostgreSQL N, history in public._prisma_migrations
    1 migration applied, the last 20240101000000_a at TIME UTC
    edited 20240101000000_a: its file is not the one that was applied (Prisma does not look). Undo the edit, and make a new migration.
    Nothing is pending, but the folder is not what was applied.
    [1]
    ");
}

#[tokio::test]
async fn the_gates_alone() {
    let Some(database) = newest().await else { return };
    let project = Project::prisma(&TWO);
    let ran = project.on(&database, &["preflight", "--format", "json"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let document = ran.json();
    assert_eq!(document["schema"], "nonstop.preflight/1");
    assert_eq!(document["summary"]["stops"], 0);
    assert!(
        document["gates"]
            .as_array()
            .unwrap()
            .iter()
            .any(|gate| gate["gate"] == "pooler")
    );
    database.run("CREATE TABLE a (id int)").await;
    let ran = project.on(&database, &["preflight"]);
    assert_eq!(ran.code, 5, "{ran:?}");
    assert!(ran.out.contains("stop    history"), "{ran:?}");
    assert_eq!(project.on(&database, &["preflight", "--skip", "history"]).code, 0);
    let unknown = project.on(&database, &["preflight", "--skip", "weather"]);
    assert_eq!(unknown.code, 2);
    assert!(
        unknown.err.contains("weather") && unknown.err.contains("pooler"),
        "{unknown:?}"
    );
}

#[tokio::test]
async fn each_way_of_not_connecting_has_its_words() {
    let Some(database) = newest().await else { return };
    let project = Project::prisma(&TWO);
    let url = database.url();
    let (user, server) = url.rsplit_once('@').unwrap();
    let (host, _) = server.split_once('/').unwrap();
    let cases = [
        (format!("{user}@{host}/no_such_database"), "there is no such database"),
        (format!("postgres://postgres:wrong@{server}"), "refuses the login"),
        (
            "postgres://u:geheim@127.0.0.1:1/d".to_owned(),
            "no PostgreSQL server answers",
        ),
    ];
    for (url, words) in cases {
        let mut command = project.command(&["status"]);
        let output = command.env("DATABASE_URL", &url).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(words), "{said}");
        assert_eq!(output.status.code(), Some(3), "{said}");
    }
}

#[tokio::test]
async fn a_check_with_a_database_knows_sizes_and_what_is_pending() {
    let Some(database) = newest().await else { return };
    let project = Project::prisma(&TWO);
    assert_eq!(
        project.on(&database, &["deploy", "--until", "20240101000000_a"]).code,
        0
    );
    project.write(
        "prisma/migrations/20240103000000_c/migration.sql",
        "CREATE INDEX a_id ON a (id);",
    );
    let found = |ran: crate::project::Ran| {
        let document = ran.json();
        let migrations = document["summary"]["migrations"].as_u64().unwrap();
        (ran.code, migrations, document["findings"].as_array().unwrap().len())
    };
    assert_eq!(found(project.run(&["check", "--format", "json"])), (1, 3, 1));
    assert_eq!(found(project.on(&database, &["check", "--format", "json"])), (0, 2, 0));
    let large = project.on(&database, &["check", "--format", "json", "--small-rows", "0"]);
    assert_eq!(found(large), (1, 2, 1));
}
