//! `fix` as a pure function: the scenario of a team, and real histories, from files alone.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test file, which says what it leaves out"
)]

use nonstop::commands::fix::{Change, Ground, Report, State, changes};
use nonstop::layouts::{Folder, LayoutChoice, Selection, read_folder};
use nonstop_core::catalog::Catalog;
use nonstop_core::fix::{Made, Room, Split, fix};
use nonstop_core::lint::Knowledge;
use nonstop_core::source::SourceFile;
use nonstop_core::sql::{normalised, parse, with_room};
use nonstop_core::version::ServerVersion;
use std::collections::BTreeMap;
use std::path::Path;

fn scenario(path: &str) -> Folder {
    let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cmd/scenarios.in");
    read_folder(&scenarios.join(path), LayoutChoice::Prisma).unwrap()
}

fn report(folder: Folder, split: Split) -> Report {
    let selection = Selection { folder, only: None };
    let ground = Ground::files(ServerVersion::of_major(14), &selection);
    let mut report = Report::default();
    changes(&selection, None, ground, split, &mut report).unwrap();
    report
}

/// The statements of a file without their layout.
fn statements(text: &str) -> Vec<String> {
    let script = parse(&SourceFile::new("", text)).unwrap();
    let texts = script.statements.iter().map(|one| normalised(one.sql.as_str()));
    texts.map(|text| text.replace("\"public\" . ", "")).collect()
}

#[test]
fn a_generated_migration_becomes_what_the_team_made_by_hand() {
    let by_hand: BTreeMap<String, Vec<String>> = scenario("s1/by-hand")
        .migrations
        .into_iter()
        .skip(1)
        .map(|migration| (migration.name, statements(&migration.up.unwrap().text)))
        .collect();
    let report = report(scenario("s1/prisma/migrations"), Split::All);
    let [one] = report.migrations.as_slice() else {
        panic!("{report:?}")
    };
    let is_up = |change: &&Change| change.path.ends_with("/migration.sql");
    let ours: BTreeMap<String, Vec<String>> = one
        .changes
        .iter()
        .filter(is_up)
        .map(|change| (change.migration.clone(), statements(&change.after)))
        .collect();
    assert_eq!(ours.len(), 18);
    assert_eq!(ours, by_hand);
    let downs = one.changes.iter().filter(|change| change.path.ends_with("/down.sql"));
    assert_eq!(downs.count(), 18);
    assert_eq!((&one.state, one.unfixed.len(), one.lost.len()), (&State::Fixed, 0, 0));
}

#[test]
fn only_what_touches_the_old_table_needs_a_split() {
    let report = report(scenario("s1/prisma/migrations"), Split::Needed);
    let one = &report.migrations[0];
    let new: Vec<&str> = one
        .changes
        .iter()
        .filter(|change| change.before.is_none())
        .map(|c| c.migration.as_str())
        .collect();
    assert_eq!(
        new,
        [
            "20260122190000_add_v2_tables",
            "20260122190001_Member_totalPoints_idx",
            "20260122190001_Member_totalPoints_idx"
        ]
    );
    assert!(
        one.notes[0].starts_with("15 indexes and 5 foreign keys"),
        "{:?}",
        one.notes
    );
}

/// Each file that comes out of a history stays as it is.
fn twice_is_once(history: &str, split: Split) {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    let path = shared.join(history).join("migrations");
    if !path.is_dir() {
        eprintln!("SKIPPED: no real history at ../shared/corpus/{history} beside the repository");
        return;
    }
    let folder = read_folder(&path, LayoutChoice::Auto).unwrap();
    let known = || Knowledge::new(Catalog::empty(ServerVersion::of_major(14)), true, 0);
    let (mut before, mut after) = ((known(), Made::default()), (known(), Made::default()));
    let mut changed = 0;
    for migration in &folder.migrations {
        let Some(file) = &migration.up else { continue };
        let how = (split, Room::Siblings);
        let fixed = fix(migration, file, &mut before.0, &mut before.1, how).unwrap();
        changed += usize::from(fixed.changes(&file.text));
        for one in &fixed.files {
            let file = SourceFile::new(&migration.path, &one.text);
            let again = fix(migration, &file, &mut after.0, &mut after.1, how).unwrap();
            assert!(
                !again.changes(&one.text),
                "{}: {}\nbecomes {:#?}",
                migration.name,
                one.text,
                again.files
            );
        }
        for state in [&mut before.0, &mut after.0] {
            state.catalog.forget_sizes();
        }
    }
    assert!(changed > 5, "{changed}");
}

#[test]
fn langfuse_twice_is_once() {
    with_room(|| twice_is_once("langfuse", Split::Needed));
}

#[test]
fn trigger_dev_twice_is_once() {
    with_room(|| twice_is_once("trigger.dev", Split::Needed));
}

#[test]
fn crates_io_twice_is_once() {
    with_room(|| twice_is_once("crates-io", Split::All));
}
