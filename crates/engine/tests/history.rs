//! The history table: made, written and resolved as Prisma does it, on every major.
#![expect(clippy::unwrap_used, reason = "a test file")]

use nonstop_core::migration::{Migration, TransactionModel};
use nonstop_core::source::SourceFile;
use nonstop_core::sql;
use nonstop_engine::event::{Events, Verdict};
use nonstop_engine::gates::{Subject, run_gates};
use nonstop_engine::history::{Entry, Found, History, HistoryError, HistoryKind, RowState};
use nonstop_engine::journal;
use nonstop_engine::manage;
use nonstop_engine::session::Session;
use nonstop_engine::target::Target;
use std::time::Duration;
use testkit::TestDatabase;

fn migration(name: &str) -> Migration {
    let text = format!("-- {name}\r\n");
    Migration {
        name: name.to_owned(),
        up: Some(SourceFile::new(format!("{name}/migration.sql"), text)),
        path: format!("{name}/migration.sql"),
        down: None,
        transaction: TransactionModel::Whole,
    }
}

async fn open(database: &TestDatabase, kind: HistoryKind, schema: &str) -> (Target, Session, History) {
    let target = Target::parse(&format!("{}?schema={schema}", database.url())).unwrap();
    let session = Session::open(&target, "migration:test").await.unwrap();
    let history = History::new(kind, &target);
    (target, session, history)
}

#[tokio::test]
async fn rows_go_through_their_states() {
    testkit::each_major(|database| async move {
        for (kind, schema) in [
            (HistoryKind::Prisma, "public"),
            (HistoryKind::Prisma, "a b"),
            (HistoryKind::Own, "own"),
        ] {
            let (_, session, history) = open(&database, kind, schema).await;
            let client = session.client();
            assert_eq!(history.find(client).await.unwrap(), Found::Nothing);
            assert_eq!(history.read(client).await.unwrap(), None);
            assert_eq!(history.ensure(client).await.unwrap(), []);
            assert_eq!(history.ensure(client).await.unwrap(), [], "twice is no error");

            let whole = Entry::new(&migration("1"));
            let text = sql!("CREATE TABLE IF NOT EXISTS made (); {}", history.complete(&whole));
            session.run(&text).await.unwrap();
            let slow = Entry::new(&migration("2"));
            session.run(&history.start(&slow)).await.unwrap();
            let rows = history.read(client).await.unwrap().unwrap();
            assert_eq!(rows[0].state(), RowState::Applied);
            assert_eq!(
                (rows[0].id.as_str(), rows[0].applied_steps_count),
                (whole.id.as_str(), 1)
            );
            assert_eq!(rows[0].started_at, whole.started_at);
            assert!(rows[0].finished_at.unwrap() >= rows[0].started_at);
            assert_eq!(rows[0].logs, None);
            assert_eq!((rows[1].state(), rows[1].applied_steps_count), (RowState::Open, 0));

            session.run(&history.finish(&slow.id)).await.unwrap();
            let bad = Entry::new(&migration("3"));
            session.run(&history.start(&bad)).await.unwrap();
            session.run(&history.fail(&bad.id, "it's 25001")).await.unwrap();
            let gone = Entry::new(&migration("4"));
            session.run(&history.start(&gone)).await.unwrap();
            session.run(&history.fail_unwound(&gone.id, "undone")).await.unwrap();
            session.run(&history.void(&slow.id)).await.unwrap();
            let rows = history.read(client).await.unwrap().unwrap();
            let states: Vec<RowState> = rows.iter().map(nonstop_engine::history::Row::state).collect();
            let expected = [
                RowState::Applied,
                RowState::Applied,
                RowState::Open,
                RowState::RolledBack,
            ];
            assert_eq!(states, expected, "a finished row is never made void");
            assert_eq!(rows[2].logs.as_deref(), Some("it's 25001"));
            session.close().await;
        }
    })
    .await;
}

/// The columns, types, defaults and the one index of `create_migrations_table` in prisma-engines.
#[tokio::test]
async fn the_table_is_prismas() {
    testkit::each_major(|database| async move {
        let (_, session, history) = open(&database, HistoryKind::Prisma, "public").await;
        history.create(session.client()).await.unwrap();
        let query = "SELECT format('%s %s %s %s', attname, format_type(atttypid, atttypmod), attnotnull,
                            pg_get_expr(adbin, adrelid))
                     FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
                     WHERE attrelid = 'public._prisma_migrations'::regclass AND attnum > 0 ORDER BY attnum";
        let rows = session.client().query(query, &[]).await.unwrap();
        let columns: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        assert_eq!(
            columns,
            [
                "id character varying(36) t ",
                "checksum character varying(64) t ",
                "finished_at timestamp with time zone f ",
                "migration_name character varying(255) t ",
                "logs text f ",
                "rolled_back_at timestamp with time zone f ",
                "started_at timestamp with time zone t now()",
                "applied_steps_count integer t 0",
            ]
        );
        let indexes = "SELECT indexname::text FROM pg_indexes WHERE tablename = '_prisma_migrations'";
        let indexes = session.client().query(indexes, &[]).await.unwrap();
        assert_eq!(indexes.len(), 1);
        assert_eq!(indexes[0].get::<_, &str>(0), "_prisma_migrations_pkey");
    })
    .await;
}

#[tokio::test]
async fn a_schema_with_tables_needs_a_baseline() {
    testkit::each_major(|database| async move {
        let (target, session, history) = open(&database, HistoryKind::Prisma, "public").await;
        database
            .run("CREATE VIEW only_a_view AS SELECT 1; CREATE TYPE mood AS ENUM ('a')")
            .await;
        assert_eq!(history.find(session.client()).await.unwrap(), Found::Nothing);
        database.run(r#"CREATE TABLE "Tip" ()"#).await;
        assert_eq!(
            history.find(session.client()).await.unwrap(),
            Found::Foreign(vec!["Tip".into()])
        );
        let refused = history.ensure(session.client()).await.unwrap_err();
        let text = refused.to_string();
        assert!(
            text.contains("P3005") && text.contains("Tip") && text.contains("baseline"),
            "{text}"
        );
        assert_eq!(history.read(session.client()).await.unwrap(), None, "nothing was made");

        let folder = [migration("1"), migration("2"), migration("3")];
        let wait = Duration::ZERO;
        let events = Events::silent();
        let missing = manage::baseline(&target, HistoryKind::Prisma, &folder, "9", wait, &events).await;
        assert!(missing.unwrap_err().to_string().contains("P3017"));
        let done = manage::baseline(&target, HistoryKind::Prisma, &folder, "2", wait, &events).await;
        assert_eq!(done.unwrap(), ["1", "2"]);
        let again = manage::baseline(&target, HistoryKind::Prisma, &folder, "2", wait, &events).await;
        assert_eq!(again.unwrap(), Vec::<String>::new());
        let status = manage::status(&target, HistoryKind::Prisma, &folder).await.unwrap();
        assert_eq!(status.history.pending, ["3"]);
        assert_eq!(status.history.applied.len(), 2);
        let rows = history.read(session.client()).await.unwrap().unwrap();
        assert!(
            rows.iter()
                .all(|row| row.logs.as_deref() == Some("") && row.applied_steps_count == 0)
        );
        assert!(rows.iter().all(|row| row.finished_at == Some(row.started_at)));
    })
    .await;
}

#[tokio::test]
async fn resolve_answers_with_prismas_codes() {
    testkit::each_major(|database| async move {
        let (target, session, history) = open(&database, HistoryKind::Prisma, "public").await;
        let folder = [migration("1"), migration("2")];
        let kind = HistoryKind::Prisma;
        let (wait, events) = (Duration::ZERO, Events::silent());
        let applied = |name: &'static str| manage::resolve_applied(&target, kind, &folder, name, wait, &events);
        let rolled_back = |name: &'static str| manage::resolve_rolled_back(&target, kind, name, wait, &events);

        assert!(rolled_back("1").await.unwrap_err().to_string().contains("P3011"));
        assert!(applied("9").await.unwrap_err().to_string().contains("P3017"));
        history.create(session.client()).await.unwrap();
        let bad = Entry::new(&folder[0]);
        session.run(&history.start(&bad)).await.unwrap();
        session.run(&history.fail(&bad.id, "error 25001")).await.unwrap();
        let status = manage::status(&target, kind, &folder).await.unwrap();
        assert_eq!(status.history.failed[0].logs.as_deref(), Some("error 25001"));
        assert_eq!(status.history.pending, ["2"]);

        rolled_back("1").await.unwrap();
        rolled_back("1").await.unwrap();
        let status = manage::status(&target, kind, &folder).await.unwrap();
        assert_eq!(status.history.pending, ["1", "2"]);
        applied("1").await.unwrap();
        assert!(applied("1").await.unwrap_err().to_string().contains("P3008"));
        // Prisma too looks only for an attempt that did not finish; the old one is there.
        rolled_back("1").await.unwrap();
        applied("2").await.unwrap();
        assert!(rolled_back("2").await.unwrap_err().to_string().contains("P3012"));
        let status = manage::status(&target, kind, &folder).await.unwrap();
        assert_eq!(status.history.pending, Vec::<String>::new());
        assert_eq!(status.history.applied.len(), 2);
    })
    .await;
}

/// What a killed run of ours left is no failure to resolve by hand: the next deploy goes on with it.
#[tokio::test]
async fn an_unfinished_migration_is_told_and_stops_nothing() {
    testkit::each_major(|database| async move {
        let (target, session, history) = open(&database, HistoryKind::Prisma, "public").await;
        let folder = [migration("1"), migration("2")];
        history.create(session.client()).await.unwrap();
        journal::ensure(session.client()).await.unwrap();
        let begun = Entry::new(&folder[0]);
        session.run(&history.start(&begun)).await.unwrap();
        let values = format!("'{}', 'r', '{}', '1', 'c', 'running'", begun.id, history.table());
        database
            .run(&format!(
                "INSERT INTO nonstop.run (id, version) VALUES ('r', '15'); \
                 INSERT INTO nonstop.migration (id, run, history, name, checksum, state) VALUES ({values})"
            ))
            .await;
        let status = manage::status(&target, HistoryKind::Prisma, &folder).await.unwrap();
        let unfinished = status.unfinished.clone().unwrap();
        assert_eq!(
            (unfinished.name.as_str(), unfinished.id.as_str()),
            ("1", begun.id.as_str())
        );
        assert!(!status.is_up_to_date());
        let subject = Subject {
            target: &target,
            session: &session,
            history: &history,
            migrations: &folder,
            plan: None,
            lock: None,
            resumable: &[],
            skip: &[],
        };
        let reports = run_gates(&subject).await.unwrap();
        let report = reports.iter().find(|report| report.gate == "history").unwrap();
        assert_eq!(report.verdict, Verdict::Warning, "{}", report.message);
        assert!(
            report.message.contains("an earlier run has begun 1"),
            "{}",
            report.message
        );
    })
    .await;
}

#[tokio::test]
async fn a_missing_privilege_is_named() {
    let Some(&major) = testkit::majors().last() else { return };
    let database = testkit::database(major).await;
    let role = format!("{}_reader", database.name);
    database
        .run(&format!(
            "CREATE ROLE {role} LOGIN PASSWORD 'x'; REVOKE ALL ON SCHEMA public FROM public"
        ))
        .await;
    let url = database.url();
    let (_, rest) = url.split_once('@').unwrap();
    let target = Target::parse(&format!("postgresql://{role}:x@{rest}")).unwrap();
    let session = Session::open(&target, "migration:test").await.unwrap();
    let history = History::new(HistoryKind::Prisma, &target);
    let refused = history.create(session.client()).await.unwrap_err();
    assert!(matches!(refused, HistoryError::Database { .. }));
    let text = refused.to_string();
    assert!(text.contains("42501") && text.contains("permission denied"), "{text}");
    session.close().await;
    database.run(&format!("DROP ROLE {role}")).await;
}
