//! The rule `needs-lock-timeout`.

use crate::finding::Severity;
use crate::rule::{Context, Cure, Found, rule};
use std::time::Duration;

rule! {
    /// A strong lock is asked for without a bound on the waiting.
    ///
    /// # What it catches
    /// A statement that takes a lock which stops writes or reads on a table in use, where the file has set no
    /// `lock_timeout` before it, one of 0, or one above two seconds.
    ///
    /// # Why it hurts
    /// While it waits for one long query, everybody behind it waits too, for as long as that query runs. `lock_timeout`
    /// counts for each lock anew.
    ///
    /// # The safe way
    /// `SET LOCAL lock_timeout = '1s'` in each transaction, and again after SQLSTATE 55P03. `nonstop deploy` bounds
    /// every wait by `--max-block`, whatever the file says.
    ///
    /// # When it is fine
    /// nonstop runs it. That is why this rule speaks only when it is asked.
    ///
    /// ```sql bad
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// ALTER TABLE "Tip" ADD COLUMN paid boolean;
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// SET LOCAL lock_timeout = '1s';
    /// ALTER TABLE "Tip" ADD COLUMN paid boolean;
    /// ```
    code: "needs-lock-timeout",
    severity: Severity::Warning,
    opt_in: true,
    once: true,
    cure: Cure::Always,
    help: "SET LOCAL lock_timeout = '1s' before it, and try again; `nonstop deploy` bounds every wait.",
    url: "https://www.postgresql.org/docs/current/runtime-config-client.html#GUC-LOCK-TIMEOUT",
    check: check,
}

/// Readers behind it wait for so long at the most.
const LONGEST: Duration = Duration::from_secs(2);

fn check(context: &Context<'_>) -> Vec<Found> {
    let timeout = context.around.session.timeout("lock_timeout");
    if timeout.is_some_and(|timeout| timeout <= LONGEST) {
        return Vec::new();
    }
    let mut locks = context.effect.locks.iter();
    let lock = locks.find(|lock| lock.mode.blocks_writes() && context.waits_for(lock));
    let found = lock.map(|lock| {
        let (mode, relation, out) = (lock.mode, &lock.relation, lock.mode.blocks_in_words());
        let bound = match timeout {
            Some(timeout) => format!("up to {} s", timeout.as_secs()),
            None => "without a bound".to_owned(),
        };
        Found {
            message: format!("It waits for {mode} on {relation} {bound}: all {out} on {relation} wait behind it."),
            locks: vec![lock.clone()],
            ..Found::default()
        }
    });
    found.into_iter().collect()
}
