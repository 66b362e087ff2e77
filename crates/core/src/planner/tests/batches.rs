//! Changes of rows in batches, and why some are not.

use super::*;
use crate::batch::Key;

#[test]
fn a_change_of_each_row_by_itself_is_batched() {
    for text in [
        "UPDATE t SET a = a + 1",
        "UPDATE t SET a = 0 WHERE a IS NULL",
        "UPDATE t x SET b = u.id::text FROM u WHERE u.id = x.a",
        "DELETE FROM t WHERE a < 5",
        "DELETE FROM t USING u WHERE t.a = u.id",
        "DELETE FROM t WHERE NOT EXISTS (SELECT FROM u WHERE u.id = t.a)",
    ] {
        let plan = plan(text);
        assert_eq!(plan.refusals, [], "{text}");
        let [step] = plan.steps.as_slice() else {
            panic!("{plan:?}")
        };
        assert_eq!(step.kind, StepKind::Backfill, "{text}");
        let batch = step.batch.as_ref().unwrap();
        assert_eq!(batch.key, Key::Columns(vec!["id".to_owned()]), "{text}");
        assert!(matches!(step.undo, Undo::Impossible(_)), "{text}");
    }
}

#[test]
fn the_first_batches_stand_behind_what_may_still_fail() {
    let steps = plan("UPDATE t SET b = 'x' WHERE a = 1; CREATE UNIQUE INDEX i ON u (id);").steps;
    let kinds: Vec<StepKind> = steps.iter().map(|step| step.kind).collect();
    assert_eq!(kinds, [StepKind::Check, StepKind::Index, StepKind::Backfill]);
}

#[test]
fn a_directive_says_how_many_or_none() {
    let sized = plan("-- nonstop: batch-size 77\nUPDATE t SET a = 1");
    assert_eq!(sized.steps[0].batch.as_ref().unwrap().size, Some(77));
    let whole = plan("-- nonstop: as-written\nUPDATE t SET a = 1");
    assert_eq!(
        line(&whole.steps[0]),
        "ddl: -- nonstop: as-written\nUPDATE t SET a = 1".replace("-- nonstop: as-written\n", "")
    );
}

#[test]
fn settings_of_the_migration_go_with_each_batch() {
    let plan = plan("SET search_path = public, x; UPDATE t SET a = 1;");
    let batch = plan.steps[0].batch.as_ref().unwrap();
    assert!(
        batch.settings().as_str().contains("set_config('search_path'"),
        "{batch:?}"
    );
}

#[track_caller]
fn stays_whole(setup: &str, text: &str, why: &str) {
    let mut catalog = catalog(15);
    for statement in sql::parse(&SourceFile::new("setup", setup)).unwrap().statements {
        replay::apply(&mut catalog, &statement);
    }
    catalog.settle();
    let settings = PlanSettings {
        small_rows: 0,
        ..PlanSettings::default()
    };
    let plan = plan_migration(&migration(text), &mut catalog.clone(), &settings).plan;
    let refusal = plan.refusals.first().unwrap_or_else(|| panic!("{text}: {plan:?}"));
    assert_eq!(refusal.rule, "changes-many-rows", "{text}");
    assert!(refusal.message.contains(why), "{text}: {}", refusal.message);
    let allowed = PlanSettings {
        allow_blocking: true,
        ..settings
    };
    let plan = plan_migration(&migration(text), &mut catalog, &allowed).plan;
    assert!(plan.refusals.is_empty() && plan.steps[0].batch.is_none(), "{text}");
}

#[test]
fn what_depends_on_other_rows_stays_whole() {
    for (text, why) in [
        (
            "UPDATE t SET a = x.a FROM t x WHERE x.id = t.c",
            "it reads public.t itself",
        ),
        (
            "DELETE FROM t WHERE a = (SELECT max(a) FROM t)",
            "it reads public.t itself",
        ),
        ("UPDATE t SET a = 1 RETURNING id", "RETURNING"),
        (
            "WITH d AS (DELETE FROM u RETURNING id) UPDATE t SET a = 1 FROM d",
            "it has a WITH",
        ),
        ("DELETE FROM t WHERE a IN (SELECT id FROM u LIMIT 9)", "LIMIT"),
        ("UPDATE t SET a = random() * 5", "random(), which is volatile"),
        ("UPDATE t SET id = id + 1", "id is in the unique index public.t_pkey"),
        (
            "UPDATE t SET a = u.id FROM u WHERE u.id = t.id; DELETE FROM u",
            "later changes public.u",
        ),
    ] {
        stays_whole("", text, why);
    }
    stays_whole("CREATE TABLE n (a int)", "UPDATE n SET a = a + 1", "no primary key");
    stays_whole("CREATE TABLE n (a int)", "DELETE FROM n", "no primary key");
    let own = "CREATE TABLE n (id int PRIMARY KEY, up int REFERENCES n)";
    stays_whole(own, "DELETE FROM n WHERE up > 3", "from public.n to itself");
    let follows = "CREATE TABLE n (id int PRIMARY KEY); CREATE TABLE m (n int REFERENCES n ON DELETE CASCADE)";
    stays_whole(
        follows,
        "DELETE FROM n WHERE id IN (SELECT n FROM m)",
        "whose rows change with those",
    );
    let trigger =
        "CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM count(*) FROM t; RETURN NEW; END';
        CREATE TRIGGER g BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION g()";
    stays_whole(trigger, "UPDATE t SET a = 1", "its trigger g names public.t");
    let once = "CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
        CREATE TRIGGER g AFTER UPDATE ON t EXECUTE FUNCTION g(); CREATE TRIGGER d AFTER DELETE ON t FOR EACH STATEMENT EXECUTE FUNCTION g()";
    stays_whole(once, "UPDATE t SET a = 1", "its trigger g fires once");
    stays_whole(once, "DELETE FROM t", "its trigger d fires once");
    let read = "CREATE FUNCTION g() RETURNS int STABLE LANGUAGE sql AS 'SELECT count(*)::int FROM t'";
    stays_whole(read, "UPDATE t SET a = g()", "g(), which may read other rows");
    let volatile = "CREATE FUNCTION g() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END'";
    stays_whole(volatile, "UPDATE t SET a = g()", "g(), which is volatile");
    let view = "CREATE VIEW v AS SELECT a FROM t";
    stays_whole(
        view,
        "DELETE FROM t USING v WHERE v.a = t.id",
        "it reads public.t itself",
    );
    let parted =
        "CREATE TABLE n (id int PRIMARY KEY, a int) PARTITION BY RANGE (id); CREATE TABLE n1 PARTITION OF n DEFAULT";
    stays_whole(parted, "UPDATE n1 SET a = n.a FROM n WHERE n.id = n1.a", "itself");
}

#[test]
fn triggers_and_the_clock_are_named() {
    let text = "CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.c := 1; RETURN NEW; END';
        CREATE TRIGGER touch BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION g()";
    let mut catalog = catalog(15);
    for statement in sql::parse(&SourceFile::new("setup", text)).unwrap().statements {
        replay::apply(&mut catalog, &statement);
    }
    catalog.settle();
    let settings = PlanSettings {
        small_rows: 0,
        ..PlanSettings::default()
    };
    let plan = plan_migration(&migration("UPDATE t SET b = now()::text"), &mut catalog, &settings).plan;
    let note = &plan.steps[0].note;
    assert!(
        note.contains("over (id)") && note.contains("fire: touch") && note.contains("now()"),
        "{note}"
    );
}

#[test]
fn without_a_key_only_what_settles_is_batched() {
    let mut catalog = catalog(15);
    let setup = "CREATE TABLE n (a int, b int)";
    for statement in sql::parse(&SourceFile::new("setup", setup)).unwrap().statements {
        replay::apply(&mut catalog, &statement);
    }
    catalog.settle();
    let settings = PlanSettings {
        small_rows: 0,
        ..PlanSettings::default()
    };
    for text in [
        "UPDATE n SET a = b WHERE a IS NULL AND b > 0",
        "DELETE FROM n WHERE a = 1",
    ] {
        let plan = plan_migration(&migration(text), &mut catalog.clone(), &settings).plan;
        let batch = plan.steps[0].batch.as_ref().unwrap();
        assert!(
            batch.key == Key::Pages && batch.repeats && batch.locking.is_some(),
            "{text}"
        );
    }
}

#[test]
fn a_column_that_differs_from_row_to_row_is_filled() {
    gives(
        "ALTER TABLE t ADD COLUMN z float8 NOT NULL DEFAULT random()",
        &[
            "ddl: ALTER TABLE \"public\".\"t\" ADD COLUMN z float8, ALTER COLUMN \"z\" SET DEFAULT random()",
            "backfill: UPDATE \"public\".\"t\" SET \"z\" = DEFAULT WHERE \"z\" IS NULL",
            "ddl: ALTER TABLE \"public\".\"t\" ADD CONSTRAINT \"t_z_nonstop_not_null\" CHECK (\"z\" IS NOT NULL) NOT VALID",
            "validate: ALTER TABLE \"public\".\"t\" VALIDATE CONSTRAINT \"t_z_nonstop_not_null\"",
            "ddl: ALTER TABLE \"public\".\"t\" ALTER COLUMN \"z\" SET NOT NULL | ALTER TABLE \"public\".\"t\" DROP CONSTRAINT \"t_z_nonstop_not_null\"",
        ],
    );
    let steps = plan("ALTER TABLE t ADD COLUMN z bigserial UNIQUE").steps;
    assert_eq!(
        line(&steps[0]),
        "ddl: CREATE SEQUENCE \"public\".\"t_z_seq\" AS bigint | ALTER TABLE \"public\".\"t\" ADD COLUMN z bigint, ALTER COLUMN \"z\" \
         SET DEFAULT pg_catalog.nextval('\"public\".\"t_z_seq\"'::pg_catalog.regclass) | \
         ALTER SEQUENCE \"public\".\"t_z_seq\" OWNED BY \"public\".\"t\".\"z\""
    );
    let steps = plan("ALTER TABLE t ADD COLUMN z int GENERATED BY DEFAULT AS IDENTITY (START 7 INCREMENT 3)").steps;
    assert!(
        line(&steps[0]).contains("CREATE SEQUENCE \"public\".\"t_z_nonstop\" AS integer START 7 INCREMENT 3"),
        "{}",
        line(&steps[0])
    );
    let last = line(steps.last().unwrap());
    assert!(
        last.contains(
            "ALTER COLUMN \"z\" ADD GENERATED BY DEFAULT AS IDENTITY (START 7 INCREMENT 3 ) | ALTER SEQUENCE \"public\".\"t_z_nonstop\" OWNED BY NONE | SELECT"
        ),
        "{last}"
    );
    assert!(last.ends_with("DROP SEQUENCE \"public\".\"t_z_nonstop\""), "{last}");
}
