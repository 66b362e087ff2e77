//! A form of a statement: as it is written, what becomes of it, and where it is refused.

use super::around::{Around, EVERY};
use super::columns::{Column, DISTINCT, ONE};

/// Which part of the schema a form is about; two of different families stand together in one migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// `CREATE INDEX` and others.
    Indexes,
    /// Constraints.
    Keys,
    /// `ADD COLUMN` and others.
    Columns,
    /// `ALTER COLUMN … TYPE`.
    Types,
    /// `UPDATE`, `DELETE`.
    Rows,
    /// `ATTACH PARTITION` and others.
    Partitions,
    /// Everything else.
    Others,
}

/// What the column holds in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fill {
    /// A value of the row's own, which need not be.
    Any,
    /// A value of the row's own.
    Own,
    /// One of a hundred, for foreign keys.
    OfHundred,
}

/// What may go on beside a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Company {
    /// Writers, and other forms in the same migration.
    Everybody,
    /// Writers.
    Writers,
    /// Names change under whoever writes.
    Nobody,
}

/// Where a case stands.
#[derive(Debug, Clone, Copy)]
pub struct Spot {
    /// What is on the table.
    pub around: Around,
    /// The column.
    pub column: Column,
    /// The server's major.
    pub major: u32,
}

/// The key of the table.
pub(super) const KEYED: &str = ", CONSTRAINT t_pk PRIMARY KEY (id)";
/// None; found by an index all the same.
pub(super) const KEYLESS: &str = "";

/// The rule by which a form is refused at a spot.
pub(super) type Refused = fn(&Spot) -> Option<&'static str>;

/// A form of a statement.
#[derive(Debug, Clone, Copy)]
pub struct Form {
    /// Its name, as cases have it.
    pub key: &'static str,
    /// Its family.
    pub family: Family,
    /// As it is written, in Markdown.
    pub written: &'static str,
    /// What becomes of it on a large table.
    pub becomes: &'static str,
    pub(super) sql: &'static str,
    pub(super) before: &'static str,
    pub(super) columns: &'static [Column],
    pub(super) around: &'static [Around],
    pub(super) fill: Fill,
    pub(super) key_sql: &'static str,
    pub(super) from: u32,
    pub(super) refused: Refused,
    /// A query that counts rows which must not be.
    pub(super) holds: &'static str,
    /// Where the writers' rows are found.
    pub(super) found: &'static str,
    /// It takes rows away.
    pub(super) deletes: bool,
    /// It writes what is another value each time.
    pub(super) unsteady: bool,
    /// It numbers the rows, in the order in which they lie.
    pub(super) numbers: bool,
    /// What may go on beside it.
    pub(super) company: Company,
}

fn never(_: &Spot) -> Option<&'static str> {
    None
}

impl Form {
    pub(super) const fn new(
        family: Family,
        key: &'static str,
        written: &'static str,
        becomes: &'static str,
        sql: &'static str,
    ) -> Self {
        Self {
            key,
            family,
            written,
            becomes,
            sql,
            before: "",
            columns: ONE,
            around: EVERY,
            fill: Fill::Any,
            key_sql: KEYED,
            from: 0,
            refused: never,
            holds: "",
            found: "SELECT id, n, w FROM $T",
            deletes: false,
            unsteady: false,
            numbers: false,
            company: Company::Everybody,
        }
    }

    pub(super) const fn before(self, before: &'static str) -> Self {
        Self { before, ..self }
    }

    /// On columns with a value of its own in each row.
    pub(super) const fn distinct(self) -> Self {
        Self {
            columns: DISTINCT,
            fill: Fill::Own,
            ..self
        }
    }

    pub(super) const fn on(self, columns: &'static [Column]) -> Self {
        Self { columns, ..self }
    }

    pub(super) const fn among(self, around: &'static [Around]) -> Self {
        Self { around, ..self }
    }

    pub(super) const fn of_hundred(self) -> Self {
        Self {
            fill: Fill::OfHundred,
            ..self
        }
    }

    pub(super) const fn keyed_by(self, key_sql: &'static str) -> Self {
        Self { key_sql, ..self }
    }

    pub(super) const fn from(self, from: u32) -> Self {
        Self { from, ..self }
    }

    pub(super) const fn refused(self, refused: Refused) -> Self {
        Self { refused, ..self }
    }

    pub(super) const fn holds(self, holds: &'static str) -> Self {
        Self { holds, ..self }
    }

    pub(super) const fn found(self, found: &'static str) -> Self {
        Self { found, ..self }
    }

    pub(super) const fn deletes(self) -> Self {
        Self { deletes: true, ..self }
    }

    pub(super) const fn numbers(self) -> Self {
        Self { numbers: true, ..self }
    }

    pub(super) const fn unsteady(self) -> Self {
        Self { unsteady: true, ..self }
    }

    pub(super) const fn quiet(self) -> Self {
        Self {
            company: Company::Nobody,
            ..self
        }
    }

    pub(super) const fn alone(self) -> Self {
        Self {
            company: Company::Writers,
            ..self
        }
    }

    /// The rule by which it is refused there.
    pub fn refusal(&self, spot: &Spot) -> Option<&'static str> {
        (self.refused)(spot)
    }
}
