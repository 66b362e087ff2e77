//! Changes of many rows in batches: the same rows as written, once each, whatever is cut off when.

use crate::support::{Heard, child, migration, target, value};
use nonstop_core::migration::Migration;
use nonstop_core::settings::PlanSettings;
use nonstop_engine::deploy::{DeployError, DeployOptions, HistoryKind, Stop, deploy};
use nonstop_engine::event::{Event, Outcome};
use nonstop_engine::failpoint;
use std::time::Duration;
use testkit::{TestDatabase, each_major};

/// Every table counts as large.
pub(crate) fn options() -> DeployOptions {
    DeployOptions {
        plan: PlanSettings {
            small_rows: 0,
            ..PlanSettings::default()
        },
        ..DeployOptions::default()
    }
}

async fn run(database: &TestDatabase, folder: &[Migration], stop: Stop) -> (Result<Outcome, DeployError>, Heard) {
    let heard = Heard::default();
    let (target, sink) = (target(database), heard.sink());
    let outcome = deploy(&target, folder, HistoryKind::Prisma, &options(), &sink, stop).await;
    (outcome, heard)
}

/// What is there before, and what is run: with every sort of key, and several conditions.
const CASES: &[(&str, &str)] = &[
    (
        "CREATE TABLE c1 (id int PRIMARY KEY, c int); INSERT INTO c1 SELECT i, i FROM generate_series(1, 1050) i",
        "UPDATE c1 SET c = c + 1",
    ),
    (
        "CREATE TABLE c2 (a text COLLATE \"C\", b uuid, \"C\" timestamptz, n float8, v int, PRIMARY KEY (\"C\", b, a, n));
         INSERT INTO c2 SELECT 'it''s \\ ' || i, md5(i::text)::uuid, '2024-01-01'::timestamptz + i * interval '1.7 h', i / 7.0, i
         FROM generate_series(1, 1050) i",
        "UPDATE c2 AS x SET v = x.v * 2 WHERE v % 3 = 0",
    ),
    (
        "CREATE TABLE c3 (k numeric NOT NULL UNIQUE, d int); CREATE TABLE c3_u (id int, name text);
         INSERT INTO c3 SELECT i / 3.0, i % 10 FROM generate_series(1, 1050) i; INSERT INTO c3_u SELECT i, 'n' || i FROM generate_series(1, 9) i;
         ALTER TABLE c3 ADD COLUMN name text",
        "UPDATE c3 SET name = u.name FROM c3_u u WHERE u.id = c3.d",
    ),
    (
        "CREATE TABLE c4 (id bigint PRIMARY KEY, c int); INSERT INTO c4 SELECT i * 1000000007::bigint, i FROM generate_series(-500, 550) i",
        "DELETE FROM c4 WHERE c % 5 = 1",
    ),
    (
        "CREATE TABLE c5 (a int, b int); INSERT INTO c5 SELECT i, CASE WHEN i % 2 = 0 THEN i END FROM generate_series(1, 1050) i",
        "UPDATE c5 SET b = -a WHERE b IS NULL",
    ),
    (
        "CREATE TABLE c6 (a int, b int); INSERT INTO c6 SELECT i, i FROM generate_series(1, 1050) i",
        "DELETE FROM c6 WHERE b BETWEEN 100 AND 900",
    ),
    (
        "CREATE TABLE c7 (id int, day date, c int, PRIMARY KEY (day, id)) PARTITION BY RANGE (day);
         CREATE TABLE c7_1 PARTITION OF c7 FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
         CREATE TABLE c7_2 PARTITION OF c7 DEFAULT;
         INSERT INTO c7 SELECT i, '2024-01-01'::date + i / 20, i FROM generate_series(1, 1050) i",
        "UPDATE c7 SET c = c + 1 WHERE id > 10",
    ),
    (
        "CREATE TYPE kind AS ENUM ('b', 'a'); CREATE TABLE c8 (k kind, i interval, b bytea, c int, PRIMARY KEY (k, i, b));
         INSERT INTO c8 SELECT (ARRAY['a', 'b'])[i % 2 + 1]::kind, i * interval '3.5 min', ('\\x' || lpad(to_hex(i), 4, '0'))::bytea, i
         FROM generate_series(1, 1050) i",
        "UPDATE c8 SET c = c + 1 WHERE c NOT IN (SELECT id FROM c3_u)",
    ),
    (
        "CREATE TABLE c9 (id int PRIMARY KEY, c int, touched int NOT NULL DEFAULT 0);
         INSERT INTO c9 SELECT i, i FROM generate_series(1, 1050) i;
         CREATE FUNCTION c9_f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.touched := OLD.touched + 1; RETURN NEW; END';
         CREATE TRIGGER touch BEFORE UPDATE ON c9 FOR EACH ROW EXECUTE FUNCTION c9_f()",
        "UPDATE ONLY public.c9 SET c = DEFAULT WHERE id > 7",
    ),
    ("CREATE TABLE c10 (id int PRIMARY KEY, c int)", "UPDATE c10 SET c = 1"),
];

const CONTENTS: &str = "SELECT string_agg(t, ' ') FROM (
    SELECT 'c1 ' || md5(string_agg(r::text, ',' ORDER BY r::text)) AS t FROM c1 r
    UNION ALL SELECT 'c2 ' || md5(string_agg(r::text, ',' ORDER BY r::text)) FROM c2 r
    UNION ALL SELECT 'c3 ' || md5(string_agg(r::text, ',' ORDER BY r::text)) FROM c3 r
    UNION ALL SELECT 'c4 ' || md5(string_agg(r::text, ',' ORDER BY r::text)) FROM c4 r
    UNION ALL SELECT 'c5 ' || md5(string_agg(r::text, ',' ORDER BY r::text)) FROM c5 r
    UNION ALL SELECT 'c6 ' || md5(string_agg(r::text, ',' ORDER BY r::text)) FROM c6 r
    UNION ALL SELECT 'c7 ' || md5(string_agg(r::text, ',' ORDER BY r::text)) FROM c7 r
    UNION ALL SELECT 'c8 ' || md5(string_agg(r::text, ',' ORDER BY r::text)) FROM c8 r
    UNION ALL SELECT 'c9 ' || md5(string_agg(r::text, ',' ORDER BY r::text)) FROM c9 r) AS x";

#[tokio::test]
async fn the_rows_are_those_as_written() {
    each_major(|database| async move {
        run(&database, &[], Stop::never()).await.0.unwrap();
        let before: Vec<&str> = CASES.iter().map(|(before, _)| *before).collect();
        database.run(&before.join(";")).await;
        let written = database.copy().await;
        let mut folder = Vec::new();
        for (at, (_, text)) in CASES.iter().enumerate() {
            written.run(text).await;
            folder.push(migration(
                &format!("{at:02}"),
                &format!("-- nonstop: batch-size 100\n{text};"),
            ));
        }
        let (outcome, heard) = run(&database, &folder, Stop::never()).await;
        assert_eq!(outcome.unwrap(), Outcome::Done, "{:#?}", heard.all());
        assert_eq!(
            value(&database, CONTENTS).await,
            value(&written, CONTENTS).await,
            "PostgreSQL {}",
            database.major
        );
        let audit =
            "SELECT sum(changed) = (SELECT sum(rows) FROM nonstop.batch) AND count(*) FILTER (WHERE batches >= 10) >= 7 FROM nonstop.progress";
        assert_eq!(
            value(&database, audit).await.as_deref(),
            Some("t"),
            "PostgreSQL {}",
            database.major
        );
        let kinds = heard.all().into_iter().filter_map(|event| match event {
            Event::StepStarted { kind, .. } => Some(kind),
            _ => None,
        });
        assert!(kinds.collect::<Vec<_>>().iter().all(|kind| kind == "backfill"));
    })
    .await;
}

/// What the child runs: `c = c + 1` would show a row that was met twice.
pub(crate) fn once() -> Vec<Migration> {
    let text = "ALTER TABLE t ADD COLUMN e int;\n-- nonstop: batch-size 50\nUPDATE t SET c = c + 1;\nCOMMENT ON TABLE t IS 'done'";
    vec![migration("1_once", text)]
}

const ONCE: &str = "SELECT concat_ws(' ', min(c - d), max(c - d), obj_description('t'::regclass)) FROM t";

async fn prepared(major: u32) -> TestDatabase {
    let database = testkit::database(major).await;
    run(&database, &[], Stop::never()).await.0.unwrap();
    database.run(crate::stepwise::TABLE).await;
    database
}

async fn died(mut child: std::process::Child) -> bool {
    let waiting = tokio::task::spawn_blocking(move || child.wait());
    !waiting.await.unwrap().unwrap().success()
}

#[tokio::test]
async fn a_kill_at_each_point_leaves_each_row_changed_once() {
    let major = *testkit::majors().last().unwrap();
    for point in failpoint::ALL.iter().filter(|point| point.starts_with("batch")) {
        for nth in [1, 19] {
            let database = prepared(major).await;
            let died = died(child(&database, "batches", Some(&format!("{point}:kill:{nth}")))).await;
            assert!(
                died || (nth > 1 && *point != "batch-done"),
                "{point} {nth} was not passed"
            );
            let (outcome, heard) = run(&database, &once(), Stop::never()).await;
            assert!(
                matches!(outcome.unwrap(), Outcome::Done | Outcome::Nothing),
                "{point} {nth}: {:#?}",
                heard.all()
            );
            assert_eq!(
                value(&database, ONCE).await.as_deref(),
                Some("1 1 done"),
                "{point} {nth}"
            );
        }
    }
}

/// A hundred with `NONSTOP_CHAOS=100`; a few in the normal suite.
#[tokio::test]
async fn kills_at_random_leave_each_row_changed_once() {
    let wanted = std::env::var("NONSTOP_CHAOS").ok().and_then(|n| n.parse().ok());
    let (wanted, mut kills): (u32, u32) = (wanted.unwrap_or(6), 0);
    let major = *testkit::majors().last().unwrap();
    while kills < wanted {
        let database = prepared(major).await;
        database
            .run("INSERT INTO t SELECT i, i, i FROM generate_series(1001, 5000) i")
            .await;
        for _ in 0..=fastrand::u32(..3) {
            let mut child = child(&database, "batches", None);
            tokio::time::sleep(Duration::from_millis(fastrand::u64(20..400))).await;
            let _ = child.kill();
            kills += u32::from(died(child).await);
        }
        let (outcome, heard) = run(&database, &once(), Stop::never()).await;
        assert!(
            matches!(outcome, Ok(Outcome::Done | Outcome::Nothing)),
            "{outcome:?}: {:#?}",
            heard.all()
        );
        assert_eq!(
            value(&database, ONCE).await.as_deref(),
            Some("1 1 done"),
            "{:#?}",
            heard.all()
        );
    }
}

/// A column whose fill is cut off is finished by the next run; one that cannot be filled is gone again.
#[tokio::test]
async fn a_column_is_filled_or_not_there() {
    let major = *testkit::majors().last().unwrap();
    let database = prepared(major).await;
    let child = child(&database, "fill", Some("batch-done"));
    assert!(died(child).await);
    let begun = "SELECT count(e) > 0 AND count(e) < count(*) FROM t";
    assert_eq!(value(&database, begun).await.as_deref(), Some("t"));
    let (outcome, heard) = run(&database, &fill(), Stop::never()).await;
    assert_eq!(outcome.unwrap(), Outcome::Done, "{:#?}", heard.all());
    let all = "SELECT count(DISTINCT e) || ' ' || min(e) || ' ' || max(e) || ' ' || is_nullable || ' ' || identity_generation
               FROM t, information_schema.columns WHERE table_name = 't' AND column_name = 'e' GROUP BY is_nullable, identity_generation";
    assert_eq!(
        value(&database, all).await.as_deref(),
        Some("1000 1 1000 NO BY DEFAULT")
    );
    let (next, helpers) = (
        "INSERT INTO t VALUES (0, 0, 0) RETURNING e",
        "SELECT count(*) FROM pg_class WHERE relname ~ 'nonstop'",
    );
    assert_eq!(value(&database, next).await.as_deref(), Some("1001"));
    assert_eq!(value(&database, helpers).await.as_deref(), Some("0"));

    let wrong = "ALTER TABLE t ADD COLUMN f smallint DEFAULT (40000 * random())::int + 40000";
    let folder = [fill().remove(0), migration("2", wrong)];
    let (outcome, heard) = run(&database, &folder, Stop::never()).await;
    assert_eq!(outcome.unwrap(), Outcome::Failed, "{:#?}", heard.all());
    let gone = "SELECT count(*) FROM pg_attribute WHERE attrelid = 't'::regclass AND attname = 'f'";
    assert_eq!(value(&database, gone).await.as_deref(), Some("0"));
}

/// What the child runs.
pub(crate) fn fill() -> Vec<Migration> {
    let text = "-- nonstop: batch-size 100\nALTER TABLE t ADD COLUMN e int GENERATED BY DEFAULT AS IDENTITY";
    vec![migration("1_fill", text)]
}

#[tokio::test]
async fn a_stop_keeps_what_is_done_and_the_next_run_goes_on() {
    let major = *testkit::majors().last().unwrap();
    let database = prepared(major).await;
    database
        .run("CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.002); RETURN NEW; END';
              CREATE TRIGGER slow BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION slow()")
        .await;
    let (switch, stop) = Stop::new();
    let switch = std::sync::Mutex::new(Some(switch));
    let heard = Heard::default();
    let kept = heard.sink();
    let sink = nonstop_engine::event::Events::new(move |event| {
        // Some batches are done.
        if matches!(event, Event::Progress { .. }) {
            switch
                .lock()
                .unwrap()
                .take()
                .into_iter()
                .for_each(|switch| switch.stop());
        }
        kept.send(event);
    });
    let target = target(&database);
    let outcome = deploy(&target, &once(), HistoryKind::Prisma, &options(), &sink, stop).await;
    assert_eq!(outcome.unwrap(), Outcome::Resumable, "{:#?}", heard.all());
    let done = "SELECT changed > 0 AND changed < 1000 AND changed = (SELECT sum(c - d) FROM t) FROM nonstop.progress";
    assert_eq!(value(&database, done).await.as_deref(), Some("t"));
    database.run("DROP TRIGGER slow ON t").await;
    let (outcome, heard) = run(&database, &once(), Stop::never()).await;
    assert_eq!(outcome.unwrap(), Outcome::Done, "{:#?}", heard.all());
    assert_eq!(value(&database, ONCE).await.as_deref(), Some("1 1 done"));
}

#[tokio::test]
async fn a_row_that_is_held_is_waited_for_and_a_wrong_one_is_shown() {
    let major = *testkit::majors().first().unwrap();
    let database = prepared(major).await;
    let holder = database.connect().await;
    holder
        .batch_execute("BEGIN; UPDATE t SET d = d WHERE id = 120")
        .await
        .unwrap();
    let heard = Heard::default();
    let kept = heard.sink();
    let (freed, told) = tokio::sync::oneshot::channel();
    let freed = std::sync::Mutex::new(Some(freed));
    let sink = nonstop_engine::event::Events::new(move |event| {
        if matches!(event, Event::LockRetry { .. })
            && let Some(freed) = freed.lock().unwrap().take()
        {
            let _ = freed.send(());
        }
        kept.send(event);
    });
    let free = async {
        told.await.unwrap();
        holder.batch_execute("COMMIT").await.unwrap();
    };
    let (target, folder, options) = (target(&database), once(), options());
    let (outcome, ()) = tokio::join!(
        deploy(&target, &folder, HistoryKind::Prisma, &options, &sink, Stop::never()),
        free
    );
    assert_eq!(outcome.unwrap(), Outcome::Done, "{:#?}", heard.all());
    assert_eq!(value(&database, ONCE).await.as_deref(), Some("1 1 done"));

    // One in the middle divides by zero: what is done stays, and the next run goes on when that is cured.
    database.run("UPDATE t SET d = 0 WHERE id = 777").await;
    let folder = [
        once().remove(0),
        migration("2", "-- nonstop: batch-size 100\nUPDATE t SET c = c / d"),
    ];
    let (outcome, heard) = run(&database, &folder, Stop::never()).await;
    assert_eq!(outcome.unwrap(), Outcome::Resumable);
    let failure = heard.all().into_iter().find_map(|event| match event {
        Event::MigrationFailed { error, .. } => Some(error),
        _ => None,
    });
    let failure = failure.unwrap();
    assert_eq!(failure.sqlstate.as_deref(), Some("22012"));
    let detail = failure.detail.unwrap();
    assert!(
        detail.contains("behind (700) up to (800)") && detail.contains("700 rows"),
        "{detail}"
    );
    database.run("UPDATE t SET d = 777 WHERE id = 777").await;
    let (outcome, heard) = run(&database, &folder, Stop::never()).await;
    assert_eq!(outcome.unwrap(), Outcome::Done, "{:#?}", heard.all());
    let all = "SELECT count(*) FROM t WHERE c <> (d + 1) / d";
    assert_eq!(value(&database, all).await.as_deref(), Some("0"));
}
