//! Forms of rows, of partitions, and of everything else.

use super::around::{ALONE, Around, EVERY, PARTS, WHOLE};
use super::columns::{ANY, KIND};
use super::form::{Family, Form, Spot};

const BATCHES: &str = "batches over the primary key, each committed with its progress";
const AS_WRITTEN: &str = "as written, its locks taken first";
const ONCE: &str = "SELECT count(*) FROM $T WHERE id BETWEEN 1 AND $R AND z IS DISTINCT FROM 1";

const fn rows(key: &'static str, written: &'static str, becomes: &'static str, sql: &'static str) -> Form {
    Form::new(Family::Rows, key, written, becomes, sql)
}

/// A trigger of the statement would fire for each batch; a table and its heirs have no key in common.
fn once(spot: &Spot) -> Option<&'static str> {
    matches!(spot.around, Around::Noted | Around::Inherited).then_some("changes-many-rows")
}

pub(super) const ROWS: &[Form] = &[
    rows("update", "`UPDATE` of many rows", BATCHES, "UPDATE $T SET z = coalesce(z, 0) + 1")
        .on(ANY)
        .refused(once)
        .holds(ONCE),
    rows(
        "update-where",
        "`UPDATE … WHERE`",
        BATCHES,
        "UPDATE $T SET z = 1 WHERE z IS NULL AND $C IS NOT NULL",
    )
    .on(ANY)
    .refused(once)
    .holds(ONCE),
    rows(
        "update-from",
        "`UPDATE … FROM` another table",
        BATCHES,
        "UPDATE $T AS o SET z = p.v FROM $O AS p WHERE p.id = 1 + o.n % 100",
    )
    .before("CREATE TABLE $O (id int PRIMARY KEY, v int); INSERT INTO $O SELECT i, 1 FROM generate_series(1, 100) AS i;")
    .refused(once)
    .holds(ONCE),
    rows(
        "update-not-null",
        "`SET DEFAULT`, `UPDATE … WHERE c IS NULL`, `SET NOT NULL`",
        "batches, then NOT NULL as `SET NOT NULL`",
        "ALTER TABLE $T ALTER z SET DEFAULT 1; UPDATE $T SET z = 1 WHERE z IS NULL; ALTER TABLE $T ALTER z SET NOT NULL",
    )
    .refused(once)
    .holds("SELECT count(*) FROM $T WHERE z IS DISTINCT FROM 1"),
    rows("delete", "`DELETE` of many rows", BATCHES, "DELETE FROM $T WHERE n % 10 = 3 AND w = 'old'")
        .refused(once)
        .holds("SELECT count(*) FROM $T WHERE n % 10 = 3 AND w = 'old'")
        .deletes(),
    rows(
        "update-on-others",
        "`UPDATE` whose rows depend on others, or that is volatile",
        "batches could see what the whole would not",
        "UPDATE $T SET z = (SELECT count(*) FROM $T AS o WHERE o.r = $T.r)",
    )
    .among(ALONE)
    .refused(|_| Some("changes-many-rows")),
    rows(
        "update-key",
        "`UPDATE` of a unique key",
        "batches could fail where the whole would not",
        "UPDATE $T SET n = n + 1",
    )
    .among(&[Around::Indexed, Around::Keyed])
    .refused(|_| Some("changes-many-rows")),
    rows(
        "insert-select",
        "`INSERT … SELECT` from a large table into a new one",
        AS_WRITTEN,
        "CREATE TABLE $O (id int PRIMARY KEY, n int); INSERT INTO $O SELECT id, n FROM ONLY $T WHERE w = 'old' AND id < 100",
    ),
    rows(
        "copy-then-drop",
        "rows copied, then what they were copied from dropped",
        "writes between copy and drop would be lost",
        "CREATE TABLE $O AS SELECT * FROM $T; DROP TABLE $T",
    )
    .among(ALONE)
    .refused(|_| Some("copy-then-drop-loses-writes")),
    rows(
        "copy-column-then-drop",
        "`UPDATE t SET new = old`, then `DROP COLUMN old`",
        "writes between copy and drop would be lost",
        "UPDATE $T SET z = r; ALTER TABLE $T DROP COLUMN r",
    )
    .among(ALONE)
    .refused(|_| Some("copy-then-drop-loses-writes")),
];

const fn parts(key: &'static str, written: &'static str, becomes: &'static str, sql: &'static str) -> Form {
    Form::new(Family::Partitions, key, written, becomes, sql).among(PARTS)
}

const ATTACH: &str = "a CHECK of the bounds, `NOT VALID` and `VALIDATE`, and its contrary on the default partition; the parent's indexes and keys concurrently; attach; the checks go";
/// A table that fits beside the others, and what the parent has.
const APART: &str = "CREATE INDEX ON $T (r, n); CREATE TABLE $Y (id int NOT NULL, n int NOT NULL, $C {type}, z int, r int, w text NOT NULL DEFAULT 'old');
    INSERT INTO $Y (id, n, $C, w) SELECT 50000000 + i, i, {value}, 'apart' FROM generate_series(1, $R) AS i;";

pub(super) const PARTITIONS: &[Form] = &[
    parts(
        "attach",
        "`ATTACH PARTITION`",
        ATTACH,
        "ALTER TABLE $T ATTACH PARTITION $Y FOR VALUES FROM (50000001) TO (60000000)",
    )
    .on(ANY)
    .before(APART),
    parts(
        "create-partition",
        "`CREATE TABLE … PARTITION OF`",
        ATTACH,
        "CREATE TABLE $Y PARTITION OF $T FOR VALUES FROM (50000001) TO (60000000)",
    )
    .on(ANY),
    parts(
        "detach",
        "`DETACH PARTITION`",
        AS_WRITTEN,
        "ALTER TABLE $T DETACH PARTITION $P",
    )
    .on(ANY)
    .found("SELECT id, n, w FROM $T UNION ALL SELECT id, n, w FROM $P")
    .deletes(),
    parts(
        "attach-by-hash",
        "`ATTACH PARTITION` by HASH of a column with a collation",
        "the server would not find its bound proved",
        "ALTER TABLE $O ATTACH PARTITION $Y FOR VALUES WITH (MODULUS 2, REMAINDER 1)",
    )
    .before(
        "CREATE TABLE $O (k text) PARTITION BY HASH (k); CREATE TABLE $Y (k text);
         INSERT INTO $Y SELECT 'x' || i FROM generate_series(1, $R) AS i WHERE satisfies_hash_partition(
             (SELECT partrelid FROM pg_partitioned_table WHERE partstrat = 'h'), 2, 1, 'x' || i);",
    )
    .refused(|_| Some("attach-partition-scans-table")),
];

const fn other(key: &'static str, written: &'static str, becomes: &'static str, sql: &'static str) -> Form {
    Form::new(Family::Others, key, written, becomes, sql)
}

const STORED: &str = "CREATE MATERIALIZED VIEW $S AS SELECT r, count(*) AS many FROM $T GROUP BY r;";

pub(super) const OTHERS: &[Form] = &[
    other(
        "refresh",
        "`REFRESH MATERIALIZED VIEW` with a unique index",
        "`CONCURRENTLY`",
        "REFRESH MATERIALIZED VIEW $W",
    )
    .among(&[Around::Viewed])
    .before("UPDATE $T SET r = r + 1;")
    .on(ANY),
    other(
        "refresh-without-index",
        "`REFRESH MATERIALIZED VIEW` without one",
        "the server needs a unique index for `CONCURRENTLY`",
        "REFRESH MATERIALIZED VIEW $S",
    )
    .among(ALONE)
    .before(STORED)
    .refused(|_| Some("refresh-blocks-reads")),
    other(
        "enum-value",
        "`ALTER TYPE … ADD VALUE`, and its use",
        "committed before the statement that uses it",
        "ALTER TYPE $E ADD VALUE 'bb' BEFORE 'c'; ALTER TABLE $T ALTER $C SET DEFAULT 'bb'",
    )
    .on(KIND)
    .alone(),
    other(
        "enum-value-update",
        "`ALTER TYPE … ADD VALUE`, and an `UPDATE` to it",
        "committed before; then batches",
        "ALTER TYPE $E ADD VALUE 'd'; UPDATE $T SET $C = 'd' WHERE $C = 'c' AND id < 0; ALTER TYPE $E RENAME VALUE 'd' TO 'dd'",
    )
    .on(KIND)
    .alone()
    .refused(once),
    other(
        "around-table",
        "`COMMENT`, `GRANT`, `CREATE TRIGGER`, `CREATE POLICY`, `OWNER TO`, `CREATE VIEW`",
        AS_WRITTEN,
        "COMMENT ON TABLE $T IS 'new'; GRANT UPDATE ON $T TO pg_monitor;
         CREATE FUNCTION $Y() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
         CREATE TRIGGER added BEFORE INSERT ON $T FOR EACH ROW EXECUTE FUNCTION $Y();
         CREATE POLICY added ON $T USING (true); CREATE VIEW $O AS SELECT id, n FROM $T; CREATE SEQUENCE $S",
    ),
    other(
        "move-table",
        "`ALTER TABLE … SET SCHEMA`",
        AS_WRITTEN,
        "CREATE SCHEMA elsewhere; ALTER TABLE $T SET SCHEMA elsewhere",
    )
    .quiet(),
    other(
        "do-block",
        "`DO` blocks",
        "judged by the statements in their text",
        "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_class WHERE relname = 'nothing') THEN COMMENT ON TABLE $T IS 'done'; END IF; END $$",
    )
    .among(WHOLE),
    other(
        "new-table",
        "`CREATE TABLE`, and all that is made on it",
        "as written",
        "CREATE TABLE $O (id serial PRIMARY KEY, t int REFERENCES $T, c int CHECK (c > 0)); CREATE INDEX ON $O (c); ALTER TABLE $O ADD UNIQUE (t, c)",
    )
    .among(EVERY),
];
