//! Gate `history`: nothing failed before, nothing of others in the way, and what Prisma does not look at.

use super::{Finding, Looked, Subject};
use crate::advisory;
use crate::event::{Direction, Holder};
use crate::history::{Diagnosis, Found, History, HistoryError, HistoryKind, diagnose};
use crate::unfinished::{Unfinished, unfinished};

pub(super) const NAME: &str = "history";

pub(super) async fn look(subject: &Subject<'_>) -> Looked {
    let client = subject.session.client();
    let found = match subject.history.find(client).await {
        Ok(found) => found,
        Err(HistoryError::Database { source, .. }) => return Err(source),
        Err(other) => return Ok(Finding::stop(other.to_string())),
    };
    let mut rows = match found {
        Found::Rows(rows) => rows,
        Found::Nothing => return Ok(Finding::ok("no history yet, and an empty schema")),
        Found::Foreign(tables) => {
            let schema = subject.history.schema().to_owned();
            return Ok(Finding::stop(HistoryError::NotEmpty { schema, tables }.to_string()));
        }
    };
    let unfinished = unfinished(client, subject.history).await?;
    let ours = |id: &String| subject.resumable.contains(id) || unfinished.as_ref().is_some_and(|one| one.id == *id);
    rows.retain(|row| !ours(&row.id));
    let our_lock = subject.lock.map(advisory::HistoryLock::pid);
    let holders = advisory::holders(client).await?;
    let holder = holders.into_iter().find(|holder| Some(holder.pid) != our_lock);
    let mut diagnosis = diagnose(&rows, subject.migrations, holder.as_ref());
    if let Some(unfinished) = &unfinished {
        diagnosis.pending.retain(|name| *name != unfinished.name);
    }
    Ok(judge(&diagnosis, holder.as_ref(), unfinished.as_ref(), subject.history))
}

fn judge(
    diagnosis: &Diagnosis,
    holder: Option<&Holder>,
    unfinished: Option<&Unfinished>,
    history: &History,
) -> Finding {
    let mut findings = Vec::new();
    if let (Some(one), None) = (unfinished, holder) {
        let (what, who) = match one.direction {
            Direction::Forward => ("", "deploy"),
            Direction::Back => ("to roll back ", "the next deploy or rollback"),
        };
        findings.push(Finding::warning(format!(
            "an earlier run has begun {what}{} and come to {} of {} steps: {who} finishes it, or takes it back, first.",
            one.name, one.done, one.steps
        )));
    }
    for failed in &diagnosis.failed {
        let code = match history.kind() {
            HistoryKind::Prisma => "P3009: ",
            HistoryKind::Own => "",
        };
        let error = failed.logs.as_deref().map_or_else(
            || "no error was recorded, so its process was killed".to_owned(),
            |logs| format!("its error: {}", first_lines(logs)),
        );
        findings.push(Finding::stop(format!(
            "{code}the migration {} of {} failed and blocks ({error}). Say what it left: `nonstop resolve --rolled-back {0}` \
             to run it again, `nonstop resolve --applied {0}` if everything of it is there.",
            failed.name, failed.started_at
        )));
    }
    if let Some(holder) = holder {
        let at = diagnosis
            .running
            .as_ref()
            .map_or(String::new(), |one| format!(" at {}", one.name));
        findings.push(Finding::warning(format!(
            "another migration run is at work{at}: {}.",
            advisory::holder_in_words(holder)
        )));
    }
    let mut list = |names: &[String], what: &str| {
        if !names.is_empty() {
            findings.push(Finding::warning(format!("{what}: {}.", some(names))));
        }
    };
    list(&diagnosis.edited, "applied, and the file was changed since");
    list(&diagnosis.unknown, "applied, but not in the folder");
    list(
        &diagnosis.without_file,
        "in the folder without its SQL file (P3015 at its turn)",
    );
    let odd: Vec<String> = diagnosis.out_of_order.iter().map(|one| one.name.clone()).collect();
    list(&odd, "pending, though the folder has applied ones after it");
    let fine = format!(
        "{} applied, {} pending ({})",
        diagnosis.applied.len(),
        diagnosis.pending.len(),
        history.table()
    );
    Finding::all(findings, &fine)
}

/// The first names, and how many more.
fn some(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown: Vec<&str> = names.iter().take(SHOWN).map(String::as_str).collect();
    let more = names.len().saturating_sub(SHOWN);
    let tail = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    format!("{}{tail}", shown.join(", "))
}

/// The beginning of an error text, on one line.
fn first_lines(text: &str) -> String {
    const SHOWN: usize = 300;
    let line: Vec<&str> = text.split_whitespace().collect();
    let line = line.join(" ");
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Verdict;
    use crate::history::Attempt;
    use crate::target::Target;
    use jiff::Timestamp;

    fn judged(diagnosis: &Diagnosis) -> Finding {
        let target = Target::parse("postgresql://h/d").unwrap();
        judge(diagnosis, None, None, &History::new(HistoryKind::Prisma, &target))
    }

    #[test]
    fn a_failed_row_stops_with_its_error_and_the_way_out() {
        let finding = judged(&Diagnosis {
            failed: vec![Attempt {
                name: "20251225_step6".into(),
                started_at: Timestamp::UNIX_EPOCH,
                logs: Some("ERROR 25001:\n  CREATE INDEX CONCURRENTLY".into()),
                id: "x".into(),
            }],
            edited: vec!["1".into()],
            ..Diagnosis::default()
        });
        assert_eq!(finding.verdict, Verdict::Stop);
        for part in [
            "P3009",
            "25001: CREATE",
            "resolve --rolled-back 20251225_step6",
            "changed since: 1",
        ] {
            assert!(finding.message.contains(part), "{}", finding.message);
        }
    }

    #[test]
    fn what_prisma_does_not_see_is_a_warning() {
        let names: Vec<String> = (0..7).map(|at| at.to_string()).collect();
        let finding = judged(&Diagnosis {
            unknown: names,
            ..Diagnosis::default()
        });
        assert_eq!(finding.verdict, Verdict::Warning);
        assert!(finding.message.contains("0, 1, 2, 3, 4 and 2 more"));
        assert_eq!(judged(&Diagnosis::default()).verdict, Verdict::Ok);
    }
}
