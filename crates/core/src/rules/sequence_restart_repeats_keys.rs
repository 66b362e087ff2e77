//! The rule `sequence-restart-repeats-keys`.

use crate::finding::{Category, Severity};
use crate::rule::{Context, Found, rule};
use crate::sql::{ActionKind, Kind};

rule! {
    /// A sequence gives out numbers again.
    ///
    /// # What it catches
    /// `ALTER SEQUENCE … RESTART`, or `ALTER COLUMN … RESTART` of an identity, where the sequence was there before.
    ///
    /// # Why it hurts
    /// Numbers below the largest key are given out a second time: INSERTs fail on the primary key, or, without one,
    /// rows with the same number come in.
    ///
    /// # The safe way
    /// `setval` to `max(column)`, which takes no strong lock.
    ///
    /// # When it is fine
    /// The number is known to be above every key.
    ///
    /// ```sql bad
    /// CREATE TABLE "Tip" (id serial PRIMARY KEY, amount int);
    /// -- next migration
    /// ALTER SEQUENCE "Tip_id_seq" RESTART WITH 1;
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE "Tip" (id serial PRIMARY KEY, amount int);
    /// -- next migration
    /// SELECT setval('"Tip_id_seq"', max(id)) FROM "Tip";
    /// ```
    code: "sequence-restart-repeats-keys",
    severity: Severity::Warning,
    category: Category::DataLoss,
    help: "Use setval with max(column).",
    url: "https://www.postgresql.org/docs/current/sql-altersequence.html",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    let restarts = || context.words().contains(" RESTART");
    let sequence = match &context.statement.kind {
        Kind::AlterSequence {
            name, options: true, ..
        } => context.catalog.resolve(name),
        Kind::AlterTable(_)
            if context
                .actions()
                .any(|action| matches!(action, ActionKind::SetIdentity { .. })) =>
        {
            context.altered()
        }
        _ => None,
    };
    let found = sequence
        .filter(|name| context.is_shared(name) && restarts())
        .map(|name| {
            Found::said(format!(
                "{name} begins again: numbers that rows have already are given out a second time."
            ))
        });
    found.into_iter().collect()
}
