//! `nonstop.preflight/1`.

use nonstop_core::version::ServerVersion;
use nonstop_engine::event::Verdict;
use nonstop_engine::gates::GateReport;
use serde::Serialize;
use std::io::{self, Write};

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    server_version: String,
    gates: &'a [GateReport],
    summary: Summary,
}

#[derive(Serialize)]
struct Summary {
    ok: usize,
    warnings: usize,
    stops: usize,
    skipped: usize,
}

/// Writes the gates' verdicts.
pub fn render(version: ServerVersion, gates: &[GateReport], out: &mut dyn Write) -> io::Result<()> {
    let count = |verdict| gates.iter().filter(|gate| gate.verdict == verdict).count();
    let document = Document {
        schema: "nonstop.preflight/1",
        server_version: version.to_string(),
        gates,
        summary: Summary {
            ok: count(Verdict::Ok),
            warnings: count(Verdict::Warning),
            stops: count(Verdict::Stop),
            skipped: count(Verdict::Skipped),
        },
    };
    super::document(&document, out)
}
