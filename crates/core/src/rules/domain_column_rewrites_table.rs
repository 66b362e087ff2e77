//! The rule `domain-column-rewrites-table`.

use crate::catalog::TypeDef;
use crate::rule::{Context, Cure, Found, rule};
use crate::sql::ActionKind;
use crate::step::Work;

rule! {
    /// A column whose domain has a rule writes every row anew.
    ///
    /// # What it catches
    /// `ADD COLUMN` of a domain with CHECK or NOT NULL, on a table that was there before, with a default or without.
    ///
    /// # Why it hurts
    /// The server checks the rule for every row, and to do so it writes the table anew under ACCESS EXCLUSIVE: all
    /// reads and writes wait.
    ///
    /// # The safe way
    /// A column of the base type, and the rule as a CHECK that is `NOT VALID`, then validated.
    ///
    /// # When it is fine
    /// The table is new or small; the domain has no rule.
    ///
    /// ```sql bad
    /// CREATE DOMAIN email AS text CHECK (VALUE LIKE '%@%');
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// ALTER TABLE "Tip" ADD COLUMN mail email;
    /// ```
    ///
    /// ```sql safe
    /// CREATE DOMAIN email AS text;
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// ALTER TABLE "Tip" ADD COLUMN mail email;
    /// ```
    code: "domain-column-rewrites-table",
    instead_of: &["add-column-rewrites-table"],
    cure: Cure::Planned,
    help: "Add a column of the base type, and the rule as a CHECK that is NOT VALID, then validated.",
    url: "https://www.postgresql.org/docs/current/sql-createdomain.html",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    context.explain(|block| {
        let Some(ActionKind::AddColumn { column, .. }) = context.action(block) else {
            return false;
        };
        let user = column.type_ref.user.as_ref().filter(|_| !column.type_ref.array);
        let of_domain = user.and_then(|user| context.catalog.resolve_type(user));
        let definition = of_domain.and_then(|name| context.catalog.types.get(&name));
        block.work == Work::Rewrite && matches!(definition, Some(TypeDef::Domain { constrained: true, .. }))
    })
}
