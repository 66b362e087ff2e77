//! A password goes in and never comes out: not in outputs, not in the process list, not on the server.

use crate::newest;
use crate::project::Project;
use std::io::Read;
use std::process::Stdio;

const SECRET: &str = "geh%eim-9f3a";

/// Every verb that connects, and a few ways of getting it wrong.
const COMMANDS: [&[&str]; 15] = [
    &["check", "--effects", "--since", "1_b"],
    &["deploy"],
    &["deploy", "--format", "json", "-v"],
    &["deploy", "--dry-run"],
    &["plan", "--format", "json"],
    &["status"],
    &["status", "--format", "json", "-v"],
    &["explain", "save", "queries.sql", "-v"],
    &["preflight", "-v"],
    &["preflight", "--format", "json"],
    &["resolve", "--applied", "1_a", "-v"],
    &["resolve", "--rolled-back", "1_a"],
    &["baseline", "1_a", "-v"],
    &["status", "--nonsense"],
    &["nonsense"],
];

/// URLs that end in every kind of error, or in none.
const URLS: [&str; 9] = [
    "postgres://u:SECRET@127.0.0.1:1/d",
    "postgres://127.0.0.1:1/d?user=u&password=SECRET",
    "postgres://u:SECRET@no-such-host.invalid/d",
    "postgres://u:SECRET@127.0.0.1:99999/d",
    "postgres://u:SECRET@[::1/d",
    "postgres://u:SECRET/@#?@127.0.0.1:1/d",
    "mysql://u:SECRET@127.0.0.1:1/d",
    "u:SECRET@127.0.0.1:1/d",
    "postgres://u:SECRET@127.0.0.1:1/d?sslmode=maybe&sslidentity=/nowhere&sslpassword=SECRET",
];

#[test]
fn no_output_holds_a_password() {
    let project = Project::prisma(&[("1_a", "SELECT 1")]);
    project.write("queries.sql", "SELECT 1");
    project.write(".env", &format!("DATABASE_URL=postgres://u:{SECRET}@127.0.0.1:1/d\n"));
    let schema = "datasource db { provider = \"postgresql\" url = env(\"DATABASE_URL\") }";
    project.write("prisma/schema.prisma", schema);
    let shown = |way: String, output: std::process::Output| {
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        assert!(!text.contains(SECRET) && !text.contains("geh"), "{way}: {text}");
        assert_ne!(output.status.code(), Some(0), "{way}: {text}");
        assert_ne!(output.status.code(), Some(101), "{way}: {text}");
    };
    for arguments in COMMANDS {
        shown(
            format!("{arguments:?} by .env"),
            project.command(arguments).output().unwrap(),
        );
        for url in URLS {
            let url = url.replace("SECRET", SECRET);
            for variable in ["NONSTOP_DATABASE_URL", "DIRECT_URL", "DATABASE_URL"] {
                let output = project.command(arguments).env(variable, &url).output().unwrap();
                shown(format!("{arguments:?} {variable}={url}"), output);
            }
            let flag = format!("--database-url={url}");
            for with_url in [[&flag, ""], ["--database-url", &url], [&url, ""]] {
                let with_url = with_url.iter().copied().filter(|word| !word.is_empty());
                let arguments: Vec<&str> = arguments.iter().copied().chain(with_url).collect();
                shown(format!("{arguments:?}"), project.command(&arguments).output().unwrap());
            }
        }
        for broken in [
            "database-url = \"SECRET\" x",
            "database-url = [\"SECRET\"]",
            "databaseurl = \"SECRET\"",
        ] {
            project.write("bad.toml", &broken.replace("SECRET", SECRET));
            let arguments: Vec<&str> = arguments.iter().copied().chain(["--config", "bad.toml"]).collect();
            shown(
                format!("{arguments:?} {broken}"),
                project.command(&arguments).output().unwrap(),
            );
        }
    }
}

/// The arguments of a running process are for everybody to read.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_process_list_holds_no_password() {
    let Some(database) = newest().await else { return };
    let holder = database.connect().await;
    holder.batch_execute("SELECT pg_advisory_lock(72707369)").await.unwrap();
    let project = Project::prisma(&[("1_a", "SELECT 1")]);
    let url = database.url();
    let password = url.split(['@', ':']).nth(2).unwrap().to_owned();
    let mut child = project
        .command(&["baseline", "1_a", "--wait", "5m", "--database-url", &url])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It waits for the lock once its session is there.
    let query = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'migration:%' AND datname = current_database()";
    testkit::until("it is connected", || async {
        holder.query_one(query, &[]).await.unwrap().get::<_, i64>(0) > 0
    })
    .await;
    let listed = std::fs::read_to_string(format!("/proc/{}/cmdline", child.id())).unwrap();
    assert!(listed.contains("baseline") && !listed.contains(&password), "{listed:?}");
    holder
        .batch_execute("SELECT pg_advisory_unlock(72707369)")
        .await
        .unwrap();
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(child.wait().unwrap().success(), "{said}");
    assert!(!said.contains(&password), "{said}");
}
