//! `check --save-catalog` and `check --catalog`: a database's answer without the database.

use crate::newest;
use crate::project::Project;

const THREE: [(&str, &str); 3] = [
    (
        "20240101000000_a",
        "CREATE TYPE mood AS ENUM ('sad');
         CREATE TABLE small (id int PRIMARY KEY, a varchar(50));
         CREATE TABLE large AS SELECT n AS id, n::text AS a, now()::timestamp AS at FROM generate_series(1, 30000) n;
         ALTER TABLE large ADD CHECK (a IS NOT NULL);
         ALTER TABLE small SET (autovacuum_enabled = off);
         ALTER TABLE large SET (autovacuum_enabled = off);
         CREATE VIEW seen AS SELECT a FROM large;",
    ),
    (
        "20240102000000_b",
        "CREATE INDEX ON small (a);
         CREATE INDEX ON large (a);
         ALTER TABLE large ALTER a SET NOT NULL;
         ALTER TABLE large ALTER at TYPE timestamptz;
         ALTER TABLE small ALTER a TYPE varchar(100);",
    ),
    ("20240103000000_c", "ALTER TABLE large ALTER id SET NOT NULL;"),
];

#[tokio::test]
async fn a_saved_catalog_answers_like_the_database() {
    let Some(database) = newest().await else { return };
    let project = Project::prisma(&THREE[..1]);
    assert_eq!(project.on(&database, &["deploy", "--quiet"]).code, 0);
    for (name, sql) in &THREE[1..] {
        project.write(&format!("prisma/migrations/{name}/migration.sql"), sql);
    }
    let check = ["check", "--format", "json", "--effects"];
    let live = project.on(&database, &check);
    assert_eq!(live.code, 1);

    let saved = project.on(&database, &["check", "--save-catalog", "catalog.json"]);
    assert_eq!((saved.code, saved.out.as_str()), (0, ""));
    let text = std::fs::read_to_string(project.path().join("catalog.json")).unwrap();
    assert!(!text.contains("postgres://") && !text.contains("password"), "{text}");
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["schema"], "nonstop.catalog/1");
    assert_eq!(document["applied"], serde_json::json!(["20240101000000_a"]));

    let offline = project.run(&["check", "--format", "json", "--effects", "--catalog", "catalog.json"]);
    assert_eq!((offline.code, &offline.out), (1, &live.out));

    // The same database gives the same text.
    assert_eq!(
        project.on(&database, &["check", "--save-catalog", "again.json"]).code,
        0
    );
    let again = std::fs::read_to_string(project.path().join("again.json")).unwrap();
    assert_eq!(again, text);
}
