//! `fix` with a server: the same end, the way back, and what is applied.

use crate::newest;
use crate::project::Project;

const BEFORE: &str = "CREATE TYPE mood AS ENUM ('sad');
    CREATE TABLE parent (id int PRIMARY KEY);
    CREATE TABLE t (id int PRIMARY KEY, a int NOT NULL DEFAULT 7, b text, c int, p int, gone int);
    CREATE INDEX old_idx ON t (a) WHERE b IS NOT NULL;
    CREATE INDEX gone_idx ON t (gone);
    CREATE TABLE dropped (id serial PRIMARY KEY, note varchar(10) UNIQUE, CHECK (id > 0));
    CREATE TABLE keyless (id int);
    CREATE VIEW v AS SELECT id, a FROM t;
    CREATE FUNCTION f(x int) RETURNS int LANGUAGE sql AS 'SELECT x';
    COMMENT ON TABLE t IS 'before';";
const CHANGE: &str = "-- everything at once
    CREATE UNIQUE INDEX u ON t (b);
    CREATE INDEX i ON t (lower(b));
    ALTER TABLE t ADD CONSTRAINT t_p FOREIGN KEY (p) REFERENCES parent (id), ADD CONSTRAINT t_c CHECK (c > 0);
    ALTER TABLE t ADD CONSTRAINT t_c_key UNIQUE (c);
    ALTER TABLE t ALTER b SET NOT NULL, ALTER a DROP DEFAULT;
    ALTER TABLE keyless ADD PRIMARY KEY (id);
    CREATE TABLE n (id int PRIMARY KEY, t int REFERENCES t (id), p int);
    CREATE INDEX n_t ON n (t);
    ALTER TABLE n ADD CONSTRAINT n_p FOREIGN KEY (p) REFERENCES parent (id);
    DROP INDEX old_idx;
    DROP VIEW v;
    DROP TABLE dropped;
    ALTER TABLE t DROP COLUMN gone;
    COMMENT ON TABLE t IS 'after';
    CREATE OR REPLACE FUNCTION f(x int) RETURNS int LANGUAGE sql AS 'SELECT x + 1';";

fn project() -> Project {
    Project::prisma(&[("20240101000000_before", BEFORE), ("20241231235958_change", CHANGE)])
}

#[tokio::test]
async fn what_is_fixed_makes_the_same_and_leads_back() {
    if newest().await.is_none() {
        return;
    }
    for split in ["needed", "all"] {
        let project = project();
        let ran = project.run(&["fix", "--write", "--verify", "--split", split]);
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(
            ran.out.contains("verified: as written and as fixed make the same"),
            "{ran:?}"
        );
        let again = project.run(&["fix", "--write", "--split", split]);
        assert_eq!(again.code, 0, "{again:?}");
        assert!(again.out.starts_with("nothing to fix: "), "{again:?}");
        let trip = project.run(&["test-rollback"]);
        assert_eq!(trip.code, 0, "{trip:?}");
    }
}

#[tokio::test]
async fn what_is_applied_is_not_touched() {
    let Some(database) = newest().await else { return };
    let project = project();
    let first = project.on(&database, &["deploy", "--quiet", "--until", "20240101000000_before"]);
    assert_eq!(first.code, 0, "{first:?}");
    let applied = "prisma/migrations/20240101000000_before";
    let refused = project.on(&database, &["fix", "--write", applied]);
    assert_eq!(refused.code, 5, "{refused:?}");
    assert!(
        refused.out.contains("it is applied") || refused.err.contains("it is applied"),
        "{refused:?}"
    );
    // Its tables are small: nothing in the pending one would stop anybody.
    let small = project.on(&database, &["fix"]);
    assert_eq!((small.code, small.out.as_str()), (0, ""), "{small:?}");
    let large = project.on(&database, &["fix", "--small-rows", "0", "--write"]);
    assert_eq!(large.code, 0, "{large:?}");
    assert!(large.out.contains("1 applied migration left alone."), "{large:?}");
    let deploy = project.on(
        &database,
        &[
            "deploy",
            "--quiet",
            "--small-rows",
            "0",
            "--allow",
            "data-loss,blocking",
        ],
    );
    assert_eq!(deploy.code, 0, "{deploy:?}");
}
