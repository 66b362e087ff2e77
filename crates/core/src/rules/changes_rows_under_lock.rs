//! The rule `changes-rows-under-lock`.

use crate::rule::{Context, Cure, Found, rule};

rule! {
    /// Rows are changed while the same transaction keeps others out of a table.
    ///
    /// # What it catches
    /// `UPDATE`, `DELETE` or `MERGE` of any number of rows, behind a statement of the same transaction that took a
    /// strong lock on a table in use. A file that is sent as one message is one transaction.
    ///
    /// # Why it hurts
    /// Locks last to the end of the transaction: what was an instant ALTER TABLE keeps everybody out for as long as the
    /// rows take.
    ///
    /// # The safe way
    /// The schema change in one migration, the rows in another, in batches.
    ///
    /// # When it is fine
    /// All tables are new or small.
    ///
    /// ```sql bad
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// ALTER TABLE "Tip" ADD COLUMN paid boolean;
    /// UPDATE "Tip" SET paid = amount > 0;
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE kind (id int PRIMARY KEY, name text);
    /// UPDATE kind SET name = lower(name);
    /// ```
    code: "changes-rows-under-lock",
    instead_of: &["changes-many-rows"],
    cure: Cure::Planned,
    help: "Change the rows in a migration of their own, in batches.",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    if !context.effect.changes.iter().any(|name| context.is_in_use(name)) {
        return Vec::new();
    }
    let Some(held) = context.held_against_others() else {
        return Vec::new();
    };
    let (mode, relation) = (held.mode, &held.relation);
    let out = mode.blocks_in_words();
    vec![Found {
        message: format!(
            "Its transaction holds {mode} on {relation} from a statement before: all {out} on {relation} wait until every row is changed."
        ),
        locks: vec![held.clone()],
        ..Found::default()
    }]
}
