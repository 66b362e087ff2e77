//! A status for people: where things stand, what was left behind, and the commands that lead out.

use super::{DIM, ERROR, GOOD, NAME, WARNING, count, indent, session, shell, styled};
use nonstop_engine::event::Direction;
use nonstop_engine::history::Attempt;
use nonstop_engine::manage::Status;
use nonstop_engine::unfinished::Unfinished;
use std::io::{self, Write};

/// A command that leads on, and when it is the right one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WayOut {
    /// To be typed as it is.
    pub command: String,
    /// When.
    pub when: String,
}

/// What can be done, best first; empty when there is nothing to do.
pub fn ways_out(status: &Status) -> Vec<WayOut> {
    let history = &status.history;
    let way = |command: String, when: &str| WayOut {
        command,
        when: when.to_owned(),
    };
    let mut ways = Vec::new();
    if !status.managed && !status.foreign_tables.is_empty() {
        let last = history.pending.first().map_or("NAME".to_owned(), |name| shell(name));
        let when =
            "if its tables come from the first migrations of the folder: name the last one that is already there";
        ways.push(way(format!("nonstop baseline {last}"), when));
        return ways;
    }
    if history.running.is_some() {
        return ways;
    }
    for Attempt { name, .. } in &history.failed {
        let name = shell(name);
        let again =
            "if nothing of it is there, or what is there may stay: the next deploy runs the file again, unedited";
        ways.push(way(format!("nonstop resolve --rolled-back {name}"), again));
        ways.push(way(
            format!("nonstop resolve --applied {name}"),
            "if everything of it is there",
        ));
    }
    if !history.pending.is_empty() || !history.failed.is_empty() || status.unfinished.is_some() {
        if status
            .unfinished
            .as_ref()
            .is_some_and(|one| one.direction == Direction::Back)
        {
            let when = "goes on with the rollback that was begun";
            ways.push(way("nonstop rollback".to_owned(), when));
        }
        let when = match &status.unfinished {
            Some(one) if one.direction == Direction::Back => {
                "takes the rollback back, or finishes it where that cannot be, then applies what is pending"
            }
            Some(one) if goes_back(status, one) => "takes back what was begun, then applies what is pending",
            Some(_) => "goes on from there, or takes it back if its file was changed, then applies what is pending",
            None if history.failed.is_empty() => "applies what is pending",
            None => "then: applies what is pending",
        };
        ways.push(way("nonstop deploy".to_owned(), when));
    }
    ways
}

/// Writes the status.
pub fn render(status: &Status, out: &mut dyn Write) -> io::Result<()> {
    let history = &status.history;
    let table = &status.table;
    match (status.managed, status.foreign_tables.as_slice()) {
        (true, _) => writeln!(out, "PostgreSQL {}, history in {table}", status.server_version)?,
        (false, []) => writeln!(
            out,
            "PostgreSQL {}, no history yet: a first deploy",
            status.server_version
        )?,
        (false, tables) => writeln!(
            out,
            "PostgreSQL {}, {}: the schema has tables ({}) and no history",
            status.server_version,
            styled(ERROR, "not managed"),
            tables.join(", ")
        )?,
    }
    if let Some(last) = history.applied.last() {
        let names = count(history.applied.len(), "migration");
        writeln!(
            out,
            "{} applied, the last {} at {}",
            names,
            last.name,
            moment(last.finished_at)
        )?;
    }
    failed(status, out)?;
    unfinished(status, out)?;
    if let Some(attempt) = &history.running {
        let begun = moment(attempt.started_at);
        writeln!(
            out,
            "{} {}, begun {begun}",
            styled(WARNING, "running"),
            styled(NAME, &attempt.name)
        )?;
    }
    for holder in &status.holders {
        writeln!(out, "  the history lock is held by {}", session::line(holder))?;
    }
    pending(status, out)?;
    differences(status, out)?;
    for leftover in &status.leftovers {
        writeln!(out, "{} {}", styled(WARNING, "left behind"), leftover.in_words())?;
    }
    if status.is_up_to_date() && status.managed {
        let differs = !history.edited.is_empty() || !history.unknown.is_empty();
        let text = if differs {
            styled(WARNING, "Nothing is pending, but the folder is not what was applied.")
        } else {
            styled(GOOD, "The database is up to date.")
        };
        writeln!(out, "{text}")?;
    }
    let ways = ways_out(status);
    if !ways.is_empty() {
        writeln!(out, "\nWhat to do:")?;
        for way in ways {
            writeln!(out, "  {}\n      {}", styled(NAME, way.command), styled(DIM, way.when))?;
        }
    }
    Ok(())
}

/// It was resolved as rolled back, or taking it back has begun already.
fn goes_back(status: &Status, one: &Unfinished) -> bool {
    let void = &status.history.rolled_back;
    one.undoing || void.iter().any(|attempt| attempt.id == one.id)
}

/// What a run has begun, as long as nobody is at it.
fn unfinished(status: &Status, out: &mut dyn Write) -> io::Result<()> {
    let Some(one) = status.unfinished.as_ref() else {
        return Ok(());
    };
    if status.history.running.is_none() {
        let doing = match one.direction {
            Direction::Back if one.undoing => " of its rollback, being taken back",
            Direction::Back => " of its rollback",
            Direction::Forward if goes_back(status, one) => ", being taken back",
            Direction::Forward => "",
        };
        writeln!(
            out,
            "{} {}, {} of {} done{doing}",
            styled(WARNING, "unfinished"),
            styled(NAME, &one.name),
            one.done,
            count(usize::try_from(one.steps).unwrap_or_default(), "step"),
        )?;
        let why = one.failure.as_deref().unwrap_or("its run was cut off");
        writeln!(out, "{}", indent(why, 4))?;
    }
    Ok(())
}

fn failed(status: &Status, out: &mut dyn Write) -> io::Result<()> {
    for attempt in &status.history.failed {
        let begun = moment(attempt.started_at);
        writeln!(
            out,
            "{} {}, begun {begun}",
            styled(ERROR, "failed"),
            styled(NAME, &attempt.name)
        )?;
        let Some(logs) = &attempt.logs else {
            writeln!(
                out,
                "  without a word: its process or its connection died. What it did is not known."
            )?;
            continue;
        };
        writeln!(out, "{}", indent(logs.trim(), 4))?;
        if logs.contains("25001") || logs.contains("inside a transaction block") {
            writeln!(
                out,
                "  It ran inside one transaction, where CONCURRENTLY cannot. `nonstop deploy` runs such a statement alone, so \
                 the file needs no edit."
            )?;
        }
    }
    let void = status.history.rolled_back.len();
    if void > 0 {
        let text = format!("{} rolled back; they block nothing", count(void, "earlier attempt"));
        writeln!(out, "{}", styled(DIM, text))?;
    }
    Ok(())
}

fn pending(status: &Status, out: &mut dyn Write) -> io::Result<()> {
    let history = &status.history;
    if history.pending.is_empty() {
        return Ok(());
    }
    let behind = if history.failed.is_empty() {
        ""
    } else {
        ", waiting behind the failed one"
    };
    writeln!(out, "{} pending{behind}:", count(history.pending.len(), "migration"))?;
    for name in &history.pending {
        let mut remarks = Vec::new();
        if history.without_file.contains(name) {
            remarks.push("has no SQL file (P3015 at its turn)".to_owned());
        }
        let late = history.out_of_order.iter().find(|one| one.name == *name);
        remarks.extend(late.map(|one| format!("sorts before {}, which is applied", one.before)));
        let remarks = if remarks.is_empty() {
            String::new()
        } else {
            format!("  ({})", remarks.join("; "))
        };
        writeln!(out, "  {name}{}", styled(DIM, remarks))?;
    }
    Ok(())
}

fn differences(status: &Status, out: &mut dyn Write) -> io::Result<()> {
    for name in &status.history.edited {
        let text =
            "its file is not the one that was applied (Prisma does not look). Undo the edit, and make a new migration";
        writeln!(out, "{} {}: {text}.", styled(WARNING, "edited"), styled(NAME, name))?;
    }
    for name in &status.history.unknown {
        let text = "applied, and not in this folder";
        writeln!(out, "{} {}: {text}.", styled(WARNING, "unknown"), styled(NAME, name))?;
    }
    Ok(())
}

/// `2025-12-25 10:04:05 UTC`.
fn moment(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}
