//! Our own small statements: what a plan needs to know of SQL, and no more.
//!
//! Names are as written (unresolved); the catalog resolves them. Parts that a rewriting puts together again are kept as
//! [`SqlText`], rendered by the parser's own deparser. No parser type appears here.

use super::{
    AlterTable, CreateFunction, CreateIndex, CreateTable, CreateTableAs, Dml, Drop, ObjectKind, PublicationChange,
    Rename, Rows, Select, TypeRef,
};
use crate::catalog::{Expression, RowEvent, Volatility};
use crate::lock::LockMode;
use crate::quote::SqlText;
use crate::source::Span;
use std::collections::BTreeSet;

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
    /// The first major that can read it, where that is not the oldest.
    pub since: Option<Since>,
}

/// Grammar that older servers do not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Since {
    /// The first major that has it.
    pub major: u32,
    /// Its words.
    pub syntax: &'static str,
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
        /// `TEMPORARY`.
        temporary: bool,
        /// Names given to its columns.
        columns: Vec<String>,
        /// What it reads.
        query: Query,
        /// The query's own columns.
        select: Select,
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
    /// `REASSIGN OWNED`, `DROP OWNED`.
    Owned {
        /// Whose.
        roles: Vec<String>,
        /// The new owner; `None` where all is dropped.
        to: Option<String>,
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
        /// A CHECK or NOT NULL is added.
        constrains: bool,
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
    /// `ALTER FUNCTION` / `PROCEDURE`, renaming and the like left out.
    AlterFunction {
        /// Its name.
        name: NameRef,
        /// The types of its arguments, where they are given.
        signature: Option<Vec<TypeRef>>,
        /// The volatility that it gets.
        volatility: Option<Volatility>,
    },
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
        /// What it fires on.
        events: BTreeSet<RowEvent>,
        /// `BEFORE … FOR EACH ROW`.
        before_row: bool,
        /// `FOR EACH STATEMENT`.
        each_statement: bool,
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
        /// Its name, where one is written.
        name: Option<NameRef>,
        /// The tables.
        tables: Vec<NameRef>,
        /// Columns that they are about.
        columns: Vec<String>,
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
        /// Where its objects go.
        schema: Option<String>,
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
        /// Those of them behind `ONLY`.
        only: Vec<NameRef>,
        /// `CASCADE`.
        cascade: bool,
        /// `RESTART IDENTITY`.
        restart: bool,
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
        /// What is built anew.
        target: ReindexTarget,
        /// `CONCURRENTLY`.
        concurrently: bool,
    },
    /// `CLUSTER`, `VACUUM FULL`.
    Compact {
        /// The table; `None` for all.
        table: Option<NameRef>,
        /// It is `VACUUM FULL`, which never runs in a transaction.
        vacuum: bool,
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
    /// Publications.
    Publication(PublicationChange),
    /// What nobody here knows.
    Other {
        /// Its words.
        tag: String,
    },
}

/// What a `REINDEX` builds anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReindexTarget {
    /// One index.
    Index(NameRef),
    /// All indexes of a table.
    Table(NameRef),
    /// Those of every table in a schema.
    Schema(String),
    /// Those of every table in the database.
    Database,
    /// Those of the system catalogs.
    System,
}

/// What a query reads and calls.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Query {
    /// Relations it reads.
    pub reads: Vec<NameRef>,
    /// Relations that it changes, in a `WITH`.
    pub writes: Vec<NameRef>,
    /// Functions it calls, as written.
    pub functions: Vec<String>,
    /// What it says of rows.
    pub rows: Rows,
}

/// Statements inside a block or function body.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Body {
    /// Those that could be read, in the order of the text.
    pub statements: Vec<Inner>,
    /// Why there may be more than could be read.
    pub opaque: Option<String>,
}

/// A statement inside a body.
#[derive(Debug, Clone, PartialEq)]
pub struct Inner {
    /// The statement. Its span is its place inside the text of the statement that holds it; empty where that is not known.
    pub statement: Statement,
    /// Whether it runs.
    pub when: When,
}

/// Whether a statement of a body runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum When {
    /// It does.
    Always,
    /// If what it makes is missing, or what it takes away is there: the block has looked, or catches the error.
    IfNeeded,
    /// On a condition of which the text does not tell the outcome, or any number of times.
    Perhaps,
}

/// `BEGIN` and its kin.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is the SQL word; a string is a savepoint's name")]
pub enum TransactionVerb {
    Begin,
    Commit,
    Rollback,
    Savepoint(String),
    Release(String),
    RollbackTo(String),
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
    pub fn is_boundary(&self) -> bool {
        matches!(self, Self::Begin | Self::Commit)
    }
}
