//! Tables and indexes as written: definitions, and the actions of `ALTER TABLE`.

use super::{NameRef, ObjectKind, Query, Rendered, Select};
use crate::catalog::{Expression, Generated, ReplicaIdentity};
use crate::quote::SqlText;

/// A type as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeRef {
    /// As `format_type` would print it for a built-in type; the bare name for a user's.
    pub display: String,
    /// The name of a type that is not built in (of the element, for an array).
    pub user: Option<NameRef>,
    /// `smallserial`, `serial`, `bigserial`.
    pub serial: bool,
    /// An array.
    pub array: bool,
}

/// `CREATE TABLE`.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateTable {
    /// Its name.
    pub name: NameRef,
    /// `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// `TEMPORARY`.
    pub temporary: bool,
    /// `ON COMMIT DROP`.
    pub drop_on_commit: bool,
    /// `UNLOGGED`.
    pub unlogged: bool,
    /// Its own columns.
    pub columns: Vec<ColumnDef>,
    /// Table constraints.
    pub constraints: Vec<ConstraintDef>,
    /// `INHERITS` parents, or the parent it is a partition of.
    pub parents: Vec<NameRef>,
    /// `PARTITION OF … FOR VALUES`: the bound.
    pub bound: Option<String>,
    /// `PARTITION BY`.
    pub partition_key: Option<Expression>,
    /// `LIKE` sources.
    pub like: Vec<Like>,
    /// A foreign table.
    pub foreign: bool,
    /// `OF type`.
    pub of_type: Option<NameRef>,
}

/// `LIKE source INCLUDING …`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Like {
    /// The table.
    pub source: NameRef,
    /// What is included, as PostgreSQL's own set of bits (`TableLikeOption`).
    pub including: u32,
    /// How many of the table's own columns stand before it.
    pub after: usize,
}

impl Like {
    /// `INCLUDING CONSTRAINTS`: its checks.
    pub const CHECKS: u32 = 1 << 2;
    /// `INCLUDING DEFAULTS`.
    pub const DEFAULTS: u32 = 1 << 3;
    /// `INCLUDING GENERATED`.
    pub const GENERATED: u32 = 1 << 4;
    /// `INCLUDING IDENTITY`.
    pub const IDENTITY: u32 = 1 << 5;
    /// `INCLUDING INDEXES`: with the keys.
    pub const INDEXES: u32 = 1 << 6;

    /// Whether it brings these too.
    pub fn includes(&self, what: u32) -> bool {
        self.including & what != 0
    }
}

/// `CREATE TABLE AS` and its kin.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateTableAs {
    /// Its name.
    pub name: NameRef,
    /// `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// `TEMPORARY`.
    pub temporary: bool,
    /// `UNLOGGED`.
    pub unlogged: bool,
    /// `ON COMMIT DROP`.
    pub drop_on_commit: bool,
    /// A materialized view.
    pub materialized_view: bool,
    /// `WITH NO DATA` is false here.
    pub with_data: bool,
    /// What it reads.
    pub query: Query,
    /// Names given to its columns.
    pub columns: Vec<String>,
    /// The query's own columns.
    pub select: Select,
}

/// A column definition.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnDef {
    /// Its name.
    pub name: String,
    /// Its type.
    pub type_ref: TypeRef,
    /// What it is taken apart into where it is added; `None` in `CREATE TABLE`, which stays whole.
    pub parts: Option<Rendered<ColumnParts>>,
    /// `NOT NULL`, said or implied by serial, identity or an inline primary key.
    pub not_null: bool,
    /// `DEFAULT`.
    pub default: Option<Expression>,
    /// Generated or identity.
    pub generated: Generated,
    /// Inline PRIMARY KEY, UNIQUE, CHECK and REFERENCES, as table constraints.
    pub inline: Vec<ConstraintDef>,
}

/// Parts of a column's definition that become steps of their own.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ColumnParts {
    /// The definition without its inline keys, checks and references: `"a" int NOT NULL DEFAULT 1`.
    pub bare: SqlText,
    /// The same without `NOT NULL` as well.
    pub bare_nullable: SqlText,
    /// Its name and type alone, a serial as the integer that it stands for: `"a" bigint`.
    pub hollow: SqlText,
    /// `GENERATED … AS IDENTITY (…)`, where its sequence has no name of its own.
    pub identity: Option<SqlText>,
}

/// A constraint definition.
#[derive(Debug, Clone, PartialEq)]
pub struct ConstraintDef {
    /// Its name, where one is written.
    pub name: Option<String>,
    /// Which kind.
    pub kind: ConstraintKindDef,
    /// The columns it covers; for a CHECK those it names.
    pub columns: Vec<String>,
    /// The definition without name and `NOT VALID`: `FOREIGN KEY (a) REFERENCES b (id) ON DELETE CASCADE`.
    pub definition: SqlText,
    /// `NOT VALID`.
    pub not_valid: bool,
    /// `NOT ENFORCED` is false here (18).
    pub enforced: bool,
    /// `DEFERRABLE`.
    pub deferrable: bool,
    /// `INITIALLY DEFERRED`.
    pub initially_deferred: bool,
}

/// The kinds of constraint, as written.
#[derive(Debug, Clone, PartialEq)]
pub enum ConstraintKindDef {
    /// `CHECK`.
    Check(Expression),
    /// `NOT NULL column` (18).
    NotNull,
    /// `PRIMARY KEY`.
    PrimaryKey(KeyDef),
    /// `UNIQUE`.
    Unique(KeyDef),
    /// `FOREIGN KEY`.
    ForeignKey {
        /// The referenced table.
        references: NameRef,
        /// The referenced columns; empty for its primary key.
        columns: Vec<String>,
        /// `MATCH FULL`.
        match_full: bool,
        /// `PERIOD` (18).
        period: bool,
    },
    /// `EXCLUDE`.
    Exclude(ExcludeDef),
}

/// How the index of an `EXCLUDE` is made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExcludeDef {
    /// Access method.
    pub method: String,
    /// Key columns; an expression is an empty string.
    pub keys: Vec<String>,
    /// The name PostgreSQL gives each key when it names the index.
    pub key_names: Vec<String>,
    /// The operator class of each key, where one is written.
    pub classes: Vec<Option<String>>,
    /// What the expression keys use.
    pub expressions: Option<Expression>,
    /// `WHERE`.
    pub predicate: Option<Expression>,
}

/// How a key's index is made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeyDef {
    /// `USING INDEX`.
    pub using_index: Option<String>,
    /// What stands behind `ON table` in the `CREATE UNIQUE INDEX` that makes the same index.
    pub index_rest: Option<SqlText>,
    /// `INCLUDE`.
    pub include: Vec<String>,
    /// `WITHOUT OVERLAPS` (18).
    pub without_overlaps: bool,
    /// `NULLS NOT DISTINCT` (15).
    pub nulls_not_distinct: bool,
}

/// `ALTER TABLE` and its kin.
#[derive(Debug, Clone, PartialEq)]
pub struct AlterTable {
    /// What kind of relation is named.
    pub object: ObjectKind,
    /// Its name.
    pub name: NameRef,
    /// `IF EXISTS`.
    pub if_exists: bool,
    /// `ONLY`.
    pub only: bool,
    /// What is done, in the order written.
    pub actions: Vec<Action>,
}

/// One action of an `ALTER TABLE`.
#[derive(Debug, Clone, PartialEq)]
pub struct Action {
    /// What it is.
    pub kind: ActionKind,
    /// Its text, to stand behind `ALTER TABLE name`.
    pub sql: Rendered,
}

/// The actions of `ALTER TABLE`.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    missing_docs,
    reason = "the variants and fields have the names of the SQL clauses they stand for"
)]
pub enum ActionKind {
    AddColumn {
        column: ColumnDef,
        if_not_exists: bool,
    },
    DropColumn {
        name: String,
        if_exists: bool,
        cascade: bool,
    },
    SetDefault {
        column: String,
        default: Expression,
    },
    DropDefault {
        column: String,
    },
    SetNotNull {
        column: String,
    },
    DropNotNull {
        column: String,
    },
    AlterType {
        column: String,
        to: TypeRef,
        /// The type and its COLLATE as they stand in a column's definition.
        definition: SqlText,
        using: Option<Expression>,
        /// The type in `USING column::type`, where that is all.
        cast: Option<TypeRef>,
        collate: bool,
    },
    AddConstraint(ConstraintDef),
    DropConstraint {
        name: String,
        if_exists: bool,
        cascade: bool,
    },
    ValidateConstraint {
        name: String,
    },
    AlterConstraint {
        name: String,
        enforced: Option<bool>,
    },
    AddIdentity {
        column: String,
    },
    SetIdentity {
        column: String,
        /// Something of its sequence changes.
        sequence: bool,
    },
    DropIdentity {
        column: String,
        if_exists: bool,
    },
    SetExpression {
        column: String,
    },
    DropExpression {
        column: String,
        if_exists: bool,
    },
    AttachPartition {
        child: NameRef,
        bound: String,
    },
    DetachPartition {
        child: NameRef,
        concurrently: bool,
        finalize: bool,
    },
    /// `SET STATISTICS`, `SET (n_distinct = …)`.
    ColumnOptions {
        column: String,
    },
    /// `SET STORAGE`, `SET COMPRESSION`.
    ColumnStorage {
        column: String,
        /// `PLAIN` or `DEFAULT`, which every type can have.
        plain: bool,
    },
    /// `SET (fillfactor = …)`, `RESET (…)`.
    RelationOptions,
    ClusterOn {
        index: Option<String>,
    },
    /// `OF type`, or `NOT OF`.
    OfType {
        name: Option<NameRef>,
    },
    ReplicaIdentity {
        to: ReplicaIdentity,
    },
    RowSecurity,
    /// `ENABLE` / `DISABLE TRIGGER`; `all` for `DISABLE TRIGGER ALL`.
    Trigger {
        all: bool,
        disable: bool,
    },
    Rule,
    Owner {
        role: Option<String>,
    },
    SetLogged {
        logged: bool,
    },
    SetTablespace {
        name: String,
    },
    SetAccessMethod {
        name: String,
    },
    Inherit {
        parent: NameRef,
    },
    NoInherit {
        parent: NameRef,
    },
    Other {
        tag: String,
    },
}

/// `CREATE INDEX`.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateIndex {
    /// Its name, where one is written.
    pub name: Option<String>,
    /// The table.
    pub table: NameRef,
    /// `ON ONLY`.
    pub only: bool,
    /// `UNIQUE`.
    pub unique: bool,
    /// `CONCURRENTLY`.
    pub concurrently: bool,
    /// `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// Access method.
    pub method: String,
    /// Key columns; an expression is an empty string.
    pub keys: Vec<String>,
    /// The name PostgreSQL gives an expression key when it names the index: the function, or `expr`.
    pub key_names: Vec<String>,
    /// The text of each key without collation, class and order, for queries.
    pub key_sql: Vec<SqlText>,
    /// The operator class of each key, where one is written.
    pub classes: Vec<Option<String>>,
    /// `INCLUDE`.
    pub include: Vec<String>,
    /// What the expression keys use.
    pub expressions: Option<Expression>,
    /// `WHERE`.
    pub predicate: Option<Expression>,
    /// `NULLS NOT DISTINCT`.
    pub nulls_not_distinct: bool,
    /// What stands behind `ON table`: `USING btree (a) WHERE …`.
    pub rest: SqlText,
}
