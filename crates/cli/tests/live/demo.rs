//! The demo: its figures, its page, and that nothing of it stays.

use crate::project::Project;
use crate::skipped;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

const SMALL: [&str; 7] = ["demo", "--rows", "20000", "--hold", "1s", "--rate", "50"];

#[test]
fn figures_and_page() {
    if testkit::majors().is_empty() {
        return skipped();
    }
    let project = Project::new(&[]);
    let arguments = [&SMALL[..], &["--out", "pages", "--format", "json"]].concat();
    let ran = project.command(&arguments).output().unwrap();
    let text = String::from_utf8(ran.stdout).unwrap();
    let document: serde_json::Value =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&ran.stderr)));
    assert_eq!(document["schema"], "nonstop.demo/1");
    assert_eq!(document["rows"], 20_000);
    let ways = document["ways"].as_array().unwrap();
    let names: Vec<&str> = ways.iter().map(|way| way["way"].as_str().unwrap()).collect();
    assert_eq!(names, ["as-written", "nonstop"]);
    for way in ways {
        assert_eq!(way["migrations"].as_array().unwrap().len(), 5, "{way}");
        assert_eq!(way["failed"], 0, "{way}");
    }
    let page = std::fs::read_to_string(project.path().join(document["page"].as_str().unwrap())).unwrap();
    assert_eq!(page.matches("<svg").count(), 2);
    for outside in ["http:", "https:", "src=", "url(//", "@import"] {
        assert!(!page.contains(outside), "the page asks for {outside}");
    }
    assert_eq!(ran.status.code(), Some(0));
}

#[test]
fn without_server_programs_it_says_what_to_install() {
    let project = Project::new(&[]);
    let ran = project.command(&["demo", "--pg-bin", "."]).output().unwrap();
    let error = String::from_utf8(ran.stderr).unwrap();
    assert_eq!(ran.status.code(), Some(2), "{error}");
    assert!(error.contains("server programs"), "{error}");
}

#[tokio::test]
async fn an_interrupted_one_leaves_no_server() {
    if testkit::majors().is_empty() {
        return skipped();
    }
    let project = Project::new(&[]);
    let mut child = project.command(&SMALL).stderr(Stdio::piped()).spawn().unwrap();
    let room = format!("{}-", child.id());
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    // The server runs when the first migrations are told.
    assert!(
        lines
            .map_while(Result::ok)
            .any(|line| line.starts_with("Five migrations"))
    );
    let rooms = || {
        let base = format!("/tmp/nonstop-{}", nix::unistd::geteuid());
        let all = std::fs::read_dir(base).unwrap().filter_map(Result::ok);
        all.filter(|entry| entry.file_name().to_string_lossy().starts_with(&room))
            .count()
    };
    assert_eq!(rooms(), 1);
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGINT).unwrap();
    child.wait().unwrap();
    testkit::until("its server is gone", || async { rooms() == 0 }).await;
}
