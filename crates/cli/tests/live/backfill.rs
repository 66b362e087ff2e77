//! `backfill`: what is said, what is killed and goes on.

use crate::newest;
use crate::project::Project;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Stdio};
use testkit::TestDatabase;

/// Slow enough to be met on its way.
const TABLE: &str = "CREATE TABLE \"Tip\" (id int PRIMARY KEY, c int, d int);
    INSERT INTO \"Tip\" SELECT i, i, i FROM generate_series(1, 2000) i; ANALYZE \"Tip\";
    CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.0005); RETURN NEW; END';
    CREATE TRIGGER slow BEFORE UPDATE ON \"Tip\" FOR EACH ROW EXECUTE FUNCTION slow()";

const CHANGE: [&str; 7] = ["backfill", "--table", "Tip", "--set", "c = c + 1", "--batch-size", "50"];

fn begun(project: &Project, database: &TestDatabase) -> (Child, Lines<BufReader<ChildStdout>>) {
    let mut child = project
        .command(&[&CHANGE[..], &["--format", "json"]].concat())
        .env("NONSTOP_DATABASE_URL", database.url())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let on_its_way = lines
        .by_ref()
        .map_while(Result::ok)
        .find(|line| line.contains("\"progress\""));
    assert!(on_its_way.is_some(), "it made no progress");
    (child, lines)
}

#[tokio::test]
async fn a_kill_and_an_interrupt_lose_nothing() {
    let Some(database) = newest().await else { return };
    database.run(TABLE).await;
    let project = Project::new(&[]);
    let listed = || project.on(&database, &["backfill", "list", "--format", "json"]).json();
    assert_eq!(listed()["backfills"], serde_json::json!([]));

    let (mut child, _) = begun(&project, &database);
    let one = listed();
    let one = &one["backfills"][0];
    assert_eq!(
        (&one["state"], &one["total"]),
        (&"running".into(), &2000.into()),
        "{one}"
    );
    let twice = project.on(&database, &CHANGE);
    assert_eq!(twice.code, 5, "{twice:?}");
    assert!(twice.err.contains("the same backfill is running"), "{twice:?}");
    child.kill().unwrap();
    child.wait().unwrap();

    // The same command goes on.
    let (mut child, lines) = begun(&project, &database);
    kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGINT).unwrap();
    let last = lines.map_while(Result::ok).last().unwrap();
    assert!(last.contains("run_finished") && last.contains("resumable"), "{last}");
    assert_eq!(child.wait().unwrap().code(), Some(4));
    let stopped = listed();
    let stopped = &stopped["backfills"][0];
    assert_eq!((&stopped["state"], &stopped["id"]), (&"stopped".into(), &one["id"]));
    assert!(stopped["changed"].as_i64().unwrap() < 2_000, "{stopped}");

    database.run("DROP TRIGGER slow ON \"Tip\"").await;
    let resumed = project.on(&database, &["backfill", "resume", "-q"]);
    assert_eq!(resumed.code, 0, "{resumed:?}");
    let client = database.connect().await;
    let once = client
        .query_one("SELECT min(c - d), max(c - d) FROM \"Tip\"", &[])
        .await
        .unwrap();
    assert_eq!((once.get::<_, i32>(0), once.get::<_, i32>(1)), (1, 1));
    assert_eq!(listed()["backfills"][0]["state"], "done");
    let none = project.on(&database, &["backfill", "pause"]);
    assert_eq!(none.code, 2, "{none:?}");
    assert!(none.err.contains("no backfill is unfinished"), "{none:?}");
}

#[tokio::test]
async fn told_to_people() {
    let Some(database) = newest().await else { return };
    database
        .run("CREATE TABLE t (id int PRIMARY KEY, a int UNIQUE, b numeric); INSERT INTO t SELECT i, i, i FROM generate_series(1, 500) i")
        .await;
    let project = Project::new(&[]);
    let shown = |arguments: &[&str]| {
        let ran = project.on(&database, &[&["backfill", "--table", "public.t"], arguments].concat());
        ran.shown()
    };
    insta::assert_snapshot!(shown(&["--set", "b = b / 3", "--where", "a > 250", "--dry-run"]), @r"
    UPDATE public.t SET b = b / 3 WHERE a > 250
      over       (id)
      rows       about 250 of 500 (500 looked at)
      batches    about 1
      time       about N s when nobody else is at work

    That was a dry run; nothing was touched.
    [0]
    ");
    insta::assert_snapshot!(shown(&["--set", "b = random()"]), @r"
    error: it cannot be done in batches: it calls random(), which is volatile
      write it so that each row depends on itself alone, or change the rows in batches of your own; nothing was touched
    [5]
    ");
    insta::assert_snapshot!(shown(&["--set", "a = 1"]), @r"
    error: it cannot be done in batches: a is in the unique index public.t_a_key: rows may be in each other's way in one order and not in another
      write it so that each row depends on itself alone, or change the rows in batches of your own; nothing was touched
    [5]
    ");
    insta::assert_snapshot!(shown(&["--set", "b = 'x'::text"]), @r#"
    error: the server does not take it: column "b" is of type numeric but expression is of type text
      statement: UPDATE public.t SET b = 'x'::text
      SQLSTATE: 42804
      hint: You will need to rewrite or cast the expression.
    [3]
    "#);
    let broken = project.on(
        &database,
        &[
            "backfill",
            "--table",
            "t",
            "--set",
            "b = 1 / (a - 400)",
            "--batch-size",
            "100",
        ],
    );
    assert_eq!(broken.code, 4, "{broken:?}");
    for words in [
        "division by zero",
        "behind (300) up to (400) over (id) of public.t; 300 rows are changed and committed",
        "go on: nonstop backfill resume",
    ] {
        assert!(broken.err.contains(words), "{words}: {broken:?}");
    }
    assert_eq!(project.on(&database, &["backfill", "cancel"]).code, 0);
    let nothing = project.on(&database, &["backfill", "--table", "no.t", "--delete"]);
    assert_eq!(nothing.code, 2, "{nothing:?}");
    let gone = project.on(
        &database,
        &["backfill", "--table", "t", "--delete", "--where", "a > 100"],
    );
    assert_eq!(gone.code, 0, "{gone:?}");
    let client = database.connect().await;
    assert_eq!(
        client
            .query_one("SELECT count(*) FROM t", &[])
            .await
            .unwrap()
            .get::<_, i64>(0),
        100
    );
}
