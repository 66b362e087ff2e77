//! A saved catalog: written where the database is, read where there is none.

use crate::exit::{Exit, Problem};
use nonstop_core::catalog::Snapshot;
use std::path::Path;

/// Writes a snapshot.
pub(super) fn write(path: &Path, snapshot: &Snapshot) -> Result<(), Problem> {
    let shown = path.display();
    std::fs::write(path, snapshot.to_json())
        .map_err(|error| Problem::new(Exit::Usage, format_args!("cannot write the catalog `{shown}`: {error}")))
}

/// Reads one.
pub(super) fn read(path: &Path) -> Result<Snapshot, Problem> {
    let shown = path.display();
    let again = "`nonstop check --save-catalog FILE` writes it from the database";
    let text = std::fs::read_to_string(path).map_err(|error| {
        Problem::usage(format_args!("cannot read the catalog `{shown}`: {error}")).detail(format_args!("{again}"))
    })?;
    Snapshot::from_json(&text).map_err(|error| {
        Problem::usage(format_args!("{shown}: no saved catalog: {error}")).detail(format_args!("{again}"))
    })
}
