//! The rule `missing-file`.

use crate::finding::Category;
use crate::rule::{Context, Found, rule};

rule! {
    /// A migration has no SQL file.
    ///
    /// # What it catches
    /// A folder of a migration without its `migration.sql` or `up.sql`.
    ///
    /// # Why it hurts
    /// A deploy fails when its turn comes (Prisma's P3015), and all later migrations wait behind it.
    ///
    /// # The safe way
    /// Restore the file from the repository's history; or remove the folder, where no database has the migration.
    ///
    /// # When it is fine
    /// Never.
    code: "missing-file",
    category: Category::Reliability,
    help: "Restore the file, or remove the folder.",
    check: check,
}

/// `lint` itself reports it: there is no statement.
fn check(_: &Context<'_>) -> Vec<Found> {
    Vec::new()
}
