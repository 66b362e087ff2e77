//! The gates for people: a line each.

use super::{ERROR, GOOD, count, styled};
use nonstop_core::version::ServerVersion;
use nonstop_engine::event::Verdict;
use nonstop_engine::gates::GateReport;
use std::io::{self, Write};

/// Writes the gates' verdicts.
pub fn render(version: ServerVersion, gates: &[GateReport], out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "PostgreSQL {version}")?;
    for gate in gates {
        writeln!(
            out,
            "{} {:<12} {}",
            super::verdict(gate.verdict),
            gate.gate,
            gate.message
        )?;
    }
    let stops = gates.iter().filter(|gate| gate.verdict == Verdict::Stop).count();
    if stops == 0 {
        writeln!(out, "{}", styled(GOOD, "A deploy may begin."))
    } else {
        let text = format!("A deploy would be refused by {}.", count(stops, "gate"));
        writeln!(out, "{}", styled(ERROR, text))
    }
}
