//! `nonstop.backfill/1`: a list of backfills, or the estimate of one.

use nonstop_engine::backfill::{Listed, Sample};
use serde::Serialize;
use std::io::{self, Write};

const SCHEMA: &str = "nonstop.backfill/1";

#[derive(Serialize)]
struct List<'a> {
    schema: &'static str,
    backfills: &'a [Listed],
}

#[derive(Serialize)]
struct Estimate<'a> {
    schema: &'static str,
    estimate: &'a Sample,
}

/// Writes the list.
pub fn list(backfills: &[Listed], out: &mut dyn Write) -> io::Result<()> {
    let schema = SCHEMA;
    super::document(&List { schema, backfills }, out)
}

/// Writes the estimate.
pub fn sample(estimate: &Sample, out: &mut dyn Write) -> io::Result<()> {
    let schema = SCHEMA;
    super::document(&Estimate { schema, estimate }, out)
}
