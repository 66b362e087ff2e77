//! Plans for people: what was saved, and what has changed since.

use super::{DIM, ERROR, GOOD, NAME, WARNING, count, indent, styled};
use crate::duration::in_words;
use nonstop_core::explain::{Comparison, IndexFate, IndexUse, Measured, Pair, Saved, Verdict};
use similar::{ChangeTag, TextDiff};
use std::io::{self, Write};
use std::time::Duration;

/// Writes what was saved.
pub fn saved(saved: &Saved, path: &str, out: &mut dyn Write) -> io::Result<()> {
    for one in &saved.queries {
        writeln!(out, "{}  {}", styled(NAME, &one.name), figures(one))?;
        if let Some(why) = &one.not_run {
            writeln!(out, "  {}", styled(DIM, format_args!("planned, not run: {why}")))?;
        }
        writeln!(out, "{}", indent(&plan(Some(one)), 2))?;
    }
    let queries = match saved.queries.len() {
        1 => "1 query".to_owned(),
        number => format!("{number} queries"),
    };
    let indexes = match saved.indexes.len() {
        1 => "1 index".to_owned(),
        number => format!("{number} indexes"),
    };
    writeln!(
        out,
        "Saved {queries} and the use of {indexes} on PostgreSQL {} in {path}.",
        saved.server_version
    )?;
    writeln!(out, "After the change: `nonstop explain compare`.")
}

/// Writes what has changed.
pub fn compared((before, after): (&Saved, &Saved), found: &Comparison<'_>, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "before  {}, PostgreSQL {}\nafter   {}, PostgreSQL {}\n",
        before.at, before.server_version, after.at, after.server_version
    )?;
    for pair in &found.queries {
        query(pair, out)?;
    }
    let number = |verdict: Verdict| found.queries.iter().filter(|pair| pair.verdict == verdict).count();
    let told = [
        (Verdict::Same, "the same"),
        (Verdict::Changed, "changed"),
        (Verdict::Worse, "worse"),
        (Verdict::Failed, "failing"),
        (Verdict::New, "new"),
        (Verdict::Gone, "gone"),
    ];
    let told = told.iter().filter(|(verdict, _)| number(*verdict) > 0);
    let told: Vec<String> = told
        .map(|(verdict, word)| format!("{} {word}", number(*verdict)))
        .collect();
    writeln!(out, "plans: {}.", told.join(", "))?;
    indexes(&found.indexes, out)
}

fn query(pair: &Pair<'_>, out: &mut dyn Write) -> io::Result<()> {
    let verdict = match pair.verdict {
        Verdict::Same => styled(GOOD, "same   "),
        Verdict::Changed => styled(WARNING, "changed"),
        Verdict::Worse => styled(ERROR, "worse  "),
        Verdict::Failed => styled(ERROR, "failed "),
        Verdict::New => styled(DIM, "new    "),
        Verdict::Gone => styled(DIM, "gone   "),
    };
    writeln!(out, "{verdict}  {}", styled(NAME, pair.name()))?;
    let moments = [("before", pair.before), ("after ", pair.after)];
    for (word, measured) in moments.iter().filter_map(|(word, one)| Some((word, (*one)?))) {
        writeln!(out, "  {word}  {}", figures(measured))?;
        if let Some(why) = &measured.not_run {
            writeln!(
                out,
                "          {}",
                styled(DIM, format_args!("planned, not run: {why}"))
            )?;
        }
    }
    if !matches!(pair.verdict, Verdict::Changed | Verdict::Worse) {
        return Ok(());
    }
    let (was, is) = (plan(pair.before), plan(pair.after));
    for change in TextDiff::from_lines(&was, &is).iter_all_changes() {
        let line = change.value().trim_end();
        match change.tag() {
            ChangeTag::Delete => writeln!(out, "  {}", styled(ERROR, format_args!("- {line}")))?,
            ChangeTag::Insert => writeln!(out, "  {}", styled(GOOD, format_args!("+ {line}")))?,
            ChangeTag::Equal => writeln!(out, "    {line}")?,
        }
    }
    Ok(())
}

/// A line for each node.
fn plan(measured: Option<&Measured>) -> String {
    let nodes = measured.map(Measured::nodes).unwrap_or_default();
    nodes
        .iter()
        .flat_map(|node| [node.to_string(), "\n".to_owned()])
        .collect()
}

fn figures(measured: &Measured) -> String {
    if let Some(error) = &measured.error {
        return styled(ERROR, error);
    }
    let mut words = Vec::new();
    if let Some(millis) = measured.execution_ms() {
        words.push(match millis {
            // Most queries that matter take less than the whole milliseconds of other durations can tell.
            ..100.0 => format!("{millis:.2} ms"),
            _ => in_words(Duration::from_secs_f64(millis / 1e3)),
        });
    }
    if let Some(rows) = measured.rows() {
        words.push(count(usize::try_from(rows).unwrap_or(usize::MAX), "row"));
    }
    if let Some(blocks) = measured.blocks() {
        let read = measured.blocks_read().filter(|read| *read > 0);
        let read = read.map_or_else(String::new, |read| format!(" ({read} not in memory)"));
        words.push(format!("{blocks} blocks{read}"));
    }
    if let Some(cost) = measured.cost() {
        words.push(format!("cost {cost:.0}"));
    }
    words.join(", ")
}

fn indexes(all: &[IndexUse<'_>], out: &mut dyn Write) -> io::Result<()> {
    for (fate, word) in [(IndexFate::New, "new"), (IndexFate::Gone, "gone")] {
        let those: Vec<&IndexUse<'_>> = all.iter().filter(|one| one.fate == fate).collect();
        for one in &those {
            let index = one.index;
            let scans = count(usize::try_from(one.scans).unwrap_or(usize::MAX), "scan");
            let scans = if fate == IndexFate::Gone {
                format!("{scans} before")
            } else {
                scans
            };
            let invalid = if index.valid { "" } else { ", INVALID" };
            writeln!(
                out,
                "index {word}: {}.{} on {}, {}, {scans}{invalid}",
                index.schema,
                index.index,
                index.table,
                size(index.bytes)
            )?;
        }
    }
    let kept: Vec<&IndexUse<'_>> = all.iter().filter(|one| one.fate == IndexFate::Kept).collect();
    if !kept.is_empty() {
        let used = kept.iter().filter(|one| one.scans > 0).count();
        writeln!(out, "indexes kept: {}, of which {used} were used since.", kept.len())?;
    }
    Ok(())
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1_048_576 => format!("{} kB", bytes.div_ceil(1024)),
        _ => format!("{} MB", bytes >> 20),
    }
}
