//! Real plans of every form, killed at each place of each of their steps: the next deploy of the folder brings them to their
//! end, one without the file takes them back, and so does one that is itself killed while it takes back.
//!
//! The suite takes some kills by chance; `NONSTOP_CHAOS` takes all of them.

use crate::support::{Heard, child, migration, target};
use nonstop_core::migration::Migration;
use nonstop_core::settings::PlanSettings;
use nonstop_engine::compare::{Except, Snapshot, snapshot_except};
use nonstop_engine::deploy::{DeployOptions, HistoryKind, Stop, deploy};
use nonstop_engine::event::{Events, Outcome};
use nonstop_engine::failpoint;
use nonstop_engine::target::Target;
use std::collections::BTreeMap;
use testkit::TestDatabase;
use testkit::compare::{assert_same, contents};

/// A form: its name, what is there before, and the migration. No value of an enum is among them: the server has no way to take
/// one out, which a deploy that goes back says.
type Form = (&'static str, &'static str, &'static str);

const ROWS: &str = "CREATE TABLE t (id int PRIMARY KEY, a int, b text, o int);
    INSERT INTO t SELECT i, i, 'b' || i, 1 + i % 9 FROM generate_series(1, 2500) i;
    CREATE TABLE o (id int PRIMARY KEY); INSERT INTO o SELECT generate_series(1, 9);";

const FORMS: &[Form] = &[
    (
        "unique",
        ROWS,
        "CREATE INDEX t_b ON t (b); ALTER TABLE t ADD CONSTRAINT t_u UNIQUE (a, b)",
    ),
    (
        "primary_key",
        "CREATE TABLE t (a int, b text); INSERT INTO t SELECT i, 'b' FROM generate_series(1, 2500) i;",
        "ALTER TABLE t ADD COLUMN c int; ALTER TABLE t ADD PRIMARY KEY (a)",
    ),
    (
        "foreign_key",
        ROWS,
        "ALTER TABLE t ADD CONSTRAINT t_o FOREIGN KEY (o) REFERENCES o (id) ON DELETE CASCADE; CREATE INDEX t_o_i ON t (o)",
    ),
    (
        "check_and_not_null",
        ROWS,
        "ALTER TABLE t ALTER b SET NOT NULL, ADD CONSTRAINT t_c CHECK (a > 0); COMMENT ON TABLE t IS 'done'",
    ),
    (
        "filled_column",
        ROWS,
        "ALTER TABLE t ADD COLUMN at timestamptz NOT NULL DEFAULT clock_timestamp(); ALTER TABLE t ADD COLUMN n bigserial UNIQUE",
    ),
    (
        "inline_constraints",
        ROWS,
        "ALTER TABLE t ADD COLUMN p int UNIQUE CHECK (p > 0) REFERENCES o (id); ALTER TABLE t ALTER a SET DEFAULT 7",
    ),
    (
        "new_tables",
        ROWS,
        "CREATE TABLE n (id int PRIMARY KEY, m int, t int); CREATE TABLE m (id int PRIMARY KEY);
         ALTER TABLE n ADD FOREIGN KEY (m) REFERENCES m (id), ADD FOREIGN KEY (t) REFERENCES t (id); CREATE INDEX t_b ON t (b)",
    ),
    (
        "type",
        "CREATE TABLE t (id serial PRIMARY KEY, a int NOT NULL CHECK (a > 0), b text UNIQUE); CREATE INDEX t_a ON t (a) WHERE a > 5;
         INSERT INTO t (a, b) SELECT i, 'b' || i FROM generate_series(1, 2500) i;
         CREATE TABLE c (id int, t int REFERENCES t); INSERT INTO c SELECT i, i FROM generate_series(1, 100) i;",
        "ALTER TABLE t ADD COLUMN z int; ALTER TABLE t ALTER id TYPE bigint; ALTER TABLE t ALTER a TYPE numeric USING a + 0.5",
    ),
    (
        "attach",
        "CREATE TABLE p (k int NOT NULL, v int) PARTITION BY RANGE (k); CREATE TABLE p_d PARTITION OF p DEFAULT; CREATE INDEX p_v ON p (v);
         INSERT INTO p SELECT 5000 + i, i FROM generate_series(1, 1000) i;
         CREATE TABLE p_1 (k int, v int); INSERT INTO p_1 SELECT i, i FROM generate_series(1, 2500) i;",
        "ALTER TABLE p_1 ALTER k SET NOT NULL; ALTER TABLE p ATTACH PARTITION p_1 FOR VALUES FROM (1) TO (3000)",
    ),
    (
        "partitioned",
        "CREATE TABLE p (k int NOT NULL, v int) PARTITION BY RANGE (k);
         CREATE TABLE p_1 PARTITION OF p FOR VALUES FROM (1) TO (1000); CREATE TABLE p_2 PARTITION OF p FOR VALUES FROM (1000) TO (3000);
         CREATE TABLE o (id int PRIMARY KEY); INSERT INTO o SELECT generate_series(1, 9);
         INSERT INTO p SELECT i, 1 + i % 9 FROM generate_series(1, 2500) i; CREATE INDEX own ON p_1 (v);",
        "CREATE INDEX p_v ON p (v); ALTER TABLE p ADD CONSTRAINT p_u UNIQUE (k, v); ALTER TABLE p ADD CONSTRAINT p_c CHECK (v > 0);
         ALTER TABLE p ADD CONSTRAINT p_o FOREIGN KEY (v) REFERENCES o (id)",
    ),
    (
        "indexes_go",
        "CREATE TABLE t (id int PRIMARY KEY, a int); INSERT INTO t SELECT i, i FROM generate_series(1, 2500) i;
         CREATE INDEX t_a ON t (a); CREATE INDEX t_b ON t (a, id);",
        "DROP INDEX t_a; ALTER TABLE t ADD COLUMN c int; CREATE INDEX t_c ON t (c); REINDEX INDEX t_b",
    ),
    (
        "rows",
        ROWS,
        "ALTER TABLE t ADD COLUMN c int; UPDATE t SET c = a + 1; CREATE INDEX t_c ON t (c)",
    ),
    (
        "view",
        "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 2500);
         CREATE MATERIALIZED VIEW m AS SELECT id FROM t; CREATE UNIQUE INDEX m_id ON m (id); INSERT INTO t VALUES (0);",
        "ALTER TABLE t ADD COLUMN k int NOT NULL DEFAULT 7; REFRESH MATERIALIZED VIEW m; CREATE INDEX t_k ON t (k)",
    ),
];

/// What is gone through, on the way forward and back.
fn points(back: bool) -> impl Iterator<Item = &'static str> {
    failpoint::ALL.into_iter().filter(move |point| {
        let of_undo = point.contains("undo");
        *point != "run-opened" && of_undo == back
    })
}

fn options() -> DeployOptions {
    DeployOptions {
        plan: PlanSettings {
            small_rows: 0,
            allow_data_loss: true,
            ..PlanSettings::default()
        },
        ..DeployOptions::default()
    }
}

/// What the child of a case runs: a form, or the folder without it.
pub(crate) fn folder(case: &str) -> Option<Vec<Migration>> {
    let form = case.strip_prefix("form-")?;
    let found = FORMS.iter().find(|(name, _, _)| *name == form);
    Some(found.map(|(name, _, text)| migration(name, text)).into_iter().collect())
}

pub(crate) async fn go(target: &Target, folder: &[Migration], events: &Events) -> Outcome {
    let options = options();
    let run = deploy(target, folder, HistoryKind::Prisma, &options, events, Stop::never());
    run.await.unwrap()
}

/// What a database is: its schema, and its rows.
struct State(Snapshot, BTreeMap<String, (i64, Option<String>)>);

impl State {
    async fn of(database: &TestDatabase) -> Self {
        let client = database.connect().await;
        let schema = snapshot_except(&client, &Except::history()).await.unwrap();
        Self(schema, contents(&client).await.unwrap())
    }

    #[track_caller]
    fn assert_is(&self, legal: &Self, what: &str) {
        assert_same(&legal.0, &self.0, what);
        assert_eq!(legal.1, self.1, "{what}");
    }
}

/// One form with its two legal states.
struct Trial {
    form: &'static Form,
    template: TestDatabase,
    before: State,
    after: State,
}

impl Trial {
    async fn of(form: &'static Form, major: u32) -> Self {
        let template = testkit::database(major).await;
        go(&target(&template), &[], &Events::silent()).await;
        template.run(form.1).await;
        let before = State::of(&template).await;
        let whole = template.copy().await;
        let written = template.copy().await;
        let (outcome, heard) = again(&whole, form.0).await;
        assert_eq!(outcome, Outcome::Done, "{}: {:#?}", form.0, heard.all());
        let after = State::of(&whole).await;
        for statement in form.2.split(';') {
            written.run(statement).await;
        }
        after.assert_is(&State::of(&written).await, form.0);
        Self {
            form,
            template,
            before,
            after,
        }
    }

    /// Kills a deploy there, and brings the database to one of its ends; whether there was something to be killed.
    async fn killed(&self, at: &str, forward: bool, at_undo: Option<&str>) -> bool {
        let name = self.form.0;
        let what = format!(
            "{name} at {at}, forward {forward}, then at {at_undo:?}, on {}",
            self.template.major
        );
        let database = self.template.copy().await;
        let died = is_killed(&database, name, at).await;
        if forward || !died {
            let (outcome, heard) = again(&database, name).await;
            let what = format!("{what}: {:#?}", heard.all());
            assert!(
                matches!(outcome, Outcome::Done | Outcome::Nothing),
                "{outcome:?} {what}"
            );
            self.is_at_end(&database, &self.after, (1, 0), &what).await;
            return died;
        }
        if let Some(at) = at_undo {
            is_killed(&database, "none", at).await;
        }
        let (outcome, heard) = again(&database, "none").await;
        let what = format!("{what}: {:#?}", heard.all());
        let rows =
            "SELECT count(*) FILTER (WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL) FROM _prisma_migrations";
        let client = database.connect().await;
        let applied: i64 = client.query_one(rows, &[]).await.unwrap().get(0);
        drop(client);
        if outcome == Outcome::Resumable {
            // A step that cannot be taken back is done: everything is kept until the file is there again.
            let (outcome, heard) = again(&database, name).await;
            assert_eq!(outcome, Outcome::Done, "{what}: {:#?}", heard.all());
            self.is_at_end(&database, &self.after, (1, 0), &what).await;
        } else if applied == 1 {
            self.is_at_end(&database, &self.after, (1, 0), &what).await;
        } else {
            assert_eq!(outcome, Outcome::Nothing, "{what}");
            let legal = self.before_with_views_of(&database).await;
            self.is_at_end(&database, &legal, (0, 0), &what).await;
            let (outcome, heard) = again(&database, name).await;
            assert_eq!(outcome, Outcome::Done, "{what}: {:#?}", heard.all());
            self.is_at_end(&database, &self.after, (1, 0), &what).await;
        }
        died
    }

    /// The state before; a materialized view may have been refreshed meanwhile, which nothing takes back: it shows what its
    /// tables hold, only later than before.
    async fn before_with_views_of(&self, database: &TestDatabase) -> State {
        let client = database.connect().await;
        let views = "SELECT schemaname || '.' || matviewname FROM pg_matviews";
        let views = client.query(views, &[]).await.unwrap();
        let now = contents(&client).await.unwrap();
        let mut rows = self.before.1.clone();
        for view in views.iter().map(|row| row.get::<_, String>(0)) {
            if now[&view] == self.after.1[&view] {
                rows.insert(view.clone(), now[&view].clone());
            }
        }
        State(self.before.0.clone(), rows)
    }

    /// Its schema, its rows, the history, and the journal.
    async fn is_at_end(&self, database: &TestDatabase, legal: &State, rows: (i64, i64), what: &str) {
        State::of(database).await.assert_is(legal, what);
        let client = database.connect().await;
        let seen = client
            .query_one(
                "SELECT count(*) FILTER (WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL),
                        count(*) FILTER (WHERE finished_at IS NULL AND rolled_back_at IS NULL)
                 FROM _prisma_migrations",
                &[],
            )
            .await
            .unwrap();
        assert_eq!((seen.get::<_, i64>(0), seen.get::<_, i64>(1)), rows, "{what}");
        let unfinished = "SELECT count(*) FROM nonstop.migration WHERE state IN ('running', 'undoing')";
        let unfinished: i64 = client.query_one(unfinished, &[]).await.unwrap().get(0);
        assert_eq!(unfinished, 0, "{what}");
    }
}

/// A deploy of a form's folder, or of an empty one.
async fn again(database: &TestDatabase, form: &str) -> (Outcome, Heard) {
    let heard = Heard::default();
    let folder = folder(&format!("form-{form}")).unwrap();
    (go(&target(database), &folder, &heard.sink()).await, heard)
}

async fn is_killed(database: &TestDatabase, form: &str, at: &str) -> bool {
    crate::kills::died(child(database, &format!("form-{form}"), Some(at))).await
}

/// Every place of every step, each to both ends; a kill on the way back for some of them.
async fn at_all(major: u32) -> usize {
    let mut kills = 0;
    for form in FORMS {
        let trial = Trial::of(form, major).await;
        let undo: Vec<_> = points(true).collect();
        for point in points(false) {
            for nth in 1.. {
                let at = format!("{point}:kill:{nth}");
                if !trial.killed(&at, true, None).await {
                    break;
                }
                let at_undo = format!("{}:kill:{}", undo[nth % undo.len()], 1 + fastrand::u32(..3));
                let at_undo = fastrand::bool().then_some(at_undo.as_str());
                trial.killed(&at, false, at_undo).await;
                kills += 2;
            }
        }
    }
    kills
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_step_of_any_form() {
    let Some(major) = testkit::majors().last().copied() else {
        return;
    };
    if std::env::var_os("NONSTOP_CHAOS").is_some() {
        for major in testkit::majors() {
            eprintln!("PostgreSQL {major}: {} kills", at_all(major).await);
        }
        return;
    }
    let undo: Vec<_> = points(true).collect();
    let mut forms: Vec<&Form> = FORMS.iter().collect();
    fastrand::shuffle(&mut forms);
    for form in forms.into_iter().take(3) {
        let trial = Trial::of(form, major).await;
        for point in ["step-started", "step-ran", "step-done"] {
            let at = format!("{point}:kill:{}", fastrand::u32(1..6));
            let at_undo = format!("{}:kill:1", undo[fastrand::usize(..undo.len())]);
            trial.killed(&at, fastrand::bool(), Some(&at_undo)).await;
        }
    }
}

/// A swap is done, and the file is gone: nothing is taken back until it is there again.
#[tokio::test(flavor = "multi_thread")]
async fn a_swap_keeps_all_of_its_migration() {
    let Some(major) = testkit::majors().last().copied() else {
        return;
    };
    let form = FORMS.iter().find(|(name, ..)| *name == "type").unwrap();
    let trial = Trial::of(form, major).await;
    let died = trial
        .killed("step-started:kill:5", false, Some("undo-begun:kill:1"))
        .await;
    assert!(died, "there is a fifth step");
}
