//! nonstop and the real Prisma CLI on one history: each accepts what the other wrote.

use crate::support::{HistoryRow, Project, command, history, nonstop, with_schema};
use testkit::compare::{assert_same, snapshot};
use testkit::oracle::Oracle;
use testkit::{Ran, TestDatabase, until};
use tokio::process::{Child, Command};

const UP_TO_DATE: &str = "Database schema is up to date!";

/// One folder and one database, for both programs.
struct Both {
    oracle: &'static Oracle,
    database: TestDatabase,
    project: Project,
}

impl Both {
    /// Nothing where there is no server or no CLI to test with.
    async fn on(project: Project) -> Option<Self> {
        let Some(major) = testkit::majors().last().copied() else {
            eprintln!("SKIPPED: no PostgreSQL server programs on this machine");
            return None;
        };
        Some(Self {
            oracle: Oracle::ready().await?,
            database: testkit::database(major).await,
            project,
        })
    }

    fn prisma_command(&self, verb: &str) -> Command {
        self.oracle.command(verb, &self.database.url(), &self.project.dir())
    }

    async fn prisma(&self, verb: &str) -> Ran {
        let (url, dir) = (self.database.url(), self.project.dir());
        self.oracle.migrate(verb, &url, &dir).await
    }

    async fn nonstop(&self, arguments: &[&str]) -> Ran {
        nonstop(&self.database.url(), &self.project.dir(), arguments).await
    }

    async fn is_up_to_date_for_prisma(&self) {
        self.prisma("status").await.ends_with(0).says(UP_TO_DATE);
    }

    async fn rows(&self) -> Vec<HistoryRow> {
        history(&self.database.connect().await, "public").await
    }
}

fn shop() -> Project {
    Project::new(&[
        (
            "20240101000000_init",
            "CREATE TABLE \"Tip\" (id SERIAL PRIMARY KEY, \"createdAt\" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP);",
        ),
        (
            "20240102000000_index",
            "CREATE INDEX \"tip_created_at_idx\" ON \"Tip\" (\"createdAt\");",
        ),
        (
            "20240103000000_user",
            "CREATE TABLE \"User\" (id INT PRIMARY KEY);\nALTER TABLE \"Tip\" ADD COLUMN \"userId\" INT;\n\
             ALTER TABLE \"Tip\" ADD CONSTRAINT \"Tip_userId_fkey\" FOREIGN KEY (\"userId\") REFERENCES \"User\" (id);",
        ),
    ])
}

/// Waits until a process has taken Prisma's lock in this database.
async fn until_locked(database: &TestDatabase, process: &mut Child) {
    let client = database.connect().await;
    let held = "SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'advisory' AND objid = 72707369 AND granted
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    let taken = until("the lock is taken", || async {
        client.query_one(held, &[]).await.unwrap().get(0)
    });
    tokio::select! {
        () = taken => {}
        ended = process.wait() => panic!("it ended before it took the lock: {ended:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nonstop_deploys_is_up_to_date_for_prisma() {
    let Some(both) = Both::on(shop()).await else {
        return;
    };
    both.prisma("status").await.ends_with(1);
    both.nonstop(&["deploy"]).await.ends_with(0);
    both.is_up_to_date_for_prisma().await;
    both.prisma("deploy")
        .await
        .ends_with(0)
        .says("No pending migrations to apply.");
    let rows = both.rows().await;
    assert_eq!(rows.len(), 3);
    for (row, migration) in rows.iter().zip(both.project.read().migrations) {
        assert_eq!((&row.name, &row.checksum), (&migration.name, &migration.checksum()));
        assert_eq!(
            (row.finished, row.rolled_back, row.steps, &row.logs),
            (true, false, 1, &None)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_history_goes_on_from_prisma_to_nonstop_and_back() {
    let Some(both) = Both::on(shop()).await else {
        return;
    };
    both.prisma("deploy").await.ends_with(0);
    both.nonstop(&["status"]).await.ends_with(0);
    both.nonstop(&["deploy"]).await.ends_with(0);
    assert_eq!(both.rows().await.len(), 3);

    both.project.add(
        "20240104000000_more",
        "CREATE INDEX \"Tip_userId_idx\" ON \"Tip\" (\"userId\");",
    );
    both.nonstop(&["status"]).await.ends_with(1);
    both.nonstop(&["deploy"]).await.ends_with(0);
    both.is_up_to_date_for_prisma().await;

    both.project
        .add("20240105000000_last", "ALTER TABLE \"Tip\" ADD COLUMN note TEXT;");
    both.prisma("deploy").await.ends_with(0);
    both.nonstop(&["status"]).await.ends_with(0);
    assert_eq!(both.rows().await.len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn prisma_waits_for_nobody_but_takes_the_same_lock() {
    let Some(both) = Both::on(shop()).await else {
        return;
    };
    // A deploy of this CLI keeps its lock until its process ends, ten seconds after the work.
    let mut running = both.prisma_command("deploy").spawn().unwrap();
    until_locked(&both.database, &mut running).await;
    both.nonstop(&["deploy", "--wait", "0s"])
        .await
        .ends_with(3)
        .says("holds the history lock");
    assert!(running.wait().await.unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn prisma_is_held_out_while_the_lock_is_ours() {
    let Some(both) = Both::on(shop()).await else {
        return;
    };
    both.nonstop(&["deploy"]).await.ends_with(0);
    both.project
        .add("20240104000000_blocked", "ALTER TABLE \"Tip\" ADD COLUMN note TEXT;");
    let holder = both.database.connect().await;
    holder.batch_execute("BEGIN; LOCK TABLE \"Tip\"").await.unwrap();
    let mut ours = command(&both.database.url(), &both.project.dir(), &["deploy"])
        .spawn()
        .unwrap();
    until_locked(&both.database, &mut ours).await;
    both.prisma("deploy").await.ends_with(1).says("P1002");
    holder.batch_execute("ROLLBACK").await.unwrap();
    assert!(ours.wait().await.unwrap().success());
    both.is_up_to_date_for_prisma().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_failed_here_stops_prisma_and_one_resumed_does_not() {
    let project = Project::new(&[
        (
            "20240101000000_init",
            "CREATE TABLE t (id INT); INSERT INTO t VALUES (0);",
        ),
        (
            "20240102000000_bad",
            "CREATE INDEX t_id ON t (id); UPDATE t SET id = 1 / id;",
        ),
    ]);
    let Some(both) = Both::on(project).await else {
        return;
    };
    // The index stays, so the migration is neither done nor undone.
    let keep = [
        "deploy",
        "--on-failure",
        "keep",
        "--small-rows",
        "0",
        "--allow",
        "blocking",
    ];
    both.nonstop(&keep).await.ends_with(4).says("22012");
    let failed = both.rows().await;
    assert_eq!((failed[1].finished, failed[1].rolled_back), (false, false));
    both.prisma("deploy").await.ends_with(1).says("P3009");

    both.database.run("UPDATE t SET id = 1").await;
    both.nonstop(&keep).await.ends_with(0);
    both.is_up_to_date_for_prisma().await;
    let rows = both.rows().await;
    assert!(rows.iter().all(|row| row.finished || row.rolled_back), "{rows:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_unwound_is_pending_for_prisma() {
    let project = Project::new(&[
        (
            "20240101000000_init",
            "CREATE TABLE t (id INT); INSERT INTO t VALUES (0);",
        ),
        (
            "20240102000000_bad",
            "ALTER TABLE t ADD CONSTRAINT positive CHECK (id > 0);",
        ),
    ]);
    let Some(both) = Both::on(project).await else {
        return;
    };
    both.nonstop(&["deploy"]).await.ends_with(3);
    let failed = both.rows().await;
    assert_eq!((failed[1].finished, failed[1].rolled_back), (false, true));
    both.database.run("UPDATE t SET id = 1").await;
    both.prisma("deploy").await.ends_with(0);
    both.nonstop(&["status"]).await.ends_with(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_rolled_back_is_pending_for_prisma() {
    let Some(both) = Both::on(shop()).await else {
        return;
    };
    both.prisma("deploy").await.ends_with(0);
    both.nonstop(&["rollback", "--to", "20240101000000_init"])
        .await
        .ends_with(5)
        .says("rollback-loses-data");
    both.is_up_to_date_for_prisma().await;
    both.nonstop(&["rollback", "--to", "20240101000000_init", "--allow", "data-loss"])
        .await
        .ends_with(0);
    let rows = both.rows().await;
    let states: Vec<_> = rows.iter().map(|row| (row.finished, row.rolled_back)).collect();
    assert_eq!(states, [(true, false)]);
    let gone = "SELECT to_regclass('\"User\"') IS NULL AND to_regclass('tip_created_at_idx') IS NULL";
    let client = both.database.connect().await;
    assert!(client.query_one(gone, &[]).await.unwrap().get::<_, bool>(0));
    both.prisma("status").await.ends_with(1).says("20240103000000_user");
    both.prisma("deploy").await.ends_with(0);
    both.is_up_to_date_for_prisma().await;
    both.nonstop(&["status"]).await.ends_with(0);
    assert_eq!(both.rows().await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_of_prisma_that_was_killed_is_resolved_here() {
    let Some(both) = Both::on(shop()).await else {
        return;
    };
    both.nonstop(&["deploy", "--until", "20240102000000_index"])
        .await
        .ends_with(0);
    // What a killed deploy leaves: a start row without end and without logs.
    both.database
        .run(
            "INSERT INTO _prisma_migrations (id, checksum, migration_name, started_at)
             VALUES (gen_random_uuid(), repeat('0', 64), '20240103000000_user', now())",
        )
        .await;
    both.prisma("deploy").await.ends_with(1).says("P3009");
    both.nonstop(&["status"]).await.ends_with(1).says("20240103000000_user");
    both.nonstop(&["deploy"]).await.ends_with(5).says("20240103000000_user");
    both.nonstop(&["resolve", "--rolled-back", "20240103000000_user"])
        .await
        .ends_with(0);
    both.nonstop(&["deploy"]).await.ends_with(0);
    both.is_up_to_date_for_prisma().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn resolved_by_hand_here_is_done_for_prisma() {
    let Some(both) = Both::on(shop()).await else {
        return;
    };
    both.database.run("CREATE TABLE \"Tip\" (id INT)").await;
    both.prisma("deploy").await.ends_with(1).says("P3005");
    both.nonstop(&["deploy"]).await.ends_with(5).says("baseline");
    both.nonstop(&["baseline", "20240102000000_index"]).await.ends_with(0);
    both.nonstop(&["resolve", "--applied", "20240103000000_user"])
        .await
        .ends_with(0);
    both.is_up_to_date_for_prisma().await;
    assert!(
        both.rows()
            .await
            .iter()
            .all(|row| row.logs.as_deref() == Some("") && row.steps == 0)
    );
}

/// The order of odd names, the checksum of CRLF, and another schema: the same rows from both.
#[tokio::test(flavor = "multi_thread")]
async fn both_write_the_same_rows_in_the_same_order() {
    let Some(both) = Both::on(Project::new(&[])).await else {
        return;
    };
    let (project, theirs) = (&both.project, &both.database);
    let ours = &testkit::database(theirs.major).await;
    let names = [
        "init",
        "9_x",
        "20240101B",
        "20240101a",
        "202401010_a",
        "20240101-b",
        "20240101_a",
        "10_x",
    ];
    for (at, name) in names.iter().enumerate() {
        project.add(
            name,
            &format!("CREATE TABLE t{at} (id INT);\r\nCREATE TABLE u{at} (id INT);\r\n"),
        );
    }
    project.add("zz_empty", "");
    project.add("zz_only_comment", "-- nothing\n");
    for database in [theirs, ours] {
        database.run("CREATE SCHEMA other").await;
    }
    let url = |database: &TestDatabase| with_schema(&database.url(), "other");
    both.oracle
        .migrate("deploy", &url(theirs), &project.dir())
        .await
        .ends_with(0);
    nonstop(&url(ours), &project.dir(), &["deploy"]).await.ends_with(0);
    let (theirs, ours) = (theirs.connect().await, ours.connect().await);
    let rows = history(&ours, "other").await;
    assert_eq!(rows, history(&theirs, "other").await);
    assert_eq!(rows.len(), names.len() + 2);
    assert_same(
        &snapshot(&theirs).await.unwrap(),
        &snapshot(&ours).await.unwrap(),
        "schema other",
    );
}
