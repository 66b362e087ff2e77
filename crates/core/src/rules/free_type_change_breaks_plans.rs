//! The rule `free-type-change-breaks-plans`.

use super::type_change_breaks_plans;
use crate::finding::{Category, Severity};
use crate::rule::{Context, Found, rule};
use crate::sql::ActionKind;

rule! {
    /// A type change that touches no row still ends prepared statements.
    ///
    /// # What it catches
    /// `ALTER COLUMN … TYPE` that leaves the rows as they are, such as a longer `varchar` or `varchar` to `text`, on a
    /// table that was there before.
    ///
    /// # Why it hurts
    /// A prepared statement that returns the column fails once with `cached plan must not change result type`, inside a
    /// transaction each time; a pooler keeps such statements past a deploy. The statistics of the column are gone, so
    /// plans are guesses until the next ANALYZE.
    ///
    /// # The safe way
    /// `ANALYZE table (column)` at once, and let the sessions reconnect.
    ///
    /// # When it is fine
    /// Most often: it is one error for each prepared statement. That is why this rule speaks only when it is asked.
    ///
    /// ```sql bad
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// ALTER TABLE "Tip" ALTER COLUMN note TYPE text;
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// ALTER TABLE "Tip" ALTER COLUMN note TYPE varchar(50);
    /// ```
    code: "free-type-change-breaks-plans",
    severity: Severity::Warning,
    category: Category::Compat,
    opt_in: true,
    help: "ANALYZE the column, and let sessions with prepared statements reconnect.",
    url: "https://www.postgresql.org/docs/current/sql-prepare.html",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    // What the effect says of a real change is another rule's.
    let Some(table) = context.altered().filter(|table| context.is_shared(table)) else {
        return Vec::new();
    };
    if !context.breaks(type_change_breaks_plans::RULE.code).is_empty() {
        return Vec::new();
    }
    let changed = context.actions().find_map(|action| match action {
        ActionKind::AlterType { column, to, .. } => {
            let known = context.catalog.relation(&table)?.column(column)?;
            (known.type_name != to.display).then_some((column, &known.type_name, &to.display))
        }
        _ => None,
    });
    let found = changed.map(|(column, from, to)| {
        Found::said(format!(
            "Prepared statements that return {table}.{column} fail once: {from} becomes {to}. Its statistics are gone \
             until ANALYZE."
        ))
    });
    found.into_iter().collect()
}
