//! A plan for people: what each migration does to traffic, step by step.

use super::{DIM, ERROR, GOOD, NAME, WARNING, count, indent, one_line, styled};
use crate::duration::in_words;
use nonstop_core::plan::{MigrationPlan, Notice, Plan};
use nonstop_core::step::{Goal, Step, Undo, Work};
use nonstop_engine::event::Direction;
use std::io::{self, Write};
use std::time::Duration;

/// Writes the whole plan.
pub fn render(plan: &Plan, direction: Direction, out: &mut dyn Write) -> io::Result<()> {
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
        render_migration(migration, out)?;
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

fn render_migration(plan: &MigrationPlan, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}  {}", styled(NAME, &plan.name), styled(DIM, shape(plan)))?;
    for step in &plan.steps {
        render_step(step, out)?;
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
