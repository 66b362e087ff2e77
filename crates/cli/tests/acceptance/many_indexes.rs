//! Twenty-six indexes on eleven live tables and a unique constraint, from the first look to the way back: the queries that matter
//! are explained before, the way back is tried on a throw-away server, duplicates stop the deploy with nothing changed, and after
//! they are mended plans and the use of indexes are compared.

use crate::support::{Project, history, nonstop, oldest_and_newest, scenario};
use serde_json::Value;
use testkit::compare::{assert_same, snapshot};
use testkit::oracle::Oracle;
use testkit::{TestDatabase, until};
use tokio_postgres::Client;

const INIT: &str = "20250101000000_init";
const INDEXES: &str = "20250301000000_indexes";
const TABLES: [&str; 11] = [
    "Job",
    "XPAudit",
    "SystemLog",
    "Class",
    "Student",
    "Teacher",
    "School",
    "Lesson",
    "Attendance",
    "Grade",
    "Message",
];
/// More than counts as small.
const ROWS: &str = r#"
    INSERT INTO "Job" ("teacherId", "status", "createdAt", "priority")
        SELECT i % 500, (ARRAY['open', 'done', 'late'])[1 + i % 3], now(), i % 5 FROM generate_series(1, 40000) AS i;
    INSERT INTO "XPAudit" ("userId", "createdAt", "reason")
        SELECT i % 700, timestamp '2025-01-01' + i * interval '1 minute', 'r' || i % 9 FROM generate_series(1, 40000) AS i;
    INSERT INTO "SystemLog" ("userId", "level") SELECT i % 90, 'info' FROM generate_series(1, 12000) AS i;
    INSERT INTO "Class" ("name", "grade", "teacherId") SELECT 'class ' || i, i % 13, i % 500 FROM generate_series(1, 12000) AS i;
    INSERT INTO "Student" ("classId", "email") SELECT i % 900, 's' || i FROM generate_series(1, 12000) AS i;
    INSERT INTO "Teacher" ("schoolId", "email") SELECT i % 90, 't' || i FROM generate_series(1, 12000) AS i;
    INSERT INTO "School" ("region") SELECT 'r' || i % 20 FROM generate_series(1, 12000) AS i;
    INSERT INTO "Lesson" ("classId") SELECT i % 900 FROM generate_series(1, 12000) AS i;
    INSERT INTO "Attendance" ("lessonId", "studentId") SELECT i, i % 77 FROM generate_series(1, 12000) AS i;
    INSERT INTO "Grade" ("studentId", "lessonId") SELECT i, i % 77 FROM generate_series(1, 12000) AS i;
    INSERT INTO "Message" ("senderId", "receiverId") SELECT i, i % 77 FROM generate_series(1, 12000) AS i;
    -- Twice the same class, and three times another one.
    UPDATE "Class" SET "name" = 'class 13', "grade" = 0 WHERE id = 26;
    UPDATE "Class" SET "name" = 'class 7', "grade" = 7 WHERE id IN (20, 33);
"#;
const MENDED: &str = r#"
    UPDATE "Class" AS c SET "name" = c."name" || ' (' || c.id || ')'
    WHERE EXISTS (SELECT FROM "Class" AS o WHERE o."name" = c."name" AND o."grade" = c."grade" AND o.id < c.id)"#;
const QUERIES: &str = r#"
-- name: open jobs of a teacher
SELECT * FROM "Job" WHERE "teacherId" = 42 AND "status" = 'open';
-- name: newest ten audits of a user
SELECT * FROM "XPAudit" WHERE "userId" = 7 ORDER BY "createdAt" DESC LIMIT 10;
-- name: a job by its number
SELECT * FROM "Job" WHERE "id" = 5;
"#;

async fn number(client: &Client, query: &str) -> i64 {
    client.query_one(query, &[]).await.unwrap().get(0)
}

/// The tables with rows, as before the migration.
async fn live(project: &Project, database: &TestDatabase) -> Client {
    let ran = nonstop(&database.url(), &project.dir(), &["deploy", "--until", INIT]).await;
    ran.ends_with(0);
    let client = database.connect().await;
    client.batch_execute(ROWS).await.unwrap();
    client.batch_execute("VACUUM ANALYZE").await.unwrap();
    client
}

async fn from_first_to_last(major: u32) {
    let project = Project::new(&[]);
    for (name, text) in scenario("s2/prisma/migrations") {
        project.add(&name, &text);
    }
    let database = testkit::database(major).await;
    let (url, dir) = (database.url(), project.dir());
    let client = live(&project, &database).await;
    for table in TABLES {
        assert!(number(&client, &format!("SELECT count(*) FROM \"{table}\"")).await >= 12_000);
    }
    let before = snapshot(&client).await.unwrap();

    // Before: what the queries that matter cost, and whether there is a way back.
    std::fs::write(dir.join("../matter.sql"), QUERIES).unwrap();
    let save = ["explain", "save", "../matter.sql"];
    nonstop(&url, &dir, &save).await.ends_with(0).says("Seq Scan on Job");
    nonstop(&url, &dir, &save).await.ends_with(2).says("--force");
    let major = database.major.to_string();
    nonstop(&url, &dir, &["test-rollback", "--pg-version", &major])
        .await
        .ends_with(0)
        .says("1 migration down, and all is as before");

    // Duplicates are looked for, shown, and stop it; nothing is changed, and nothing is left.
    nonstop(&url, &dir, &["deploy"])
        .await
        .ends_with(3)
        .says("name=class 7, grade=7, rows=3")
        .says("name=class 13, grade=0, rows=2")
        .says("find all of them with: SELECT");
    assert_same(&before, &snapshot(&client).await.unwrap(), "after duplicates");
    nonstop(&url, &dir, &["status"]).await.ends_with(1).says(INDEXES);

    client.batch_execute(MENDED).await.unwrap();
    nonstop(&url, &dir, &["deploy"]).await.ends_with(0);
    let there =
        r#"SELECT count(*) FROM pg_index WHERE indisvalid AND indrelid::regclass::text LIKE '"%' AND NOT indisprimary"#;
    assert_eq!(number(&client, there).await, 27);
    nonstop(&url, &dir, &["status"]).await.ends_with(0);
    if let Some(oracle) = Oracle::ready().await {
        let status = oracle.migrate("status", &url, &dir).await;
        status.ends_with(0).says("Database schema is up to date!");
    }

    // After: the same queries, the plans that changed, and which indexes the application uses.
    client.batch_execute("ANALYZE").await.unwrap();
    let application = r#"SELECT * FROM "Message" WHERE "senderId" = 5"#;
    // A session that ends has told what it counted.
    database.run(application).await;
    let used =
        r"SELECT count(*) FROM pg_stat_user_indexes WHERE indexrelname = 'Message_senderId_idx' AND idx_scan > 0";
    until("the server has counted the scan", || async {
        number(&client, used).await == 1
    })
    .await;
    let ran = nonstop(
        &url,
        &dir,
        &["explain", "compare", "--out", "after.json", "--format", "json"],
    )
    .await;
    compared(&serde_json::from_str(&ran.ends_with(0).out).unwrap());
    nonstop(&url, &dir, &["explain", "compare", "--fail-on", "changed"])
        .await
        .ends_with(1)
        .says("- Seq Scan on Job")
        .says("index new: public.Message_senderId_idx on Message");

    // And back, in reverse order.
    let planned = nonstop(&url, &dir, &["rollback", "--dry-run"]).await.ends_with(0).out;
    let dropped: Vec<&str> = planned
        .lines()
        .filter_map(|line| {
            line.split_once("DROP INDEX CONCURRENTLY IF EXISTS ")?
                .1
                .split('"')
                .nth(3)
        })
        .collect();
    let made: Vec<String> = project.read().migrations[1].up.as_ref().map_or_else(Vec::new, |file| {
        let lines = file.text.lines().filter(|line| line.starts_with("CREATE INDEX"));
        lines.map(|line| line.split('"').nth(1).unwrap().to_owned()).collect()
    });
    assert_eq!(made.len(), 26);
    assert_eq!(dropped, made.iter().rev().collect::<Vec<_>>());
    nonstop(&url, &dir, &["rollback"]).await.ends_with(0);
    assert_same(&before, &snapshot(&client).await.unwrap(), "after the rollback");
    let applied = history(&client, "public")
        .await
        .into_iter()
        .filter(|row| row.finished && !row.rolled_back);
    assert_eq!(applied.map(|row| row.name).collect::<Vec<_>>(), [INIT]);
    nonstop(&url, &dir, &["explain", "compare", "after.json"])
        .await
        .ends_with(1)
        .says("+ Seq Scan on Job")
        .says("index gone: public.Message_senderId_idx on Message");
}

/// The document of the comparison.
fn compared(document: &Value) {
    assert_eq!(document["schema"], "nonstop.explain-compare/1");
    let verdicts: Vec<(&str, &str)> = document["queries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|query| (query["name"].as_str().unwrap(), query["verdict"].as_str().unwrap()))
        .collect();
    assert_eq!(
        verdicts,
        [
            ("open jobs of a teacher", "changed"),
            ("newest ten audits of a user", "changed"),
            ("a job by its number", "same"),
        ]
    );
    for query in &document["queries"].as_array().unwrap()[..2] {
        let blocks = |side: &str| query[side]["blocks"].as_u64().unwrap();
        assert!(blocks("before") > 2 * blocks("after"), "{query}");
        assert!(query["after"]["execution_ms"].is_f64(), "{query}");
    }
    let new: Vec<&Value> = document["indexes"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|index| index["state"] == "new")
        .collect();
    assert_eq!(new.len(), 27);
    assert!(new.iter().all(|index| index["valid"] == true), "{new:?}");
    let scans = |name: &str| new.iter().find(|index| index["index"] == name).unwrap()["scans"].as_u64();
    assert_eq!(scans("Message_senderId_idx"), Some(1));
    assert_eq!(scans("Grade_lessonId_idx"), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_indexes_and_a_unique_constraint() {
    for major in oldest_and_newest() {
        from_first_to_last(major).await;
    }
}
