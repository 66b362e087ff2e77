//! The rule `concurrently-under-timeout`.

use crate::finding::Category;
use crate::rule::{Context, Cure, Found, rule};

rule! {
    /// What works CONCURRENTLY is cut off by a timeout.
    ///
    /// # What it catches
    /// `CREATE`, `DROP` or `REINDEX INDEX CONCURRENTLY` or `DETACH PARTITION CONCURRENTLY` while the file has set
    /// `lock_timeout`, `statement_timeout` or `transaction_timeout`.
    ///
    /// # Why it hurts
    /// Such a statement waits for every older transaction, so a short timeout ends it. A build leaves an INVALID index,
    /// which every write keeps up and no query uses, and which as a UNIQUE one rejects rows; a rebuild leaves a copy
    /// `_ccnew`; a DETACH leaves a partition that takes no rows.
    ///
    /// # The safe way
    /// All three at 0 for this statement. It keeps nobody out while it waits. `nonstop deploy` does, whatever the file
    /// says.
    ///
    /// # When it is fine
    /// Never: whoever wants it to give up must also clean up.
    ///
    /// ```sql bad
    /// -- each statement by itself
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// SET lock_timeout = '2s';
    /// CREATE INDEX CONCURRENTLY "Tip_amount_idx" ON "Tip" (amount);
    /// ```
    ///
    /// ```sql safe
    /// -- each statement by itself
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// SET lock_timeout = '2s';
    /// ALTER TABLE "Tip" ADD COLUMN paid boolean;
    /// SET lock_timeout = 0;
    /// CREATE INDEX CONCURRENTLY "Tip_amount_idx" ON "Tip" (amount);
    /// ```
    code: "concurrently-under-timeout",
    category: Category::Reliability,
    cure: Cure::Always,
    help: "Set the timeouts to 0 before it; `nonstop deploy` runs it without.",
    url: "https://www.postgresql.org/docs/current/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY",
    check: check,
}

const TIMEOUTS: [&str; 3] = ["lock_timeout", "statement_timeout", "transaction_timeout"];

fn check(context: &Context<'_>) -> Vec<Found> {
    if !context.is_concurrent() || context.effect.error.is_some() {
        return Vec::new();
    }
    let session = &context.around.session;
    let set = TIMEOUTS.iter().find_map(|name| Some((name, session.timeout(name)?)));
    let found = set.map(|(name, timeout)| {
        Found::said(format!(
            "It runs under a {name} of {} ms, and waits for every older transaction: cut off there, it leaves something \
             half done behind.",
            timeout.as_millis()
        ))
    });
    found.into_iter().collect()
}
