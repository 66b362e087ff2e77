//! The rule `sequence-stays-integer`.

use crate::catalog::Generated;
use crate::finding::{Category, Severity};
use crate::quote::Name;
use crate::rule::{Context, Found, rule};
use crate::sql::{ActionKind, Kind, Statement};

rule! {
    /// The column becomes bigint, its sequence does not.
    ///
    /// # What it catches
    /// `ALTER COLUMN … TYPE bigint` of a `serial` column, and no `ALTER SEQUENCE … AS bigint` in the file.
    ///
    /// # Why it hurts
    /// The sequence of a serial column keeps its own type: at 2147483647 `nextval` fails with SQLSTATE 2200H, although
    /// the column would hold more.
    ///
    /// # The safe way
    /// `ALTER SEQUENCE … AS bigint` in the same transaction. The sequence of an identity column is changed with it.
    ///
    /// # When it is fine
    /// Never.
    ///
    /// ```sql bad also type-change-breaks-plans
    /// CREATE TABLE "Tip" (id serial, amount int);
    /// -- next migration
    /// -- nonstop: allow type-change-rewrites-table because it is small
    /// ALTER TABLE "Tip" ALTER COLUMN id TYPE bigint;
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE "Tip" (id int GENERATED ALWAYS AS IDENTITY, amount int);
    /// -- next migration
    /// -- nonstop: allow type-change-rewrites-table, type-change-breaks-plans because it is small
    /// ALTER TABLE "Tip" ALTER COLUMN id TYPE bigint;
    /// ```
    code: "sequence-stays-integer",
    severity: Severity::Warning,
    category: Category::Reliability,
    help: "Change it too: ALTER SEQUENCE … AS bigint.",
    url: "https://www.postgresql.org/docs/current/sql-altersequence.html",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    let Some(table) = context.altered() else {
        return Vec::new();
    };
    let grown = context.actions().filter_map(|action| match action {
        ActionKind::AlterType { column, to, .. } if to.display == "bigint" => Some(column),
        _ => None,
    });
    let stays = grown.filter_map(|column| {
        let known = context.catalog.relation(&table)?.column(column)?;
        let small = matches!(known.type_name.as_str(), "integer" | "smallint");
        let mut owned = context.catalog.sequences_of(&table).filter(|(_, of)| of == column);
        let (sequence, _) = owned.next()?;
        let changed = context
            .around
            .script
            .iter()
            .any(|statement| changes(context, statement, sequence));
        let own = small && known.generated != Generated::Identity && !changed;
        own.then(|| {
            Found::said(format!(
                "The sequence {sequence} stays an integer: INSERTs into {table} fail at 2147483647."
            ))
        })
    });
    stays.take(1).collect()
}

fn changes(context: &Context<'_>, statement: &Statement, sequence: &Name) -> bool {
    match &statement.kind {
        Kind::AlterSequence { name, options, .. } => {
            *options && context.catalog.resolve(name).as_ref() == Some(sequence)
        }
        _ => false,
    }
}
