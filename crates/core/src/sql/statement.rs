//! Our own small statements: what a plan needs to know of SQL, and no more.
//!
//! Names are as written (unresolved); the catalog resolves them. Parts that a rewriting puts together again are kept as
//! [`SqlText`], rendered by the parser's own deparser. No parser type appears here.

use crate::catalog::{Expression, Generated, Volatility};
use crate::lock::LockMode;
use crate::quote::SqlText;
use crate::source::Span;

/// One statement of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// What it is.
    pub kind: Kind,
    /// Where it stands, without its semicolon and the comments before it.
    pub span: Span,
    /// Its text, exactly as written.
    pub sql: SqlText,
    /// Its number in the file, from 1.
    pub ordinal: usize,
}

/// A name as written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NameRef {
    /// The schema, where one is written.
    pub schema: Option<String>,
    /// The name, case-folded as PostgreSQL does.
    pub name: String,
}

/// What a statement is.
#[derive(Debug, Clone, PartialEq)]
#[allow(
    clippy::large_enum_variant,
    reason = "a file holds few statements, and they are matched far more than moved"
)]
pub enum Kind {
    /// `CREATE TABLE`.
    CreateTable(CreateTable),
    /// `CREATE TABLE AS`, `SELECT INTO`, `CREATE MATERIALIZED VIEW`.
    CreateTableAs(CreateTableAs),
    /// `CREATE VIEW`.
    CreateView {
        /// Its name.
        name: NameRef,
        /// `OR REPLACE`.
        replace: bool,
        /// What it reads.
        query: Query,
    },
    /// `REFRESH MATERIALIZED VIEW`.
    Refresh {
        /// Its name.
        name: NameRef,
        /// `CONCURRENTLY`.
        concurrently: bool,
        /// `WITH NO DATA` is false here.
        with_data: bool,
    },
    /// `ALTER TABLE`, `ALTER INDEX`, `ALTER VIEW`, … with actions.
    AlterTable(AlterTable),
    /// `CREATE INDEX`.
    CreateIndex(CreateIndex),
    /// `DROP …`.
    Drop(Drop),
    /// `ALTER … RENAME`.
    Rename(Rename),
    /// `ALTER … SET SCHEMA`.
    SetSchema {
        /// What kind of object.
        object: ObjectKind,
        /// Its name.
        name: NameRef,
        /// The new schema.
        schema: String,
    },
    /// `ALTER … OWNER TO`, for anything that is not a relation.
    Owner {
        /// What kind of object.
        object: ObjectKind,
    },
    /// `CREATE TYPE … AS ENUM`.
    CreateEnum {
        /// Its name.
        name: NameRef,
        /// Its labels.
        labels: Vec<String>,
    },
    /// `ALTER TYPE … ADD VALUE`.
    AddEnumValue {
        /// The enum.
        name: NameRef,
        /// The new label.
        label: String,
        /// `IF NOT EXISTS`.
        if_not_exists: bool,
        /// The label it stands beside, and whether after it.
        beside: Option<(String, bool)>,
    },
    /// `ALTER TYPE … RENAME VALUE`.
    RenameEnumValue {
        /// The enum.
        name: NameRef,
        /// The label.
        from: String,
        /// Its new text.
        to: String,
    },
    /// `CREATE DOMAIN`.
    CreateDomain {
        /// Its name.
        name: NameRef,
        /// The base type.
        base: TypeRef,
        /// Whether it has CHECK or NOT NULL.
        constrained: bool,
    },
    /// `ALTER DOMAIN`.
    AlterDomain {
        /// Its name.
        name: NameRef,
        /// Whether existing rows are read (ADD CONSTRAINT without NOT VALID, VALIDATE, SET NOT NULL).
        reads_rows: bool,
    },
    /// `CREATE TYPE` in its other forms.
    CreateType {
        /// Its name.
        name: NameRef,
        /// A composite type.
        composite: bool,
    },
    /// `CREATE SEQUENCE`.
    CreateSequence {
        /// Its name.
        name: NameRef,
        /// `IF NOT EXISTS`.
        if_not_exists: bool,
        /// `TEMPORARY`.
        temporary: bool,
        /// `OWNED BY`.
        owned_by: Option<(NameRef, String)>,
    },
    /// `ALTER SEQUENCE`.
    AlterSequence {
        /// Its name.
        name: NameRef,
        /// `OWNED BY`: the table and column.
        owned_by: Option<(NameRef, String)>,
        /// `RESTART`, `INCREMENT` and so on.
        options: bool,
    },
    /// `CREATE FUNCTION` / `PROCEDURE`.
    CreateFunction(CreateFunction),
    /// `CREATE TRIGGER`.
    CreateTrigger {
        /// The trigger.
        name: String,
        /// The table.
        table: NameRef,
        /// `OR REPLACE`.
        replace: bool,
        /// The function.
        function: NameRef,
        /// Columns it names.
        columns: Vec<String>,
        /// `FROM table` of a constraint trigger.
        from: Option<NameRef>,
    },
    /// `CREATE` / `ALTER POLICY`.
    Policy {
        /// The policy.
        name: String,
        /// The table.
        table: NameRef,
        /// `CREATE`, not `ALTER`.
        create: bool,
        /// Its expressions.
        uses: Expression,
    },
    /// `CREATE RULE`.
    CreateRule {
        /// The table.
        table: NameRef,
    },
    /// `CREATE STATISTICS`.
    CreateStatistics {
        /// The tables.
        tables: Vec<NameRef>,
    },
    /// `COMMENT ON`.
    Comment {
        /// What kind of object.
        object: ObjectKind,
        /// Its relation, or the relation that it belongs to.
        name: Option<NameRef>,
    },
    /// `GRANT` / `REVOKE`.
    Grant {
        /// `REVOKE`.
        revoke: bool,
        /// The tables, where it is about tables.
        tables: Vec<NameRef>,
    },
    /// `CREATE SCHEMA`.
    CreateSchema {
        /// Its name.
        name: String,
        /// `IF NOT EXISTS`.
        if_not_exists: bool,
        /// It has elements of its own.
        with_elements: bool,
    },
    /// `CREATE EXTENSION`.
    CreateExtension {
        /// Its name.
        name: String,
        /// `IF NOT EXISTS`.
        if_not_exists: bool,
    },
    /// `INSERT`, `UPDATE`, `DELETE`, `MERGE`.
    Dml(Dml),
    /// A bare `SELECT` (a function call, most often), `VALUES`, `EXPLAIN`.
    Select(Query),
    /// `TRUNCATE`.
    Truncate {
        /// The tables.
        tables: Vec<NameRef>,
        /// `CASCADE`.
        cascade: bool,
    },
    /// `COPY`.
    Copy {
        /// The table; `None` for a query.
        table: Option<NameRef>,
        /// `FROM`.
        from: bool,
        /// From or to the client's standard stream.
        client_stream: bool,
    },
    /// `LOCK TABLE`.
    Lock {
        /// The tables.
        tables: Vec<NameRef>,
        /// The mode.
        mode: LockMode,
    },
    /// `DO`.
    Do {
        /// The block's statements as far as they could be read.
        body: Body,
    },
    /// `CALL`.
    Call {
        /// The procedure.
        function: String,
    },
    /// `SET`, `RESET`.
    Set {
        /// The parameter.
        name: String,
        /// The values; empty for `RESET` and `TO DEFAULT`.
        values: Vec<String>,
        /// `LOCAL`.
        local: bool,
    },
    /// `BEGIN`, `COMMIT`, ….
    Transaction(TransactionVerb),
    /// `REINDEX`.
    Reindex {
        /// The index or table; `None` for a schema, database or the system catalogs.
        name: Option<NameRef>,
        /// The name is an index's.
        index: bool,
        /// `CONCURRENTLY`.
        concurrently: bool,
    },
    /// `CLUSTER`, `VACUUM FULL`.
    Compact {
        /// The table; `None` for all.
        table: Option<NameRef>,
    },
    /// `VACUUM`, `ANALYZE`.
    Maintain {
        /// The tables; empty for all.
        tables: Vec<NameRef>,
        /// It is a `VACUUM`, which cannot run in a transaction.
        vacuum: bool,
    },
    /// `ALTER SYSTEM`, `CREATE DATABASE` and others that only run outside a transaction.
    OutsideTransaction {
        /// Its words.
        tag: String,
    },
    /// Catalog changes that lock no relation: roles, operators, casts, default privileges, ….
    NoRelation {
        /// Its words.
        tag: String,
    },
    /// Publications: `SHARE UPDATE EXCLUSIVE` on the tables named.
    Publication {
        /// The tables.
        tables: Vec<NameRef>,
    },
    /// What nobody here knows.
    Other {
        /// Its words.
        tag: String,
    },
}

/// What a query reads and calls.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Query {
    /// Relations it reads.
    pub reads: Vec<NameRef>,
    /// Relations that it changes (in a `WITH`, or `SELECT … FOR UPDATE`: those it locks rows of).
    pub writes: Vec<NameRef>,
    /// Functions it calls, as written.
    pub functions: Vec<String>,
}

/// Statements inside a block or function body.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Body {
    /// Those that could be read.
    pub statements: Vec<Statement>,
    /// Dynamic SQL or another language: there is more that could not be read.
    pub opaque: bool,
}

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
    pub like: Vec<NameRef>,
    /// A foreign table.
    pub foreign: bool,
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
    /// A materialized view.
    pub materialized_view: bool,
    /// `WITH NO DATA` is false here.
    pub with_data: bool,
    /// What it reads.
    pub query: Query,
}

/// A column definition.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnDef {
    /// Its name.
    pub name: String,
    /// Its type.
    pub type_ref: TypeRef,
    /// The definition without its inline keys, checks and references: `"a" int NOT NULL DEFAULT 1`.
    pub bare: SqlText,
    /// The same without `NOT NULL` as well.
    pub bare_nullable: SqlText,
    /// `NOT NULL`, said or implied by serial, identity or an inline primary key.
    pub not_null: bool,
    /// `DEFAULT`.
    pub default: Option<Expression>,
    /// Generated or identity.
    pub generated: Generated,
    /// Inline PRIMARY KEY, UNIQUE, CHECK and REFERENCES, as table constraints.
    pub inline: Vec<ConstraintDef>,
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
    Exclude,
}

/// How a key's index is made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeyDef {
    /// `USING INDEX`.
    pub using_index: Option<String>,
    /// What stands behind `ON table` in the `CREATE UNIQUE INDEX` that makes the same index.
    pub index_rest: Option<SqlText>,
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
    pub sql: SqlText,
}

/// The actions of `ALTER TABLE`.
#[derive(Debug, Clone, PartialEq)]
#[allow(
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
        using: Option<Expression>,
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
    },
    DropIdentity {
        column: String,
    },
    SetExpression {
        column: String,
    },
    DropExpression {
        column: String,
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
    },
    /// `SET (fillfactor = …)`, `RESET (…)`.
    RelationOptions,
    ClusterOn,
    ReplicaIdentity {
        index: Option<String>,
    },
    RowSecurity,
    /// `ENABLE` / `DISABLE TRIGGER`; `all` for `DISABLE TRIGGER ALL`.
    Trigger {
        all: bool,
        disable: bool,
    },
    Rule,
    Owner,
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
#[allow(missing_docs, reason = "each is the SQL word")]
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
#[allow(missing_docs, reason = "each is the SQL word")]
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
    /// The columns that `WHERE` compares with constants for equality, all joined by AND.
    pub equal_columns: Vec<String>,
    /// It has a `WHERE`.
    pub filtered: bool,
    /// Columns that it sets, with the columns of the target that the new values use.
    pub sets: Vec<(String, Expression)>,
}

/// `BEGIN` and its kin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is the SQL word")]
pub enum TransactionVerb {
    Begin,
    Commit,
    Rollback,
    Savepoint,
    Release,
    RollbackTo,
    Prepared,
}

impl std::fmt::Display for NameRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.schema {
            Some(schema) => write!(f, "{schema}.{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

impl NameRef {
    /// A name without a schema.
    pub fn bare(name: impl Into<String>) -> Self {
        Self {
            schema: None,
            name: name.into(),
        }
    }

    /// A name from `name` or `schema.name`.
    pub fn dotted(text: &str) -> Self {
        match text.rsplit_once('.') {
            Some((schema, name)) => Self {
                schema: Some(schema.to_owned()),
                name: name.to_owned(),
            },
            None => Self::bare(text),
        }
    }
}

impl TransactionVerb {
    /// Whether it opens or closes a block, and nothing more.
    pub fn is_boundary(self) -> bool {
        matches!(self, Self::Begin | Self::Commit)
    }
}
