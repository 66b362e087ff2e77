//! What stands on the table of a case and beside it.

use strum::{IntoStaticStr, VariantArray};

/// One surrounding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "lowercase")]
pub enum Around {
    /// Nothing but the primary key.
    Bare,
    /// Indexes of many kinds.
    Indexed,
    /// UNIQUE, CHECK, a foreign key from the table, and one that points at it.
    Keyed,
    /// A view, and a materialized one.
    Viewed,
    /// Triggers for each row.
    Triggered,
    /// A trigger for each statement, which notes what it saw.
    Noted,
    /// Comments, grants, an owner, settings, a policy.
    Decorated,
    /// A publication, and a replica identity.
    Published,
    /// Partitions, one of them partitioned, and a default partition.
    Partitioned,
    /// A table that inherits.
    Inherited,
}

use Around::{Bare, Decorated, Indexed, Inherited, Keyed, Noted, Partitioned, Published, Triggered, Viewed};

/// Every surrounding.
pub(super) const EVERY: &[Around] = Around::VARIANTS;
/// Those of one table.
pub(super) const WHOLE: &[Around] = &[Bare, Indexed, Keyed, Viewed, Triggered, Noted, Decorated, Published];
/// Those of one table, with one that others inherit.
pub(super) const OF_ONE: &[Around] = &[
    Bare, Indexed, Keyed, Viewed, Triggered, Noted, Decorated, Published, Inherited,
];
/// Those of one table that nothing points at.
pub(super) const UNREFERENCED: &[Around] = &[Bare, Indexed, Viewed, Triggered, Noted, Decorated];
/// A partitioned table.
pub(super) const PARTS: &[Around] = &[Partitioned];
/// Only the table.
pub(super) const ALONE: &[Around] = &[Bare];

impl Around {
    /// As it is said.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// In a sentence: "on a table …".
    pub fn in_words(self) -> &'static str {
        match self {
            Bare => "with nothing on it",
            Indexed => "with indexes",
            Keyed => "with keys",
            Viewed => "with views",
            Triggered => "with triggers",
            Noted => "with statement triggers",
            Decorated => "with comments and grants",
            Published => "that is published",
            Partitioned => "that is partitioned",
            Inherited => "that others inherit",
        }
    }

    /// Behind the list of columns.
    pub(super) fn clause(self) -> &'static str {
        if self == Partitioned {
            " PARTITION BY RANGE (id)"
        } else {
            ""
        }
    }

    /// Before the rows.
    pub(super) fn before_rows(self) -> &'static str {
        if self == Partitioned {
            "CREATE TABLE $P PARTITION OF $T FOR VALUES FROM (MINVALUE) TO ($H);
             CREATE TABLE $Q PARTITION OF $T FOR VALUES FROM ($H) TO ($R) PARTITION BY RANGE (id);
             CREATE TABLE $U PARTITION OF $Q DEFAULT;
             CREATE TABLE $D PARTITION OF $T DEFAULT;"
        } else {
            ""
        }
    }

    /// After the rows.
    pub(super) fn after_rows(self) -> &'static str {
        match self {
            Bare | Partitioned => "",
            Indexed => {
                "CREATE INDEX ON $T ($C); CREATE INDEX ON $T (r) WHERE z IS NULL;
                 CREATE INDEX ON $T ((n + 1) DESC, w) INCLUDE (r); CREATE UNIQUE INDEX ON $T (n);
                 CREATE STATISTICS spread ON n, r FROM $T;"
            }
            Keyed => {
                "CREATE TABLE $N (id int PRIMARY KEY); INSERT INTO $N SELECT generate_series(1, 100);
                 ALTER TABLE $T ADD UNIQUE (n), ADD CHECK (n > 0), ADD CHECK (length(w) < 100), ADD FOREIGN KEY (r) REFERENCES $N;
                 CREATE TABLE $L (id int PRIMARY KEY, t int REFERENCES $T ON DELETE CASCADE ON UPDATE CASCADE);
                 INSERT INTO $L SELECT i, i FROM generate_series(1, 100) AS i; CREATE INDEX ON $L (t);"
            }
            Viewed => {
                "CREATE VIEW $V AS SELECT id, n, w FROM $T WHERE n > 0;
                 CREATE MATERIALIZED VIEW $W AS SELECT r, count(*) AS many FROM $T GROUP BY r; CREATE UNIQUE INDEX ON $W (r);"
            }
            Triggered => {
                "CREATE TABLE $G (id int);
                 CREATE FUNCTION $F() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.r := coalesce(NEW.r, 0) + 1; RETURN NEW; END $$;
                 CREATE TRIGGER fires BEFORE UPDATE ON $T FOR EACH ROW EXECUTE FUNCTION $F();
                 CREATE FUNCTION $M() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO $G VALUES (OLD.id); RETURN NULL; END $$;
                 CREATE TRIGGER notes AFTER DELETE ON $T FOR EACH ROW EXECUTE FUNCTION $M();"
            }
            Noted => {
                "CREATE TABLE $G (what text);
                 CREATE FUNCTION $F() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO $G VALUES (TG_OP); RETURN NULL; END $$;
                 CREATE TRIGGER notes AFTER UPDATE OR DELETE ON $T FOR EACH STATEMENT EXECUTE FUNCTION $F();"
            }
            Decorated => {
                "COMMENT ON TABLE $T IS 'it''s a table'; COMMENT ON COLUMN $T.$C IS 'a column';
                 GRANT SELECT, INSERT ON $T TO pg_monitor; GRANT UPDATE ($C), SELECT ($C) ON $T TO PUBLIC; ALTER TABLE $T OWNER TO pg_read_all_stats;
                 ALTER TABLE $T ALTER $C SET STATISTICS 77, ALTER $C SET (n_distinct = 50), SET (fillfactor = 90, autovacuum_enabled = false);
                 CREATE INDEX ON $T (r); ALTER TABLE $T CLUSTER ON t_pk; ALTER TABLE $T ENABLE ROW LEVEL SECURITY;
                 CREATE POLICY those ON $T USING (n > 0);"
            }
            Published => "ALTER TABLE $T REPLICA IDENTITY FULL; CREATE PUBLICATION $B FOR TABLE $T;",
            Inherited => {
                "CREATE TABLE $X (own text) INHERITS ($T); INSERT INTO $X (id, n, $C, r) SELECT -id, n, $C, r FROM ONLY $T;
                 CREATE INDEX ON $X (n);"
            }
        }
    }
}
