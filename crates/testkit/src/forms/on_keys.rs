//! Forms of constraints.

use super::around::{ALONE, Around, EVERY, OF_ONE, PARTS, UNREFERENCED, WHOLE};
use super::columns::{ANY, SPANS};
use super::form::{Family, Form, KEYLESS, Spot};

const fn key(key: &'static str, written: &'static str, becomes: &'static str, sql: &'static str) -> Form {
    Form::new(Family::Keys, key, written, becomes, sql)
}

const INDEX_FIRST: &str = "duplicates are looked for; a unique index `CONCURRENTLY`; `USING INDEX`";
const KEY: &str =
    "NULLs and duplicates are looked for; NOT NULL proved by a CHECK; a unique index `CONCURRENTLY`; `USING INDEX`";
const FOREIGN: &str = "orphans are looked for; `NOT VALID` under a short lock on both tables; `VALIDATE`";
const CHECK: &str = "violators are looked for; `NOT VALID`; `VALIDATE`";
const NOT_NULL: &str =
    "NULLs are looked for; a CHECK `NOT VALID` and `VALIDATE`, then `SET NOT NULL` (from 18 `NOT NULL … NOT VALID`)";
const KEYLESS_TABLES: &[Around] = &[
    Around::Bare,
    Around::Indexed,
    Around::Viewed,
    Around::Triggered,
    Around::Noted,
    Around::Published,
];
/// What a foreign key points at: a hundred rows with the values of the column.
const HUNDRED: &str = "CREATE TABLE $O (k {type} PRIMARY KEY, v int); INSERT INTO $O SELECT {value}, i FROM generate_series(1, 100) AS i;";

/// The keys to the partitions would stay NOT VALID.
fn to_parts_before_18(spot: &Spot) -> Option<&'static str> {
    (spot.around == Around::Partitioned && spot.major < 18).then_some("foreign-key-scans-table")
}

fn parts_from_18(spot: &Spot) -> Option<&'static str> {
    (spot.major >= 18).then_some("primary-key-builds-index")
}

pub(super) const FORMS: &[Form] = &[
    key("unique", "`ADD CONSTRAINT … UNIQUE`", INDEX_FIRST, "ALTER TABLE $T ADD CONSTRAINT $K UNIQUE ($C)")
        .distinct()
        .among(OF_ONE),
    key(
        "unique-unnamed",
        "`ADD UNIQUE (…) INCLUDE (…)`",
        INDEX_FIRST,
        "ALTER TABLE $T ADD UNIQUE ($C, id) INCLUDE (n); ALTER TABLE $T ADD UNIQUE ($C, id)",
    )
    .on(ANY),
    key(
        "unique-deferrable",
        "`ADD UNIQUE … DEFERRABLE`",
        INDEX_FIRST,
        "ALTER TABLE $T ADD CONSTRAINT $K UNIQUE (id, $C) DEFERRABLE INITIALLY DEFERRED",
    )
    .on(ANY),
    key(
        "unique-using-index",
        "`CREATE UNIQUE INDEX`, then `ADD UNIQUE USING INDEX`",
        INDEX_FIRST,
        "CREATE UNIQUE INDEX $I ON $T ($C); ALTER TABLE $T ADD CONSTRAINT $K UNIQUE USING INDEX $I",
    )
    .distinct()
    .among(OF_ONE),
    key("primary-key", "`ADD PRIMARY KEY`", KEY, "ALTER TABLE $T ADD PRIMARY KEY (id)")
        .keyed_by(KEYLESS)
        .among(KEYLESS_TABLES),
    key(
        "primary-key-nullable",
        "`ADD PRIMARY KEY` over columns that may be NULL",
        KEY,
        "ALTER TABLE $T ADD CONSTRAINT $K PRIMARY KEY (id, $C)",
    )
    .keyed_by(KEYLESS)
    .distinct()
    .among(KEYLESS_TABLES),
    key("primary-key-parts", "`ADD PRIMARY KEY` on a partitioned table", KEY, "ALTER TABLE $T ADD PRIMARY KEY (id, n)")
        .keyed_by(KEYLESS)
        .among(PARTS)
        .refused(parts_from_18),
    key(
        "primary-key-swap",
        "`DROP CONSTRAINT old, ADD PRIMARY KEY`",
        "the new index first; drop and `USING INDEX` in one transaction",
        "ALTER TABLE $T DROP CONSTRAINT t_pk, ADD CONSTRAINT $K PRIMARY KEY ($C)",
    )
    .distinct()
    .before("CREATE INDEX ON $T (id);")
    .among(&[Around::Bare, Around::Indexed, Around::Viewed, Around::Triggered]),
    key(
        "foreign-key",
        "`ADD FOREIGN KEY`",
        FOREIGN,
        "ALTER TABLE $T ADD CONSTRAINT $K FOREIGN KEY ($C) REFERENCES $O (k)",
    )
    .distinct()
    .of_hundred()
    .before(HUNDRED)
    .among(OF_ONE),
    key(
        "foreign-key-actions",
        "`ADD FOREIGN KEY … ON DELETE … ON UPDATE … DEFERRABLE`",
        FOREIGN,
        "ALTER TABLE $T ADD FOREIGN KEY ($C) REFERENCES $O ON DELETE CASCADE ON UPDATE SET NULL;
         ALTER TABLE $T ADD FOREIGN KEY ($C) REFERENCES $O (k) ON DELETE SET DEFAULT DEFERRABLE INITIALLY DEFERRED",
    )
    .distinct()
    .of_hundred()
    .before(HUNDRED)
    .among(OF_ONE),
    key(
        "foreign-key-composite",
        "`ADD FOREIGN KEY (a, b)`",
        FOREIGN,
        "ALTER TABLE $T ADD CONSTRAINT $K FOREIGN KEY (id, $C) REFERENCES $O (a, k) MATCH FULL",
    )
    .distinct()
    .before("CREATE TABLE $O (a int, k {type}, UNIQUE (a, k)); INSERT INTO $O SELECT id, $C FROM $T;")
    .among(UNREFERENCED)
    .quiet(),
    key(
        "foreign-key-self",
        "`ADD FOREIGN KEY` to the table itself",
        FOREIGN,
        "ALTER TABLE $T ADD FOREIGN KEY (up) REFERENCES $T (id) ON DELETE SET NULL",
    )
    .before("ALTER TABLE $T ADD COLUMN up int; UPDATE $T SET up = id / 2 WHERE id > 1;")
    .among(&[Around::Bare, Around::Indexed, Around::Keyed, Around::Viewed, Around::Decorated, Around::Published]),
    key(
        "foreign-key-from",
        "`ADD FOREIGN KEY` of another table that points here",
        FOREIGN,
        "ALTER TABLE $O ADD CONSTRAINT $K FOREIGN KEY (t) REFERENCES $T (id) ON DELETE CASCADE",
    )
    .before(
        "CREATE TABLE $O (id int PRIMARY KEY, t int, w text); INSERT INTO $O SELECT i, i FROM generate_series(1, $R) AS i;
         CREATE INDEX ON $O (t);",
    )
    .among(EVERY)
    .refused(to_parts_before_18),
    key(
        "foreign-key-parts",
        "`ADD FOREIGN KEY` of a partitioned table",
        "before 18 on each partition so, then on the parent; from 18 `NOT VALID` and `VALIDATE` on the parent",
        "ALTER TABLE $T ADD CONSTRAINT $K FOREIGN KEY ($C) REFERENCES $O (k) ON DELETE CASCADE",
    )
    .distinct()
    .of_hundred()
    .before(HUNDRED)
    .among(PARTS),
    key(
        "foreign-key-not-valid",
        "`ADD FOREIGN KEY … NOT VALID`, then `VALIDATE`",
        "as written, apart",
        "ALTER TABLE $T ADD CONSTRAINT $K FOREIGN KEY ($C) REFERENCES $O (k) NOT VALID; ALTER TABLE $T VALIDATE CONSTRAINT $K",
    )
    .of_hundred()
    .before(HUNDRED)
    .among(OF_ONE),
    key(
        "check",
        "`ADD CONSTRAINT … CHECK`",
        CHECK,
        "ALTER TABLE $T ADD CONSTRAINT $K CHECK ($C IS NOT NULL AND n > 0)",
    )
    .on(ANY),
    key(
        "check-unnamed",
        "`ADD CHECK`, several in one statement",
        CHECK,
        "ALTER TABLE $T ADD CHECK ($C IS NOT NULL), ADD CHECK (n > 0 OR id < 0), ADD CHECK (w <> '')",
    )
    .on(ANY),
    key(
        "check-no-inherit",
        "`ADD CHECK … NO INHERIT`",
        CHECK,
        "ALTER TABLE $T ADD CHECK (id > 0) NO INHERIT",
    )
    .among(OF_ONE),
    key("set-not-null", "`ALTER COLUMN … SET NOT NULL`", NOT_NULL, "ALTER TABLE $T ALTER COLUMN $C SET NOT NULL").on(ANY),
    key(
        "set-not-null-two",
        "`SET NOT NULL` of several columns",
        NOT_NULL,
        "ALTER TABLE $T ALTER $C SET NOT NULL, ALTER r SET NOT NULL, ALTER r SET DEFAULT 1",
    )
    .on(ANY),
    key(
        "exclude",
        "`ADD CONSTRAINT … EXCLUDE`",
        "the server has neither `NOT VALID` nor `USING INDEX` for it",
        "ALTER TABLE $T ADD EXCLUDE USING gist ($C WITH &&)",
    )
    .on(SPANS)
    .among(UNREFERENCED)
    .refused(|_| Some("exclude-builds-index")),
    key(
        "constraint-drop",
        "`DROP CONSTRAINT`, `RENAME CONSTRAINT`, `DROP NOT NULL`",
        "as written, its locks taken first",
        "ALTER TABLE $T RENAME CONSTRAINT $K TO renamed; ALTER TABLE $T DROP CONSTRAINT renamed, ALTER n DROP NOT NULL",
    )
    .before("ALTER TABLE $T ADD CONSTRAINT $K CHECK (n > 0);")
    .among(EVERY),
    key(
        "constraint-validate",
        "`VALIDATE CONSTRAINT`",
        "as written, alone",
        "ALTER TABLE $T VALIDATE CONSTRAINT $K",
    )
    .before("ALTER TABLE $T ADD CONSTRAINT $K CHECK (n > 0) NOT VALID;")
    .among(WHOLE),
    key(
        "constraint-without-overlaps",
        "`UNIQUE … WITHOUT OVERLAPS`",
        "cannot be made from an index that was built before",
        "ALTER TABLE $T ADD UNIQUE ($C WITHOUT OVERLAPS)",
    )
    .on(SPANS)
    .among(ALONE)
    .from(18)
    .refused(|_| Some("unique-builds-index")),
];
