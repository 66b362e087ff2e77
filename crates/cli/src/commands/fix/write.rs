//! The files themselves: new ones first, so that a migration is edited only when what it gave away is there.

use super::changes::{Change, Report};
use crate::exit::{Exit, Problem};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

pub(super) fn write(report: &Report) -> Result<(), Problem> {
    let changes = || report.migrations.iter().flat_map(|one| &one.changes);
    for change in changes() {
        same_as_read(change)?;
    }
    let mut made: Vec<&Path> = Vec::new();
    for change in changes().filter(|change| change.before.is_none()) {
        if let Err(error) = create(change) {
            // Half of the new files would be run without their beginning.
            for path in made {
                let _ = fs::remove_file(path);
                let _ = path.parent().map(fs::remove_dir);
            }
            return Err(error);
        }
        made.push(Path::new(&change.path));
    }
    for change in changes().filter(|change| change.before.is_some()) {
        fs::write(&change.path, &change.after).map_err(|error| failed(&change.path, &error))?;
    }
    Ok(())
}

fn failed(path: &str, error: &std::io::Error) -> Problem {
    Problem::usage(format_args!("cannot write `{path}`: {error}"))
}

/// Nobody may have edited it in between, and a new file must not be there.
fn same_as_read(change: &Change) -> Result<(), Problem> {
    let path = Path::new(&change.path);
    let Some(before) = &change.before else {
        if path.exists() {
            let message = format_args!("`{}` is there already: nothing was written", change.path);
            return Err(Problem::new(Exit::Refused, message));
        }
        return Ok(());
    };
    let now = fs::read(path).map_err(|error| failed(&change.path, &error))?;
    if now != before.as_bytes() {
        let message = format_args!(
            "`{}` is not UTF-8, or has changed meanwhile: nothing was written",
            change.path
        );
        return Err(Problem::new(Exit::Refused, message));
    }
    Ok(())
}

fn create(change: &Change) -> Result<(), Problem> {
    let path = Path::new(&change.path);
    let written = || -> std::io::Result<()> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder)?;
        }
        let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
        file.write_all(change.after.as_bytes())
    };
    written().map_err(|error| failed(&change.path, &error))
}
