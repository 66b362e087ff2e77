//! The rule `domain-constraint-scans-tables`.

use crate::rule::{Context, Cure, Found, rule};
use crate::sql::Kind;

rule! {
    /// A domain's rule is checked on every table that has a column of it.
    ///
    /// # What it catches
    /// `ALTER DOMAIN … ADD CONSTRAINT` without `NOT VALID`, `VALIDATE CONSTRAINT` and `SET NOT NULL` of a domain.
    ///
    /// # Why it hurts
    /// Every table with a column of the domain is locked in SHARE and read from end to end, one after the other, and
    /// all stay locked until the last is read: writes to all of them wait. VALIDATE of a domain is no better than ADD:
    /// unlike that of a table it stops writes.
    ///
    /// # The safe way
    /// A CHECK on each table instead, `NOT VALID`, then validated; or leave the domain's constraint `NOT VALID`: new
    /// values are checked.
    ///
    /// # When it is fine
    /// No large table has such a column.
    ///
    /// ```sql bad
    /// CREATE DOMAIN email AS text;
    /// CREATE TABLE "User" (id int PRIMARY KEY, mail email);
    /// -- next migration
    /// ALTER DOMAIN email ADD CONSTRAINT email_check CHECK (VALUE LIKE '%@%');
    /// ```
    ///
    /// ```sql safe
    /// CREATE DOMAIN email AS text;
    /// CREATE TABLE "User" (id int PRIMARY KEY, mail email);
    /// -- next migration
    /// ALTER DOMAIN email ADD CONSTRAINT email_check CHECK (VALUE LIKE '%@%') NOT VALID;
    /// ```
    code: "domain-constraint-scans-tables",
    cure: Cure::Planned,
    help: "Put a CHECK on each table instead, NOT VALID, then validated.",
    url: "https://www.postgresql.org/docs/current/sql-alterdomain.html",
    check: check,
}

fn check(context: &Context<'_>) -> Vec<Found> {
    context.explain(|_| matches!(context.statement.kind, Kind::AlterDomain { .. }))
}
