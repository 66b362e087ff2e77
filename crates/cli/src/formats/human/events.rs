//! A deploy told as it happens, line by line.
//!
//! The teller remembers only what keeps it from repeating itself; it knows no clock and no terminal, so the same lines
//! appear above a progress bar and in a log file.

use super::{DIM, ERROR, GOOD, NAME, WARNING, count, indent, one_line, styled};
use crate::duration::in_words;
use crate::formats::places::Places;
use crate::terminal::Verbosity;
use nonstop_engine::event::{Direction, Event, Failure, Holder, Outcome, Verdict};
use std::time::Duration;

/// Tells a run.
#[derive(Debug)]
pub struct Story {
    verbosity: Verbosity,
    direction: Direction,
    steps: usize,
    /// What the last wait line said, and after how long.
    wait: Option<(String, u64)>,
    /// The last progress line's phase and tenth.
    progress: Option<(String, u64)>,
    /// How often the watchdog has cancelled this step.
    cancels: u32,
    places: Places,
    /// What goes on where something stopped.
    way_on: WayOn,
}

/// What goes on where something stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WayOn {
    /// The verb that ran.
    SameVerb,
    /// Whoever ran it says so.
    Elsewhere,
}

/// In a wait that nothing changes about, a line is repeated after this long.
const REPEAT_WAIT_MS: u64 = 15_000;

impl Story {
    /// Nothing told yet.
    pub fn new(verbosity: Verbosity) -> Self {
        Self {
            verbosity,
            direction: Direction::Forward,
            steps: 0,
            wait: None,
            progress: None,
            cancels: 0,
            places: Places::default(),
            way_on: WayOn::SameVerb,
        }
    }

    /// For a backfill, whose ways on its end tells.
    pub fn of_backfill(mut self) -> Self {
        self.way_on = WayOn::Elsewhere;
        self
    }

    /// With the files, so that a failed statement has its place.
    pub fn with_places(mut self, places: Places) -> Self {
        self.places = places;
        self
    }

    /// The line for an event, if it deserves one.
    pub fn line(&mut self, event: &Event) -> Option<String> {
        let line = self.tell(event)?;
        let important = matches!(event, Event::MigrationFailed { .. })
            || matches!(event, Event::Gate { verdict, .. } if *verdict == Verdict::Stop);
        (self.verbosity > Verbosity::Quiet || important).then_some(line)
    }

    fn tell(&mut self, event: &Event) -> Option<String> {
        match event {
            Event::RunStarted {
                migrations,
                direction,
                server_version,
                ..
            } => {
                self.direction = *direction;
                (!migrations.is_empty()).then(|| started(migrations, *direction, server_version))
            }
            Event::Gate { gate, verdict, message } => gate_line(gate, *verdict, message, self.verbosity),
            Event::MigrationStarted {
                migration,
                direction,
                steps,
                resumed,
            } => {
                self.steps = *steps;
                let back = match direction {
                    Direction::Forward => "",
                    Direction::Back => "back, ",
                };
                let resumed = match resumed {
                    0 => String::new(),
                    done => format!(", going on after {} of an earlier run", count(*done, "step")),
                };
                let steps = count(*steps, "step");
                Some(format!(
                    "{}  {}",
                    styled(NAME, migration),
                    styled(DIM, format!("{back}{steps}{resumed}"))
                ))
            }
            Event::StepStarted {
                step, kind, summary, ..
            } => {
                (self.wait, self.progress, self.cancels) = (None, None, 0);
                let of = self.steps;
                Some(format!("  {step}/{of} {kind:<8} {}", one_line(summary, 100)))
            }
            Event::LockWait {
                waiting_for,
                holders,
                waited_ms,
                ..
            } => self.wait_line(waiting_for, holders, *waited_ms),
            Event::LockRetry {
                cancelled_for: Some(victim),
                pause_ms,
                ..
            } => self.cancel_line(victim, *pause_ms),
            Event::LockRetry {
                attempt,
                reason,
                pause_ms,
                ..
            } => (self.verbosity == Verbosity::Verbose)
                .then(|| styled(DIM, format!("      try {attempt}: {reason}; again in {pause_ms} ms"))),
            Event::Progress {
                phase,
                done,
                total,
                rows_per_second,
                left_ms,
                resting_for,
                ..
            } => {
                let resting = resting_for.map_or_else(String::new, |whom| format!("; it rests for {whom}"));
                let line = self.progress_line(phase, (*done, *total), (*rows_per_second, *left_ms));
                line.map(|line| format!("{line}{}", styled(DIM, resting)))
            }
            Event::Pause { reason, waited_ms, .. } => self.pause_line(reason, *waited_ms),
            Event::RowsChanged {
                rows,
                batches,
                hot_percent,
                grown_bytes,
                dead_rows,
                ..
            } => {
                let batches = if *batches == 1 {
                    "1 batch".to_owned()
                } else {
                    format!("{batches} batches")
                };
                let changed = format!("{rows} rows changed in {batches}");
                let hot = hot_percent.map(|share| format!("; {share} % of the updates touched no index"));
                let grown = format!(
                    "; the table grew by {} MiB, {dead_rows} dead rows are autovacuum's",
                    grown_bytes >> 20
                );
                Some(styled(
                    DIM,
                    format!("      {changed}{}{grown}", hot.unwrap_or_default()),
                ))
            }
            Event::StepFinished { duration_ms, .. } => (*duration_ms >= 1_000 || self.verbosity == Verbosity::Verbose)
                .then(|| styled(DIM, format!("      done in {}", words(*duration_ms)))),
            Event::StepUndone { step, .. } => Some(format!("  step {step} undone")),
            Event::MigrationFinished {
                direction, duration_ms, ..
            } => {
                let done = match direction {
                    Direction::Forward => "applied",
                    Direction::Back => "rolled back",
                };
                Some(format!("  {} in {}", styled(GOOD, done), words(*duration_ms)))
            }
            Event::MigrationFailed {
                migration,
                error,
                undone,
                resumable,
            } => {
                let place = self.places.find(migration, error.statement.as_deref());
                let way_on = (*resumable).then_some(self.way_on);
                Some(failure(
                    (migration, self.direction),
                    error,
                    place.as_ref(),
                    undone,
                    way_on,
                ))
            }
            Event::Warning { migration, message } => {
                let about = migration.as_ref().map(|name| format!("{name}: ")).unwrap_or_default();
                Some(format!("{}: {about}{message}", styled(WARNING, "warning")))
            }
            // Told as the result, on the other stream; and events of a later version are for later faces.
            _ => None,
        }
    }

    /// The last line, for stdout.
    pub fn conclusion(&self, event: &Event) -> Option<String> {
        let Event::RunFinished {
            outcome,
            applied,
            rolled_back,
            duration_ms,
        } = event
        else {
            return None;
        };
        let took = words(*duration_ms);
        let (number, done) = match self.direction {
            Direction::Forward => (*applied, "applied"),
            Direction::Back => (*rolled_back, "rolled back"),
        };
        let text = count(number, "migration");
        let before = format!("{text} {done}");
        let verb = self.direction.verb();
        Some(match outcome {
            Outcome::Done => {
                let (first, rest) = done.split_at(1);
                styled(GOOD, format!("{}{rest} {text} in {took}.", first.to_uppercase()))
            }
            Outcome::Nothing => match self.direction {
                Direction::Forward => "Nothing to do: every migration is applied.".to_owned(),
                Direction::Back => "Nothing to do: no such migration is applied.".to_owned(),
            },
            Outcome::Failed => {
                let text = format!("Failed after {took}; {before} before. Nothing is half done.");
                styled(ERROR, text)
            }
            Outcome::Refused if number > 0 => {
                let text = format!("Refused after {before}; nothing of the refused one was touched.");
                styled(ERROR, text)
            }
            Outcome::Refused => styled(ERROR, "Refused; nothing was touched."),
            Outcome::Resumable => {
                let text = format!("Stopped part way after {took}; {before} before.");
                format!("{} Run `{verb}` again to go on.", styled(WARNING, text))
            }
        })
    }

    fn wait_line(&mut self, waiting_for: &str, holders: &[Holder], waited_ms: u64) -> Option<String> {
        let who = match holders {
            [] => "nobody that can be seen holds it".to_owned(),
            holders => holders.iter().map(holder).collect::<Vec<_>>().join("\n        "),
        };
        let pids: Vec<_> = holders.iter().map(|holder| holder.pid).collect();
        let key = format!("{waiting_for} {pids:?}");
        if let Some((told, at)) = &self.wait
            && *told == key
            && waited_ms < at.saturating_add(REPEAT_WAIT_MS)
        {
            return None;
        }
        self.wait = Some((key, waited_ms));
        let head = format!("      waiting for {waiting_for}, {} so far", words(waited_ms));
        Some(format!("{head}\n        {who}"))
    }

    /// The first, the second, the fourth and so on: each of a thousand would say no more.
    fn cancel_line(&mut self, victim: &Holder, pause_ms: u64) -> Option<String> {
        self.cancels += 1;
        if self.verbosity < Verbosity::Verbose && !self.cancels.is_power_of_two() {
            return None;
        }
        let times = match self.cancels {
            1 => String::new(),
            times => format!(", {times} times so far"),
        };
        Some(format!(
            "      cancelled, because somebody waited for it{times}; again in {}\n        {}",
            words(pause_ms),
            holder(victim)
        ))
    }

    /// When the reason changes, and now and then.
    fn pause_line(&mut self, reason: &str, waited_ms: u64) -> Option<String> {
        // The figures in it change with each look.
        let key: String = reason.chars().filter(|ch| !ch.is_ascii_digit()).collect();
        if let Some((told, at)) = &self.wait
            && *told == key
            && waited_ms > *at
            && waited_ms < at.saturating_add(REPEAT_WAIT_MS)
        {
            return None;
        }
        self.wait = Some((key, waited_ms));
        Some(format!("      waiting: {reason}; {} so far", words(waited_ms)))
    }

    fn progress_line(
        &mut self,
        phase: &str,
        (done, total): (u64, u64),
        (rate, left_ms): (Option<u64>, Option<u64>),
    ) -> Option<String> {
        let tenth = (done.saturating_mul(10)).checked_div(total).unwrap_or(0);
        let now = (phase.to_owned(), tenth);
        if self.progress.as_ref() == Some(&now) {
            return None;
        }
        self.progress = Some(now);
        let percent = match total {
            0 => String::new(),
            total => format!(" {} %", done.saturating_mul(100) / total),
        };
        let left = left_ms.map_or_else(String::new, |ms| format!(", {}", words(ms)));
        let rate = rate.map(|rate| {
            format!(
                ", {rate} rows a second, about {} left{left}",
                total.saturating_sub(done)
            )
        });
        Some(styled(
            DIM,
            format!("      {phase}{percent}{}", rate.unwrap_or_default()),
        ))
    }
}

/// A session in a line.
pub fn holder(holder: &Holder) -> String {
    let Holder {
        pid,
        user,
        application,
        state,
        age_ms,
        query,
        mode,
        relation,
    } = holder;
    let who = match (pid, application.as_str()) {
        (0, _) => format!("a prepared transaction of {user}"),
        (pid, "") => format!("pid {pid} ({user})"),
        (pid, application) => format!("pid {pid} ({user}, {application})"),
    };
    let holds = match (mode, relation) {
        (Some(mode), Some(relation)) => format!(" holds {mode} on {relation}"),
        (Some(mode), None) => format!(" holds {mode}"),
        (None, _) => String::new(),
    };
    let query = match one_line(query, 80) {
        empty if empty.is_empty() => String::new(),
        query => format!(": {query}"),
    };
    format!("{who}{holds}, {state} for {}{query}", words(*age_ms))
}

fn started(migrations: &[String], direction: Direction, server_version: &str) -> String {
    let shown = 12;
    let what = match direction {
        Direction::Forward => count(migrations.len(), "pending migration"),
        Direction::Back => format!("{} to roll back", count(migrations.len(), "migration")),
    };
    let mut lines = vec![format!("{what}, PostgreSQL {server_version}")];
    lines.extend(migrations.iter().take(shown).map(|name| format!("  {name}")));
    if migrations.len() > shown {
        lines.push(format!("  … and {} more", migrations.len() - shown));
    }
    lines.join("\n")
}

fn gate_line(gate: &str, verdict: Verdict, message: &str, verbosity: Verbosity) -> Option<String> {
    (verdict != Verdict::Ok || verbosity == Verbosity::Verbose)
        .then(|| format!("{} {gate}: {message}", super::verdict(verdict)))
}

/// Everything known of a failure: the statement, its place, what the server said, what was undone, what to do next.
fn failure(
    (migration, direction): (&str, Direction),
    error: &Failure,
    place: Option<&String>,
    undone: &[String],
    way_on: Option<WayOn>,
) -> String {
    let refusal = error.message.strip_prefix("refused ");
    let name = styled(NAME, migration);
    let mut lines = vec![match refusal {
        Some(why) => format!("{} {name} {why}", styled(ERROR, "refused")),
        None => format!("{} {name}: {}", styled(ERROR, "failed"), error.message),
    }];
    let mut fact = |name: &str, text: Option<&String>| {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            let rest = indent(text.trim_end(), 15);
            lines.push(format!("  {name:<12} {}", rest.trim_start()));
        }
    };
    fact("file", place);
    fact("statement", error.statement.as_ref());
    fact("SQLSTATE", error.sqlstate.as_ref());
    fact("detail", error.detail.as_ref());
    fact("hint", error.hint.as_ref());
    if !error.rows.is_empty() {
        fact("rows", Some(&error.rows.join("\n")));
    }
    if !undone.is_empty() {
        fact("undone", Some(&undone.join("\n")));
    }
    let verb = direction.verb();
    let next = match direction {
        _ if way_on == Some(WayOn::Elsewhere) => String::new(),
        _ if way_on.is_some() => format!("`{verb}` goes on from here once the cause is gone."),
        _ if refusal.is_some() => "Nothing of this migration was touched.".to_owned(),
        Direction::Forward => {
            format!("Nothing of this migration is left. Change its data or its file, then run `{verb}` again.")
        }
        Direction::Back => {
            format!("The migration is applied as before. Change its data or its down script, then run `{verb}` again.")
        }
    };
    fact("next", Some(&next));
    lines.join("\n")
}

fn words(millis: u64) -> String {
    in_words(Duration::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    fn wait(waited_ms: u64) -> Event {
        Event::LockWait {
            migration: "m".to_owned(),
            step: "1".to_owned(),
            waiting_for: "public.Tip".to_owned(),
            holders: vec![Holder {
                pid: 42,
                user: "bot".to_owned(),
                application: "report".to_owned(),
                state: "idle in transaction".to_owned(),
                age_ms: 12_000,
                query: "SELECT\n 1".to_owned(),
                mode: Some("ACCESS SHARE".to_owned()),
                relation: Some("public.Tip".to_owned()),
            }],
            waited_ms,
        }
    }

    #[test]
    fn a_wait_names_its_holder_and_is_not_repeated() {
        let mut story = Story::new(Verbosity::Normal);
        let line = story.line(&wait(1_200)).unwrap();
        insta::assert_snapshot!(plain(&line), @r"
              waiting for public.Tip, 1.2 s so far
                pid 42 (bot, report) holds ACCESS SHARE on public.Tip, idle in transaction for 12 s: SELECT 1
        ");
        assert_eq!(story.line(&wait(1_400)), None);
        assert!(story.line(&wait(17_000)).is_some());
    }

    #[test]
    fn cancels_are_told_and_counted() {
        let Event::LockWait { mut holders, .. } = wait(0) else {
            unreachable!()
        };
        let cancel = Event::LockRetry {
            migration: "m".to_owned(),
            step: "1".to_owned(),
            attempt: 1,
            reason: "let go because pid 42 waited for it".to_owned(),
            cancelled_for: holders.pop(),
            pause_ms: 50,
        };
        let mut story = Story::new(Verbosity::Normal);
        let told: Vec<String> = (0..100).filter_map(|_| story.line(&cancel)).collect();
        assert_eq!(told.len(), 7);
        insta::assert_snapshot!(plain(&told[2]), @r"
              cancelled, because somebody waited for it, 4 times so far; again in 50 ms
                pid 42 (bot, report) holds ACCESS SHARE on public.Tip, idle in transaction for 12 s: SELECT 1
        ");
    }

    #[test]
    fn a_failure_says_everything() {
        let event = Event::MigrationFailed {
            migration: "20240101_x".to_owned(),
            error: Failure {
                rule: None,
                statement: Some("CREATE UNIQUE INDEX a\n  ON b (c)".to_owned()),
                sqlstate: Some("23505".to_owned()),
                message: "duplicate values of (c) in public.b".to_owned(),
                detail: Some("Key (c)=(1) is duplicated.".to_owned()),
                hint: None,
                rows: vec!["c=1: 2 rows".to_owned()],
            },
            undone: vec!["step 1".to_owned()],
            resumable: false,
        };
        let line = Story::new(Verbosity::Quiet).line(&event).unwrap();
        insta::assert_snapshot!(plain(&line), @r"
        failed 20240101_x: duplicate values of (c) in public.b
          statement    CREATE UNIQUE INDEX a
                         ON b (c)
          SQLSTATE     23505
          detail       Key (c)=(1) is duplicated.
          rows         c=1: 2 rows
          undone       step 1
          next         Nothing of this migration is left. Change its data or its file, then run `nonstop deploy` again.
        ");
    }

    #[test]
    fn progress_is_told_in_tenths() {
        let progress = |done| Event::Progress {
            migration: "m".to_owned(),
            step: "1".to_owned(),
            phase: "building index".to_owned(),
            done,
            total: 1000,
            rows_per_second: None,
            left_ms: None,
            resting_for: None,
        };
        let mut story = Story::new(Verbosity::Normal);
        let told = (0..=1000).filter(|done| story.line(&progress(*done)).is_some()).count();
        assert_eq!(told, 11);
    }
}
