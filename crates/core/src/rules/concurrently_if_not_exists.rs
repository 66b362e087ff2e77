//! The rule `concurrently-if-not-exists`.

use crate::finding::{Category, Severity};
use crate::rule::{Context, Cure, Found, rule};
use crate::sql::Kind;

rule! {
    /// A failed build is taken for the index.
    ///
    /// # What it catches
    /// `CREATE INDEX CONCURRENTLY IF NOT EXISTS name`. With a database: where an INVALID index of that name is there.
    ///
    /// # Why it hurts
    /// A build that fails leaves an INVALID index. The next run finds the name, says that it exists, and succeeds: the
    /// index is never used, and every write pays for it.
    ///
    /// # The safe way
    /// Without `IF NOT EXISTS`; after a failure `DROP INDEX CONCURRENTLY` first. `nonstop deploy` looks at
    /// `pg_index.indisvalid`, and builds anew what is INVALID.
    ///
    /// # When it is fine
    /// Somebody looks at `pg_index.indisvalid` afterwards.
    ///
    /// ```sql bad
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// CREATE INDEX CONCURRENTLY IF NOT EXISTS "Tip_amount_idx" ON "Tip" (amount);
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// CREATE INDEX "Tip_amount_idx" ON "Tip" (amount);
    /// -- next migration
    /// CREATE INDEX CONCURRENTLY IF NOT EXISTS "Tip_amount_idx" ON "Tip" (amount);
    /// ```
    code: "concurrently-if-not-exists",
    severity: Severity::Warning,
    category: Category::Reliability,
    cure: Cure::Always,
    help: "Leave IF NOT EXISTS out, and drop what a failed build left; `nonstop deploy` builds an INVALID index anew.",
    url: "https://www.postgresql.org/docs/current/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    let Kind::CreateIndex(index) = &context.statement.kind else {
        return Vec::new();
    };
    let (Some(name), true, true) = (&index.name, index.concurrently, index.if_not_exists) else {
        return Vec::new();
    };
    let table = context.catalog.resolve(&index.table);
    let present = table.and_then(|table| context.catalog.index(&table.sibling(name)));
    match present {
        _ if context.effect.error.is_some() => Vec::new(),
        Some((_, present)) if present.valid => Vec::new(),
        Some(_) => vec![Found::said(format!(
            "An INVALID index {name} is there: this statement says that it exists, and leaves it as it is."
        ))],
        None => vec![Found::said(
            "When a build fails, an INVALID index stays, and the next run takes it for done.",
        )],
    }
}
