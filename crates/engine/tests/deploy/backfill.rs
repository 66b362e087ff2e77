//! Backfills: what they keep to, and what others say to them while they run.

use crate::support::Heard;
use nonstop_core::batch::Limits;
use nonstop_core::quote::SqlText;
use nonstop_core::sql::Change;
use nonstop_engine::backfill::{self, BackfillError, End, Order, State, Work};
use nonstop_engine::deploy::Stop;
use nonstop_engine::event::{Event, Events};
use nonstop_engine::server::Options;
use nonstop_engine::target::Target;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use testkit::{TestDatabase, each_major};
use tokio::sync::mpsc;

const TABLE: &str = "CREATE TABLE t (id int PRIMARY KEY, c int, d int);
    INSERT INTO t SELECT i, i, i FROM generate_series(1, 3000) i";

fn order(set: &str, limits: Limits) -> Order {
    Order {
        work: Work::Change {
            table: "t".to_owned(),
            change: Change::Set(vec![set.to_owned()]),
            condition: None,
        },
        limits: Some(limits),
        defaults: Limits::default(),
        max_block: Duration::from_millis(200),
        patience: Duration::from_secs(60),
    }
}

fn small() -> Limits {
    Limits {
        batch_size: Some(100),
        ..Limits::default()
    }
}

fn target(database: &TestDatabase) -> Target {
    Target::parse(&database.url()).unwrap()
}

/// Events, and a place where they can be waited for.
fn listened() -> (Heard, Events, mpsc::UnboundedReceiver<Event>) {
    let heard = Heard::default();
    let kept = heard.sink();
    let (send, receive) = mpsc::unbounded_channel();
    let send = Arc::new(Mutex::new(send));
    let events = Events::new(move |event| {
        kept.send(event.clone());
        let _ = send.lock().unwrap().send(event);
    });
    (heard, events, receive)
}

async fn until(events: &mut mpsc::UnboundedReceiver<Event>, found: impl Fn(&Event) -> bool) -> Event {
    loop {
        let event = events.recv().await.unwrap();
        if found(&event) {
            return event;
        }
    }
}

fn pause_for(words: &'static str) -> impl Fn(&Event) -> bool {
    move |event| matches!(event, Event::Pause { reason, .. } if reason.contains(words))
}

async fn value(client: &tokio_postgres::Client, query: &str) -> String {
    let rows = client.simple_query(query).await.unwrap();
    let row = rows.into_iter().find_map(|message| match message {
        tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    });
    row.unwrap_or_default()
}

/// Each row once, whatever the limits; then the same again, from the start.
#[tokio::test]
async fn rows_are_changed_once_and_the_work_is_recorded() {
    each_major(|database| async move {
        database.run(TABLE).await;
        let (target, client) = (target(&database), database.connect().await);
        let sample = backfill::estimate(&target, &order("c = c + 1", small())).await.unwrap();
        assert_eq!((sample.rows, sample.batches), (3_000, 30), "{sample:?}");
        for round in 1..=2 {
            let (heard, events, _) = listened();
            let end = backfill::run(&target, &order("c = c + 1", small()), &events, Stop::never()).await;
            assert_eq!(end.unwrap(), End::Done, "{:#?}", heard.all());
            let once = format!("SELECT min(c - d) = {round} AND max(c - d) = {round} FROM t");
            assert_eq!(value(&client, &once).await, "t", "PostgreSQL {}", database.major);
            let told = heard.all().into_iter().find_map(|event| match event {
                Event::RowsChanged { rows, batches, .. } => Some((rows, batches)),
                _ => None,
            });
            assert_eq!(told, Some((3_000, 30)));
        }
        let audit = "SELECT count(*) || ' ' || sum(rows) FROM nonstop.batch";
        assert_eq!(value(&client, audit).await, "60 6000");
        let all = backfill::list(&target).await.unwrap();
        let seen: Vec<_> = all.iter().map(|one| (one.state, one.changed, one.batches)).collect();
        assert_eq!(seen, [(State::Done, 3_000, 30), (State::Done, 3_000, 30)]);
    })
    .await;
}

#[tokio::test]
async fn it_is_held_by_every_limit_and_goes_on_when_that_is_over() {
    let database = testkit::database(*testkit::majors().last().unwrap()).await;
    database.run(TABLE).await;
    database.run("CREATE TABLE rush (id int)").await;
    let (target, client) = (target(&database), database.connect().await);
    let limits = Limits {
        pause_while: Some(SqlText::verbatim("EXISTS (SELECT FROM rush)")),
        ..small()
    };
    client.batch_execute("INSERT INTO rush VALUES (1)").await.unwrap();
    let (heard, events, mut coming) = listened();
    let ordered = order("c = c + 1", limits);
    let run = backfill::run(&target, &ordered, &events, Stop::never());
    let others = async {
        until(&mut coming, pause_for("rush")).await;
        assert_eq!(value(&client, "SELECT count(*) FROM nonstop.batch").await, "0");
        let twice = backfill::run(&target, &ordered, &Events::silent(), Stop::never()).await;
        assert!(matches!(twice, Err(BackfillError::Running { .. })), "{twice:?}");
        backfill::pause(&target, None).await.unwrap();
        client.batch_execute("DELETE FROM rush").await.unwrap();
        until(&mut coming, pause_for("backfill pause")).await;
        // One that sleeps on the server is at work.
        let busy = database.connect().await;
        let sleep = tokio::spawn(async move { busy.batch_execute("SELECT pg_sleep(60)").await });
        let most = |limits| Limits {
            max_active: Some(0),
            ..limits
        };
        backfill::set_limits(&target, None, most).await.unwrap();
        let one = backfill::resume(&target, None).await.unwrap();
        assert_eq!(one.state, State::Paused);
        until(&mut coming, pause_for("sessions are at work")).await;
        let any = |_| small();
        backfill::set_limits(&target, Some(&one.id), any).await.unwrap();
        sleep.abort();
    };
    let (end, ()) = tokio::join!(run, others);
    assert_eq!(end.unwrap(), End::Done, "{:#?}", heard.all());
    assert_eq!(
        value(&client, "SELECT min(c - d) || ' ' || max(c - d) FROM t").await,
        "1 1"
    );
}

#[tokio::test]
async fn it_is_given_up_and_what_cannot_be_is_refused() {
    let database = testkit::database(*testkit::majors().last().unwrap()).await;
    database.run(TABLE).await;
    let target = target(&database);
    let limits = Limits {
        pause_while: Some(SqlText::verbatim("true")),
        ..small()
    };
    let (_, events, mut coming) = listened();
    let ordered = order("c = c + 1", limits);
    let run = backfill::run(&target, &ordered, &events, Stop::never());
    let others = async {
        until(&mut coming, pause_for("true is true")).await;
        backfill::cancel(&target, None).await.unwrap();
    };
    let (end, ()) = tokio::join!(run, others);
    assert_eq!(end.unwrap(), End::Cancelled);
    let all = backfill::list(&target).await.unwrap();
    assert_eq!(all[0].state, State::Cancelled);
    let gone = backfill::resume(&target, None).await;
    assert!(matches!(gone, Err(BackfillError::Which { ids }) if ids.is_empty()));

    let refused = async |set: &str| {
        let end = backfill::run(&target, &order(set, small()), &Events::silent(), Stop::never()).await;
        end.unwrap_err().to_string()
    };
    assert!(refused("c = (random() * 9)::int").await.contains("volatile"));
    assert!(refused("c = 'x'::text || 1").await.contains("is of type integer"));
    assert!(refused("e = 1").await.contains("does not exist"));
    let before = backfill::list(&target).await.unwrap().len();
    let limits = Limits {
        pause_while: Some(SqlText::verbatim("nowhere()")),
        ..small()
    };
    let end = backfill::run(&target, &order("c = 0", limits), &Events::silent(), Stop::never()).await;
    assert!(end.unwrap_err().to_string().contains("nowhere()"));
    assert_eq!(backfill::list(&target).await.unwrap().len(), before, "nothing is begun");
}

/// A role that may not see what another does takes it to be at work, and works in small batches from the first on.
#[tokio::test]
async fn beside_others_it_begins_small_and_without_rights_not_at_all() {
    let database = testkit::database(*testkit::majors().last().unwrap()).await;
    let role = format!("b_{}", database.name);
    database.run(TABLE).await;
    database
        .run(&format!(
            "CREATE ROLE {role} LOGIN PASSWORD 'x'; ALTER TABLE t OWNER TO {role}"
        ))
        .await;
    let url = database.url();
    let (_, server) = url.rsplit_once('@').unwrap();
    let target = Target::parse(&format!("postgres://{role}:x@{server}")).unwrap();
    let run = async || {
        let ordered = order("c = c + 1", Limits::default());
        backfill::run(&target, &ordered, &Events::silent(), Stop::never()).await
    };
    let refused = run().await.unwrap_err();
    let grant = format!("GRANT CREATE ON DATABASE \"{}\" TO \"{role}\"", database.name);
    assert!(refused.to_string().ends_with(&grant), "{refused}");
    database.run(&grant).await;

    let somebody = database.connect().await;
    assert_eq!(run().await.unwrap(), End::Done);
    let first = "SELECT rows || ' ' || (SELECT sum(rows) FROM nonstop.batch) FROM nonstop.batch WHERE number = 1";
    assert_eq!(value(&somebody, first).await, "100 3000");
    assert_eq!(
        value(&somebody, "SELECT min(c - d) || ' ' || max(c - d) FROM t").await,
        "1 1"
    );
    drop(somebody);
    database
        .run(&format!("DROP OWNED BY {role} CASCADE; DROP ROLE {role}"))
        .await;
}

/// A standby that replays nothing, and one that goes away, hold the work.
#[tokio::test]
async fn it_waits_for_a_standby() {
    let major = *testkit::majors().last().unwrap();
    let mut server = testkit::own_server(major, Options::default()).await.unwrap();
    let mut follower = server.follower().await.unwrap();
    let target = Target::parse(&server.url("postgres")).unwrap();
    let client = server.connect("postgres").await.unwrap();
    client.batch_execute(TABLE).await.unwrap();
    // So many that it is not done before a standby that is gone counts as behind.
    let more = "INSERT INTO t SELECT i, i, i FROM generate_series(3001, 10000) i";
    client.batch_execute(more).await.unwrap();
    let standby = follower.connect("postgres").await.unwrap();
    let following = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' AND replay_lsn IS NOT NULL";
    while value(&client, following).await != "1" {
        tokio::task::yield_now().await;
    }
    standby.batch_execute("SELECT pg_wal_replay_pause()").await.unwrap();
    let limits = Limits {
        batch_size: Some(10),
        nice: Some(3.0),
        max_lag: Duration::from_millis(200),
        ..Limits::default()
    };
    let (heard, events, mut coming) = listened();
    let ordered = order("c = c + 1", limits);
    let run = backfill::run(&target, &ordered, &events, Stop::never());
    let others = async {
        until(&mut coming, pause_for("replica is")).await;
        standby.batch_execute("SELECT pg_wal_replay_resume()").await.unwrap();
        until(&mut coming, |event| matches!(event, Event::Progress { .. })).await;
        follower.stop_fast();
        until(&mut coming, pause_for("replica is")).await;
        // It is back, and the work goes on.
        follower.start_again().await.unwrap();
    };
    let (end, ()) = tokio::join!(run, others);
    assert_eq!(end.unwrap(), End::Done, "{:#?}", heard.all());
    assert_eq!(
        value(&client, "SELECT min(c - d) || ' ' || max(c - d) FROM t").await,
        "1 1"
    );
}
