//! The rule `reads-rows-under-lock`.

use crate::finding::Severity;
use crate::rule::{Context, Cure, Found, rule};
use crate::sql::Kind;

rule! {
    /// Many rows are read while the same transaction keeps others out of a table.
    ///
    /// # What it catches
    /// `INSERT … SELECT`, `CREATE TABLE AS` and the like over a table that was there before, behind a statement of the
    /// same transaction that took a strong lock on a table in use. A file that is sent as one message is one
    /// transaction.
    ///
    /// # Why it hurts
    /// Locks last to the end of the transaction: what was an instant ALTER TABLE keeps everybody out for as long as the
    /// reading takes.
    ///
    /// # The safe way
    /// The schema change in one migration, the copy in another.
    ///
    /// # When it is fine
    /// The tables that are read are small, or few of their rows are wanted.
    ///
    /// ```sql bad
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// CREATE TABLE kind (id int PRIMARY KEY);
    /// -- next migration
    /// ALTER TABLE kind ADD COLUMN name text;
    /// INSERT INTO kind (id) SELECT DISTINCT amount FROM "Tip";
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// CREATE TABLE kind (id int PRIMARY KEY);
    /// -- next migration
    /// INSERT INTO kind (id) SELECT DISTINCT amount FROM "Tip";
    /// ```
    code: "reads-rows-under-lock",
    severity: Severity::Warning,
    cure: Cure::Planned,
    help: "Give the copy a migration of its own.",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    let kind = &context.statement.kind;
    let changes = context.effect.changes.iter().any(|name| context.is_in_use(name));
    if changes || !matches!(kind, Kind::Dml(_) | Kind::CreateTableAs(_) | Kind::Refresh { .. }) {
        return Vec::new();
    }
    let read = context.effect.reads.iter().find(|name| context.is_large(name));
    let (Some(read), Some(held)) = (read, context.held_against_others()) else {
        return Vec::new();
    };
    let (mode, relation, out) = (held.mode, &held.relation, held.mode.blocks_in_words());
    vec![Found {
        message: format!(
            "It reads {read} while its transaction still holds {mode} on {relation}: all {out} on {relation} wait until it \
             is done."
        ),
        locks: vec![held.clone()],
        ..Found::default()
    }]
}
