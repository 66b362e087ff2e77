//! Three writers log what the server acknowledged, while columns are made anew and partitions attached: none of it is lost, and
//! nothing of nonstop's helpers is left.

use crate::support::{Project, nonstop, oldest_and_newest};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use testkit::TestDatabase;
use tokio_postgres::SimpleQueryMessage;

const SETUP: &str = r#"CREATE TABLE "T" (id serial PRIMARY KEY, n int NOT NULL CHECK (n >= 0), w text UNIQUE, "At" timestamp DEFAULT now());
    CREATE INDEX ON "T" (n) WHERE n > 5;
    INSERT INTO "T" (n, w) SELECT i, 'old' || i FROM generate_series(1, 20000) AS i;
    CREATE TABLE c (id bigint GENERATED ALWAYS AS IDENTITY, t int REFERENCES "T" ON DELETE CASCADE);
    CREATE TABLE p (k int NOT NULL, v int) PARTITION BY RANGE (k); CREATE TABLE p_d PARTITION OF p DEFAULT; CREATE INDEX ON p (v);
    CREATE TABLE p_1 (k int NOT NULL, v int); INSERT INTO p_1 SELECT 1 + i % 900, i FROM generate_series(1, 20000) AS i;"#;

const MIGRATION: &str = r#"ALTER TABLE "T" ALTER id TYPE bigint; ALTER SEQUENCE "T_id_seq" AS bigint; ALTER TABLE c ALTER t TYPE bigint;
    ALTER TABLE "T" ALTER n TYPE numeric USING (n::numeric), ALTER "At" TYPE timestamptz;
    ALTER TABLE p ATTACH PARTITION p_1 FOR VALUES FROM (1) TO (1000);"#;

/// What one writer was told: rows by their number, with the value of last.
#[derive(Default)]
struct Log {
    rows: BTreeMap<i64, i64>,
    children: BTreeMap<i64, u32>,
    attached: u32,
}

async fn write(database: &TestDatabase, writer: usize, stop: &AtomicBool) -> Log {
    let client = database.connect().await;
    let mut log = Log::default();
    let mut at = 0_i64;
    while !stop.load(Ordering::Relaxed) {
        at += 1;
        let insert = format!("INSERT INTO \"T\" (n, w) VALUES ({at}, '{writer} {at}') RETURNING id");
        let answer = client.simple_query(&insert).await.unwrap();
        let id = answer.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0)?.parse::<i64>().ok(),
            _ => None,
        });
        let id = id.unwrap();
        log.rows.insert(id, at);
        let older = *log
            .rows
            .keys()
            .nth(usize::try_from(at / 2).unwrap().min(log.rows.len() - 1))
            .unwrap();
        let update = format!("UPDATE \"T\" SET n = {} WHERE id = {older}", at + 100);
        client.simple_query(&update).await.unwrap();
        log.rows.insert(older, at + 100);
        let child = format!("INSERT INTO c (t) VALUES ({older})");
        client.simple_query(&child).await.unwrap();
        *log.children.entry(older).or_default() += 1;
        let row = format!("INSERT INTO p_1 VALUES ({}, -{})", 1 + at % 900, writer + 1);
        client.simple_query(&row).await.unwrap();
        log.attached += 1;
    }
    log
}

async fn none_is_lost(major: u32) {
    let database = Arc::new(testkit::database(major).await);
    database.run(SETUP).await;
    let project = Project::new(&[("0000", "SELECT 1"), ("0001_types", MIGRATION)]);
    nonstop(&database.url(), &project.dir(), &["baseline", "0000"])
        .await
        .ends_with(0);
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..3)
        .map(|writer| {
            let (database, stop) = (Arc::clone(&database), Arc::clone(&stop));
            tokio::spawn(async move { write(&database, writer, &stop).await })
        })
        .collect();
    let arguments = ["deploy", "--quiet", "--small-rows", "0"];
    let ran = nonstop(&database.url(), &project.dir(), &arguments).await;
    stop.store(true, Ordering::Relaxed);
    let client = database.connect().await;
    for (writer, running) in writers.into_iter().enumerate() {
        let log = running.await.unwrap();
        assert!(log.rows.len() > 3, "{} rows", log.rows.len());
        let found = client
            .query(
                "SELECT id::bigint, n::bigint FROM \"T\" WHERE w LIKE $1 || ' %'",
                &[&writer.to_string()],
            )
            .await
            .unwrap();
        let found: BTreeMap<i64, i64> = found.iter().map(|row| (row.get(0), row.get(1))).collect();
        assert_eq!(found, log.rows, "writer {writer}");
        let attached: i64 = client
            .query_one(
                "SELECT count(*) FROM p_1 WHERE v = $1",
                &[&-i32::try_from(writer + 1).unwrap()],
            )
            .await
            .unwrap()
            .get(0);
        assert_eq!(attached, i64::from(log.attached));
        for (id, children) in &log.children {
            let rows: i64 = client
                .query_one("SELECT count(*) FROM c WHERE t::bigint = $1", &[id])
                .await
                .unwrap()
                .get(0);
            assert_eq!(rows, i64::from(*children), "rows that point at {id}");
        }
    }
    ran.ends_with(0);
    let old: i64 = client
        .query_one("SELECT count(*) FROM \"T\" WHERE w = 'old' || n", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(old, 20_000);
    let left = client
        .query(
            "SELECT relname::text FROM pg_class WHERE relname LIKE '%nonstop%' AND relnamespace = 'public'::regnamespace
             UNION ALL SELECT proname::text FROM pg_proc WHERE proname LIKE '%nonstop%'
             UNION ALL SELECT conname::text FROM pg_constraint WHERE conname LIKE '%nonstop%'
             UNION ALL SELECT tgname::text FROM pg_trigger WHERE tgname LIKE '%nonstop%'",
            &[],
        )
        .await
        .unwrap();
    let left: Vec<String> = left.iter().map(|row| row.get(0)).collect();
    assert_eq!(left, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_acknowledged_write_is_lost() {
    for major in oldest_and_newest() {
        none_is_lost(major).await;
    }
}

/// Values that do not cast are shown before anything is changed.
#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_cast_is_shown_first() {
    for major in oldest_and_newest() {
        let database = testkit::database(major).await;
        let setup = "CREATE TABLE t (id int PRIMARY KEY, a text, b bigint, c text);
            INSERT INTO t SELECT i, CASE i WHEN 7 THEN 'seven' ELSE i::text END, i::bigint * 1000000, i::text FROM generate_series(1, 3000) AS i;";
        database.run(setup).await;
        let cases = [
            ("ALTER TABLE t ALTER a TYPE int USING a::int", "seven"),
            ("ALTER TABLE t ALTER b TYPE int", "2148000000"),
            ("ALTER TABLE t ALTER c TYPE varchar(3)", "1000"),
        ];
        for (sql, shown) in cases {
            let project = Project::new(&[("0000", "SELECT 1"), ("0001", sql)]);
            nonstop(&database.url(), &project.dir(), &["baseline", "0000"]).await;
            let arguments = ["deploy", "--quiet", "--small-rows", "0"];
            let ran = nonstop(&database.url(), &project.dir(), &arguments).await;
            ran.ends_with(3).says(shown);
            let columns: i64 = database
                .connect()
                .await
                .query_one(
                    "SELECT max(attnum)::bigint FROM pg_attribute WHERE attrelid = 't'::regclass",
                    &[],
                )
                .await
                .unwrap()
                .get(0);
            assert_eq!(columns, 4, "{sql}");
            database
                .run("DROP TABLE _prisma_migrations; DROP SCHEMA IF EXISTS nonstop CASCADE")
                .await;
        }
    }
}
