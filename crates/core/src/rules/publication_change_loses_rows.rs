//! The rule `publication-change-loses-rows`.

use crate::finding::{Category, Severity};
use crate::rule::{Context, Found, rule};
use crate::sql::Kind;

rule! {
    /// Subscribers get no more rows, and are not told.
    ///
    /// # What it catches
    /// `DROP PUBLICATION`, and `ALTER PUBLICATION … DROP TABLE` or `SET TABLE`.
    ///
    /// # Why it hurts
    /// Changes of a table that is published no longer do not reach its subscribers, who see no error.
    ///
    /// # The safe way
    /// First the subscribers, then the publication.
    ///
    /// # When it is fine
    /// Nobody subscribes.
    ///
    /// ```sql bad
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// DROP PUBLICATION tips;
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// ALTER PUBLICATION tips ADD TABLE "Tip";
    /// ```
    code: "publication-change-loses-rows",
    severity: Severity::Warning,
    category: Category::DataLoss,
    help: "Change the subscribers first.",
    url: "https://www.postgresql.org/docs/current/sql-alterpublication.html",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    if !matches!(context.statement.kind, Kind::Publication { .. } | Kind::Drop(_)) {
        return Vec::new();
    }
    let words = context.words();
    let of_tables = words.contains(" DROP TABLE ") || words.contains(" SET TABLE ");
    let shrinks = words.starts_with("DROP PUBLICATION ") || (words.starts_with("ALTER PUBLICATION ") && of_tables);
    Found::when(
        shrinks,
        "Subscribers get no more changes of what is published no longer, without an error.",
    )
}
