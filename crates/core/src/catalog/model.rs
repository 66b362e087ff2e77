//! What a catalog holds.
//!
//! Names are stored resolved and unquoted. Expressions are stored as the text that PostgreSQL or the file gives, with the
//! columns and functions they use beside them, so that nobody below has to parse them again.

use super::{Kept, Named, Publication, ReplicaIdentity};
use crate::quote::Name;
use crate::version::ServerVersion;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A whole database's schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catalog {
    /// The server's version.
    pub version: ServerVersion,
    /// Schemas that unqualified names are looked up in, in order, `pg_catalog` left out.
    pub search_path: Vec<String>,
    /// `TimeZone` of the session, which decides whether `timestamp → timestamptz` rewrites; `None` where nobody knows.
    pub time_zone: Option<String>,
    /// The database's own user-visible schemas.
    pub schemas: BTreeSet<String>,
    /// Tables, views, sequences and the like. Indexes are inside their relation.
    pub relations: Named<Relation>,
    /// Enums, domains, composite and range types made by users.
    pub types: Named<TypeDef>,
    /// Functions and procedures made by users, all overloads under one name.
    pub functions: Named<Vec<Function>>,
    /// Installed extensions by name.
    pub extensions: BTreeSet<String>,
    /// Publications by name.
    #[serde(default)]
    pub publications: BTreeMap<String, Publication>,
    /// Relations that somebody held in ACCESS EXCLUSIVE while the catalog was read: of these, expressions, definitions of
    /// indexes and checks, and the size are missing. Whoever needs them reads the catalog again when the lock is gone.
    pub locked_away: BTreeSet<Name>,
}

/// Something in `pg_class` that is not an index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relation {
    /// Table, view, sequence, ….
    pub kind: RelationKind,
    /// Whether it was there before the present migration.
    pub origin: Origin,
    /// A temporary relation: nobody else can see it.
    pub temporary: bool,
    /// A temporary table that ends with its transaction.
    pub drop_on_commit: bool,
    /// `UNLOGGED`.
    pub unlogged: bool,
    /// Columns in order; dropped ones are left out.
    pub columns: Vec<Column>,
    /// Constraints, not-null constraints of version 18 among them.
    pub constraints: Vec<Constraint>,
    /// Indexes on it.
    pub indexes: Vec<Index>,
    /// User triggers on it.
    pub triggers: Vec<Trigger>,
    /// Row security policies on it.
    pub policies: Vec<Policy>,
    /// Direct parents, by inheritance or as a partition.
    pub parents: Vec<Name>,
    /// For a partition its bound (`FOR VALUES …` or `DEFAULT`).
    pub bound: Option<String>,
    /// For a partitioned table its key (`RANGE (a)`), with the columns in it.
    pub partition_key: Option<Expression>,
    /// For a view, materialized view or rule: the relations it reads, with the columns of each.
    #[serde(with = "super::snapshot::by_name")]
    pub reads: BTreeMap<Name, BTreeSet<String>>,
    /// For an owned sequence: the table and column.
    pub owned_by: Option<(Name, String)>,
    /// For a sequence: the last number that it gave, where somebody asked the server.
    #[serde(default)]
    pub last_value: Option<i64>,
    /// Its owner, where it is known.
    #[serde(default)]
    pub owner: Option<String>,
    /// The composite type that it is a table of.
    #[serde(default)]
    pub of_type: Option<Name>,
    /// `DETACH PARTITION … CONCURRENTLY` has been begun and not finished.
    #[serde(default)]
    pub detach_pending: bool,
    /// Extended statistics on it.
    #[serde(default)]
    pub statistics: Vec<Statistics>,
    /// How its old rows are named to subscribers.
    #[serde(default)]
    pub replica_identity: ReplicaIdentity,
    /// A migration has put a row in, and none took rows out.
    #[serde(default)]
    pub filled: bool,
    /// Live size. `None` means unknown, which counts as large.
    pub size: Option<Size>,
}

/// What kind of relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RelationKind {
    /// An ordinary table.
    Table,
    /// The parent of partitions; it holds no rows itself.
    PartitionedTable,
    /// A view.
    View,
    /// A materialized view.
    MaterializedView,
    /// A sequence.
    Sequence,
    /// A foreign table.
    ForeignTable,
}

/// Whether a relation was there before the migration that is being planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// It was there: the application may use it.
    Existing,
    /// An earlier statement of the same migration made it.
    Created,
}

/// How much a relation holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// Rows: exact where it was counted, else the statistics' estimate.
    pub rows: u64,
    /// Bytes of the main fork, indexes and TOAST left out.
    pub bytes: u64,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type as `format_type` prints it, `character varying(50)`; user types schema-qualified when not in the path. Empty
    /// where the text of a query does not tell it.
    pub type_name: String,
    /// The user type's own name where it is an enum, domain, composite or table (of the element, for an array).
    pub user_type: Option<Name>,
    /// `attnotnull`.
    pub not_null: bool,
    /// Its default expression.
    pub default: Option<Expression>,
    /// Generated or identity.
    pub generated: Generated,
}

/// How a column gets its value when none is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Generated {
    /// By its default, if any.
    No,
    /// `GENERATED … AS IDENTITY`.
    Identity,
    /// `GENERATED ALWAYS AS (…) STORED`.
    Stored,
    /// `GENERATED ALWAYS AS (…) VIRTUAL` (18).
    Virtual,
}

/// An expression's text, and what it uses.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Expression {
    /// The text.
    pub sql: String,
    /// Columns of its own relation that it names.
    pub columns: BTreeSet<String>,
    /// Functions it calls, as written (`lower`, `public.f`), lower-cased where unquoted.
    pub functions: BTreeSet<String>,
}

/// A table constraint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Constraint {
    /// Its name.
    pub name: String,
    /// Which kind, with its particulars.
    pub kind: ConstraintKind,
    /// The columns it covers.
    pub columns: Vec<String>,
    /// `convalidated`.
    pub valid: bool,
    /// `NOT ENFORCED` is false here (18).
    pub enforced: bool,
    /// Inherited from a parent, and not defined locally.
    pub inherited: bool,
    /// `pg_get_constraintdef`, or the file's own text, without `NOT VALID`.
    pub definition: String,
}

/// The kinds of constraint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConstraintKind {
    /// `CHECK (…)`.
    Check(Expression),
    /// `NOT NULL` as an object of its own (18).
    NotNull,
    /// `PRIMARY KEY`; its index has the constraint's name.
    PrimaryKey,
    /// `UNIQUE`; its index has the constraint's name.
    Unique,
    /// `FOREIGN KEY`.
    ForeignKey {
        /// The referenced table.
        references: Name,
        /// The referenced columns.
        columns: Vec<String>,
    },
    /// `EXCLUDE`.
    Exclude,
    /// Constraint triggers.
    Trigger,
}

/// An index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// Its name; it lives in its table's schema.
    pub name: String,
    /// Whether it was there before the present migration.
    pub origin: Origin,
    /// Access method, `btree`.
    pub method: String,
    /// Key columns; an expression key is an empty string here, and in `expressions`.
    pub keys: Vec<String>,
    /// `INCLUDE` columns.
    pub include: Vec<String>,
    /// What expression keys and the predicate use.
    pub expressions: Option<Expression>,
    /// The `WHERE` clause.
    pub predicate: Option<Expression>,
    /// `UNIQUE`.
    pub unique: bool,
    /// `indisvalid`.
    pub valid: bool,
    /// `NULLS NOT DISTINCT` (15).
    pub nulls_not_distinct: bool,
    /// The constraint that it serves.
    pub constraint: Option<String>,
    /// The parent index it is attached to.
    pub parent: Option<Name>,
    /// `pg_get_indexdef`, or the file's own statement.
    pub definition: String,
}

/// A trigger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trigger {
    /// Its name.
    pub name: String,
    /// The function it calls.
    pub function: Name,
    /// Columns named in `UPDATE OF` and `WHEN`.
    pub columns: BTreeSet<String>,
    /// What it fires on.
    #[serde(default)]
    pub events: BTreeSet<RowEvent>,
    /// `FOR EACH STATEMENT`: once, however many rows there are.
    #[serde(default)]
    pub each_statement: bool,
}

/// What a trigger fires on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each is the SQL word")]
pub enum RowEvent {
    Insert,
    Update,
    Delete,
    Truncate,
}

impl RowEvent {
    /// Those of a `tgtype` of PostgreSQL's `pg_trigger.h`.
    pub fn of_bits(bits: i32) -> BTreeSet<Self> {
        let all = [
            (4, Self::Insert),
            (8, Self::Delete),
            (16, Self::Update),
            (32, Self::Truncate),
        ];
        let set = all.into_iter().filter(|(bit, _)| bits & bit != 0);
        set.map(|(_, event)| event).collect()
    }
}

/// Extended statistics.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statistics {
    /// Their name.
    pub name: Name,
    /// Columns that they are about.
    pub columns: BTreeSet<String>,
}

/// A row security policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// Columns of its table that it names.
    pub columns: BTreeSet<String>,
}

/// A type made by a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TypeDef {
    /// `CREATE TYPE … AS ENUM`, labels in order.
    Enum(Vec<String>),
    /// `CREATE DOMAIN`.
    Domain {
        /// The base type as `format_type` prints it.
        base: String,
        /// Whether it has a CHECK or NOT NULL.
        constrained: bool,
    },
    /// `CREATE TYPE … AS (…)`.
    Composite,
    /// Ranges, base types, shells.
    Other,
}

/// A function or procedure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Function {
    /// Argument types, as `pg_get_function_identity_arguments` prints them.
    pub arguments: String,
    /// What it returns, as `pg_get_function_result` prints it; empty for a procedure.
    pub returns: String,
    /// `provolatile`.
    pub volatility: Volatility,
    /// `sql`, `plpgsql`, `c`, ….
    pub language: String,
    /// The source text, where it is text.
    pub body: Option<String>,
    /// The functions called in the one expression that the planner puts in its place; `None` where it does not.
    pub inlined: Option<BTreeSet<String>>,
    /// What was read of its body.
    #[serde(skip)]
    pub kept: Kept,
}

/// Function volatility, <https://www.postgresql.org/docs/current/xfunc-volatility.html>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Volatility {
    /// Same arguments, same result, for ever.
    Immutable,
    /// Same within one statement.
    Stable,
    /// May differ on each call.
    Volatile,
}
