//! The rule `effect-is-unknown`.

use crate::finding::{Category, Severity};
use crate::rule::{Context, Found, rule};
use crate::sql::Kind;

rule! {
    /// What a statement does is not known from its text.
    ///
    /// # What it catches
    /// A DO block that puts SQL together itself, a call of a function or procedure of your own, a statement that
    /// nonstop does not know.
    ///
    /// # Why it hurts
    /// Whatever it locks and however long it works is not said here, and what exists after it is not known either:
    /// findings behind it may be missing or wrong.
    ///
    /// # The safe way
    /// Plain statements, where they can do the same. On a live database nonstop runs it as written, under the watchdog,
    /// and reads the catalog again.
    ///
    /// # When it is fine
    /// You know what it runs.
    ///
    /// ```sql bad
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// DO $$ BEGIN EXECUTE 'ALTER TABLE "Tip" ADD COLUMN ' || current_user || ' int'; END $$;
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// DO $$ BEGIN ALTER TABLE "Tip" ADD COLUMN x int; END $$;
    /// ```
    code: "effect-is-unknown",
    severity: Severity::Warning,
    category: Category::Reliability,
    help: "Look at what it runs; on a live database it runs as written, guarded by the watchdog.",
    url: "https://www.postgresql.org/docs/current/plpgsql-statements.html#PLPGSQL-STATEMENTS-EXECUTING-DYN",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    // Measured: the scripts of extensions lock no table of yours.
    if matches!(context.statement.kind, Kind::CreateExtension { .. }) {
        return Vec::new();
    }
    let reason = context.effect.opaque.iter();
    reason
        .map(|reason| {
            Found::said(format!(
                "What this statement locks and does is not known from its text: {reason}."
            ))
        })
        .collect()
}
