//! Sessions, the history lock and the gates against real servers.
#![expect(clippy::unwrap_used, reason = "a test file")]

use nonstop_core::lock::LockMode;
use nonstop_core::plan::{MigrationPlan, Plan};
use nonstop_core::quote::{Name, SqlText};
use nonstop_core::step::{Goal, RelationLock, Step, StepKind, Work};
use nonstop_engine::advisory::{Cancelled, HistoryLock, LockError};
use nonstop_engine::event::{Event, Events, Verdict};
use nonstop_engine::gates::{GateReport, Subject, run_gates};
use nonstop_engine::history::{Entry, History, HistoryKind};
use nonstop_engine::manage;
use nonstop_engine::server::Options;
use nonstop_engine::session::{ConnectError, Session};
use nonstop_engine::target::Target;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use testkit::TestDatabase;
use testkit::pooler::{Lending, Pooler};

const DEADLINE: Duration = Duration::from_secs(30);

fn target(database: &TestDatabase) -> Target {
    Target::parse(&database.url()).unwrap()
}

/// The URL with another user, password or address.
fn url_with(database: &TestDatabase, user: Option<&str>, address: Option<&str>) -> String {
    let url = database.url();
    let (_, rest) = url.split_once("://").unwrap();
    let (old_user, rest) = rest.split_once('@').unwrap();
    let (old_address, name) = rest.split_once('/').unwrap();
    format!(
        "postgresql://{}@{}/{name}",
        user.unwrap_or(old_user),
        address.unwrap_or(old_address)
    )
}

fn address(database: &TestDatabase) -> String {
    let url = database.url();
    let (_, rest) = url.split_once('@').unwrap();
    rest.split_once('/').unwrap().0.to_owned()
}

async fn gates(target: &Target, plan: Option<&Plan>, skip: &[String]) -> Vec<GateReport> {
    let session = Session::open(target, "migration:test").await.unwrap();
    let history = History::new(HistoryKind::Prisma, target);
    let subject = Subject {
        target,
        session: &session,
        history: &history,
        migrations: &[],
        plan,
        lock: None,
        resumable: &[],
        skip,
    };
    let reports = run_gates(&subject).await.unwrap();
    session.close().await;
    reports
}

fn of<'a>(reports: &'a [GateReport], gate: &str) -> &'a GateReport {
    reports.iter().find(|report| report.gate == gate).unwrap()
}

#[tokio::test]
async fn settings_hold_against_those_of_the_database() {
    testkit::each_major(|database| async move {
        let name = &database.name;
        let newest = if database.major >= 17 {
            "transaction_timeout"
        } else {
            "lock_timeout"
        };
        let text = format!(
            "ALTER DATABASE {name} SET statement_timeout = '7s'; ALTER DATABASE {name} SET lock_timeout = '7s'; \
             ALTER DATABASE {name} SET {newest} = '7s'; ALTER DATABASE {name} SET search_path = 'elsewhere'; \
             ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'"
        );
        database.run(&text).await;
        let target = Target::parse(&format!("{}?schema=my%20%22app", database.url())).unwrap();
        let session = Session::open(&target, "migration:42").await.unwrap();
        assert_eq!(session.version().major(), database.major);
        assert!(!session.is_pooled());
        let read = async |name: &str| -> String {
            let row = session
                .client()
                .query_one("SELECT current_setting($1)", &[&name])
                .await
                .unwrap();
            row.get(0)
        };
        assert_eq!(read("application_name").await, "migration:42");
        assert_eq!(read("search_path").await, r#""my ""app""#);
        assert_eq!(read("statement_timeout").await, "0");
        assert_eq!(read("lock_timeout").await, "0");
        assert_eq!(read("idle_in_transaction_session_timeout").await, "10s");
        assert_eq!(read("client_connection_check_interval").await, "1s");
        assert_eq!(read("transaction_isolation").await, "read committed");
        let everything = SqlText::verbatim(
            "SET statement_timeout = '5min'; SET search_path = public; DO $$BEGIN RAISE NOTICE 'hi'; END$$",
        );
        session.run(&everything).await.unwrap();
        assert_eq!(session.take_notices()[0].message, "hi");
        session.restore_settings().await.unwrap();
        assert_eq!(read("statement_timeout").await, "0");
        assert_eq!(read("search_path").await, r#""my ""app""#);
        session.close().await;
    })
    .await;
}

#[tokio::test]
async fn each_failure_to_connect_has_its_own_error() {
    testkit::each_major(|database| async move {
        let open = async |url: String| {
            Session::open(&Target::parse(&url).unwrap(), "migration:test")
                .await
                .unwrap_err()
        };
        let wrong = open(url_with(&database, Some("postgres:swordfish"), None)).await;
        assert!(matches!(wrong, ConnectError::Login { .. }), "{wrong}");
        assert!(!format!("{wrong} {wrong:?}").contains("swordfish"));
        let none = open(url_with(&database, Some("postgres"), None)).await;
        assert!(matches!(none, ConnectError::Login { sqlstate: None, .. }), "{none}");
        let missing = open(format!("{}_not_there", database.url())).await;
        assert!(matches!(missing, ConnectError::NoDatabase { .. }), "{missing}");
        let nobody = open(url_with(&database, None, Some("127.0.0.1:1"))).await;
        assert!(matches!(nobody, ConnectError::NoServer { .. }), "{nobody}");
        let no_socket = open(format!("{}?host=/nowhere", database.url())).await;
        assert!(no_socket.to_string().contains("/nowhere/.s.PGSQL."), "{no_socket}");
        let no_tls = open(format!("{}?sslmode=require", database.url())).await;
        assert!(matches!(no_tls, ConnectError::Tls { .. }), "{no_tls}");
        let role = format!("{}_last", database.name);
        database
            .run(&format!("CREATE ROLE {role} LOGIN PASSWORD 'x' CONNECTION LIMIT 0"))
            .await;
        let full = open(url_with(&database, Some(&format!("{role}:x")), None)).await;
        assert!(matches!(full, ConnectError::Full { .. }), "{full}");
        database
            .run(&format!(
                "ALTER ROLE {role} CONNECTION LIMIT 5; REVOKE CONNECT ON DATABASE {} FROM public",
                database.name
            ))
            .await;
        let denied = open(url_with(&database, Some(&format!("{role}:x")), None)).await;
        assert!(matches!(denied, ConnectError::Denied { .. }), "{denied}");
        database.run(&format!("DROP ROLE {role}")).await;
    })
    .await;
}

/// A server that takes the connection and says nothing.
#[tokio::test]
async fn a_silent_server_is_given_up() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "postgresql://u:p@{}/d?connect_timeout=1",
        listener.local_addr().unwrap()
    );
    let error = Session::open(&Target::parse(&url).unwrap(), "x").await.unwrap_err();
    assert!(matches!(error, ConnectError::Timeout { .. }), "{error}");
}

#[tokio::test]
async fn a_cut_connection_is_noticed_and_a_query_cancelled() {
    testkit::each_major(|database| async move {
        let session = Session::open(&target(&database), "migration:test").await.unwrap();
        let canceller = session.canceller();
        let sleep = SqlText::verbatim("SELECT pg_sleep(60)");
        let (slept, ()) = tokio::join!(session.run(&sleep), async {
            let watcher = database.connect().await;
            let asleep = "SELECT 1 FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'PgSleep'";
            testkit::until("it sleeps", || async {
                watcher.query_opt(asleep, &[&session.pid()]).await.unwrap().is_some()
            })
            .await;
            canceller.cancel().await.unwrap();
        });
        assert_eq!(slept.unwrap_err().code().unwrap().code(), "57014");
        let end = "SELECT pg_terminate_backend($1)";
        database
            .connect()
            .await
            .query_one(end, &[&session.pid()])
            .await
            .unwrap();
        tokio::time::timeout(DEADLINE, session.closed()).await.unwrap();
        assert!(session.is_closed());
    })
    .await;
}

#[tokio::test]
async fn the_history_lock_names_its_holder_and_cancels_waiters() {
    testkit::each_major(|database| async move {
        let target = target(&database);
        let silent = Events::silent();
        let lock = HistoryLock::acquire(&target, "migration:1", Duration::ZERO, &silent)
            .await
            .unwrap();
        let told = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&told);
        let events = Events::new(move |event| heard.lock().unwrap().push(event));
        let refused = HistoryLock::acquire(&target, "migration:2", Duration::from_millis(300), &events).await;
        let Err(LockError::Held { holders, .. }) = refused else {
            panic!("the lock was given twice")
        };
        assert_eq!(holders[0].pid, lock.pid());
        assert_eq!(holders[0].application, "migration:1");
        let first = told.lock().unwrap().first().cloned();
        assert!(matches!(first, Some(Event::LockWait { holders, .. }) if holders[0].pid == lock.pid()));

        // Another database of the same server is not concerned.
        let elsewhere = target.with_database("postgres");
        let second = HistoryLock::acquire(&elsewhere, "migration:3", DEADLINE, &silent)
            .await
            .unwrap();
        assert_eq!(second.waiters().await.unwrap(), []);
        second.release().await;

        // Prisma waits inside the server, snapshot and all.
        let prisma = Session::open(&target, "prisma").await.unwrap();
        let waiting = tokio::spawn(async move {
            let wait = SqlText::verbatim("SELECT pg_advisory_lock(72707369)");
            prisma.run(&wait).await
        });
        testkit::until("Prisma waits", || async { !lock.waiters().await.unwrap().is_empty() }).await;
        let cancelled = lock.cancel_waiters().await.unwrap();
        assert_eq!(cancelled.len(), 1);
        assert_eq!(cancelled[0].outcome, Cancelled::Yes);
        assert_eq!(cancelled[0].holder.application, "prisma");
        assert_eq!(waiting.await.unwrap().unwrap_err().code().unwrap().code(), "57014");

        lock.release().await;
        let again = HistoryLock::acquire(&target, "migration:4", Duration::ZERO, &silent)
            .await
            .unwrap();
        let end = "SELECT pg_terminate_backend($1)";
        database.connect().await.query_one(end, &[&again.pid()]).await.unwrap();
        tokio::time::timeout(DEADLINE, again.lost()).await.unwrap();
        assert!(again.is_lost());
    })
    .await;
}

#[tokio::test]
async fn a_transaction_pooler_is_found_out() {
    testkit::each_major(|database| async move {
        for lending in [Lending::Latest, Lending::Rotating] {
            let pooler = Pooler::start(&address(&database), lending).await.unwrap();
            let target = Target::parse(&url_with(&database, None, Some(&pooler.address()))).unwrap();
            let reports = gates(&target, None, &[]).await;
            let report = of(&reports, "pooler");
            assert_eq!(report.verdict, Verdict::Stop, "{lending:?}: {}", report.message);
            assert!(report.message.contains("DIRECT_URL"));
            let status = manage::status(&target, HistoryKind::Prisma, &[]).await.unwrap();
            assert!(!status.managed, "reading works through it");
            let silent = Events::silent();
            let resolved = manage::resolve_rolled_back(&target, HistoryKind::Prisma, "1", DEADLINE, &silent).await;
            assert!(resolved.unwrap_err().to_string().contains("DIRECT_URL"));
        }
        let reports = gates(&target(&database), None, &[]).await;
        assert_eq!(of(&reports, "pooler").verdict, Verdict::Ok);
        let declared = Target::parse(&format!("{}?pgbouncer=true", database.url())).unwrap();
        let skip = ["pooler".to_owned()];
        assert_eq!(
            of(&gates(&declared, None, &skip).await, "pooler").verdict,
            Verdict::Skipped
        );
    })
    .await;
}

fn plan(locks: &[(&str, LockMode)]) -> Plan {
    let lock = |(table, mode): &(&str, LockMode)| RelationLock {
        relation: Name::new("public", *table),
        mode: *mode,
    };
    let step = Step {
        id: "1".into(),
        locks: locks.iter().map(lock).collect(),
        work: Work::IndexBuild,
        statements: vec![1],
        ..Step::alone(StepKind::Index, SqlText::verbatim(""), Goal::Repeatable)
    };
    Plan {
        server_version: nonstop_core::version::ServerVersion::NEWEST,
        migrations: vec![MigrationPlan {
            name: "1".into(),
            checksum: String::new(),
            steps: vec![step],
            warnings: Vec::new(),
            refusals: Vec::new(),
        }],
    }
}

#[tokio::test]
async fn a_quiet_database_passes_every_gate() {
    testkit::each_major(|database| async move {
        let reports = gates(&target(&database), Some(&plan(&[])), &[]).await;
        let names: Vec<&str> = reports.iter().map(|report| report.gate).collect();
        assert_eq!(names, nonstop_engine::gates::NAMES);
        for report in &reports {
            assert_eq!(report.verdict, Verdict::Ok, "{report:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_in_the_way_is_named() {
    testkit::each_major(|database| async move {
        database
            .run(
                r#"CREATE TABLE "Tip" (id int); INSERT INTO "Tip" VALUES (1), (1);
                   CREATE TABLE child () INHERITS ("Tip");
                   ALTER TABLE "Tip" ADD CONSTRAINT "positive" CHECK (id > 1) NOT VALID"#,
            )
            .await;
        let failed = database
            .connect()
            .await
            .batch_execute(r#"CREATE UNIQUE INDEX CONCURRENTLY "Tip_id_key" ON "Tip" (id)"#)
            .await;
        assert_eq!(failed.unwrap_err().code().unwrap().code(), "23505");
        let target = target(&database);
        let history = History::new(HistoryKind::Prisma, &target);
        let session = Session::open(&target, "migration:test").await.unwrap();
        history.create(session.client()).await.unwrap();
        let folder_migration = nonstop_core::migration::Migration {
            name: "20251225_step6".into(),
            up: None,
            path: String::new(),
            down: None,
            transaction: nonstop_core::migration::TransactionModel::Whole,
        };
        let entry = Entry::new(&folder_migration);
        session.run(&history.start(&entry)).await.unwrap();
        session.run(&history.fail(&entry.id, "ERROR 25001")).await.unwrap();
        database
            .run(&format!(
                "ALTER DATABASE {} SET default_transaction_read_only = on",
                database.name
            ))
            .await;

        let reports = gates(&target, Some(&plan(&[("Tip", LockMode::Share)])), &[]).await;
        let leftovers = of(&reports, "leftovers");
        assert_eq!(leftovers.verdict, Verdict::Warning);
        assert!(
            leftovers
                .message
                .contains(r#"DROP INDEX CONCURRENTLY "public"."Tip_id_key""#),
            "{}",
            leftovers.message
        );
        assert_eq!(
            leftovers.message.matches("positive").count(),
            2,
            "{}",
            leftovers.message
        );
        assert!(!leftovers.message.contains("child"), "{}", leftovers.message);
        let history = of(&reports, "history");
        assert_eq!(history.verdict, Verdict::Stop);
        assert!(
            history.message.contains("P3009") && history.message.contains("25001"),
            "{}",
            history.message
        );
        assert_eq!(of(&reports, "replica").verdict, Verdict::Stop);
        assert!(of(&reports, "disk").message.contains("1 index builds"));
    })
    .await;
}

#[tokio::test]
async fn missing_privileges_stop_before_anything_is_touched() {
    testkit::each_major(|database| async move {
        let role = format!("{}_deployer", database.name);
        database
            .run(&format!(
                r#"CREATE TABLE "Tip" (id int); CREATE TABLE mine (id int);
                   CREATE ROLE {role} LOGIN PASSWORD 'x' CONNECTION LIMIT 20; ALTER TABLE mine OWNER TO {role};
                   REVOKE ALL ON SCHEMA public FROM public; GRANT USAGE ON SCHEMA public TO {role}"#
            ))
            .await;
        let target = Target::parse(&url_with(&database, Some(&format!("{role}:x")), None)).unwrap();
        let both = plan(&[("Tip", LockMode::Share), ("mine", LockMode::AccessExclusive)]);
        let reports = gates(&target, Some(&both), &[]).await;
        let report = of(&reports, "privileges");
        assert_eq!(report.verdict, Verdict::Stop);
        assert!(
            report.message.contains("GRANT CREATE ON DATABASE"),
            "{}",
            report.message
        );
        assert!(
            report.message.contains("GRANT USAGE, CREATE ON SCHEMA \"public\""),
            "{}",
            report.message
        );
        assert!(
            report.message.contains("public.Tip, which belongs to postgres"),
            "{}",
            report.message
        );
        assert!(!report.message.contains("mine"), "{}", report.message);

        database
            .run(&format!(
                r#"CREATE SCHEMA nonstop AUTHORIZATION {role}; GRANT CREATE ON SCHEMA public TO {role};
                   ALTER TABLE "Tip" OWNER TO {role}; ALTER ROLE {role} CONNECTION LIMIT 2"#
            ))
            .await;
        let reports = gates(&target, Some(&both), &[]).await;
        assert_eq!(
            of(&reports, "privileges").verdict,
            Verdict::Ok,
            "{}",
            of(&reports, "privileges").message
        );
        assert_eq!(of(&reports, "connections").verdict, Verdict::Stop);
        database
            .run(&format!(
                "REASSIGN OWNED BY {role} TO postgres; DROP OWNED BY {role}; DROP ROLE {role}"
            ))
            .await;
    })
    .await;
}

/// A server with `standby.signal` is in recovery, and with nobody to follow it stays there.
#[tokio::test]
async fn a_replica_is_refused_and_can_be_looked_at() {
    for major in testkit::majors() {
        let mut server = testkit::own_server(major, Options::default()).await.unwrap();
        server.stop_fast();
        std::fs::write(server.data_dir().join("standby.signal"), "").unwrap();
        server.start_again().await.unwrap();
        let target = Target::parse(&server.url("postgres")).unwrap();
        let reports = gates(&target, Some(&plan(&[])), &[]).await;
        let report = of(&reports, "replica");
        assert_eq!(report.verdict, Verdict::Stop);
        assert!(report.message.contains("primary"), "{}", report.message);
        for report in reports.iter().filter(|report| report.gate != "replica") {
            assert_eq!(report.verdict, Verdict::Ok, "PostgreSQL {major}: {report:?}");
        }
        let status = manage::status(&target, HistoryKind::Prisma, &[]).await.unwrap();
        assert!(!status.managed);
        let refused = Target::parse(&format!("{}?target_session_attrs=read-write", server.url("postgres"))).unwrap();
        let refused = Session::open(&refused, "migration:test").await.unwrap_err();
        assert!(refused.to_string().contains("does not allow writes"), "{refused}");
    }
}

#[tokio::test]
async fn an_unknown_gate_cannot_be_skipped() {
    let Some(&major) = testkit::majors().last() else { return };
    let database = testkit::database(major).await;
    let target = target(&database);
    let session = Session::open(&target, "migration:test").await.unwrap();
    let history = History::new(HistoryKind::Own, &target);
    let subject = Subject {
        target: &target,
        session: &session,
        history: &history,
        migrations: &[],
        plan: None,
        lock: None,
        resumable: &[],
        skip: &["backups".to_owned()],
    };
    let error = run_gates(&subject).await.unwrap_err().to_string();
    assert!(error.contains("backups") && error.contains("archiving"), "{error}");
}
