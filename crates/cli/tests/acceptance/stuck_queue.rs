//! The stuck production queue: CONCURRENTLY among other statements failed inside the common transaction, and twelve
//! migrations wait behind it. The unedited file is deployed, and Prisma agrees.

use crate::support::{Project, history, nonstop};
use std::fmt::Write as _;
use testkit::as_written::{AfterFailure, Tool, apply};
use testkit::compare::snapshot;
use testkit::oracle::Oracle;

const STUCK: &str = "20251225_step6_waitlist_party_only";
const FILE: &str = r#"-- Step 6: the waitlist is for parties only.
ALTER TABLE "Waitlist" ADD COLUMN "partyOnly" BOOLEAN NOT NULL DEFAULT false;
DROP INDEX CONCURRENTLY IF EXISTS "Waitlist_old_a_idx";
DROP INDEX CONCURRENTLY IF EXISTS "Waitlist_old_b_idx";
CREATE INDEX CONCURRENTLY IF NOT EXISTS "Waitlist_partyId_idx" ON "Waitlist" ("partyId");
CREATE INDEX CONCURRENTLY IF NOT EXISTS "Waitlist_partyId_createdAt_idx" ON "Waitlist" ("partyId", "createdAt");
ALTER TABLE "Waitlist" ALTER COLUMN "partyId" SET NOT NULL;
"#;
const EARLIER: usize = 51;
const LATER: usize = 12;

fn project() -> Project {
    let project = Project::new(&[(
        "20250101000000_init",
        r#"CREATE TABLE "Waitlist" (id SERIAL PRIMARY KEY, "partyId" INT, a INT, b INT,
                "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP);
           CREATE INDEX "Waitlist_old_a_idx" ON "Waitlist" (a);
           CREATE INDEX "Waitlist_old_b_idx" ON "Waitlist" (b);"#,
    )]);
    for at in 1..EARLIER {
        project.add(
            &format!("202502{at:02}000000_step"),
            &format!("CREATE TABLE \"Early{at}\" (id INT PRIMARY KEY);"),
        );
    }
    project.add(STUCK, FILE);
    for at in 1..=LATER {
        project.add(
            &format!("202512260000{at:02}_later"),
            &format!("CREATE INDEX \"Waitlist_later{at}_idx\" ON \"Waitlist\" (a, b, id);"),
        );
    }
    project
}

/// What production holds: 51 applied migrations, rows, four old attempts that block nothing, and the failed one.
async fn production(project: &Project, database: &testkit::TestDatabase) {
    let client = database.connect().await;
    let migrations = project.read().migrations;
    nonstop(
        &database.url(),
        &project.dir(),
        &["deploy", "--until", &migrations[EARLIER - 1].name],
    )
    .await
    .ends_with(0);
    client
        .batch_execute(r#"INSERT INTO "Waitlist" ("partyId", a, b) SELECT i, i, i FROM generate_series(1, 2000) AS i"#)
        .await
        .unwrap();
    // Sent as one simple query, as Prisma does, the file fails with 25001.
    let said = client.batch_execute(FILE).await.unwrap_err();
    assert_eq!(said.code().unwrap().code(), "25001");
    let mut rows = String::new();
    for attempt in 0..5 {
        let rolled_back = if attempt < 4 { "now()" } else { "NULL" };
        let _ = write!(
            rows,
            "INSERT INTO _prisma_migrations (id, checksum, migration_name, started_at, rolled_back_at, logs)
             VALUES (gen_random_uuid(), '{}', '{STUCK}', now() + interval '{attempt} ms', {rolled_back},
                     'ERROR: CREATE INDEX CONCURRENTLY cannot run inside a transaction block (25001)');",
            migrations[EARLIER].checksum()
        );
    }
    client.batch_execute(&rows).await.unwrap();
    // Somebody tried by hand and was cut off: an INVALID index of one of the names stays, which IF NOT EXISTS would keep.
    client
        .batch_execute(
            r#"CREATE INDEX "Waitlist_partyId_idx" ON "Waitlist" ("partyId");
               UPDATE pg_index SET indisvalid = false WHERE indexrelid = '"Waitlist_partyId_idx"'::regclass"#,
        )
        .await
        .unwrap();
}

async fn unstick(major: u32, flags: &[&str]) {
    let (project, database) = (project(), testkit::database(major).await);
    let (url, dir) = (database.url(), project.dir());
    production(&project, &database).await;
    let client = database.connect().await;

    nonstop(&url, &dir, &["status"])
        .await
        .ends_with(1)
        .says(STUCK)
        .says("25001")
        .says("resolve");
    nonstop(&url, &dir, &["deploy"]).await.ends_with(5).says(STUCK);
    if let Some(oracle) = Oracle::ready().await {
        oracle.migrate("deploy", &url, &dir).await.ends_with(1).says("P3009");
    }
    nonstop(&url, &dir, &["resolve", "--rolled-back", STUCK])
        .await
        .ends_with(0);
    let arguments: Vec<&str> = ["deploy"].iter().chain(flags).copied().collect();
    nonstop(&url, &dir, &arguments).await.ends_with(0);

    nonstop(&url, &dir, &["status"]).await.ends_with(0);
    if let Some(oracle) = Oracle::ready().await {
        oracle
            .migrate("status", &url, &dir)
            .await
            .ends_with(0)
            .says("Database schema is up to date!");
    }
    let rows = history(&client, "public").await;
    assert_eq!(rows.len(), 69);
    assert_eq!(rows.iter().filter(|row| row.finished && !row.rolled_back).count(), 64);
    assert_eq!(rows.iter().filter(|row| row.rolled_back).count(), 5);
    let invalid = "SELECT count(*) FROM pg_index WHERE NOT indisvalid";
    assert_eq!(client.query_one(invalid, &[]).await.unwrap().get::<_, i64>(0), 0);

    // The end is the one that the files mean.
    let meant = testkit::database(major).await;
    let outcome = apply(
        &meant.connect().await,
        &project.read().migrations,
        Tool::Prisma,
        AfterFailure::Stop,
    )
    .await
    .unwrap();
    assert_eq!(outcome.cured.len(), 1);
    testkit::compare::assert_same(
        &snapshot(&meant.connect().await).await.unwrap(),
        &snapshot(&client).await.unwrap(),
        "the queue",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queue_moves_again() {
    for major in testkit::majors() {
        unstick(major, &[]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queue_moves_again_under_load_rules() {
    if let Some(major) = testkit::majors().last().copied() {
        unstick(major, &["--small-rows", "0"]).await;
    }
}
