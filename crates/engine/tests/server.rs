//! The throw-away server: starts, answers, survives crashes, and leaves nothing behind.
#![expect(clippy::unwrap_used, reason = "a test file")]

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use nonstop_engine::server::{Options, Programs, Server, Wanted};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn some_programs() -> Option<Programs> {
    let major = testkit::majors().first().copied()?;
    testkit::programs(major)
}

fn postmaster(data: &Path) -> i32 {
    let text = std::fs::read_to_string(data.join("postmaster.pid")).unwrap();
    text.lines().next().unwrap().trim().parse().unwrap()
}

fn runs(pid: i32) -> bool {
    kill(Pid::from_raw(pid), None).is_ok()
}

#[tokio::test]
async fn every_major_starts_with_the_settings_asked_for_and_goes() {
    for major in testkit::majors() {
        let Some(programs) = testkit::programs(major) else {
            continue;
        };
        let options = Options::default()
            .set("wal_level", "logical")
            .set("max_prepared_transactions", "5");
        let server = Server::start(&programs, options).await.unwrap();
        let client = server.connect("postgres").await.unwrap();
        let row = client
            .query_one(
                "SELECT current_setting('server_version_num')::int, current_setting('wal_level')",
                &[],
            )
            .await
            .unwrap();
        assert_eq!(row.get::<_, i32>(0), i32::try_from(programs.version().0).unwrap());
        assert_eq!(row.get::<_, String>(1), "logical");
        let (data, pid) = (server.data_dir(), postmaster(&server.data_dir()));
        drop(server);
        assert!(!data.parent().unwrap().exists(), "the folder stayed");
        assert!(!runs(pid), "the process stayed");
    }
}

#[tokio::test]
async fn a_port_needs_the_password_and_the_socket_does_not() {
    let Some(programs) = some_programs() else { return };
    let server = Server::start(&programs, Options::default()).await.unwrap();
    testkit::servers::connect(&server.url("postgres")).await.unwrap();
    let guess = format!("postgres://postgres:guess@127.0.0.1:{}/postgres", server.port());
    assert!(testkit::servers::connect(&guess).await.is_err());
    server.connect("postgres").await.unwrap();
}

#[tokio::test]
async fn a_database_is_copied_from_a_template() {
    let Some(programs) = some_programs() else { return };
    let server = Server::start(&programs, Options::default()).await.unwrap();
    server.create_database("shop \"one\"", None).await.unwrap();
    let client = server.connect("shop \"one\"").await.unwrap();
    client
        .batch_execute("CREATE TABLE tip (id int); INSERT INTO tip VALUES (7)")
        .await
        .unwrap();
    drop(client);
    // The session's end is noticed by the server a moment later; CREATE DATABASE itself waits for that.
    server.create_database("copy", Some("shop \"one\"")).await.unwrap();
    let copy = testkit::servers::connect(&server.url("copy")).await.unwrap();
    assert_eq!(
        copy.query_one("SELECT id FROM tip", &[])
            .await
            .unwrap()
            .get::<_, i32>(0),
        7
    );
    server.drop_database("copy").await.unwrap();
    assert!(server.connect("copy").await.is_err());
}

#[tokio::test]
async fn what_was_committed_survives_a_crash() {
    let Some(programs) = some_programs() else { return };
    let mut server = Server::start(&programs, Options::default()).await.unwrap();
    let client = server.connect("postgres").await.unwrap();
    client
        .batch_execute("CREATE TABLE tip AS SELECT 1 AS id")
        .await
        .unwrap();
    let port = server.port();
    server.stop_immediate();
    assert!(server.connect("postgres").await.is_err());
    server.start_again().await.unwrap();
    assert_eq!(server.port(), port);
    let client = server.connect("postgres").await.unwrap();
    client.query_one("SELECT id FROM tip", &[]).await.unwrap();
    assert!(server.log().contains("was not properly shut down"), "{}", server.log());
}

#[tokio::test]
async fn a_bad_setting_is_told_with_the_servers_words() {
    let Some(programs) = some_programs() else { return };
    let error = Server::start(&programs, Options::default().set("wal_level", "nonsense"))
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("invalid value for parameter \"wal_level\""),
        "{error}"
    );
}

#[tokio::test]
async fn two_servers_side_by_side_do_not_meet() {
    let Some(programs) = some_programs() else { return };
    let (one, two) = tokio::join!(
        Server::start(&programs, Options::default()),
        Server::start(&programs, Options::default())
    );
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_ne!(one.port(), two.port());
    drop(one);
    two.connect("postgres").await.unwrap();
}

/// Not a test: the process that the next ones kill. It starts a server, tells where, and waits for its end.
#[tokio::test]
#[ignore = "run by the tests that kill it"]
async fn victim() {
    let server = Server::start(&some_programs().unwrap(), Options::default())
        .await
        .unwrap();
    println!("server at {}", server.data_dir().display());
    std::future::pending::<()>().await;
}

struct Victim {
    process: std::process::Child,
    room: PathBuf,
    postmaster: i32,
}

fn start_victim() -> Victim {
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture", "victim"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let told = BufReader::new(process.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok)
        .find_map(|line| line.split_once("server at ").map(|(_, data)| PathBuf::from(data)))
        .expect("the victim tells where its server is");
    Victim {
        process,
        room: told.parent().unwrap().to_owned(),
        postmaster: postmaster(&told),
    }
}

#[tokio::test]
async fn nothing_stays_after_ctrl_c_or_a_kill() {
    if some_programs().is_none() {
        return;
    }
    for signal in [Signal::SIGINT, Signal::SIGKILL] {
        let mut victim = start_victim();
        kill(Pid::from_raw(i32::try_from(victim.process.id()).unwrap()), signal).unwrap();
        victim.process.wait().unwrap();
        let gone = format!("the server is gone after {signal}");
        testkit::until(&gone, || async { !runs(victim.postmaster) && !victim.room.exists() }).await;
    }
}

/// Both the process and its guard are killed: the next start sweeps.
#[tokio::test]
async fn a_leftover_is_swept_by_the_next_start() {
    if some_programs().is_none() {
        return;
    }
    let mut victim = start_victim();
    let guard = guard_of(&victim.room);
    kill(Pid::from_raw(guard), Signal::SIGKILL).unwrap();
    victim.process.kill().unwrap();
    victim.process.wait().unwrap();
    let server = Server::start(&Programs::locate(&Wanted::default()).unwrap(), Options::default())
        .await
        .unwrap();
    let gone = || async { !runs(victim.postmaster) && !victim.room.exists() };
    testkit::until("the leftover is gone", gone).await;
    server.connect("postgres").await.unwrap();
}

/// The second line of the room's `owner` file.
fn guard_of(room: &Path) -> i32 {
    let text = std::fs::read_to_string(room.join("owner")).unwrap();
    text.lines()
        .find_map(|line| line.strip_prefix("guard ")?.parse().ok())
        .unwrap()
}
