//! A plan for people: what each migration does to traffic, step by step.

use super::{DIM, ERROR, GOOD, NAME, WARNING, count, indent, one_line, styled};
use crate::duration::in_words;
use nonstop_core::plan::{MigrationPlan, Notice, Plan};
use nonstop_core::step::{Goal, Step, Undo, Work};
use nonstop_engine::event::Direction;
use nonstop_engine::trace::{Trace, TracedStep, in_words as in_words_of};
use std::io::{self, Write};
use std::time::Duration;

/// Writes the whole plan.
pub fn render(plan: &Plan, direction: Direction, out: &mut dyn Write) -> io::Result<()> {
    written(plan, direction, None, out)
}

/// Writes the plan of a deploy, each step with what was seen of it.
pub fn traced(plan: &Plan, trace: Option<&Trace>, out: &mut dyn Write) -> io::Result<()> {
    written(plan, Direction::Forward, trace, out)
}

fn written(plan: &Plan, direction: Direction, trace: Option<&Trace>, out: &mut dyn Write) -> io::Result<()> {
    if plan.migrations.is_empty() {
        return writeln!(out, "Nothing to do: every migration is applied.");
    }
    let number = plan.migrations.len();
    let what = match direction {
        Direction::Forward => count(number, "pending migration"),
        Direction::Back => format!("{} to roll back", count(number, "migration")),
    };
    writeln!(out, "{what}, PostgreSQL {}", plan.server_version)?;
    for migration in &plan.migrations {
        writeln!(out)?;
        render_migration(migration, trace, out)?;
    }
    if let Some(trace) = trace {
        writeln!(out)?;
        stage(trace, out)?;
    }
    let refused = plan.migrations.iter().filter(|plan| !plan.refusals.is_empty()).count();
    if refused > 0 {
        writeln!(out)?;
        let text = format!(
            "{} cannot be run safely; deploy touches nothing.",
            count(refused, "migration")
        );
        writeln!(out, "{}", styled(ERROR, text))?;
    }
    Ok(())
}

fn render_migration(plan: &MigrationPlan, trace: Option<&Trace>, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}  {}", styled(NAME, &plan.name), styled(DIM, shape(plan)))?;
    for step in &plan.steps {
        render_step(step, out)?;
        if let Some(seen) = trace.and_then(|trace| trace.find(&plan.name, &step.id)) {
            render_seen(seen, out)?;
        }
    }
    for notice in &plan.warnings {
        render_notice("warning", WARNING, notice, out)?;
    }
    for notice in &plan.refusals {
        render_notice("refused", ERROR, notice, out)?;
    }
    Ok(())
}

/// `one transaction` or `3 steps`.
pub(crate) fn shape(plan: &MigrationPlan) -> String {
    match plan.steps.len() {
        0 => "nothing to run".to_owned(),
        _ if plan.is_atomic() => "one transaction".to_owned(),
        steps => count(steps, "step"),
    }
}

fn render_step(step: &Step, out: &mut dyn Write) -> io::Result<()> {
    let mut statements = step.sql.iter();
    let first = statements.next().map_or("", |sql| sql.as_str());
    writeln!(
        out,
        "  {:>2}  {:<8}  {}",
        step.id,
        step.kind.word(),
        one_line(first, 96)
    )?;
    for sql in statements {
        writeln!(out, "                {}", one_line(sql.as_str(), 96))?;
    }
    for line in facts(step) {
        writeln!(out, "                {}", styled(DIM, line))?;
    }
    Ok(())
}

/// What was seen of a step, beside what the lines above foresee.
fn render_seen(seen: &TracedStep, out: &mut dyn Write) -> io::Result<()> {
    let locks = seen.locks.iter().map(|lock| format!("{} {}", lock.relation, lock.mode));
    let work = seen
        .work
        .iter()
        .map(|(name, work)| format!("{name} {}", in_words_of(*work)));
    let mut facts: Vec<String> = locks.chain(work).collect();
    if facts.is_empty() {
        facts.push("no lock on what was there before".to_owned());
    }
    facts.push(in_words(seen.duration));
    let how = if seen.is_sampled { "seen (sampled)" } else { "seen" };
    writeln!(
        out,
        "                {}",
        styled(DIM, format!("{how}: {}", facts.join("; ")))
    )?;
    let word = if seen.is_opaque { "keeps out" } else { "not foreseen" };
    for surprise in &seen.unforeseen {
        writeln!(out, "                {}: {surprise}", styled(WARNING, word))?;
    }
    if let Some(error) = &seen.error {
        writeln!(out, "                {}: {error}", styled(ERROR, "failed there"))?;
    }
    Ok(())
}

/// How many differences are shown.
const SHOWN: usize = 20;

/// Where it was seen, and how far that is the production.
fn stage(trace: &Trace, out: &mut dyn Write) -> io::Result<()> {
    if trace.migrations.is_empty() {
        return writeln!(out, "Nothing was run: the first migration is refused.");
    }
    writeln!(
        out,
        "Seen on a throw-away PostgreSQL {}, on the empty tables that {} made.",
        trace.server_version,
        count(trace.applied, "applied migration")
    )?;
    if !trace.differences.is_empty() {
        let text = "its catalog is not that of the database, so what was seen there may not hold here";
        writeln!(out, "{}: {text}", styled(WARNING, "warning"))?;
        for difference in trace.differences.iter().take(SHOWN) {
            writeln!(out, "  {}", one_line(difference, 120))?;
        }
        if trace.differences.len() > SHOWN {
            writeln!(out, "  … and {} more", trace.differences.len() - SHOWN)?;
        }
    }
    if trace.has_opaque() {
        let text = "What a text does not tell was seen as far as it goes without rows: a branch or loop that needs rows did not run.";
        writeln!(out, "{}: {text}", styled(WARNING, "warning"))?;
    }
    if trace.has_defects() {
        let text = "A step did what its plan does not say. That is a defect of nonstop: please report it.";
        writeln!(out, "{}", styled(ERROR, text))?;
    }
    Ok(())
}

fn facts(step: &Step) -> Vec<String> {
    let mut lines = Vec::new();
    if !step.note.is_empty() {
        lines.push(step.note.clone());
    }
    for lock in &step.locks {
        let blocks = match lock.mode.blocks_in_words() {
            "nothing" => "blocks no reads or writes".to_owned(),
            words if step.work == Work::None && !step.open_ended => format!("blocks {words} for a moment"),
            words => format!("blocks {words} until it is done"),
        };
        lines.push(format!("locks {} {}: {blocks}", lock.relation, lock.mode));
    }
    let mut line = vec![work(step).to_owned()];
    line.push(match step.lock_timeout {
        _ if step.batch.is_some() => "each batch locks its rows until it is committed".to_owned(),
        Some(timeout) => format!("waits at most {} for a lock", in_words(timeout.0)),
        None => "no lock timeout".to_owned(),
    });
    if let Some(estimate) = step.estimate_ms {
        line.push(format!("about {}", in_words(Duration::from_millis(estimate.max(1)))));
    }
    lines.push(line.join("; "));
    match &step.undo {
        Undo::Nothing => {}
        Undo::Steps(steps) => {
            let sql: Vec<_> = steps.iter().map(|undo| one_line(undo.sql.as_str(), 90)).collect();
            lines.push(format!("undo: {}", sql.join("; ")));
        }
        Undo::Impossible(reason) => lines.push(format!("no undo: {reason}")),
    }
    lines
}

fn work(step: &Step) -> &'static str {
    match step.work {
        _ if step.batch.is_some() => "changes rows in batches",
        Work::None if matches!(step.goal, Goal::IndexGone { .. }) => "waits for the transactions that may use it",
        Work::None if step.open_ended => "how long it takes is not known",
        Work::None => "instant",
        Work::Scan => "reads every row",
        Work::IndexBuild => "builds an index",
        Work::Rewrite => "rewrites the table",
    }
}

fn render_notice(word: &str, style: anstyle::Style, notice: &Notice, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "  {} [{}] line {}: {}",
        styled(style, word),
        notice.rule,
        notice.line,
        notice.message
    )?;
    if !notice.sql.as_str().is_empty() {
        writeln!(out, "{}", indent(&one_line(notice.sql.as_str(), 100), 10))?;
    }
    if !notice.help.is_empty() {
        writeln!(out, "{}", indent(&notice.help, 10))?;
    }
    Ok(())
}

/// The few lines that a deploy shows before it begins.
pub fn summary(plan: &Plan, out: &mut dyn Write) -> io::Result<()> {
    let pending = count(plan.migrations.len(), "pending migration");
    writeln!(out, "{pending}, PostgreSQL {}", plan.server_version)?;
    for migration in &plan.migrations {
        let word = if migration.refusals.is_empty() {
            styled(GOOD, "safe")
        } else {
            styled(ERROR, "refused")
        };
        writeln!(out, "  {}  {} {word}", migration.name, styled(DIM, shape(migration)))?;
    }
    Ok(())
}
