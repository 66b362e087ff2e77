//! The rule `integer-key-near-its-end`.

use crate::finding::{Category, Severity};
use crate::quote::Name;
use crate::rule::{Context, Found, rule};

rule! {
    /// A key of 32 bits has used up most of its numbers.
    ///
    /// # What it catches
    /// With a database: a statement on a table whose `integer` or `smallint` column takes its numbers from a sequence
    /// that has given three quarters of them.
    ///
    /// # Why it hurts
    /// When the last number is given, every INSERT fails. The change to `bigint` writes the table anew, so it has to be
    /// done while there is time to do it in steps.
    ///
    /// # The safe way
    /// A `bigint` column beside the old one, a trigger that keeps the two equal, the old rows in batches, a unique index
    /// built CONCURRENTLY, then the swap in one short transaction; foreign keys that point at it likewise.
    ///
    /// # When it is fine
    /// The table gets no more rows.
    code: "integer-key-near-its-end",
    severity: Severity::Warning,
    category: Category::Reliability,
    help: "Change the key to bigint in steps, while there is time.",
    url: "https://www.postgresql.org/docs/current/datatype-numeric.html",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    let mut tables: Vec<&Name> = context.effect.locks.iter().map(|lock| &lock.relation).collect();
    tables.sort_unstable();
    tables.dedup();
    let found = tables.into_iter().find_map(|table| {
        let (column, given) = nearest(context, table).filter(|_| context.is_shared(table))?;
        // Once a file is enough, where the table is named first.
        let mut earlier = context.earlier();
        let is_known = earlier.any(|earlier| earlier.sql.as_str().contains(&table.name));
        (!is_known).then(|| Found::said(format!(
            "{given} % of the numbers that {table}.{column} can hold are given: when none is left, every INSERT fails."
        )))
    });
    found.into_iter().collect()
}

/// The column that is nearest to its end, and how many percent of its numbers are given.
fn nearest<'a>(context: &Context<'a>, table: &Name) -> Option<(&'a str, i64)> {
    let relation = context.catalog.relation(table)?;
    let owned = context.catalog.sequences_of(table).filter_map(|(sequence, column)| {
        let last = context.catalog.relation(sequence)?.last_value?;
        Some((relation.column(column)?, last))
    });
    let given = owned.filter_map(|(column, last)| {
        let most = match column.type_name.as_str() {
            "integer" => i64::from(i32::MAX),
            "smallint" => i64::from(i16::MAX),
            _ => return None,
        };
        Some((column.name.as_str(), last.saturating_mul(100) / most))
    });
    given.filter(|(_, given)| *given >= 75).max_by_key(|(_, given)| *given)
}
