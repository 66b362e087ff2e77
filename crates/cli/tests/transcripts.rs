//! The transcripts in `tests/cmd` and in the README: what is typed, what is said, the exit code.
#![expect(clippy::unwrap_used, reason = "a test file")]

use std::fs;
use std::path::Path;

fn cases() -> trycmd::TestCases {
    let cases = trycmd::TestCases::new();
    // Empty is unset: whatever the machine has set does not count.
    for variable in [
        "DATABASE_URL",
        "DIRECT_URL",
        "NONSTOP_DATABASE_URL",
        "NO_COLOR",
        "PGPASSWORD",
    ] {
        cases.env(variable, "");
    }
    cases.env("COLUMNS", "100");
    cases
}

#[test]
fn transcripts() {
    cases().case("tests/cmd/*.trycmd").case("tests/cmd/*.toml");
}

/// Its `console` fences, in the folder `tests/readme.in`. What needs a server stands in `text` fences.
#[test]
fn readme() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let room = tempfile::tempdir().unwrap();
    fs::copy(here.join("../../README.md"), room.path().join("README.md")).unwrap();
    copy(&here.join("tests/readme.in"), &room.path().join("README.in"));
    cases().case(room.path().join("README.md"));
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}
