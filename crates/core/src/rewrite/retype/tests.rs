//! Shadow columns, as plans.

use crate::plan::MigrationPlan;
use crate::planner::plan_migration;
use crate::planner::tests::{catalog_of, migration};
use crate::settings::PlanSettings;
use crate::step::{StepKind, Undo};

const SETUP: &str = "CREATE TABLE t (id int PRIMARY KEY, a int NOT NULL, b text, d int);
    CREATE TABLE c (t int CONSTRAINT f REFERENCES t ON DELETE CASCADE);
    CREATE DOMAIN positive AS int CHECK (VALUE > 0);";

fn plan(setup: &str, text: &str) -> MigrationPlan {
    let settings = PlanSettings {
        small_rows: 0,
        ..PlanSettings::default()
    };
    let mut catalog = catalog_of(15, &format!("{SETUP}{setup}"));
    plan_migration(&migration(text), &mut catalog, &settings).plan
}

#[track_caller]
fn refused(setup: &str, text: &str, why: &str) {
    let plan = plan(setup, text);
    let said = plan.refusals.iter().any(|notice| notice.message.contains(why));
    assert!(said, "{:?}", plan.refusals);
}

#[test]
fn keys_of_other_tables_come_along_and_the_swap_is_one_step() {
    let plan = plan("", "ALTER TABLE t ALTER id TYPE bigint; ALTER TABLE t ADD UNIQUE (a)");
    assert_eq!(plan.refusals, []);
    let swap = plan.steps.last().unwrap();
    let sql: Vec<String> = swap.sql.iter().map(|sql| sql.as_str().replace('"', "")).collect();
    let at = |text: &str| {
        sql.iter()
            .position(|own| own == text)
            .unwrap_or_else(|| panic!("{text}: {sql:#?}"))
    };
    assert!(at("ALTER TABLE public.c DROP CONSTRAINT f") < at("ALTER TABLE public.t DROP CONSTRAINT t_pkey"));
    assert!(at("ALTER TABLE public.t DROP COLUMN id") < at("ALTER TABLE public.t RENAME COLUMN id_nonstop TO id"));
    at("ALTER TABLE public.t ADD CONSTRAINT t_pkey PRIMARY KEY USING INDEX t_pkey_nonstop");
    at("ALTER TABLE public.c RENAME CONSTRAINT f_nonstop TO f");
    assert!(matches!(swap.undo, Undo::Impossible(_)));
    // What may still fail comes before what cannot be taken back.
    let checks = plan
        .steps
        .iter()
        .take_while(|step| step.kind == StepKind::Check)
        .count();
    let all = plan.steps.iter().filter(|step| step.kind == StepKind::Check).count();
    assert_eq!((checks, all), (2, 2));
    assert!(
        plan.steps[..plan.steps.len() - 1]
            .iter()
            .all(|step| !matches!(step.undo, Undo::Impossible(_)))
    );
}

#[test]
fn a_key_keeps_what_stands_behind_its_reference() {
    for (definition, tail) in [
        ("FOREIGN KEY (a) REFERENCES t ON DELETE CASCADE", " ON DELETE CASCADE"),
        (
            "FOREIGN KEY (a) REFERENCES s.t ON DELETE SET NULL (a)",
            " ON DELETE SET NULL (a)",
        ),
        (
            "FOREIGN KEY (\" REFERENCES (\") REFERENCES \"t)\" (\"i)d\", b) MATCH FULL",
            " MATCH FULL",
        ),
        ("FOREIGN KEY (a) REFERENCES t(id)", ""),
    ] {
        assert_eq!(super::behind_reference(definition), tail, "{definition}");
    }
    let plan = plan("", "ALTER TABLE t ALTER id TYPE bigint");
    let sql = plan.steps.iter().flat_map(|step| &step.sql);
    let added = sql.filter(|sql| sql.as_str().contains("ADD CONSTRAINT \"f_nonstop\""));
    let added: Vec<&str> = added.map(crate::quote::SqlText::as_str).collect();
    assert!(
        added.len() == 1 && added[0].contains("ON DELETE CASCADE NOT VALID"),
        "{added:?}"
    );
}

#[test]
fn helpers_take_free_names() {
    let plan = plan(
        "ALTER TABLE t ADD id_nonstop int; CREATE TABLE t_pkey_nonstop (); ALTER TABLE c ADD CONSTRAINT f_nonstop CHECK (true);
         CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
         CREATE TRIGGER \"zzzz\" BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION g()",
        "ALTER TABLE t ALTER id TYPE bigint",
    );
    let sql: Vec<&str> = plan
        .steps
        .iter()
        .flat_map(|step| &step.sql)
        .map(crate::quote::SqlText::as_str)
        .collect();
    let sql = sql.join("\n").replace('"', "");
    for name in ["id_nonstop1", "t_pkey_nonstop1", "f_nonstop1", "~_id_nonstop1_sync"] {
        assert!(sql.contains(name), "{name}: {sql}");
    }
}

#[test]
fn what_is_not_carried_over_is_refused_by_name() {
    let change = "ALTER TABLE t ALTER a TYPE bigint";
    refused("CREATE STATISTICS s ON a, d FROM t", change, "statistics public.s");
    refused("CREATE TABLE k () INHERITS (t)", change, "parents or children");
    refused(
        "ALTER TABLE t ADD CONSTRAINT x EXCLUDE (a WITH =)",
        change,
        "constraint x",
    );
    refused("", "ALTER TABLE t ALTER b TYPE positive USING 1", "domain positive");
    refused(
        "",
        "ALTER TABLE t ALTER a TYPE bigint USING random()",
        "USING calls random()",
    );
    refused("", "ALTER TABLE t ALTER b TYPE date USING now()", "USING calls now");
    refused(
        "",
        "ALTER TABLE t ALTER a TYPE bigint USING d, ALTER d TYPE bigint",
        "USING reads d",
    );
}

/// Whatever the helper is called: the key over the other table's new column waits until the old column has gone.
#[test]
fn a_key_is_made_anew_behind_the_swap_of_what_it_points_at() {
    let change = "ALTER TABLE t ALTER id TYPE bigint; ALTER TABLE c ALTER t TYPE bigint; CREATE INDEX ON t (b)";
    for setup in [
        "",
        "ALTER TABLE c ADD CONSTRAINT f_nonstop CHECK (true)",
        "ALTER TABLE c ADD t_nonstop int",
    ] {
        let plan = plan(setup, change);
        assert_eq!(plan.refusals, []);
        let at = |text: &str| {
            let texts = plan
                .steps
                .iter()
                .flat_map(|step| &step.sql)
                .map(|sql| sql.as_str().replace('"', ""));
            let texts: Vec<String> = texts.collect();
            let found = texts.iter().position(|sql| sql.contains(text));
            found.unwrap_or_else(|| panic!("{text}: {texts:#?}"))
        };
        assert!(at("DROP CONSTRAINT t_pkey") < at("FOREIGN KEY (t_nonstop"), "{setup}");
    }
}
