//! The plan that the README shows is the one that is made.

use crate::project::Project;
use crate::skipped;
use std::fs;
use std::path::Path;

/// The major of the README's server; from 18 on NOT NULL is proved in another way.
const MAJOR: u32 = 15;

#[tokio::test]
async fn the_plan_of_the_readme() {
    if !testkit::majors().contains(&MAJOR) {
        return skipped();
    }
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(here.join("../../README.md")).unwrap();
    let shown = readme
        .split("$ nonstop plan\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();

    let project = Project::new(&[]);
    for folder in fs::read_dir(here.join("tests/readme.in/prisma/migrations")).unwrap() {
        let folder = folder.unwrap();
        let name = folder.file_name().into_string().unwrap();
        if let Ok(text) = fs::read_to_string(folder.path().join("migration.sql")) {
            project.write(&format!("prisma/migrations/{name}/migration.sql"), &text);
        }
    }
    let database = testkit::database(MAJOR).await;
    let first = project.on(&database, &["deploy", "-q", "--until", "20260105093000_init"]);
    assert_eq!(first.code, 0, "{first:?}");
    let rows =
        "INSERT INTO orders (customer_id, status) SELECT 1 + i % 20000, 'paid' FROM generate_series(1, 300000) i";
    database.run(rows).await;
    let plan = project.on(&database, &["plan"]);

    // Below the line with the server's version, and without the guesses from live sizes.
    let steps = |text: &str| {
        let guessless = text
            .trim_end()
            .lines()
            .skip(1)
            .map(|line| line.split("; about ").next().unwrap());
        guessless.collect::<Vec<_>>().join("\n")
    };
    assert_eq!(steps(&plan.out), steps(shown));
    assert_eq!(plan.code, 0);
}
