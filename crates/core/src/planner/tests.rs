//! Statements in, steps out.

use super::*;
use crate::catalog::Size;
use crate::step::{Step, StepKind, Undo};
use crate::version::ServerVersion;

mod batches;

const SETUP: &str = "CREATE TABLE t (id int PRIMARY KEY, a int, b text, c int NOT NULL DEFAULT 0);
    CREATE INDEX t_a_idx ON t (a); CREATE TABLE u (id int PRIMARY KEY); CREATE TYPE mood AS ENUM ('sad');
    CREATE TABLE p (id int) PARTITION BY RANGE (id); CREATE INDEX p_index ON p (id);
    CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';";

pub(crate) fn migration(text: &str) -> Migration {
    Migration {
        name: "1_m".to_owned(),
        up: Some(SourceFile::new("1_m/migration.sql", text)),
        path: "1_m/migration.sql".to_owned(),
        down: None,
        transaction: TransactionModel::Message,
    }
}

pub(super) fn catalog(major: u32) -> Catalog {
    catalog_of(major, SETUP)
}

pub(crate) fn catalog_of(major: u32, setup: &str) -> Catalog {
    let mut catalog = Catalog::empty(ServerVersion::of_major(major));
    for statement in sql::parse(&SourceFile::new("setup", setup)).unwrap().statements {
        replay::apply(&mut catalog, &statement);
    }
    catalog.settle();
    catalog
}

fn plan_on(major: u32, text: &str, settings: &PlanSettings) -> MigrationPlan {
    plan_migration(&migration(text), &mut catalog(major), settings).plan
}

pub(crate) fn plan(text: &str) -> MigrationPlan {
    plan_on(
        15,
        text,
        &PlanSettings {
            small_rows: 0,
            ..PlanSettings::default()
        },
    )
}

fn line(step: &Step) -> String {
    let kind = format!("{:?}", step.kind).to_lowercase();
    let sql: Vec<&str> = step.sql.iter().map(SqlText::as_str).collect();
    format!("{kind}: {}", sql.join(" | "))
}

#[track_caller]
fn gives(text: &str, expected: &[&str]) {
    let plan = plan(text);
    assert_eq!(plan.refusals, []);
    let lines: Vec<String> = plan.steps.iter().map(line).collect();
    assert_eq!(lines, expected);
}

#[test]
fn what_the_server_does_not_have_is_refused_before_anything_is_touched() {
    for text in [
        "CREATE INDEX CONCURRENTLY p_id ON p (id)",
        "ALTER TABLE t ADD COLUMN d int; CREATE INDEX CONCURRENTLY p_id ON ONLY p (id)",
        "DROP INDEX CONCURRENTLY p_index",
    ] {
        refuses(text, "statement-fails");
    }
    gives("CREATE INDEX p_id ON p (id)", &["ddl: CREATE INDEX p_id ON p (id)"]);
}

#[test]
fn what_a_text_does_not_tell_is_said() {
    assert!(crate::rules::find(UNKNOWN_EFFECT).is_some());
    let told = |text: &str| {
        let plan = plan(text);
        let told = plan.warnings.iter().any(|notice| notice.rule == UNKNOWN_EFFECT);
        assert!(plan.steps.iter().all(|step| plan.has_unknown_effect(step) == told));
        told
    };
    assert!(told(
        "DO $$ DECLARE r record; BEGIN FOR r IN SELECT relname FROM pg_class LOOP EXECUTE 'ANALYZE ' || r.relname; END LOOP; END $$"
    ));
    assert!(!told("DO $$ BEGIN ALTER TABLE t ADD COLUMN x int; END $$"));
    assert!(!told("CREATE EXTENSION pg_trgm"));
}

#[test]
fn a_warning_has_the_help_of_its_rule() {
    let settings = PlanSettings {
        allow_blocking: true,
        ..PlanSettings::default()
    };
    let help = |text| plan_on(15, text, &settings).warnings.remove(0).help;
    assert!(help("TRUNCATE t").starts_with("Delete in batches"));
    assert!(help("ALTER TABLE t ALTER a TYPE bigint").starts_with("Let sessions with prepared statements reconnect"));
    assert!(help("ALTER TABLE t DROP COLUMN a").starts_with("Deploy the code"));
}

#[test]
fn an_allow_speaks_to_check_alone() {
    let text = "-- nonstop: allow type-change-rewrites-table because it is night\nALTER TABLE t ALTER a TYPE bigint USING random()";
    refuses(text, "type-change-rewrites-table");
    let help = plan(text).refusals.remove(0).help;
    assert!(
        help.ends_with("The `-- nonstop: allow` above it speaks to `check` alone."),
        "{help}"
    );
}

#[test]
fn a_refusal_has_the_help_of_its_rule_and_an_estimate() {
    let settings = PlanSettings::default();
    let mut catalog = catalog(15);
    let t = crate::quote::Name::new("public", "t");
    catalog.relations.get_mut(&t).unwrap().size = Some(Size {
        rows: 1_000_000,
        bytes: 100_000_000,
    });
    let text = "ALTER TABLE t ALTER a TYPE bigint USING random()";
    let refusal = plan_migration(&migration(text), &mut catalog, &settings)
        .plan
        .refusals
        .remove(0);
    assert!(
        refusal.message.contains("(about 1000000 rows, 96 MiB)"),
        "{}",
        refusal.message
    );
    assert!(
        refusal.help.starts_with("Add a column of the new type"),
        "{}",
        refusal.help
    );
}

/// The steps of which nobody knows how long they take.
fn open_ended(text: &str) -> Vec<String> {
    let settings = PlanSettings {
        allow_blocking: true,
        ..PlanSettings::default()
    };
    let mut catalog = catalog(15);
    let large = Size {
        rows: 1_000_000,
        bytes: 100_000_000,
    };
    catalog
        .relations
        .change(|_| true, |relation| relation.size = Some(large));
    let plan = plan_migration(&migration(text), &mut catalog, &settings).plan;
    let steps = plan.steps.into_iter().filter(|step| step.open_ended);
    let told = steps.inspect(|step| assert_eq!(step.estimate_ms, None));
    told.map(|step| step.id).collect()
}

#[test]
fn what_may_take_long_is_not_called_instant() {
    for text in [
        "SELECT f()",
        "SELECT pg_sleep(3)",
        "DO $$ BEGIN PERFORM f(); END $$",
        "DO $$ BEGIN FOR i IN 1..1000000 LOOP INSERT INTO u VALUES (i); END LOOP; END $$",
        "INSERT INTO u SELECT id FROM t",
        "INSERT INTO u SELECT generate_series(1, 10000000)",
        "CREATE TABLE n AS SELECT * FROM t",
        "UPDATE t SET a = random()",
        "DROP INDEX t_a_idx",
        "VACUUM t",
        "ANALYZE",
        "BEGIN; ALTER TABLE t ADD COLUMN d int; ROLLBACK;",
    ] {
        assert_eq!(open_ended(text), ["1"], "{text}");
    }
    for text in [
        "ALTER TABLE t ADD COLUMN d int",
        "CREATE TABLE n (id int); CREATE INDEX ON n (id); INSERT INTO n VALUES (1)",
        "CREATE INDEX i ON t (b)",
        "INSERT INTO u VALUES (1)",
        "UPDATE t SET a = 1 WHERE id = 7",
        "SELECT set_config('a.b', 'c', false)",
        "CREATE VIEW v AS SELECT * FROM t",
    ] {
        assert_eq!(open_ended(text), Vec::<String>::new(), "{text}");
    }
}

#[track_caller]
fn refuses(text: &str, rule: &str) {
    let rules: Vec<String> = plan(text).refusals.into_iter().map(|notice| notice.rule).collect();
    assert_eq!(rules, [rule]);
}

#[test]
fn an_index_is_built_concurrently() {
    gives(
        "CREATE INDEX \"i\" ON \"t\"(\"b\");",
        &["index: CREATE INDEX CONCURRENTLY \"i\" ON \"public\".\"t\" USING btree (b)"],
    );
    gives(
        "CREATE INDEX ON t (lower(b));",
        &["index: CREATE INDEX CONCURRENTLY \"t_lower_idx\" ON \"public\".\"t\" USING btree (lower(b))"],
    );
}

#[test]
fn a_unique_index_looks_for_duplicates_first() {
    gives(
        "CREATE UNIQUE INDEX i ON t (a) WHERE c > 0;",
        &[
            "check: SELECT \"a\", count(*) AS rows FROM \"public\".\"t\" WHERE (c > 0) AND (\"a\") IS NOT NULL GROUP BY 1 HAVING count(*) > 1 LIMIT 10",
            "index: CREATE UNIQUE INDEX CONCURRENTLY \"i\" ON \"public\".\"t\" USING btree (a) WHERE c > 0",
        ],
    );
}

/// The predicate and the expression name a column that is not there yet.
#[test]
fn nothing_looks_at_a_column_before_it_is_there() {
    let checks = |text: &str| {
        let plan = plan(text);
        assert_eq!(plan.refusals, []);
        plan.steps.iter().filter(|step| step.kind == StepKind::Check).count()
    };
    assert_eq!(checks("CREATE UNIQUE INDEX i ON t (a) WHERE c > 0"), 1);
    assert_eq!(
        checks("ALTER TABLE t ADD COLUMN n bool; CREATE UNIQUE INDEX i ON t (a) WHERE NOT n"),
        0
    );
    assert_eq!(
        checks("ALTER TABLE t ADD COLUMN n text; CREATE UNIQUE INDEX i ON t (a, lower(n))"),
        0
    );
}

#[test]
fn what_the_migration_makes_stays_in_its_transaction() {
    let text = "CREATE TABLE n (id int, t int); CREATE INDEX n_t ON n (t); ALTER TABLE n ADD CONSTRAINT f FOREIGN KEY (t) REFERENCES t (id)";
    let plan = plan(text);
    assert_eq!(plan.steps.len(), 1);
    assert!(plan.is_atomic());
    let locks: Vec<String> = plan.steps[0]
        .locks
        .iter()
        .map(|l| format!("{} {}", l.relation, l.mode))
        .collect();
    assert_eq!(locks, ["public.t SHARE ROW EXCLUSIVE"]);
}

#[test]
fn a_small_table_needs_no_safe_form() {
    let plan = plan_on(15, "CREATE INDEX i ON t (a);", &PlanSettings::default());
    assert_eq!(
        plan.steps.iter().map(line).collect::<Vec<_>>(),
        ["ddl: CREATE INDEX i ON t (a)"]
    );
}

#[test]
fn a_foreign_key_is_validated_apart() {
    gives(
        "ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES u; ALTER TABLE u ADD COLUMN x int;",
        &[
            "check: SELECT c.\"a\" FROM \"public\".\"t\" AS c WHERE c.\"a\" IS NOT NULL AND NOT EXISTS (SELECT FROM \"public\".\"u\" AS p WHERE p.\"id\" = c.\"a\") LIMIT 10",
            "ddl: ALTER TABLE \"public\".\"t\" ADD CONSTRAINT \"f\" FOREIGN KEY (a) REFERENCES u NOT VALID | ALTER TABLE u ADD COLUMN x int",
            "validate: ALTER TABLE \"public\".\"t\" VALIDATE CONSTRAINT \"f\"",
        ],
    );
}

#[test]
fn not_null_is_proved_first() {
    gives(
        "ALTER TABLE t ALTER COLUMN b SET NOT NULL;",
        &[
            "check: SELECT * FROM \"public\".\"t\" WHERE \"b\" IS NULL LIMIT 10",
            "ddl: ALTER TABLE \"public\".\"t\" ADD CONSTRAINT \"t_b_nonstop_not_null\" CHECK (\"b\" IS NOT NULL) NOT VALID",
            "validate: ALTER TABLE \"public\".\"t\" VALIDATE CONSTRAINT \"t_b_nonstop_not_null\"",
            "ddl: ALTER TABLE \"public\".\"t\" ALTER COLUMN \"b\" SET NOT NULL | ALTER TABLE \"public\".\"t\" DROP CONSTRAINT \"t_b_nonstop_not_null\"",
        ],
    );
    let native = plan_on(
        18,
        "ALTER TABLE t ALTER COLUMN b SET NOT NULL;",
        &PlanSettings {
            small_rows: 0,
            ..PlanSettings::default()
        },
    );
    assert_eq!(
        line(&native.steps[1]),
        "ddl: ALTER TABLE \"public\".\"t\" ADD CONSTRAINT \"t_b_not_null\" NOT NULL \"b\" NOT VALID"
    );
    assert_eq!(native.steps.len(), 3);
}

#[test]
fn a_key_that_is_replaced_is_never_missing() {
    gives(
        "ALTER TABLE t DROP CONSTRAINT t_pkey, ADD CONSTRAINT t_pkey PRIMARY KEY (c);",
        &[
            "check: SELECT \"c\", count(*) AS rows FROM \"public\".\"t\" WHERE (\"c\") IS NOT NULL GROUP BY 1 HAVING count(*) > 1 LIMIT 10",
            "index: CREATE UNIQUE INDEX CONCURRENTLY \"t_pkey_nonstop\" ON \"public\".\"t\" USING btree (c)",
            "ddl: ALTER TABLE \"public\".\"t\" DROP CONSTRAINT \"t_pkey\", ADD CONSTRAINT \"t_pkey\" PRIMARY KEY USING INDEX \"t_pkey_nonstop\"",
        ],
    );
}

#[test]
fn what_cannot_be_taken_back_comes_last() {
    gives(
        "ALTER TABLE t DROP COLUMN b, ADD COLUMN e int; CREATE INDEX i ON t (e);",
        &[
            "ddl: ALTER TABLE \"public\".\"t\" ADD COLUMN e int",
            "index: CREATE INDEX CONCURRENTLY \"i\" ON \"public\".\"t\" USING btree (e)",
            "ddl: ALTER TABLE \"public\".\"t\" DROP b",
        ],
    );
    // Under the same name the order is the file's.
    let same = plan("ALTER TABLE t DROP COLUMN b, ADD COLUMN b int; CREATE INDEX i ON t (b);");
    assert_eq!(
        line(&same.steps[0]),
        "ddl: ALTER TABLE t DROP COLUMN b, ADD COLUMN b int"
    );
    assert!(matches!(same.steps[0].undo, Undo::Impossible(_)));
}

#[test]
fn an_enum_value_is_committed_before_its_use() {
    gives(
        "ALTER TYPE mood ADD VALUE 'ok'; ALTER TABLE t ADD COLUMN m mood DEFAULT 'ok';",
        &[
            "ddl: ALTER TYPE mood ADD VALUE 'ok'",
            "ddl: ALTER TABLE t ADD COLUMN m mood DEFAULT 'ok'",
        ],
    );
    gives(
        "ALTER TYPE mood ADD VALUE 'ok'; ALTER TABLE t ADD COLUMN m mood;",
        &["ddl: ALTER TYPE mood ADD VALUE 'ok' | ALTER TABLE t ADD COLUMN m mood"],
    );
}

#[test]
fn concurrently_among_other_statements_is_taken_out() {
    gives(
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (c); DROP INDEX CONCURRENTLY IF EXISTS t_a_idx; ALTER TABLE t ADD COLUMN z int;",
        &[
            "index: CREATE INDEX CONCURRENTLY \"i\" ON \"public\".\"t\" USING btree (c)",
            "ddl: ALTER TABLE t ADD COLUMN z int",
            "index: DROP INDEX CONCURRENTLY IF EXISTS \"public\".\"t_a_idx\"",
        ],
    );
}

#[test]
fn what_has_no_safe_form_is_refused_by_name() {
    refuses(
        "ALTER TABLE t ALTER COLUMN a TYPE bigint USING random();",
        "type-change-rewrites-table",
    );
    refuses(
        "ALTER TABLE t ADD COLUMN z int GENERATED ALWAYS AS (a + 1) STORED;",
        "add-column-rewrites-table",
    );
    refuses(
        "ALTER TABLE t ADD EXCLUDE USING gist (a WITH =);",
        "exclude-builds-index",
    );
    refuses("UPDATE t SET a = random();", "changes-many-rows");
    refuses("CLUSTER t USING t_a_idx;", "rewrites-table");
    refuses("CREATE TABEL x ();", "syntax-error");
    let allowed = PlanSettings {
        small_rows: 0,
        allow_blocking: true,
        ..PlanSettings::default()
    };
    let text = "ALTER TABLE t ALTER COLUMN a TYPE bigint USING random()";
    let plan = plan_on(15, text, &allowed);
    assert_eq!(line(&plan.steps[0]), format!("opaque: {text}"));
}

#[test]
fn a_copy_and_its_drop_are_never_parted() {
    let text = "ALTER TABLE t ADD COLUMN b2 text; UPDATE t SET b2 = b; ALTER TABLE t DROP COLUMN b;";
    let rules: Vec<String> = plan(text).refusals.into_iter().map(|notice| notice.rule).collect();
    assert_eq!(rules, ["copy-then-drop-loses-writes", "copy-then-drop-loses-writes"]);
    let allowed = PlanSettings {
        small_rows: 0,
        allow_blocking: true,
        ..PlanSettings::default()
    };
    let whole = plan("CREATE TABLE t2 AS SELECT * FROM t; DROP TABLE t").refusals;
    assert_eq!(whole[0].rule, "copy-then-drop-loses-writes");
    let plan = plan_on(15, text, &allowed);
    let last = plan.steps.last().unwrap();
    assert_eq!(last.statements, [1, 2, 3]);
    assert_eq!(last.locks[0].mode, crate::lock::LockMode::AccessExclusive);
}

#[test]
fn a_loss_that_is_allowed_does_not_take_the_lock_of_the_drop_first() {
    let lossy = PlanSettings {
        small_rows: 0,
        allow_data_loss: true,
        ..PlanSettings::default()
    };
    let text = "CREATE TABLE t2 (id int); INSERT INTO t2 SELECT id FROM t; DROP TABLE t;";
    let plan = plan_on(15, text, &lossy);
    assert_eq!(plan.refusals, []);
    assert_eq!(plan.steps.last().unwrap().locks, []);
    // Changing every row of a table in use blocks, whatever is lost.
    let update = plan_on(15, "UPDATE t SET b = a; ALTER TABLE t DROP COLUMN a;", &lossy);
    assert_eq!(update.refusals[0].rule, "changes-many-rows");
}

#[test]
fn what_breaks_running_code_is_told_or_refused() {
    let text = "ALTER TABLE t RENAME COLUMN a TO aa;";
    assert_eq!(plan(text).warnings[0].rule, "rename-column-breaks-code");
    let refuse = PlanSettings {
        breaking: Breaking::Refuse,
        ..PlanSettings::default()
    };
    assert_eq!(plan_on(15, text, &refuse).refusals[0].rule, "rename-column-breaks-code");
}

#[test]
fn settings_go_with_each_transaction_and_timeouts_are_ours() {
    let plan = plan("SET lock_timeout = '5s'; SET search_path = s; CREATE TABLE x (id int);");
    assert_eq!(plan.warnings[0].rule, "session-timeout-is-left-out");
    assert_eq!(
        line(&plan.steps[0]),
        "ddl: SELECT pg_catalog.set_config('search_path', '\"s\"', true);\nCREATE TABLE x (id int)"
    );
}

/// There is no parameter of that name: 42704.
#[test]
fn the_isolation_level_stays_where_it_was_said() {
    let plan = plan("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; CREATE TABLE x (id int); RESET ALL;");
    let steps: Vec<&str> = plan.steps[0].sql.iter().map(SqlText::as_str).collect();
    assert_eq!(
        steps,
        [
            "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
            "CREATE TABLE x (id int)"
        ]
    );
}

#[test]
fn a_reset_path_is_the_one_before() {
    let plan = plan("SET search_path = s; CREATE TABLE x (id int); RESET search_path; ALTER TABLE t ADD COLUMN z int;");
    let steps: Vec<&str> = plan.steps[0].sql.iter().map(SqlText::as_str).collect();
    assert_eq!(
        steps[1],
        "SELECT pg_catalog.set_config('search_path', '\"public\"', true);\nALTER TABLE t ADD COLUMN z int"
    );
    assert_eq!(plan.steps[0].locks.len(), 1);
}

#[test]
fn as_written_is_the_file_itself() {
    let settings = PlanSettings {
        as_written: true,
        ..PlanSettings::default()
    };
    let text = "CREATE INDEX i ON t (a);\n-- end\n";
    assert_eq!(plan_on(15, text, &settings).steps[0].sql, [SqlText::verbatim(text)]);
    assert!(!plan_on(15, "CREATE INDEX CONCURRENTLY i ON t (a);", &settings).steps[0].transaction);
}
