//! The comparison itself: each single change gives exactly its own difference, and equal databases give none.

use testkit::compare::{COLUMN_ORDER, Except, assert_same, diff, snapshot, snapshot_except};
use testkit::each_major;

const BASE: &str = include_str!("compare/base.sql");

/// A change, the majors it is for, and the facts that it changes.
struct Case {
    from: u32,
    until: u32,
    sql: &'static str,
    facts: &'static [&'static str],
}

const fn case(sql: &'static str, facts: &'static [&'static str]) -> Case {
    Case {
        from: 0,
        until: u32::MAX,
        sql,
        facts,
    }
}

const fn from(major: u32, sql: &'static str, facts: &'static [&'static str]) -> Case {
    Case {
        from: major,
        ..case(sql, facts)
    }
}

const fn until(major: u32, sql: &'static str, facts: &'static [&'static str]) -> Case {
    Case {
        until: major,
        ..case(sql, facts)
    }
}

const fn only(from: u32, until: u32, sql: &'static str, facts: &'static [&'static str]) -> Case {
    Case {
        from,
        until,
        sql,
        facts,
    }
}

mod compare {
    pub(crate) mod objects;
    pub(crate) mod tables;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_change_gives_its_own_difference() {
    each_major(|database| async move {
        database.run(BASE).await;
        let client = database.connect().await;
        let before = snapshot(&client).await.unwrap();
        let mut wrong = Vec::new();
        for case in compare::tables::CASES.iter().chain(compare::objects::CASES) {
            if !(case.from..=case.until).contains(&database.major) {
                continue;
            }
            client.batch_execute("BEGIN").await.unwrap();
            if let Err(error) = client.batch_execute(case.sql).await {
                panic!("{}: {error:?}", case.sql);
            }
            let after = snapshot(&client).await.unwrap();
            client.batch_execute("ROLLBACK").await.unwrap();
            let found: Vec<String> = diff(&before, &after)
                .into_iter()
                .map(|difference| format!("{}: {}", difference.object, difference.fact))
                .collect();
            if found != case.facts {
                wrong.push(format!(
                    "{}\n  expected {:?}\n  found    {found:?}",
                    case.sql, case.facts
                ));
            }
        }
        let again = snapshot(&client).await.unwrap();
        assert_same(&before, &again, "after all changes were rolled back");
        assert!(wrong.is_empty(), "PostgreSQL {}:\n{}", database.major, wrong.join("\n"));
    })
    .await;
}

/// Every class that the base holds must be changed by some case, so a class added later cannot go untested.
#[tokio::test(flavor = "multi_thread")]
async fn every_class_of_the_base_has_a_case() {
    each_major(|database| async move {
        database.run(BASE).await;
        let client = database.connect().await;
        let snapshot = snapshot(&client).await.unwrap();
        let tested: Vec<&str> = compare::tables::CASES
            .iter()
            .chain(compare::objects::CASES)
            .flat_map(|case| case.facts.iter().copied())
            .collect();
        for object in snapshot.objects() {
            let class_ends = object.find([' ']).unwrap();
            let class = &object[..class_ends];
            assert!(
                tested.iter().any(|fact| fact.starts_with(class)),
                "no case for {object}"
            );
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_schema_made_in_another_way_is_equal() {
    each_major(|database| async move {
        let other = testkit::database(database.major).await;
        let grants = "GRANT SELECT ON team TO pg_monitor; GRANT SELECT ON team TO pg_read_all_settings;";
        let grants_turned = "GRANT SELECT ON team TO pg_read_all_settings; GRANT SELECT ON team TO pg_monitor;";
        database.run(BASE).await;
        database.run(grants).await;
        // Other oids, dropped columns, rows, statistics and sequence positions: all physical.
        other.run("CREATE TABLE noise (a serial); DROP TABLE noise").await;
        other.run(BASE).await;
        other.run(grants_turned).await;
        other
            .run(
                "ALTER TABLE team ADD COLUMN gone int; ALTER TABLE team DROP COLUMN gone;
                 INSERT INTO team SELECT generate_series(1, 100); SELECT nextval('loose'); ANALYZE;
                 GRANT ALL ON elder TO CURRENT_USER",
            )
            .await;
        let left = snapshot(&database.connect().await).await.unwrap();
        let right = snapshot(&other.connect().await).await.unwrap();
        assert_eq!(diff(&left, &right), []);
        assert!(left.len() > 100);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_order_of_columns_is_physical() {
    each_major(|database| async move {
        database.run("CREATE TABLE t (a int, b int, c int)").await;
        let client = database.connect().await;
        let before = snapshot(&client).await.unwrap();
        client
            .batch_execute("ALTER TABLE t DROP COLUMN b; ALTER TABLE t ADD COLUMN b int")
            .await
            .unwrap();
        let after = snapshot(&client).await.unwrap();
        let found = diff(&before, &after);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].fact, COLUMN_ORDER);
        assert!(found[0].is_physical());
        assert_eq!(
            found[0].to_string(),
            r#"relation public.t: column order: ["a","b","c"] / ["a","c","b"]"#
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn history_tables_and_our_own_schema_are_left_out() {
    each_major(|database| async move {
        let client = database.connect().await;
        let before = snapshot(&client).await.unwrap();
        let everything = snapshot_except(&client, &Except::default()).await.unwrap();
        client
            .batch_execute(
                "CREATE SCHEMA nonstop; CREATE TABLE nonstop.steps (id serial PRIMARY KEY);
                 CREATE TABLE _prisma_migrations (id varchar(36) PRIMARY KEY NOT NULL)",
            )
            .await
            .unwrap();
        assert_eq!(diff(&before, &snapshot(&client).await.unwrap()), []);
        let after = snapshot_except(&client, &Except::default()).await.unwrap();
        assert!(diff(&everything, &after).len() > 5);
        let path: String = client.query_one("SHOW search_path", &[]).await.unwrap().get(0);
        assert_eq!(path, "\"$user\", public");
    })
    .await;
}
