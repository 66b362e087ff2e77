//! JSON: the documents of the contract, each with its `schema`. Fields are added, never renamed.

pub mod backfill;
pub mod check;
pub mod demo;
pub mod event;
pub mod explain;
pub mod fix;
pub mod plan;
pub mod preflight;
pub mod rules;
pub mod status;
pub mod test_rollback;

use serde::Serialize;
use std::io::{self, Write};

/// Writes a document and a line end.
fn document(value: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}
