//! Migrations in several steps, with plans made by hand.

use crate::support::{Heard, check, ddl, index, planned, run_by_hand, validate, value};
use nonstop_core::lock::LockMode::{AccessExclusive, ShareUpdateExclusive};
use nonstop_core::migration::Migration;
use nonstop_core::step::Undo;
use nonstop_engine::event::{Event, Events, Outcome};
use nonstop_engine::history::HistoryKind;
use nonstop_engine::manage;
use testkit::{TestDatabase, each_major};

pub(crate) const TABLE: &str =
    "CREATE TABLE t (id int PRIMARY KEY, c int, d int); INSERT INTO t SELECT i, i, i FROM generate_series(1, 1000) i";

/// Check, column, constraint in two phases, index, and a last short step.
pub(crate) fn all_kinds() -> Migration {
    let lock = [("t", AccessExclusive)];
    planned(
        "1_all",
        &[
            check("1", "SELECT id, c FROM t WHERE c < 0"),
            ddl(
                "2",
                "ALTER TABLE t ADD COLUMN e int",
                &lock,
                "ALTER TABLE t DROP COLUMN IF EXISTS e",
            ),
            ddl(
                "3",
                "ALTER TABLE t ADD CONSTRAINT k CHECK (c > 0) NOT VALID",
                &lock,
                "ALTER TABLE t DROP CONSTRAINT IF EXISTS k",
            ),
            validate("4", "t", "k"),
            index("5", "CREATE UNIQUE INDEX CONCURRENTLY u ON t (d)", "t", "u"),
            ddl(
                "6",
                "COMMENT ON TABLE t IS 'done'",
                &[("t", ShareUpdateExclusive)],
                "COMMENT ON TABLE t IS NULL",
            ),
        ],
    )
}

/// Everything of [`all_kinds`] that can be seen, in one line.
pub(crate) const SEEN: &str = "SELECT concat_ws(' ', \
    (SELECT 'column' FROM pg_attribute WHERE attrelid = 't'::regclass AND attname = 'e'), \
    (SELECT 'constraint ' || convalidated FROM pg_constraint WHERE conname = 'k'), \
    (SELECT 'index ' || indisvalid FROM pg_index WHERE indexrelid = to_regclass('u')), \
    obj_description('t'::regclass), \
    (SELECT string_agg(coalesce(to_char(applied_steps_count, 'FM9'), '') || (finished_at IS NOT NULL)::int \
       || (rolled_back_at IS NOT NULL)::int, ',' ORDER BY started_at) FROM _prisma_migrations))";

pub(crate) const COMPLETE: &str = "column constraint true index true done 110";

pub(crate) async fn prepared(database: &TestDatabase) {
    // The history first: a table of somebody's would be P3005.
    let (outcome, _) = run_by_hand(database, &[]).await;
    assert_eq!(outcome.unwrap(), Outcome::Nothing);
    database.run(TABLE).await;
}

fn failure(heard: &Heard) -> (Option<String>, Vec<String>, Vec<String>, bool) {
    let found = heard.all().into_iter().find_map(|event| match event {
        Event::MigrationFailed {
            error,
            undone,
            resumable,
            ..
        } => Some((error.sqlstate, error.rows, undone, resumable)),
        _ => None,
    });
    found.unwrap()
}

#[tokio::test]
async fn every_kind_of_step() {
    each_major(|database| async move {
        prepared(&database).await;
        let (outcome, heard) = run_by_hand(&database, &[all_kinds()]).await;
        assert_eq!(outcome.unwrap(), Outcome::Done, "{:#?}", heard.all());
        assert_eq!(value(&database, SEEN).await.unwrap(), COMPLETE);
        let steps = "SELECT string_agg(step || state, ' ' ORDER BY step) FROM nonstop.step";
        assert_eq!(
            value(&database, steps).await.unwrap(),
            "1done 2done 3done 4done 5done 6done"
        );
        let finished = "SELECT finished_at >= started_at FROM _prisma_migrations";
        assert_eq!(value(&database, finished).await.unwrap(), "t");
        assert_eq!(
            run_by_hand(&database, &[all_kinds()]).await.0.unwrap(),
            Outcome::Nothing
        );
    })
    .await;
}

#[tokio::test]
async fn a_check_shows_the_rows_and_nothing_is_touched() {
    each_major(|database| async move {
        prepared(&database).await;
        database.run("UPDATE t SET c = -c WHERE id <= 20").await;
        let (outcome, heard) = run_by_hand(&database, &[all_kinds()]).await;
        assert_eq!(outcome.unwrap(), Outcome::Failed);
        let (sqlstate, rows, undone, resumable) = failure(&heard);
        assert_eq!(
            (sqlstate.as_deref(), rows.len(), undone.len(), resumable),
            (Some("23514"), 10, 0, false)
        );
        assert!(rows[0].starts_with("id=") && rows[0].contains(", c=-"), "{rows:?}");
        assert_eq!(value(&database, SEEN).await.unwrap(), "001");
    })
    .await;
}

#[tokio::test]
async fn a_failure_in_the_middle_is_unwound() {
    each_major(|database| async move {
        prepared(&database).await;
        database.run("UPDATE t SET d = 7 WHERE id <= 2").await;
        let (outcome, heard) = run_by_hand(&database, &[all_kinds()]).await;
        assert_eq!(outcome.unwrap(), Outcome::Failed, "{:#?}", heard.all());
        let (sqlstate, _, undone, resumable) = failure(&heard);
        assert_eq!(
            (sqlstate.as_deref(), undone.len(), resumable),
            (Some("23505"), 2, false),
            "{undone:?}"
        );
        assert_eq!(value(&database, SEEN).await.unwrap(), "001");
        // Cured, the same file runs to its end.
        database.run("UPDATE t SET d = id").await;
        assert_eq!(run_by_hand(&database, &[all_kinds()]).await.0.unwrap(), Outcome::Done);
        assert_eq!(
            value(&database, SEEN).await.unwrap(),
            "column constraint true index true done 001,110"
        );
    })
    .await;
}

#[tokio::test]
async fn an_invalid_index_of_that_name_is_built_again() {
    each_major(|database| async move {
        prepared(&database).await;
        database.run("UPDATE t SET d = 7 WHERE id <= 2").await;
        let built = database
            .connect()
            .await
            .batch_execute("CREATE UNIQUE INDEX CONCURRENTLY u ON t (d)")
            .await;
        assert!(built.is_err());
        database.run("UPDATE t SET d = id").await;
        assert_eq!(run_by_hand(&database, &[all_kinds()]).await.0.unwrap(), Outcome::Done);
        assert_eq!(value(&database, SEEN).await.unwrap(), COMPLETE);
    })
    .await;
}

#[tokio::test]
async fn a_valid_index_of_others_is_never_dropped() {
    each_major(|database| async move {
        prepared(&database).await;
        database.run("CREATE UNIQUE INDEX u ON t (d)").await;
        let (outcome, heard) = run_by_hand(&database, &[all_kinds()]).await;
        assert_eq!(outcome.unwrap(), Outcome::Failed);
        assert_eq!(failure(&heard).0.as_deref(), Some("42P07"));
        assert_eq!(value(&database, SEEN).await.unwrap(), "index true 001");
    })
    .await;
}

/// Columns before and after a step that cannot be taken back, then an index that duplicates make fail.
fn with_no_way_back() -> Migration {
    let lock = [("t", AccessExclusive)];
    let mut lossy = ddl("2", "UPDATE t SET c = 0", &[], "");
    lossy.undo = Undo::Impossible("the old values are not kept".to_owned());
    planned(
        "1_lossy",
        &[
            ddl(
                "1",
                "ALTER TABLE t ADD COLUMN e int",
                &lock,
                "ALTER TABLE t DROP COLUMN IF EXISTS e",
            ),
            lossy,
            ddl(
                "3",
                "ALTER TABLE t ADD COLUMN f int",
                &lock,
                "ALTER TABLE t DROP COLUMN f",
            ),
            index("4", "CREATE UNIQUE INDEX CONCURRENTLY u ON t (d)", "t", "u"),
        ],
    )
}

const COLUMNS: &str = "SELECT string_agg(attname, '' ORDER BY attname) FROM pg_attribute \
    WHERE attrelid = 't'::regclass AND attnum > 0 AND NOT attisdropped";
const ATTEMPTS: &str = "SELECT string_agg((finished_at IS NOT NULL)::int || '' || (rolled_back_at IS NOT NULL)::int, ',' \
    ORDER BY started_at) FROM _prisma_migrations";

/// Fails in the last step, with everything kept.
async fn kept(database: &TestDatabase) {
    prepared(database).await;
    database.run("UPDATE t SET d = 7 WHERE id <= 2").await;
    let (outcome, heard) = run_by_hand(database, &[with_no_way_back()]).await;
    assert_eq!(outcome.unwrap(), Outcome::Resumable, "{:#?}", heard.all());
    let (sqlstate, _, undone, resumable) = failure(&heard);
    assert_eq!(
        (sqlstate.as_deref(), undone.len(), resumable),
        (Some("23505"), 0, true),
        "{undone:?}"
    );
    let hint = heard.all().into_iter().find_map(|event| match event {
        Event::MigrationFailed { error, .. } => error.hint,
        _ => None,
    });
    let hint = hint.unwrap();
    for part in [
        "the old values are not kept",
        "UPDATE t",
        "resolve --rolled-back 1_lossy",
    ] {
        assert!(hint.contains(part), "{hint}");
    }
    assert_eq!(value(database, COLUMNS).await.unwrap(), "cdefid");
    assert_eq!(value(database, ATTEMPTS).await.unwrap(), "00");
}

#[tokio::test]
async fn with_no_way_back_everything_is_kept_and_goes_on() {
    let database = testkit::database(*testkit::majors().last().unwrap()).await;
    kept(&database).await;
    database.run("UPDATE t SET d = id").await;
    let (outcome, heard) = run_by_hand(&database, &[with_no_way_back()]).await;
    assert_eq!(outcome.unwrap(), Outcome::Done, "{:#?}", heard.all());
    assert_eq!(value(&database, COLUMNS).await.unwrap(), "cdefid");
    assert_eq!(value(&database, ATTEMPTS).await.unwrap(), "10");
}

#[tokio::test]
async fn with_no_way_back_it_can_be_given_up() {
    let majors = testkit::majors();
    for cleaned in [false, true] {
        let database = testkit::database(*majors.last().unwrap()).await;
        kept(&database).await;
        let (target, events) = (crate::support::target(&database), Events::silent());
        let wait = std::time::Duration::from_secs(10);
        manage::resolve_rolled_back(&target, HistoryKind::Prisma, "1_lossy", wait, &events)
            .await
            .unwrap();
        // What somebody has taken away by hand stops nothing.
        database
            .run(if cleaned {
                "ALTER TABLE t DROP COLUMN f"
            } else {
                "UPDATE t SET c = id"
            })
            .await;
        database.run("UPDATE t SET d = id").await;
        // Without the file, only taking back is left to be seen.
        let (outcome, heard) = run_by_hand(&database, &[]).await;
        assert_eq!(outcome.unwrap(), Outcome::Nothing, "{:#?}", heard.all());
        let told =
            |event: &Event| matches!(event, Event::Warning { message, .. } if message.contains("the old values"));
        assert!(heard.all().iter().any(told), "{:#?}", heard.all());
        assert_eq!(value(&database, COLUMNS).await.unwrap(), "cdid");
        assert_eq!(value(&database, ATTEMPTS).await.unwrap(), "01");
        let (outcome, heard) = run_by_hand(&database, &[with_no_way_back()]).await;
        assert_eq!(outcome.unwrap(), Outcome::Done, "{:#?}", heard.all());
        assert_eq!(value(&database, ATTEMPTS).await.unwrap(), "01,10");
    }
}
