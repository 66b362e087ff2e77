//! Migrations that are one transaction.

use crate::support::{migration, run, value};
use nonstop_engine::event::{Event, Outcome};
use testkit::each_major;

const ROWS: &str = "SELECT string_agg(migration_name || ' ' || applied_steps_count || ' ' || \
    (finished_at IS NOT NULL) || ' ' || (rolled_back_at IS NOT NULL) || ' ' || coalesce(split_part(logs, E'\\n', 1), '-'), \
    ', ' ORDER BY started_at) FROM _prisma_migrations";

#[tokio::test]
async fn a_folder_is_deployed_once() {
    each_major(|database| async move {
        let folder = [
            migration("1_init", "CREATE TABLE t (id int PRIMARY KEY); -- the end"),
            migration("2_empty", "-- nothing"),
            migration("3_more", "ALTER TABLE t ADD c text;\nCREATE INDEX i ON t (c);\n"),
        ];
        let (outcome, heard) = run(&database, &folder).await;
        assert_eq!(outcome.unwrap(), Outcome::Done, "{:#?}", heard.all());
        let rows = value(&database, ROWS).await.unwrap();
        assert_eq!(
            rows,
            "1_init 1 true false -, 2_empty 1 true false -, 3_more 1 true false -"
        );
        assert!(matches!(
            heard.all().last(),
            Some(Event::RunFinished {
                outcome: Outcome::Done,
                applied: 3,
                ..
            })
        ));
        let (again, _) = run(&database, &folder).await;
        assert_eq!(again.unwrap(), Outcome::Nothing);
        let closed = value(&database, "SELECT string_agg(outcome, ',') FROM nonstop.run").await;
        assert_eq!(closed.as_deref(), Some("done"));
    })
    .await;
}

#[tokio::test]
async fn a_failure_leaves_nothing_but_its_row() {
    each_major(|database| async move {
        let folder = [
            migration("1_init", "CREATE TABLE t (id int);"),
            migration("2_bad", "CREATE TABLE half (id int);\nALTER TABLE absent ADD c int;"),
            migration("3_never", "CREATE TABLE never (id int);"),
        ];
        let (outcome, heard) = run(&database, &folder).await;
        assert_eq!(outcome.unwrap(), Outcome::Failed);
        let failed = heard.all().into_iter().find_map(|event| match event {
            Event::MigrationFailed {
                migration,
                error,
                resumable,
                ..
            } => Some((migration, error, resumable)),
            _ => None,
        });
        let (name, error, resumable) = failed.unwrap();
        assert_eq!(
            (name.as_str(), error.sqlstate.as_deref(), resumable),
            ("2_bad", Some("42P01"), false)
        );
        assert!(value(&database, "SELECT to_regclass('half')").await.is_none());
        let rows = value(&database, ROWS).await.unwrap();
        assert_eq!(
            rows,
            "1_init 1 true false -, 2_bad 0 false true ERROR: relation \"absent\" does not exist"
        );
        // Cured, it goes on.
        let folder = [
            folder[0].clone(),
            migration("2_bad", "CREATE TABLE absent ();"),
            folder[2].clone(),
        ];
        let (outcome, _) = run(&database, &folder).await;
        assert_eq!(outcome.unwrap(), Outcome::Done);
        assert!(value(&database, "SELECT to_regclass('never')").await.is_some());
    })
    .await;
}

#[tokio::test]
async fn a_migration_finds_the_session_fresh() {
    each_major(|database| async move {
        let folder = [
            migration(
                "1",
                "SET search_path = ''; SET lock_timeout = '1ms'; CREATE TABLE public.a (id int);",
            ),
            migration("2", "CREATE TABLE b (id int);"),
        ];
        let (outcome, heard) = run(&database, &folder).await;
        assert_eq!(outcome.unwrap(), Outcome::Done, "{:#?}", heard.all());
        assert!(value(&database, "SELECT to_regclass('public.b')").await.is_some());
    })
    .await;
}
