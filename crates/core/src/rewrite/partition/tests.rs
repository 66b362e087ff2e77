//! Trees of partitions, taken apart.

use crate::plan::MigrationPlan;
use crate::planner::plan_migration;
use crate::planner::tests::{catalog_of, migration};
use crate::settings::PlanSettings;

const TREE: &str = "CREATE TABLE p (id int NOT NULL, a int, b text) PARTITION BY RANGE (id);
    CREATE TABLE low PARTITION OF p FOR VALUES FROM (1) TO (9) PARTITION BY RANGE (id);
    CREATE TABLE low_1 PARTITION OF low FOR VALUES FROM (1) TO (5);
    CREATE TABLE high PARTITION OF p DEFAULT; CREATE TABLE o (id int PRIMARY KEY);";

fn plan(major: u32, setup: &str, text: &str) -> MigrationPlan {
    let settings = PlanSettings {
        small_rows: 0,
        ..PlanSettings::default()
    };
    let mut catalog = catalog_of(major, &format!("{TREE}{setup}"));
    plan_migration(&migration(text), &mut catalog, &settings).plan
}

/// Its SQL, without the quotes of names.
fn sql(plan: &MigrationPlan) -> Vec<String> {
    assert_eq!(plan.refusals, []);
    let steps = plan.steps.iter().flat_map(|step| &step.sql);
    steps.map(|sql| sql.as_str().replace('"', "")).collect()
}

#[test]
fn a_tree_gets_frames_and_leaves() {
    assert_eq!(
        sql(&plan(15, "", "CREATE INDEX p_a ON p (a)")),
        [
            "CREATE INDEX p_a ON ONLY public.p USING btree (a)",
            "CREATE INDEX CONCURRENTLY high_a_idx ON public.high USING btree (a)",
            "ALTER INDEX public.p_a ATTACH PARTITION public.high_a_idx",
            "CREATE INDEX low_a_idx ON ONLY public.low USING btree (a)",
            "CREATE INDEX CONCURRENTLY low_1_a_idx ON public.low_1 USING btree (a)",
            "ALTER INDEX public.low_a_idx ATTACH PARTITION public.low_1_a_idx",
            "ALTER INDEX public.p_a ATTACH PARTITION public.low_a_idx",
        ]
    );
}

#[test]
fn what_may_fit_or_not_is_refused() {
    let refused = |setup: &str, text: &str| !plan(15, setup, text).refusals.is_empty();
    let index = "CREATE INDEX p_b ON p (b)";
    assert!(!refused("CREATE INDEX own ON high (b, a)", index));
    assert!(!refused("CREATE INDEX own ON high (b DESC NULLS LAST)", index));
    assert!(refused("CREATE INDEX own ON high (b text_pattern_ops)", index));
    assert!(refused("CREATE INDEX own ON high (b COLLATE \"C\")", index));
    assert!(refused(
        "CREATE UNIQUE INDEX own ON high (id)",
        "ALTER TABLE p ADD UNIQUE (id)"
    ));
    assert!(refused(
        "ALTER TABLE high ADD FOREIGN KEY (a) REFERENCES o",
        "ALTER TABLE p ADD FOREIGN KEY (a) REFERENCES o"
    ));
}

#[test]
fn keys_of_leaves_come_first() {
    let key = "ALTER TABLE p ADD CONSTRAINT k PRIMARY KEY (id)";
    let steps = plan(17, "", key);
    let steps = sql(&steps);
    let has = |sql: &str| steps.iter().any(|step| step == sql);
    assert!(has("ALTER TABLE ONLY public.p ADD CONSTRAINT k PRIMARY KEY (id)"));
    assert!(has(
        "ALTER TABLE public.low_1 ADD CONSTRAINT low_1_pkey PRIMARY KEY USING INDEX low_1_pkey"
    ));
    assert_eq!(plan(18, "", key).refusals.len(), 1);
    let foreign = "ALTER TABLE p ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES o";
    let steps = plan(17, "", foreign);
    assert_eq!(
        *sql(&steps).last().unwrap(),
        "ALTER TABLE public.p ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES o"
    );
    let steps = plan(18, "", foreign);
    assert_eq!(
        *sql(&steps).last().unwrap(),
        "ALTER TABLE public.p VALIDATE CONSTRAINT f"
    );
}

#[test]
fn an_attachment_is_proved_and_finds_all_built() {
    let setup = "CREATE TABLE q (k int PRIMARY KEY, a int REFERENCES o) PARTITION BY LIST (k); CREATE INDEX ON q (a);
        CREATE TABLE rest PARTITION OF q DEFAULT; CREATE TABLE c (k int NOT NULL, a int);
        CREATE TABLE h (k text) PARTITION BY HASH (k); CREATE TABLE hc (k text);";
    let steps = sql(&plan(
        15,
        setup,
        "ALTER TABLE q ATTACH PARTITION c FOR VALUES IN (1, 2)",
    ));
    let at = |sql: &str| {
        let found = steps.iter().position(|step| step == sql);
        found.unwrap_or_else(|| panic!("{sql} is not in {steps:#?}"))
    };
    let rest = at(
        "ALTER TABLE public.rest ADD CONSTRAINT rest_nonstop_bound CHECK (NOT (k IS NOT NULL AND k IN ('1', '2'))) NOT VALID",
    );
    for before in [
        "ALTER TABLE public.c ADD CONSTRAINT c_nonstop_bound CHECK (k IS NOT NULL AND k IN ('1', '2')) NOT VALID",
        "CREATE INDEX CONCURRENTLY c_a_idx ON public.c USING btree (a)",
        "ALTER TABLE public.c ADD CONSTRAINT c_pkey PRIMARY KEY USING INDEX c_pkey",
    ] {
        assert!(at(before) < rest);
    }
    assert!(rest < at("ALTER TABLE public.q ATTACH PARTITION public.c FOR VALUES IN (1, 2)"));
    let beside = plan(15, setup, "CREATE TABLE n PARTITION OF q FOR VALUES IN (7)");
    assert!(sql(&beside).contains(&"ALTER TABLE public.rest VALIDATE CONSTRAINT rest_nonstop_bound".to_owned()));
    let hash = "ALTER TABLE h ATTACH PARTITION hc FOR VALUES WITH (MODULUS 2, REMAINDER 1)";
    assert_eq!(plan(15, setup, hash).refusals.len(), 1);
}
