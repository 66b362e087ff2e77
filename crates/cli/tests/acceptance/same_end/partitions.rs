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

/// A parent with indexes, keys, a foreign key and a default partition, and a table that has none of these.
const ALONE: &str = r#"CREATE TABLE "$T_o" (id int PRIMARY KEY); INSERT INTO "$T_o" SELECT generate_series(1, 100);
    CREATE TABLE "$T" (id int NOT NULL, "A b" int REFERENCES "$T_o" ON DELETE CASCADE, day date NOT NULL, PRIMARY KEY (id, day), UNIQUE (day, id)) PARTITION BY RANGE (day);
    CREATE INDEX ON "$T" ("A b"); CREATE UNIQUE INDEX "$T lower" ON "$T" (day, (id + 1)) WHERE id > 3;
    CREATE TABLE "$T_1" PARTITION OF "$T" FOR VALUES FROM (MINVALUE) TO ('2024-01-01');
    CREATE TABLE "$T_d" PARTITION OF "$T" DEFAULT;
    INSERT INTO "$T" SELECT i, i, date '2023-12-01' + i FROM generate_series(1, 20) AS i;
    INSERT INTO "$T" SELECT i, i, date '2026-12-01' + i FROM generate_series(1, 20) AS i;
    CREATE TABLE "$T_c" (id int NOT NULL, "A b" int, day date NOT NULL);
    INSERT INTO "$T_c" SELECT i, i, date '2025-01-01' + i FROM generate_series(1, 100) AS i;"#;
const BY_LIST: &str = "CREATE TABLE $T (k varchar(9), n int) PARTITION BY LIST (lower(k));
    CREATE TABLE $T_1 PARTITION OF $T FOR VALUES IN ('a', 'b');
    CREATE TABLE $T_d (k varchar(9), n int); INSERT INTO $T_d VALUES ('Q', 1);
    CREATE TABLE $T_c (n int, k varchar(9)); INSERT INTO $T_c VALUES (1, 'X'), (2, 'it''s'), (3, NULL);";

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
    (
        "attach_range",
        ALONE,
        r#"ALTER TABLE "$T" ATTACH PARTITION "$T_c" FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')"#,
    ),
    (
        "attach_beside_default",
        ALONE,
        r#"CREATE TABLE "$T_n" PARTITION OF "$T" FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')"#,
    ),
    (
        "attach_list",
        BY_LIST,
        "ALTER TABLE $T ATTACH PARTITION $T_c FOR VALUES IN ('x', 'it''s', NULL); ALTER TABLE $T ATTACH PARTITION $T_d DEFAULT",
    ),
    (
        "attach_hash",
        "CREATE TABLE $T (id int, u uuid) PARTITION BY HASH (id, u); CREATE TABLE $T_0 PARTITION OF $T FOR VALUES WITH (MODULUS 2, REMAINDER 0);
            CREATE TABLE $T_c (id int, u uuid); CREATE TABLE $T_x (id int, u uuid);
            INSERT INTO $T_c SELECT i, NULL FROM generate_series(1, 100) AS i WHERE satisfies_hash_partition('$T'::regclass, 2, 1, i, NULL::uuid);",
        "ALTER TABLE $T ATTACH PARTITION $T_c FOR VALUES WITH (MODULUS 2, REMAINDER 1)",
    ),
    (
        "attach_tree",
        r#"CREATE TABLE "$T" (id int NOT NULL, a int) PARTITION BY RANGE (id, a); CREATE INDEX ON "$T" (a);
            CREATE TABLE "$T Sub" (id int NOT NULL, a int) PARTITION BY LIST (a);
            CREATE TABLE "$T Sub 1" PARTITION OF "$T Sub" FOR VALUES IN (1, 2);
            INSERT INTO "$T Sub" SELECT i, 1 FROM generate_series(1, 100) AS i;"#,
        r#"ALTER TABLE "$T" ATTACH PARTITION "$T Sub" FOR VALUES FROM (1, 0) TO (101, MAXVALUE)"#,
    ),
];
