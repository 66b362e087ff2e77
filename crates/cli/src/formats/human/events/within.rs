//! What is told while a step runs: who holds a lock, why it pauses, how far it is.

use super::words;
use crate::formats::human::{DIM, session, styled};
use crate::terminal::Verbosity;
use nonstop_engine::event::Holder;

/// What was told of the step that runs; it keeps the next line from saying the same.
#[derive(Debug, Default)]
pub(super) struct Within {
    /// What the last wait line said, and after how long.
    wait: Option<(String, u64)>,
    /// The last progress line's phase and tenth.
    progress: Option<(String, u64)>,
    /// How often the watchdog has cancelled this step.
    cancels: u32,
}

/// In a wait that nothing changes about, a line is repeated after this long.
const REPEAT_WAIT_MS: u64 = 15_000;

impl Within {
    /// When the holders change, and now and then.
    pub(super) fn wait_line(&mut self, waiting_for: &str, holders: &[Holder], waited_ms: u64) -> Option<String> {
        let who = match holders {
            [] => "nobody that can be seen holds it".to_owned(),
            holders => holders.iter().map(session::line).collect::<Vec<_>>().join("\n        "),
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
    pub(super) fn cancel_line(&mut self, victim: &Holder, pause_ms: u64, verbosity: Verbosity) -> Option<String> {
        self.cancels += 1;
        if verbosity < Verbosity::Verbose && !self.cancels.is_power_of_two() {
            return None;
        }
        let times = match self.cancels {
            1 => String::new(),
            times => format!(", {times} times so far"),
        };
        Some(format!(
            "      cancelled, because somebody waited for it{times}; again in {}\n        {}",
            words(pause_ms),
            session::line(victim)
        ))
    }

    /// When the reason changes, and now and then.
    pub(super) fn pause_line(&mut self, reason: &str, waited_ms: u64) -> Option<String> {
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

    /// Once for each tenth of a phase.
    pub(super) fn progress_line(
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

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Holder {
        Holder {
            pid: 42,
            user: "bot".to_owned(),
            application: "report".to_owned(),
            state: "idle in transaction".to_owned(),
            age_ms: 12_000,
            query: "SELECT\n 1".to_owned(),
            mode: Some("ACCESS SHARE".to_owned()),
            relation: Some("public.Tip".to_owned()),
        }
    }

    #[test]
    fn a_wait_names_its_holder_and_is_not_repeated() {
        let mut within = Within::default();
        let mut wait = |waited_ms| within.wait_line("public.Tip", &[report()], waited_ms);
        insta::assert_snapshot!(wait(1_200).unwrap(), @r"
              waiting for public.Tip, 1.2 s so far
                pid 42 (bot, report) holds ACCESS SHARE on public.Tip, idle in transaction for 12 s: SELECT 1
        ");
        assert_eq!(wait(1_400), None);
        assert!(wait(17_000).is_some());
    }

    #[test]
    fn cancels_are_told_and_counted() {
        let mut within = Within::default();
        let told: Vec<String> = (0..100)
            .filter_map(|_| within.cancel_line(&report(), 50, Verbosity::Normal))
            .collect();
        assert_eq!(told.len(), 7);
        insta::assert_snapshot!(told[2], @r"
              cancelled, because somebody waited for it, 4 times so far; again in 50 ms
                pid 42 (bot, report) holds ACCESS SHARE on public.Tip, idle in transaction for 12 s: SELECT 1
        ");
    }

    #[test]
    fn progress_is_told_in_tenths() {
        let mut within = Within::default();
        let told = (0..=1000).filter_map(|done| within.progress_line("building index", (done, 1000), (None, None)));
        assert_eq!(told.count(), 11);
    }
}
