//! What up, down, up came to.

use super::{DIM, ERROR, GOOD, WARNING, count, styled};
use crate::commands::test_rollback::Tried;
use nonstop_engine::rehearsal::RoundTrip;
use std::io::{self, Write};

/// Writes it.
pub fn render(tried: &Tried, out: &mut dyn Write) -> io::Result<()> {
    let RoundTrip { after_down, after_up } = &tried.trip;
    let what = count(tried.names.len(), "migration");
    let on = format!("PostgreSQL {}", tried.server_version);
    for name in &tried.derived {
        let text = "no down script; tried is what `rollback` makes of the folder";
        writeln!(out, "{}", styled(DIM, format_args!("{name}: {text}")))?;
    }
    for lost in &tried.lost {
        writeln!(out, "{}: {lost}", styled(WARNING, "does not come back"))?;
    }
    if after_down.is_empty() {
        writeln!(
            out,
            "{}: {what} down, and all is as before, on {on}.",
            styled(GOOD, "ok")
        )?;
    } else {
        writeln!(
            out,
            "{}: {what} down, and not all is as before, on {on} (before / after):",
            styled(WARNING, "differs")
        )?;
    }
    for difference in after_down {
        writeln!(out, "  {difference}")?;
    }
    if after_up.is_empty() {
        writeln!(out, "{}: up again, and all is as the first time.", styled(GOOD, "ok"))?;
    } else {
        let text = "up again, and not all is as the first time (first / again):";
        writeln!(out, "{}: {text}", styled(ERROR, "differs"))?;
    }
    for difference in after_up {
        writeln!(out, "  {difference}")?;
    }
    Ok(())
}
