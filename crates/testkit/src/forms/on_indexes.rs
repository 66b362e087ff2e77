//! Forms of indexes.

use super::around::{ALONE, EVERY, OF_ONE, PARTS, UNREFERENCED, WHOLE};
use super::columns::{ANY, GIN};
use super::form::{Family, Form};

const fn index(key: &'static str, written: &'static str, becomes: &'static str, sql: &'static str) -> Form {
    Form::new(Family::Indexes, key, written, becomes, sql)
}

const CONCURRENTLY: &str = "built `CONCURRENTLY`; of a partitioned table on each partition, then attached";
const UNIQUE: &str = "duplicates are looked for; then as `CREATE INDEX`";
const MADE: &str = "CREATE INDEX $I ON $T ($C);";

pub(super) const FORMS: &[Form] = &[
    index(
        "index",
        "`CREATE INDEX i ON t (c)`",
        CONCURRENTLY,
        "CREATE INDEX $I ON $T ($C)",
    )
    .on(ANY),
    index(
        "index-unnamed",
        "`CREATE INDEX ON t (c, n)`",
        "the name that the server would give; then as `CREATE INDEX`",
        "CREATE INDEX ON $T ($C, n); CREATE INDEX ON $T ($C, n)",
    )
    .on(ANY),
    index(
        "index-unique",
        "`CREATE UNIQUE INDEX`",
        UNIQUE,
        "CREATE UNIQUE INDEX $I ON $T ($C)",
    )
    .distinct()
    .among(OF_ONE),
    index(
        "index-unique-parts",
        "`CREATE UNIQUE INDEX` on a partitioned table",
        UNIQUE,
        "CREATE UNIQUE INDEX $I ON $T ($C, id)",
    )
    .distinct()
    .among(PARTS),
    index(
        "index-partial",
        "`CREATE [UNIQUE] INDEX … WHERE …`",
        CONCURRENTLY,
        "CREATE INDEX $I ON $T ($C) WHERE z IS NULL; CREATE UNIQUE INDEX ON $T (id) WHERE n > 5",
    )
    .on(ANY),
    index(
        "index-expression",
        "`CREATE INDEX … ((n * 2), lower(w))`",
        CONCURRENTLY,
        "CREATE INDEX $I ON $T ((n * 2), lower(w)); CREATE INDEX ON $T (($C IS NULL))",
    )
    .on(ANY),
    index(
        "index-include",
        "`CREATE INDEX … (c DESC NULLS LAST) INCLUDE (…) WITH (…)`",
        CONCURRENTLY,
        "CREATE INDEX $I ON $T ($C DESC NULLS LAST) INCLUDE (n, w) WITH (fillfactor = 80)",
    )
    .on(ANY),
    index(
        "index-gin",
        "`CREATE INDEX … USING gin`",
        CONCURRENTLY,
        "CREATE INDEX $I ON $T USING gin ($C)",
    )
    .on(GIN),
    index(
        "index-methods",
        "`CREATE INDEX … USING hash`, `brin`",
        CONCURRENTLY,
        "CREATE INDEX ON $T USING hash (n); CREATE INDEX $I ON $T USING brin (id)",
    ),
    index(
        "index-if-not-exists",
        "`CREATE INDEX IF NOT EXISTS`",
        CONCURRENTLY,
        "CREATE INDEX IF NOT EXISTS $I ON $T ($C); CREATE INDEX IF NOT EXISTS $I ON $T (n)",
    ),
    index(
        "index-concurrently",
        "`CREATE INDEX CONCURRENTLY`",
        "alone and outside a transaction, whatever stands beside it",
        "CREATE INDEX CONCURRENTLY $I ON $T ($C); COMMENT ON INDEX $J IS 'an index'",
    )
    .among(OF_ONE),
    index("index-drop", "`DROP INDEX`", "`CONCURRENTLY`", "DROP INDEX $J")
        .before(MADE)
        .among(EVERY),
    index(
        "index-swap",
        "`DROP INDEX` and one of the same name",
        "each `CONCURRENTLY`, in their order",
        "DROP INDEX $J; CREATE INDEX $I ON $T ($C, n)",
    )
    .before(MADE)
    .among(OF_ONE),
    index("index-reindex", "`REINDEX INDEX`", "`CONCURRENTLY`", "REINDEX INDEX $J")
        .before(MADE)
        .among(OF_ONE),
    index(
        "index-reindex-table",
        "`REINDEX TABLE`",
        "`CONCURRENTLY`",
        "REINDEX TABLE $T",
    )
    .among(OF_ONE),
    index(
        "index-rename",
        "`ALTER INDEX … RENAME`, `SET`",
        "as written, its locks taken first",
        "ALTER INDEX $J SET (fillfactor = 60); ALTER INDEX $J RENAME TO renamed",
    )
    .before(MADE)
    .among(WHOLE),
    index(
        "index-cluster",
        "`CLUSTER`, `VACUUM FULL`",
        "no form lets others go on",
        "CLUSTER $T USING $I",
    )
    .before(MADE)
    .among(UNREFERENCED)
    .refused(|_| Some("rewrites-table")),
    index(
        "index-reindex-schema",
        "`REINDEX SCHEMA`",
        "no form lets others go on",
        "REINDEX SCHEMA public",
    )
    .among(ALONE)
    .refused(|_| Some("builds-index-under-lock")),
];
