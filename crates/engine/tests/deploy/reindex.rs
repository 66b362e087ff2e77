//! What a REINDEX CONCURRENTLY that was cut off has left goes with the next one, and nothing else does.

use crate::support::{migration, run, value};
use nonstop_engine::event::Outcome;
use testkit::{TestDatabase, each_major};
use tokio_postgres::Client;

const INVALID: &str = "SELECT string_agg(indexrelid::regclass::text, ' ' ORDER BY indexrelid::regclass::text)
                       FROM pg_index WHERE NOT indisvalid AND indrelid >= 16384
                         AND indrelid::regclass::text NOT LIKE 'pg_toast.%'";

/// Begins a REINDEX, waits until what stands before `holds` keeps it, and cancels it.
async fn cut_off(database: &TestDatabase, statement: &str, holder: &Client, holds: &str, leaves: &str) {
    holder.batch_execute(holds).await.unwrap();
    let (builder, watcher) = (database.connect().await, database.connect().await);
    let built = builder.batch_execute(statement);
    let cut = async {
        testkit::until(&format!("{statement} waits, with {leaves}"), || async {
            let waits = "SELECT count(*) FROM pg_class c JOIN pg_stat_activity a ON a.wait_event_type = 'Lock'
                         WHERE c.relname = $1 AND a.datname = current_database() AND a.query LIKE 'REINDEX%'";
            let row = watcher.query_one(waits, &[&leaves]).await.unwrap();
            row.get::<_, i64>(0) > 0
        })
        .await;
        let cancel = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity
                      WHERE datname = current_database() AND query LIKE 'REINDEX%'";
        watcher.batch_execute(cancel).await.unwrap();
    };
    let (built, ()) = tokio::join!(built, cut);
    assert_eq!(built.unwrap_err().code().unwrap().code(), "57014");
    holder.batch_execute("COMMIT").await.unwrap();
}

#[tokio::test]
async fn leftovers_of_the_same_index_go() {
    each_major(|database| async move {
        let base = migration("0_base", "SELECT 1");
        run(&database, std::slice::from_ref(&base)).await.0.unwrap();
        database
            .run(
                "CREATE TABLE t (a int, b text, c int); INSERT INTO t VALUES (1, 'x', 1);
                 CREATE INDEX t_a ON t (a); CREATE INDEX t_c ON t (c);
                 CREATE TABLE p (a int) PARTITION BY RANGE (a); CREATE TABLE p1 PARTITION OF p DEFAULT;
                 CREATE INDEX p_a ON p (a)",
            )
            .await;
        let holder = database.connect().await;
        let write = "BEGIN; INSERT INTO t VALUES (2, 'y', 2)";
        cut_off(&database, "REINDEX INDEX CONCURRENTLY t_a", &holder, write, "t_a_ccnew").await;
        // The new index is in its place, and the old one waits for its last reader.
        let read = "BEGIN; SELECT count(*) FROM t";
        cut_off(&database, "REINDEX INDEX CONCURRENTLY t_c", &holder, read, "t_c_ccold").await;
        let read = "BEGIN; SELECT count(*) FROM p";
        cut_off(&database, "REINDEX TABLE CONCURRENTLY p", &holder, read, "p1_a_idx_ccold").await;
        assert_eq!(value(&database, INVALID).await.unwrap(), "p1_a_idx_ccold t_a_ccnew t_c_ccold");

        let one = migration("1_one", "REINDEX INDEX CONCURRENTLY t_a");
        let (outcome, heard) = run(&database, &[base.clone(), one.clone()]).await;
        assert_eq!(outcome.unwrap(), Outcome::Done, "{:#?}", heard.all());
        assert_eq!(value(&database, INVALID).await.unwrap(), "p1_a_idx_ccold t_c_ccold");

        let all = "REINDEX TABLE CONCURRENTLY t; REINDEX INDEX CONCURRENTLY p_a";
        let (outcome, heard) = run(&database, &[base, one, migration("2_all", all)]).await;
        assert_eq!(outcome.unwrap(), Outcome::Done, "{:#?}", heard.all());
        assert_eq!(value(&database, INVALID).await, None);
        let valid = "SELECT count(*) FROM pg_index WHERE indisvalid AND indexrelid::regclass::text IN ('t_a', 't_c', 'p1_a_idx')";
        assert_eq!(value(&database, valid).await.unwrap(), "3");
    })
    .await;
}
