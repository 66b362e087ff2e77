//! The rule `recreated-view-loses-grants`.

use crate::finding::{Category, Severity};
use crate::rule::{Context, Found, rule};
use crate::sql::{Kind, ObjectKind};

rule! {
    /// A view that is dropped and made again has no grants.
    ///
    /// # What it catches
    /// `DROP VIEW` or `DROP MATERIALIZED VIEW` and a CREATE of the same name behind it, without a GRANT in the file.
    ///
    /// # Why it hurts
    /// Whoever was granted the old view may not read the new one, and a materialized view has lost its indexes: roles
    /// other than the owner fail with SQLSTATE 42501.
    ///
    /// # The safe way
    /// `CREATE OR REPLACE VIEW` where columns are only added at the end: it keeps grants. Otherwise the GRANTs again,
    /// in the same transaction.
    ///
    /// # When it is fine
    /// Only the owner reads it.
    ///
    /// ```sql bad
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// CREATE VIEW tips AS SELECT id, amount FROM "Tip";
    /// -- next migration
    /// DROP VIEW tips;
    /// CREATE VIEW tips AS SELECT id FROM "Tip";
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// CREATE VIEW tips AS SELECT id, amount FROM "Tip";
    /// -- next migration
    /// DROP VIEW tips;
    /// CREATE VIEW tips AS SELECT id FROM "Tip";
    /// GRANT SELECT ON tips TO PUBLIC;
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// CREATE VIEW tips AS SELECT id, amount FROM "Tip";
    /// -- next migration
    /// CREATE OR REPLACE VIEW tips AS SELECT id, amount, note FROM "Tip";
    /// ```
    code: "recreated-view-loses-grants",
    severity: Severity::Warning,
    category: Category::Compat,
    help: "Use CREATE OR REPLACE VIEW, or GRANT again in the same transaction.",
    url: "https://www.postgresql.org/docs/current/sql-createview.html",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    let Kind::Drop(drop) = &context.statement.kind else {
        return Vec::new();
    };
    let grants = context
        .later()
        .any(|later| matches!(later.kind, Kind::Grant { revoke: false, .. }));
    if !matches!(drop.object, ObjectKind::View | ObjectKind::MaterializedView) || grants {
        return Vec::new();
    }
    let shared = drop.names.iter().filter_map(|name| context.catalog.resolve(name));
    let mut again = shared.filter(|name| context.is_shared(name) && context.makes_again(name));
    let found = again.next().map(|name| {
        Found::said(format!(
            "{name} is made again, without the grants that it had: who may read it now may not afterwards."
        ))
    });
    found.into_iter().collect()
}
