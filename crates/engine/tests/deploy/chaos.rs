//! Whatever breaks while a deploy or a rollback runs, beside writers that log each acknowledged row: afterwards the schema is
//! one of the two legal ones, the history true, nothing of nonstop's helpers left, and every acknowledged row there.
//!
//! In the suite those faults that no other test has; with `NONSTOP_CHAOS=N` each once, and then so many at random, in a row, on
//! one database.

use crate::support::{Heard, child_at, migration};
use nonstop_core::migration::Migration;
use nonstop_core::settings::PlanSettings;
use nonstop_engine::compare::{Except, Snapshot, diff, snapshot_except};
use nonstop_engine::deploy::{BackTo, DeployError, DeployOptions, HistoryKind, Stop, deploy, rollback};
use nonstop_engine::event::{Direction, Event, Events, Outcome};
use nonstop_engine::server::{Options, Server};
use nonstop_engine::target::Target;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use testkit::proxy::{Proxy, port_of};
use testkit::until;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;
use tokio_postgres::Client;

const TABLES: &str = "
    CREATE TABLE owner (id int PRIMARY KEY);
    INSERT INTO owner VALUES (1);
    CREATE TABLE app (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a int, b text, o int);
    INSERT INTO app (a, b, o) SELECT i, 'b', 1 FROM generate_series(1, 5000) i;";

const UP: &str = "CREATE INDEX app_a ON app (a);
    ALTER TABLE app ADD CONSTRAINT app_owner FOREIGN KEY (o) REFERENCES owner (id);
    ALTER TABLE app ALTER COLUMN b SET NOT NULL;
    ALTER TABLE app ADD COLUMN token uuid NOT NULL DEFAULT gen_random_uuid();
    CREATE TABLE more (id int PRIMARY KEY);
    ALTER TABLE app ADD CONSTRAINT app_b CHECK (length(b) < 100);";

fn folder() -> Vec<Migration> {
    vec![migration("1_all", UP)]
}

/// What a process that is killed runs.
pub(crate) fn direction(case: &str) -> Option<Direction> {
    match case {
        "chaos-forward" => Some(Direction::Forward),
        "chaos-back" => Some(Direction::Back),
        _ => None,
    }
}

pub(crate) async fn go(target: &Target, way: Direction, events: &Events) -> Result<Outcome, DeployError> {
    let options = DeployOptions {
        plan: PlanSettings {
            small_rows: 0,
            allow_data_loss: true,
            ..PlanSettings::default()
        },
        patience: PATIENCE,
        wait: Duration::from_secs(30),
        ..DeployOptions::default()
    };
    let (folder, kind) = (folder(), HistoryKind::Prisma);
    match way {
        Direction::Forward => deploy(target, &folder, kind, &options, events, Stop::never()).await,
        Direction::Back => {
            let to = BackTo::Steps(1);
            rollback(target, &folder, kind, (&options, &to), (events, Stop::never())).await
        }
    }
}

/// No round may hang; a connection that says nothing is given up after a minute.
const LONGEST: Duration = Duration::from_secs(150);
const PATIENCE: Duration = Duration::from_secs(1);

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// The process dies at a random moment.
    Kill,
    /// The connections are cut.
    Cut,
    /// They are cut after so many bytes.
    CutAfter,
    /// They stay open and say nothing more.
    Freeze,
    /// Our backends are ended.
    EndBackends,
    /// The server's table of locks is full for a while.
    FillLocks,
    /// An orderly restart.
    Restart,
    /// The server dies.
    Crash,
    /// A reader holds the table for longer than the patience.
    HoldShare,
    /// Somebody holds all of it for longer than the patience.
    HoldExclusive,
}

impl Fault {
    const ALL: [Self; 10] = [
        Self::Kill,
        Self::Cut,
        Self::CutAfter,
        Self::Freeze,
        Self::EndBackends,
        Self::FillLocks,
        Self::Restart,
        Self::Crash,
        Self::HoldShare,
        Self::HoldExclusive,
    ];
}

/// A server of its own with an application at work.
struct Arena {
    server: Server,
    url: String,
    /// Rows that the server has acknowledged.
    acknowledged: Arc<Mutex<Vec<i64>>>,
    stop: Arc<AtomicBool>,
    writers: Vec<JoinHandle<()>>,
    before: Snapshot,
    after: Snapshot,
}

impl Arena {
    async fn open(major: u32) -> Self {
        let options = Options::default()
            .set("max_connections", "30")
            .set("max_locks_per_transaction", "10");
        let server = testkit::own_server(major, options).await.unwrap();
        server.create_database("app", None).await.unwrap();
        let url = server.url("app");
        let target = Target::parse(&url).unwrap();
        let (nothing, silent) = (Vec::new(), Events::silent());
        let options = DeployOptions::default();
        let first = deploy(&target, &nothing, HistoryKind::Prisma, &options, &silent, Stop::never());
        assert_eq!(first.await.unwrap(), Outcome::Nothing);
        let client = testkit::servers::connect(&url).await.unwrap();
        client.batch_execute(TABLES).await.unwrap();
        let before = seen(&client).await;
        assert_eq!(
            go(&target, Direction::Forward, &Events::silent()).await.unwrap(),
            Outcome::Done
        );
        let after = seen(&client).await;
        assert_eq!(
            go(&target, Direction::Back, &Events::silent()).await.unwrap(),
            Outcome::Done
        );
        assert_eq!(differences(&before, &seen(&client).await), [""; 0]);
        let (acknowledged, stop) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let writers = (0..3).map(|_| tokio::spawn(write(url.clone(), Arc::clone(&acknowledged), Arc::clone(&stop))));
        Self {
            writers: writers.collect(),
            server,
            url,
            acknowledged,
            stop,
            before,
            after,
        }
    }

    async fn client(&self) -> Client {
        testkit::servers::connect(&self.url).await.unwrap()
    }

    /// Goes a way while something breaks, then a way in peace, and looks at the end.
    async fn round(&mut self, fault: Fault, way: Direction, again: Direction) {
        let heard = Heard::default();
        let struck = tokio::time::timeout(LONGEST, self.strike(fault, way, &heard)).await;
        assert!(struck.is_ok(), "{fault:?} {way:?} hangs: {:#?}", heard.all());
        let target = Target::parse(&self.url).unwrap();
        let told = Heard::default();
        let sink = told.sink();
        let outcome = tokio::time::timeout(LONGEST, go(&target, again, &sink)).await;
        let outcome = outcome.unwrap_or_else(|_| panic!("{fault:?} {way:?} {again:?} hangs: {:#?}", told.all()));
        let what = format!("{fault:?} {way:?} {again:?}: {:#?}\n{:#?}", heard.all(), told.all());
        let outcome = outcome.unwrap_or_else(|error| panic!("{error}: {what}"));
        assert!(
            matches!(outcome, Outcome::Done | Outcome::Nothing),
            "{outcome:?}: {what}"
        );
        self.is_legal(again, &what).await;
    }

    /// Goes a way, and breaks something at a random step of it.
    async fn strike(&mut self, fault: Fault, way: Direction, heard: &Heard) {
        let proxy = Proxy::start(port_of(&self.url).unwrap()).await.unwrap();
        let url = match fault {
            Fault::Cut | Fault::CutAfter | Fault::Freeze => proxy.url(&self.url).unwrap(),
            _ => self.url.clone(),
        };
        if fault == Fault::Kill {
            return self.kill(way).await;
        }
        let (sender, mut steps) = mpsc::unbounded_channel();
        let keep = heard.sink();
        let events = Events::new(move |event| {
            if matches!(event, Event::StepStarted { .. }) {
                let _ = sender.send(());
            }
            keep.send(event);
        });
        let target = Target::parse(&url).unwrap();
        let mut run = tokio::spawn(async move { go(&target, way, &events).await });
        for _ in 0..fastrand::u32(1..8) {
            if steps.recv().await.is_none() {
                break;
            }
        }
        match fault {
            Fault::Kill => {}
            Fault::Cut => proxy.cut(),
            Fault::CutAfter => proxy.cut_after(fastrand::u64(10..6000)),
            Fault::Freeze => proxy.freeze(),
            Fault::EndBackends => {
                let ours = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                    WHERE application_name LIKE 'migration:%' AND random() < 0.7";
                self.client().await.query(ours, &[]).await.unwrap();
            }
            Fault::Restart => {
                self.server.stop_fast();
                self.server.start_again().await.unwrap();
            }
            Fault::Crash => {
                self.server.stop_immediate();
                self.server.start_again().await.unwrap();
            }
            Fault::FillLocks => {
                let client = self.client().await;
                let all = "SELECT pg_advisory_lock(i) FROM generate_series(1, 1000000) i";
                let full = client.batch_execute(all).await.unwrap_err();
                assert_eq!(full.code().map(tokio_postgres::error::SqlState::code), Some("53200"));
                // For a moment, or for longer than anything is tried again.
                let moment = Duration::from_millis(if fastrand::bool() { 200 } else { 3_000 });
                let longer = tokio::time::timeout(moment, &mut run).await;
                let free = "SELECT pg_advisory_unlock_all()";
                client.batch_execute(free).await.unwrap();
                if longer.is_ok() {
                    return;
                }
            }
            Fault::HoldShare | Fault::HoldExclusive => {
                let client = self.client().await;
                let mode = if fault == Fault::HoldShare {
                    "SHARE"
                } else {
                    "EXCLUSIVE"
                };
                let hold = format!("BEGIN; LOCK TABLE app IN ACCESS {mode} MODE");
                client.batch_execute(&hold).await.unwrap();
                // An index build waits for it however long that takes.
                let longer = tokio::time::timeout(PATIENCE + Duration::from_secs(1), &mut run).await;
                client.batch_execute("ROLLBACK").await.unwrap();
                if longer.is_ok() {
                    return;
                }
            }
        }
        let _ = run.await.unwrap();
    }

    async fn kill(&self, way: Direction) {
        let case = match way {
            Direction::Forward => "chaos-forward",
            Direction::Back => "chaos-back",
        };
        let mut child = child_at(&self.url, case, None);
        tokio::time::sleep(Duration::from_millis(fastrand::u64(50..800))).await;
        let _ = child.kill();
        let _ = tokio::task::spawn_blocking(move || child.wait()).await.unwrap();
    }

    /// Complete as this way makes it, recorded so, and nothing else left.
    async fn is_legal(&self, way: Direction, what: &str) {
        let client = self.client().await;
        let (end, applied) = match way {
            Direction::Forward => (&self.after, 1_i64),
            Direction::Back => (&self.before, 0),
        };
        assert_eq!(differences(end, &seen(&client).await), [""; 0], "{what}");
        let count = async |query: &str| client.query_one(query, &[]).await.unwrap().get::<_, i64>(0);
        let standing =
            "SELECT count(*) FROM _prisma_migrations WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL";
        assert_eq!(count(standing).await, applied, "{what}");
        let open = "SELECT count(*) FROM _prisma_migrations WHERE finished_at IS NULL AND rolled_back_at IS NULL";
        assert_eq!(count(open).await, 0, "{what}");
        let unfinished = "SELECT count(*) FROM nonstop.migration WHERE state IN ('running', 'undoing')";
        assert_eq!(count(unfinished).await, 0, "{what}");
        let helpers = "SELECT (SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
                WHERE nspname <> 'nonstop' AND relname LIKE '%nonstop%')
            + (SELECT count(*) FROM pg_constraint WHERE connamespace <> 'nonstop'::regnamespace AND conname LIKE '%nonstop%')
            + (SELECT count(*) FROM pg_trigger WHERE tgname LIKE '%nonstop%')
            + (SELECT count(*) FROM pg_proc WHERE proname LIKE '%nonstop%')
            + (SELECT count(*) FROM pg_index WHERE NOT indisvalid)";
        assert_eq!(count(helpers).await, 0, "{what}");
        let acknowledged = self.acknowledged.lock().await.clone();
        let there = "SELECT count(*) FROM app WHERE id = ANY ($1)";
        let there: i64 = client.query_one(there, &[&acknowledged]).await.unwrap().get(0);
        assert_eq!(usize::try_from(there).unwrap(), acknowledged.len(), "{what}");
    }

    /// The application has written while all that went on.
    async fn close(self) -> usize {
        let before = self.acknowledged.lock().await.len();
        let goes_on = || async { self.acknowledged.lock().await.len() > before };
        until("the application writes", goes_on).await;
        self.stop.store(true, Ordering::Relaxed);
        for writer in self.writers {
            writer.await.unwrap();
        }
        self.acknowledged.lock().await.len()
    }
}

/// Writes rows, and logs those that the server has acknowledged.
async fn write(url: String, acknowledged: Arc<Mutex<Vec<i64>>>, stop: Arc<AtomicBool>) {
    while !stop.load(Ordering::Relaxed) {
        let Ok(client) = testkit::servers::connect(&url).await else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        while !stop.load(Ordering::Relaxed) {
            let row = client
                .query_one("INSERT INTO app (a, b, o) VALUES (7, 'w', 1) RETURNING id", &[])
                .await;
            match row {
                Ok(row) => acknowledged.lock().await.push(row.get(0)),
                Err(error) if error.is_closed() => break,
                // No place for a lock, say: an application tries again.
                Err(_) => {}
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

async fn seen(client: &Client) -> Snapshot {
    snapshot_except(client, &Except::history()).await.unwrap()
}

fn differences(left: &Snapshot, right: &Snapshot) -> Vec<String> {
    let all = diff(left, right).into_iter();
    let logical = all.filter(|difference| !difference.is_physical());
    logical.map(|difference| difference.to_string()).collect()
}

fn any_way() -> Direction {
    if fastrand::bool() {
        Direction::Forward
    } else {
        Direction::Back
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_breaks_the_end_is_legal() {
    let Some(major) = testkit::majors().last().copied() else {
        return;
    };
    let wanted: usize = std::env::var("NONSTOP_CHAOS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(0);
    let mut arena = Arena::open(major).await;
    let mut way = Direction::Forward;
    let faults: Vec<Fault> = if wanted == 0 {
        vec![Fault::FillLocks, Fault::Restart, Fault::HoldShare]
    } else {
        let random = (0..wanted).map(|_| Fault::ALL[fastrand::usize(..Fault::ALL.len())]);
        Fault::ALL.into_iter().chain(random).collect()
    };
    for fault in faults {
        let again = any_way();
        eprintln!("{fault:?}: {way:?}, then {again:?}");
        arena.round(fault, way, again).await;
        way = match again {
            Direction::Forward => Direction::Back,
            Direction::Back => Direction::Forward,
        };
    }
    eprintln!("rows acknowledged meanwhile: {}", arena.close().await);
}
