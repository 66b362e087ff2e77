//! The types that the column of a case may have.

/// A column: its type, its value in row `#`, and what a change of its type makes of both.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// As it is said.
    pub name: &'static str,
    /// Its type.
    pub sql: &'static str,
    /// Its value in row `#`.
    pub value: &'static str,
    /// The same, as writers write it.
    pub written: &'static str,
    /// The type that it is given, with its USING; empty where it keeps its own.
    pub change: &'static str,
    /// Its value in row `#` after that; empty where the same text means something else before and after.
    pub after: &'static str,
}

impl Column {
    const fn new(name: &'static str, sql: &'static str, value: &'static str) -> Self {
        Self {
            name,
            sql,
            value,
            written: value,
            change: "",
            after: value,
        }
    }

    const fn written(self, written: &'static str) -> Self {
        Self { written, ..self }
    }

    const fn changed(self, change: &'static str, after: &'static str) -> Self {
        Self { change, after, ..self }
    }
}

const INT: Column = Column::new("int", "int", "#");
const BIGINT: Column = Column::new("bigint", "bigint", "#::bigint * 1000");
const SMALLINT: Column = Column::new("smallint", "smallint", "# % 30000");
const TEXT: Column = Column::new("text", "text", "'x' || #");
const VARCHAR: Column = Column::new("varchar", "varchar(40)", "'it''s ' || #");
const NUMERIC: Column = Column::new("numeric", "numeric(12, 2)", "# + 0.25");
const UUID: Column = Column::new("uuid", "uuid", "md5((#)::text)::uuid");
const INSTANT: Column = Column::new(
    "timestamptz",
    "timestamptz",
    "timestamptz '2024-03-01 00:00+00' + # * interval '1 minute'",
);
const DATE: Column = Column::new("date", "date", "date '2000-01-01' + #");
const DOUBLE: Column = Column::new("double", "double precision", "# / 8.0");
const BYTES: Column = Column::new("bytea", "bytea", "decode(md5((#)::text), 'hex')");
const BOOLEAN: Column = Column::new("boolean", "boolean", "# % 2 = 0");
const ENUM: Column = Column::new("enum", "$E", "(ARRAY['a', 'b', 'c'])[1 + # % 3]::$E");
const DOMAIN: Column = Column::new("domain", "$M", "#");
const JSONB: Column = Column::new("jsonb", "jsonb", "jsonb_build_object('n', #)");
const ARRAY: Column = Column::new("int[]", "int[]", "ARRAY[#, # + 1]");
const WORDS: Column = Column::new("tsvector", "tsvector", "to_tsvector('simple', 'x' || #)");
const RANGE: Column = Column::new("int4range", "int4range", "int4range(#, # + 1)");

/// Those with a value of its own in each row.
pub(super) const DISTINCT: &[Column] = &[INT, TEXT, UUID, NUMERIC, INSTANT, BIGINT, VARCHAR, BYTES, DOMAIN, JSONB];
/// All that a B-tree takes.
pub(super) const ANY: &[Column] = &[INT, TEXT, UUID, NUMERIC, INSTANT, DATE, DOUBLE, BOOLEAN, ENUM, ARRAY];
/// Those that a GIN index takes.
pub(super) const GIN: &[Column] = &[JSONB, ARRAY, WORDS];
/// One, where the type makes no difference.
pub(super) const ONE: &[Column] = &[INT];
/// The enum.
pub(super) const KIND: &[Column] = &[ENUM];
/// For EXCLUDE.
pub(super) const SPANS: &[Column] = &[RANGE];

/// Changes that write the rows anew, or an index.
pub(super) const REWRITES: &[Column] = &[
    INT.changed("bigint", "(#)::bigint"),
    Column::new("bigint", "bigint", "#").changed("int", "#"),
    INT.changed("numeric(12, 2)", "(#)::numeric(12, 2)"),
    INT.changed("text", "(#)::text"),
    SMALLINT.changed("int", "# % 30000"),
    // What is written has to be right for both types.
    Column::new("numeric", "numeric", "# + 0.4")
        .written("#")
        .changed("int", ""),
    Column::new("real", "real", "#").changed("double precision", "(#)::double precision"),
    Column::new("varchar(30)", "varchar(30)", "'x' || #").changed("varchar(12)", "'x' || #"),
    Column::new("text", "text", "(#)::text").changed("int USING $C::int", "#"),
    Column::new("text", "text", "md5((#)::text)").changed("uuid USING $C::uuid", "md5((#)::text)::uuid"),
    Column::new("char(12)", "char(12)", "'x' || #").changed("text", "'x' || #"),
    Column::new(
        "timestamp",
        "timestamp",
        "timestamp '2024-04-01' + # * interval '1 hour'",
    )
    .changed("timestamptz USING $C AT TIME ZONE 'Europe/Berlin'", ""),
    // No value of its own in each row afterwards, so it is not the column of the forms that need one.
    Column::new("instant", INSTANT.sql, INSTANT.value).changed("date", ""),
    DATE.changed("timestamptz", "(date '2000-01-01' + #)::timestamptz"),
    ENUM.changed("text", "(ARRAY['a', 'b', 'c'])[1 + # % 3]"),
    Column::new("json", "text", "'{\"n\": ' || # || '}'")
        .changed("jsonb USING $C::jsonb", "jsonb_build_object('n', #)"),
];
/// Changes that rewrite nothing.
pub(super) const FREE: &[Column] = &[
    VARCHAR.changed("text", "'it''s ' || #"),
    VARCHAR.changed("varchar(80)", "'it''s ' || #"),
    NUMERIC.changed("numeric(20, 2)", "# + 0.25"),
    TEXT.changed("varchar", "'x' || #"),
    DOMAIN.changed("int", "#"),
];
