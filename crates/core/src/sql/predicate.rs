//! Conditions over the columns of one table, as far as one can be proved from another.

/// A condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Predicate {
    /// All of them.
    And(Vec<Predicate>),
    /// One of them.
    Or(Vec<Predicate>),
    /// The contrary.
    Not(Box<Predicate>),
    /// `column = 1`, `column < 1`, ….
    Compare {
        /// The column.
        column: String,
        /// `=`, `<>`, `<`, `<=`, `>`, `>=`.
        operator: String,
        /// The constant.
        value: String,
    },
    /// `column IN (1, 2)`, `column = ANY (ARRAY[1, 2])`.
    In {
        /// The column.
        column: String,
        /// The constants.
        values: Vec<String>,
    },
    /// `column IS NOT NULL`.
    NotNull(String),
    /// `column IS NULL`.
    Null(String),
    /// Something else.
    Other,
}
