//! A query as far as its result's columns and the columns it reads can be told from its text.
//!
//! Views are remembered by it: the catalog says which tables a name means, the text which columns.

use super::{NameRef, TypeRef};

/// `SELECT`, `VALUES` or a set operation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Select {
    /// `WITH`, in order; each sees those before it, and itself.
    pub with: Vec<With>,
    /// What stands in `FROM`, joins taken apart.
    pub from: Vec<From>,
    /// What comes out.
    pub outputs: Vec<Output>,
    /// Columns named anywhere in it, sub-queries left out.
    pub uses: Vec<ColumnUse>,
    /// Sub-queries in its expressions, which see its `FROM` too.
    pub inner: Vec<Select>,
    /// The two sides of a set operation; what comes out is named by the first.
    pub arms: Vec<Select>,
}

/// A common table expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct With {
    /// Its name.
    pub name: String,
    /// Names given to its columns.
    pub columns: Vec<String>,
    /// What it is.
    pub select: Select,
}

/// One entry of `FROM`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct From {
    /// What is read.
    pub source: Source,
    /// The name it goes by, where one is written.
    pub alias: Option<String>,
    /// Names given to its columns.
    pub columns: Vec<String>,
    /// Columns that `USING` merges with those of an entry before it; `None` for `NATURAL`, which merges what has one name.
    pub merged: Option<Vec<String>>,
}

/// What an entry of `FROM` reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A table, view or common table expression.
    Table(NameRef),
    /// A sub-query.
    Query(Select),
    /// A function's rows, or something else of which the text tells nothing.
    Other,
}

/// A column as named: `a`, `t.a`, `t.*`, `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnUse {
    /// The table's name or alias, where one is written.
    pub of: Option<String>,
    /// The column; `None` for all.
    pub column: Option<String>,
}

/// One column that comes out, or all of some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// The name it gets; of no meaning for all of a table.
    pub name: String,
    /// Its value.
    pub value: Value,
}

/// A value, as far as its type can be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A column, or all of some.
    Column(ColumnUse),
    /// A cast.
    Cast(TypeRef),
    /// A call or operator whose result is always of one built-in type.
    Of(&'static str),
    /// The type of the inner value.
    Like(Box<Value>),
    /// `sum` of the inner value.
    Sum(Box<Value>),
    /// `+`, `-`, `*`, `/` of two numbers.
    Number(Box<(Value, Value)>),
    /// An array of the inner value.
    Array(Box<Value>),
    /// Nobody can tell from the text.
    Unknown,
}
