//! The rule `disable-all-triggers-skips-keys`.

use crate::finding::Category;
use crate::rule::{Context, Found, rule};
use crate::sql::ActionKind;

rule! {
    /// Foreign keys are switched off with the triggers.
    ///
    /// # What it catches
    /// `ALTER TABLE … DISABLE TRIGGER ALL` on a table that was there before.
    ///
    /// # Why it hurts
    /// ALL takes the server's own triggers along, which check foreign keys: rows without their parents come in and
    /// stay, for ENABLE does not look again. The lock stops writes, too.
    ///
    /// # The safe way
    /// `DISABLE TRIGGER USER`, or the one trigger by name.
    ///
    /// # When it is fine
    /// Nothing writes the table meanwhile, and the keys are validated anew.
    ///
    /// ```sql bad
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// ALTER TABLE "Tip" DISABLE TRIGGER ALL;
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// ALTER TABLE "Tip" DISABLE TRIGGER USER;
    /// ```
    code: "disable-all-triggers-skips-keys",
    category: Category::DataLoss,
    help: "Say DISABLE TRIGGER USER, or name the trigger.",
    url: "https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-DESC-DISABLE-ENABLE-TRIGGER",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    let disables = context.actions().any(|action| {
        matches!(
            action,
            ActionKind::Trigger {
                all: true,
                disable: true
            }
        )
    });
    let table = context.altered().filter(|table| disables && context.is_shared(table));
    let found = table.map(|table| {
        Found::said(format!(
            "The foreign keys of {table} are not checked any more, and what comes in meanwhile is never checked."
        ))
    });
    found.into_iter().collect()
}
