//! Other objects as written: drops, renames, functions, and changes of rows.

use super::{Inserted, NameRef, Query};
use crate::catalog::{Expression, Volatility};

/// `DROP`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drop {
    /// What kind of objects.
    pub object: ObjectKind,
    /// Their names; for triggers, policies and rules the table's.
    pub names: Vec<NameRef>,
    /// For triggers, policies and rules their own names.
    pub members: Vec<String>,
    /// `IF EXISTS`.
    pub if_exists: bool,
    /// `CASCADE`.
    pub cascade: bool,
    /// `CONCURRENTLY`.
    pub concurrently: bool,
}

/// `ALTER … RENAME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rename {
    /// What is renamed.
    pub object: ObjectKind,
    /// The object, or the relation that it belongs to.
    pub name: NameRef,
    /// For a column, constraint, trigger, policy: its old name.
    pub member: Option<String>,
    /// The new name.
    pub to: String,
    /// `IF EXISTS`.
    pub if_exists: bool,
}

/// Kinds of objects, as far as statements differ by them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is the SQL word")]
pub enum ObjectKind {
    Table,
    View,
    MaterializedView,
    Index,
    Sequence,
    ForeignTable,
    Column,
    Constraint,
    Trigger,
    Policy,
    Rule,
    Type,
    Domain,
    Attribute,
    Function,
    Schema,
    Extension,
    Statistics,
    Other,
}

/// `CREATE FUNCTION`.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateFunction {
    /// Its name.
    pub name: NameRef,
    /// Argument types.
    pub arguments: String,
    /// `OR REPLACE`.
    pub replace: bool,
    /// A procedure.
    pub procedure: bool,
    /// Volatility; volatile unless said.
    pub volatility: Volatility,
    /// Language.
    pub language: String,
    /// The body's text.
    pub body: Option<String>,
}

/// Which change of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is the SQL word")]
pub enum DmlVerb {
    Insert,
    Update,
    Delete,
    Merge,
}

/// `INSERT`, `UPDATE`, `DELETE`, `MERGE`.
#[derive(Debug, Clone, PartialEq)]
pub struct Dml {
    /// Which.
    pub verb: DmlVerb,
    /// The table.
    pub target: NameRef,
    /// Other relations that it reads.
    pub query: Query,
    /// `INSERT … VALUES` of this many rows.
    pub values: Option<usize>,
    /// What an `INSERT` gives.
    pub inserted: Inserted,
    /// It has a `WHERE`.
    pub filtered: bool,
    /// Columns that it sets, with the columns of the target that the new values use.
    pub sets: Vec<(String, Expression)>,
}
