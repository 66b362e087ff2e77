//! What is looked at before anything is touched.

use crate::stepwise::{COMPLETE, SEEN, all_kinds, prepared};
use crate::support::{Heard, by_hand, ddl, migration, planned, target, value};
use nonstop_core::catalog::Catalog;
use nonstop_core::lock::LockMode::{AccessExclusive, ShareRowExclusive};
use nonstop_core::migration::Migration;
use nonstop_core::planner::Planned;
use nonstop_core::settings::PlanSettings;
use nonstop_engine::deploy::{DeployError, DeployOptions, HistoryKind, Stop, deploy_by};
use nonstop_engine::event::{Event, Events, Outcome, Verdict};
use nonstop_engine::target::Target;
use testkit::TestDatabase;
use testkit::pooler::{Lending, Pooler};

async fn newest() -> TestDatabase {
    testkit::database(*testkit::majors().last().unwrap()).await
}

async fn run_at(
    target: &Target,
    folder: &[Migration],
    options: &DeployOptions,
) -> (Result<Outcome, DeployError>, Heard) {
    let heard = Heard::default();
    let events = (&heard.sink(), Stop::never());
    let outcome = deploy_by(by_hand, target, folder, HistoryKind::Prisma, options, events).await;
    (outcome, heard)
}

fn gate(heard: &Heard, name: &str) -> (Verdict, String) {
    let found = heard.all().into_iter().find_map(|event| match event {
        Event::Gate { gate, verdict, message } if gate == name => Some((verdict, message)),
        _ => None,
    });
    found.unwrap()
}

/// The target of a role that may create in the schema and owns nothing; the caller drops it.
async fn as_role(database: &TestDatabase, role: &str) -> Target {
    database
        .run(&format!(
            "CREATE ROLE {role} LOGIN PASSWORD 'x'; GRANT ALL ON SCHEMA public TO {role}; \
             GRANT CREATE ON DATABASE {} TO {role}",
            database.name
        ))
        .await;
    let url = database.url();
    let (_, server) = url.rsplit_once('@').unwrap();
    Target::parse(&format!("postgres://{role}:x@{server}")).unwrap()
}

/// As if nobody could tell from any migration what it leaves.
fn unforeseeable(migration: &Migration, catalog: &mut Catalog, settings: &PlanSettings) -> Planned {
    let mut planned = by_hand(migration, catalog, settings);
    planned.outlook.is_unknown = true;
    planned
}

#[tokio::test]
async fn what_could_not_be_planned_ahead_is_asked_about_before_it_runs() {
    let database = newest().await;
    let role = format!("s_{}", database.name);
    let limited = as_role(&database, &role).await;
    run_at(&limited, &[], &DeployOptions::default()).await.0.unwrap();
    database.run("CREATE TABLE t (id int PRIMARY KEY)").await;
    let alter = ddl("1", "ALTER TABLE t ADD c int", &[("t", AccessExclusive)], "");
    let folder = [
        planned("1", &[ddl("1", "CREATE TABLE mine (id int)", &[], "DROP TABLE mine")]),
        planned("2", &[alter]),
    ];
    let heard = Heard::default();
    let sink = heard.sink();
    let (options, events) = (DeployOptions::default(), (&sink, Stop::never()));
    let outcome = deploy_by(unforeseeable, &limited, &folder, HistoryKind::Prisma, &options, events).await;
    let rows = value(
        &database,
        "SELECT string_agg(migration_name, ' ') FROM _prisma_migrations",
    )
    .await;
    database.run(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
    assert_eq!(outcome.unwrap(), Outcome::Refused, "{:#?}", heard.all());
    assert_eq!(rows.unwrap(), "1");
    let stops = heard.all().into_iter().any(|event| {
        matches!(event, Event::Gate { gate: "privileges", verdict: Verdict::Stop, message } if message.contains("public.t"))
    });
    assert!(stops, "{:#?}", heard.all());
}

#[tokio::test]
async fn who_owns_what_the_plan_changes() {
    let database = newest().await;
    let role = format!("r_{}", database.name);
    let limited = as_role(&database, &role).await;
    assert_eq!(
        run_at(&limited, &[], &DeployOptions::default()).await.0.unwrap(),
        Outcome::Nothing
    );
    database.run("CREATE TABLE t (id int PRIMARY KEY)").await;
    let folder = [
        planned("1", &[ddl("1", "CREATE TABLE mine (id int)", &[], "DROP TABLE mine")]),
        planned(
            "2",
            &[ddl("1", "ALTER TABLE t ADD c int", &[("t", AccessExclusive)], "")],
        ),
    ];
    let (outcome, heard) = run_at(&limited, &folder, &DeployOptions::default()).await;
    let (verdict, message) = gate(&heard, "privileges");
    let undone = value(&database, "SELECT to_regclass('mine')").await;
    let dry = DeployOptions {
        dry_run: true,
        ..DeployOptions::default()
    };
    let rehearsed = run_at(&limited, &folder, &dry).await.0;
    // A referenced table needs a privilege on it, not its owner.
    database.run(&format!("GRANT REFERENCES, UPDATE ON t TO {role}")).await;
    let refers = ddl(
        "1",
        "CREATE TABLE mine (id int REFERENCES t)",
        &[("t", ShareRowExclusive)],
        "",
    );
    let referred = run_at(&limited, &[planned("1", &[refers])], &DeployOptions::default()).await;
    database.run(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
    assert_eq!(
        (outcome.unwrap(), verdict),
        (Outcome::Refused, Verdict::Stop),
        "{message}"
    );
    assert!(message.contains("public.t, which belongs to postgres"), "{message}");
    assert_eq!(undone, None);
    assert_eq!(rehearsed.unwrap(), Outcome::Refused);
    assert_eq!(referred.0.unwrap(), Outcome::Done, "{:#?}", referred.1.all());
}

#[tokio::test]
async fn a_refusal_leaves_not_even_a_history() {
    let database = newest().await;
    let heard = Heard::default();
    let folder = [
        migration("1", "CREATE TABLE a (id int);"),
        migration("2", "CREATE TABEL b ();"),
    ];
    let outcome = nonstop_engine::deploy::deploy(
        &target(&database),
        &folder,
        HistoryKind::Prisma,
        &DeployOptions::default(),
        &heard.sink(),
        Stop::never(),
    )
    .await;
    assert_eq!(outcome.unwrap(), Outcome::Refused, "{:#?}", heard.all());
    let rule = heard.all().into_iter().find_map(|event| match event {
        Event::MigrationFailed { error, .. } => error.rule,
        _ => None,
    });
    assert_eq!(rule.as_deref(), Some("syntax-error"));
    let relations = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace";
    assert_eq!(value(&database, relations).await.as_deref(), Some("0"));
}

#[tokio::test]
async fn through_a_pooler_nothing_is_begun() {
    let database = newest().await;
    let url = database.url();
    let (login, server) = url.rsplit_once('@').unwrap();
    let (address, name) = server.split_once('/').unwrap();
    for lending in [Lending::Latest, Lending::Rotating] {
        let pooler = Pooler::start(address, lending).await.unwrap();
        let through = Target::parse(&format!("{login}@{}/{name}", pooler.address())).unwrap();
        let (outcome, heard) = run_at(&through, &[all_kinds()], &DeployOptions::default()).await;
        assert_eq!(outcome.unwrap(), Outcome::Refused, "{lending:?}: {:#?}", heard.all());
        assert_eq!(gate(&heard, "pooler").0, Verdict::Stop);
    }
    // Insisting does not help: there is no lock to be had.
    let pooler = Pooler::start(address, Lending::Rotating).await.unwrap();
    let through = Target::parse(&format!("{login}@{}/{name}", pooler.address())).unwrap();
    let options = DeployOptions {
        skip: vec!["pooler".to_owned()],
        ..DeployOptions::default()
    };
    let (outcome, _) = run_at(&through, &[all_kinds()], &options).await;
    assert_eq!(outcome.unwrap_err().outcome(), Outcome::Refused);
}

#[tokio::test]
async fn what_cannot_be_read_is_waited_for() {
    let database = newest().await;
    prepared(&database).await;
    let holder = database.connect().await;
    holder
        .batch_execute("SET application_name = 'other'; BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    let at = target(&database);
    let brief = DeployOptions {
        patience: std::time::Duration::from_millis(300),
        ..DeployOptions::default()
    };
    let (outcome, heard) = run_at(&at, &[all_kinds()], &brief).await;
    let error = outcome.unwrap_err();
    assert!(
        matches!(&error, DeployError::Hidden { holders, .. } if holders.contains("other")),
        "{error}: {:#?}",
        heard.all()
    );
    assert_eq!(error.outcome(), Outcome::Failed);
    assert_eq!(value(&database, SEEN).await.as_deref(), Some(""));

    // Let go when it is told that we wait.
    let (sender, mut waits) = tokio::sync::mpsc::unbounded_channel();
    let events = Events::new(move |event| {
        if let Event::LockWait {
            holders, waiting_for, ..
        } = event
            && waiting_for == "the definition of public.t"
        {
            let _ = sender.send(holders);
        }
    });
    let folder = [all_kinds()];
    let options = DeployOptions::default();
    let run = deploy_by(
        by_hand,
        &at,
        &folder,
        HistoryKind::Prisma,
        &options,
        (&events, Stop::never()),
    );
    let let_go = async {
        let holders = waits.recv().await.unwrap();
        holder.batch_execute("COMMIT").await.unwrap();
        holders
    };
    let (outcome, holders) = tokio::join!(run, let_go);
    assert_eq!(outcome.unwrap(), Outcome::Done);
    assert_eq!(holders[0].application, "other");
    assert_eq!(value(&database, SEEN).await.unwrap(), COMPLETE);
}
