//! Indexes and keys of partitioned tables: trees of two levels, and partitions that have something already.

use super::{Case, PARTED};

/// A partition that is partitioned itself, by names that need quotes.
const TREE: &str = r#"CREATE TABLE "$T" (id int NOT NULL, a int, "Day" date) PARTITION BY RANGE (id);
    CREATE TABLE "$T Low" PARTITION OF "$T" FOR VALUES FROM (1) TO (50) PARTITION BY RANGE (id);
    CREATE TABLE "$T Low A" PARTITION OF "$T Low" FOR VALUES FROM (1) TO (20);
    CREATE TABLE "$T Low B" PARTITION OF "$T Low" FOR VALUES FROM (20) TO (50);
    CREATE TABLE "$T High" PARTITION OF "$T" DEFAULT;
    INSERT INTO "$T" SELECT i, i, date '2024-01-01' + i FROM generate_series(1, 100) AS i;"#;
/// Partitions with indexes of their own: one that fits, one of another order, one that is attached to another parent.
const OWN: &str = "CREATE TABLE $T (id int NOT NULL, a int, day date NOT NULL) PARTITION BY RANGE (id);
    CREATE TABLE $T_1 PARTITION OF $T FOR VALUES FROM (1) TO (50);
    CREATE TABLE $T_2 PARTITION OF $T FOR VALUES FROM (50) TO (200);
    CREATE TABLE $T_3 PARTITION OF $T FOR VALUES FROM (200) TO (300);
    INSERT INTO $T SELECT i, i, '2024-01-01' FROM generate_series(1, 100) AS i;
    CREATE INDEX $T_own ON $T_1 (a); CREATE INDEX $T_down ON $T_2 (a DESC); CREATE INDEX ON $T (day);";

pub(super) const PARTITIONS: &[Case] = &[
    ("part_index_unique", PARTED, "CREATE UNIQUE INDEX ON $T (id, a)"),
    ("part_index_tree", TREE, r#"CREATE INDEX ON "$T" ("Day", a DESC)"#),
    (
        "part_index_expression",
        TREE,
        r#"CREATE INDEX "$T named" ON "$T" ((a + 1)) WHERE a > 3"#,
    ),
    (
        "part_index_own",
        OWN,
        "CREATE INDEX ON $T (a); CREATE INDEX ON $T (day)",
    ),
    ("part_unique", PARTED, "ALTER TABLE $T ADD UNIQUE (id, day)"),
    (
        "part_unique_named",
        TREE,
        r#"ALTER TABLE "$T" ADD CONSTRAINT "$T Key" UNIQUE (id, "Day") INCLUDE (a) DEFERRABLE"#,
    ),
    ("part_key", PARTED, "ALTER TABLE $T ADD PRIMARY KEY (id)"),
    ("part_key_nullable", TREE, r#"ALTER TABLE "$T" ADD PRIMARY KEY (id, a)"#),
    (
        "part_foreign_key",
        TREE,
        r#"CREATE TABLE "$T_o" (id int PRIMARY KEY); INSERT INTO "$T_o" SELECT generate_series(1, 100); ALTER TABLE "$T" ADD FOREIGN KEY (a) REFERENCES "$T_o" ON DELETE CASCADE"#,
    ),
];
