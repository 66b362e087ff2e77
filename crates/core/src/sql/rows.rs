//! Rows as statements name them: what conditions fix, what an `INSERT` gives, which rows a query locks.

use super::NameRef;

/// What a query says of rows, beside the relations that it reads.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rows {
    /// Relations of which `FOR UPDATE` and its kin lock rows.
    pub locked: Vec<NameRef>,
    /// Sequences named to `nextval`, `setval` and `currval`.
    pub sequences: Vec<NameRef>,
    /// Columns whose own sequences are named so, by `pg_get_serial_sequence`.
    pub serials: Vec<(NameRef, String)>,
    /// Relations whose rows it updates or deletes.
    pub changed: Vec<NameRef>,
    /// Columns that the condition compares with constants for equality, all joined by AND, where only one relation is
    /// read or changed.
    pub equals: Vec<(String, String)>,
    /// Columns that the condition holds to so many values, by `IN` or between two whole numbers, likewise.
    pub few: Vec<(String, u64)>,
    /// How many rows a `generate_series` over constants makes, where the query is of nothing else.
    pub series: Option<u64>,
}

/// What an `INSERT` gives.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inserted {
    /// The columns named; none for all.
    pub columns: Vec<String>,
    /// The rows of `VALUES`; `None` for a query.
    pub rows: Option<Vec<Vec<Given>>>,
    /// `ON CONFLICT`.
    pub conflict: Option<Conflict>,
}

/// A value given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// `NULL`.
    Null,
    /// `DEFAULT`.
    Default,
    /// A constant.
    Constant(String),
    /// An expression.
    Other,
}

/// What `ON CONFLICT` looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conflict {
    /// Whatever is unique.
    Any,
    /// An index that is found by its columns.
    Columns,
    /// This constraint.
    Constraint(String),
}
