//! The rule `baseline-entry-is-stale`.

use crate::finding::{Category, Severity};
use crate::rule::{Context, Found, rule};

rule! {
    /// The baseline file holds a finding that is no longer found.
    ///
    /// # What it catches
    /// An entry of `--baseline FILE` whose rule finds nothing in its migration any more: the statement was changed or
    /// taken out, the rule learned better, or the migration is gone.
    ///
    /// # Why it hurts
    /// A baseline may only become shorter. An entry that stands for nothing hides whether the old findings are still
    /// there.
    ///
    /// # The safe way
    /// `nonstop check --write-baseline FILE` writes it anew; look at its diff.
    ///
    /// # When it is fine
    /// Never.
    code: "baseline-entry-is-stale",
    severity: Severity::Warning,
    category: Category::Reliability,
    help: "Write the baseline anew: `nonstop check --write-baseline FILE`.",
    check: check,
}

/// `lint` itself reports it: there is no statement.
fn check(_: &Context<'_>) -> Vec<Found> {
    Vec::new()
}
