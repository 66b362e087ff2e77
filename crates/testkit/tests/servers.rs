//! The tests' own databases: fresh, apart from each other, and gone afterwards.
#![expect(clippy::unwrap_used, reason = "a test file")]

use testkit::servers;

async fn knows(url: &str, name: &str) -> bool {
    let client = servers::connect(url).await.unwrap();
    let count = client
        .query_one("SELECT count(*) FROM pg_database WHERE datname = $1", &[&name])
        .await
        .unwrap();
    count.get::<_, i64>(0) == 1
}

#[tokio::test]
async fn a_database_is_empty_of_its_major_and_gone_afterwards() {
    testkit::each_major(|database| async move {
        let client = database.connect().await;
        let row = client
            .query_one(
                "SELECT current_setting('server_version_num')::int / 10000, \
                 (SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace)",
                &[],
            )
            .await
            .unwrap();
        assert_eq!(row.get::<_, i32>(0), i32::try_from(database.major).unwrap());
        assert_eq!(row.get::<_, i64>(1), 0);
        let name = database.name.clone();
        let maintenance = database.url().replace(&name, "postgres");
        assert!(knows(&maintenance, &name).await);
        // A session is still open: it does not hold the database back.
        drop(database);
        assert!(!knows(&maintenance, &name).await);
    })
    .await;
}

#[tokio::test]
async fn a_copy_has_what_the_original_had_and_goes_its_own_way() {
    let Some(&major) = testkit::majors().first() else {
        return;
    };
    let original = testkit::database(major).await;
    original.run("CREATE TABLE tip AS SELECT 7 AS id").await;
    let copy = original.copy().await;
    copy.run("UPDATE tip SET id = 8").await;
    let client = original.connect().await;
    assert_eq!(
        client
            .query_one("SELECT id FROM tip", &[])
            .await
            .unwrap()
            .get::<_, i32>(0),
        7
    );
}

#[tokio::test]
#[should_panic(expected = "on PostgreSQL too")]
async fn a_failure_on_one_major_fails_the_test() {
    assert!(!testkit::majors().is_empty(), "on PostgreSQL too (there is none)");
    testkit::each_major(|_| async { panic!("on PostgreSQL too") }).await;
}
