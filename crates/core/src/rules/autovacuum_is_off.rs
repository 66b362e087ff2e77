//! The rule `autovacuum-is-off`.

use crate::finding::{Category, Severity};
use crate::rule::{Context, Found, rule};
use crate::sql::{ActionKind, Kind};

rule! {
    /// Nobody cleans the table any more.
    ///
    /// # What it catches
    /// `SET (autovacuum_enabled = off)` on a table that was there before, and no statement behind it that switches it
    /// on again.
    ///
    /// # Why it hurts
    /// Dead rows stay, the table grows, statistics age; the vacuum against wraparound comes all the same, and then it
    /// is long.
    ///
    /// # The safe way
    /// Switch it on again in the same file; or tune its thresholds for the table.
    ///
    /// # When it is fine
    /// A bulk load that ends with VACUUM and switches it on again.
    ///
    /// ```sql bad
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// ALTER TABLE "Tip" SET (autovacuum_enabled = off);
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// ALTER TABLE "Tip" SET (autovacuum_enabled = off);
    /// ALTER TABLE "Tip" RESET (autovacuum_enabled);
    /// ```
    code: "autovacuum-is-off",
    severity: Severity::Warning,
    category: Category::Reliability,
    help: "Switch it on again in the same file.",
    url: "https://www.postgresql.org/docs/current/runtime-config-autovacuum.html",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    if !context
        .actions()
        .any(|action| matches!(action, ActionKind::RelationOptions))
    {
        return Vec::new();
    }
    let Some(table) = context.altered().filter(|table| context.is_shared(table)) else {
        return Vec::new();
    };
    let words = context.words().replace('\'', "");
    let off = ["OFF", "FALSE", "0", "NO"]
        .iter()
        .any(|off| words.contains(&format!("AUTOVACUUM_ENABLED = {off}")));
    let again = context.later().any(|later| {
        matches!(&later.kind, Kind::AlterTable(alter) if context.catalog.resolve(&alter.name).as_ref() == Some(&table))
            && later.sql.as_str().to_lowercase().contains("autovacuum_enabled")
    });
    if !off || again {
        return Vec::new();
    }
    vec![Found::said(format!("No autovacuum cleans {table} from then on."))]
}
