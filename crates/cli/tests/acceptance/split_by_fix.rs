//! A generated migration with five new tables, made safe as files: eighteen migrations with their way back, which the real Prisma
//! deploys, and whose end is the one as written.

use crate::support::{Project, nonstop, oldest_and_newest, scenario};
use std::fs;
use testkit::TestDatabase;
use testkit::as_written::{AfterFailure, Tool, apply};
use testkit::compare::{assert_same, snapshot};
use testkit::oracle::Oracle;

const INIT: &str = "20251201000000_init";
/// What the generated migration is called, and the times of the seventeen behind it: also where seconds roll over into the next day.
const NAMES: [(&str, &str, &str); 2] = [
    ("20260122190000_add_v2_tables", "20260122190001", "20260122190017"),
    ("20260131235950_add_v2_tables", "20260131235951", "20260201000007"),
];

fn project(name: &str) -> Project {
    let project = Project::new(&[]);
    for (own, text) in scenario("s1/prisma/migrations") {
        project.add(if own == INIT { INIT } else { name }, &text);
    }
    project
}

/// Members with rows, before the migration.
async fn live(project: &Project, major: u32) -> TestDatabase {
    let database = testkit::database(major).await;
    let deploy = ["deploy", "--until", INIT];
    nonstop(&database.url(), &project.dir(), &deploy).await.ends_with(0);
    let rows =
        r#"INSERT INTO "Member" (id, email) SELECT i::text, i || '@example.org' FROM generate_series(1, 20000) AS i"#;
    database.run(rows).await;
    database
}

fn folders(project: &Project) -> Vec<String> {
    let entries = fs::read_dir(project.dir()).unwrap().map(|entry| entry.unwrap());
    let folders = entries.filter(|entry| entry.path().is_dir());
    let mut names: Vec<String> = folders.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

async fn split_and_deployed(major: u32, (name, second, last): (&str, &str, &str)) {
    let project = project(name);
    let dir = project.dir();
    let database = live(&project, major).await;
    let (url, client) = (database.url(), database.connect().await);
    let before = snapshot(&client).await.unwrap();

    // As written, on a copy.
    let meant = live(&project, major).await;
    let unsplit = project.read().migrations;
    let outcome = apply(&meant.connect().await, &unsplit[1..], Tool::Prisma, AfterFailure::Stop).await;
    assert_eq!(outcome.unwrap().applied, [name]);

    let split = ["fix", "--write", "--split", "all", "--verify"];
    nonstop("", &dir, &split)
        .await
        .ends_with(0)
        .says("becomes 18 migrations")
        .says("as written and as fixed make the same");
    let made = folders(&project);
    assert_eq!(made.len(), 19);
    assert_eq!((made[0].as_str(), made[1].as_str()), (INIT, name));
    assert_eq!((&made[2][..14], &made[18][..14]), (second, last));
    for folder in &made[1..] {
        let down = fs::read_to_string(dir.join(folder).join("down.sql")).unwrap();
        assert!(!down.is_empty(), "{folder}");
    }
    let again = ["fix", "--write", "--split", "all"];
    nonstop("", &dir, &again).await.ends_with(0).says("nothing to fix");
    let to_init = ["test-rollback", "--to", INIT];
    nonstop("", &dir, &to_init)
        .await
        .ends_with(0)
        .says("18 migrations down, and all is as before");

    // Prisma sends each file as one message; the real one where it is here.
    let fixed = project.read().migrations;
    if let Some(oracle) = Oracle::ready().await {
        oracle.migrate("deploy", &url, &dir).await.ends_with(0);
        let status = oracle.migrate("status", &url, &dir).await;
        status.ends_with(0).says("Database schema is up to date!");
    } else {
        let outcome = apply(&client, &fixed[1..], Tool::Prisma, AfterFailure::Stop)
            .await
            .unwrap();
        assert_eq!((outcome.applied.len(), outcome.cured.len()), (18, 0));
        for migration in &fixed[1..] {
            let resolve = ["resolve", "--applied", &migration.name];
            nonstop(&url, &dir, &resolve).await.ends_with(0);
        }
    }
    nonstop(&url, &dir, &["status"]).await.ends_with(0);
    assert_same(
        &snapshot(&meant.connect().await).await.unwrap(),
        &snapshot(&client).await.unwrap(),
        "the split migration",
    );

    // Back by its down scripts, with the members untouched.
    let back = ["rollback", "--to", INIT, "--allow", "data-loss"];
    nonstop(&url, &dir, &back).await.ends_with(0);
    assert_same(&before, &snapshot(&client).await.unwrap(), "after the rollback");
    let members = client.query_one("SELECT count(*) FROM \"Member\"", &[]).await.unwrap();
    assert_eq!(members.get::<_, i64>(0), 20_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_split_as_the_team_did_by_hand() {
    for (major, names) in oldest_and_newest().into_iter().zip(NAMES.iter().cycle()) {
        split_and_deployed(major, *names).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_touches_the_old_table_is_split() {
    let Some(major) = oldest_and_newest().pop() else { return };
    let (name, second, _) = NAMES[1];
    let project = project(name);
    let (dir, database) = (project.dir(), live(&project, major).await);
    nonstop("", &dir, &["fix"]).await.ends_with(1);
    assert_eq!(folders(&project).len(), 2);
    nonstop("", &dir, &["fix", "--write", "--verify"])
        .await
        .ends_with(0)
        .says("becomes 2 migrations")
        .says("15 indexes and 5 foreign keys of tables that this migration itself makes stay where they are")
        .says("`--split all` moves them too.");
    let made = folders(&project);
    assert_eq!(made.len(), 3);
    assert_eq!(made[2], format!("{second}_Member_totalPoints_idx"));
    nonstop(&database.url(), &dir, &["deploy"]).await.ends_with(0);
}
