//! Other objects as written: drops, renames, functions, and changes of rows.

use super::{Inserted, NameRef, Query, TypeRef};
use crate::catalog::{Expression, Volatility};
use crate::quote::SqlText;
use std::collections::BTreeSet;

/// `DROP`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drop {
    /// What kind of objects.
    pub object: ObjectKind,
    /// Their names; for triggers, policies and rules the table's.
    pub names: Vec<NameRef>,
    /// For triggers, policies and rules their own names.
    pub members: Vec<String>,
    /// For functions the types of their arguments, where they are written.
    pub signatures: Vec<Option<Vec<TypeRef>>>,
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

/// An argument of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Argument {
    /// `OUT`, `INOUT`, `VARIADIC`; empty for `IN`.
    pub mode: &'static str,
    /// Its name; may be empty.
    pub name: String,
    /// Its type.
    pub type_ref: TypeRef,
}

/// `CREATE FUNCTION`.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateFunction {
    /// Its name.
    pub name: NameRef,
    /// Its arguments, those that come out among them.
    pub arguments: Vec<Argument>,
    /// What it returns, as written; empty for a procedure, or where only arguments come out.
    pub returns: String,
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
    /// The functions called in the one expression that the planner puts in its place; `None` where it does not.
    pub inlined: Option<BTreeSet<String>>,
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
    /// What the branches of a `MERGE` do.
    pub branches: Vec<DmlVerb>,
    /// What an `INSERT` gives.
    pub inserted: Inserted,
    /// It has a `WHERE`.
    pub filtered: bool,
    /// Columns that it sets, with the columns of the target that the new values use.
    pub sets: Vec<(String, Expression)>,
    /// An `UPDATE` or `DELETE` taken apart.
    pub shape: Option<Shape>,
}

/// An `UPDATE` or `DELETE` taken apart, so that it can be done a part of the rows at a time.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    /// Everything before `WHERE`.
    pub change: SqlText,
    /// `SELECT FROM` the target and what is joined to it.
    pub reading: SqlText,
    /// What stands behind `WHERE`.
    pub condition: Option<SqlText>,
    /// What the target is called in them.
    pub alias: String,
    /// It has a `FROM` or `USING`.
    pub joins: bool,
    /// `ONLY`.
    pub only: bool,
    /// Columns that the condition demands to be NULL.
    pub nulls: Vec<String>,
    /// Why it cannot be parted, whatever the tables are.
    pub obstacle: Option<&'static str>,
}

impl CreateFunction {
    /// The types of the arguments that go in, as written.
    pub fn signature(&self) -> String {
        let input = self.arguments.iter().filter(|argument| argument.mode != "OUT");
        let types: Vec<&str> = input.map(|argument| argument.type_ref.display.as_str()).collect();
        types.join(", ")
    }
}
