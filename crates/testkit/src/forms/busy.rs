//! A case beside an application: three writers that log what the server acknowledged, somebody who holds the table again and
//! again, and a witness of who waits for whom.
//!
//! Afterwards every acknowledged write is there, the catalog is the one as written, and every constraint is proved once more.

use super::quiet::{as_written, same};
use super::{Case, Ready, cases::Writes};
use crate::compare::snapshot;
use crate::servers::connect;
use crate::{TestDatabase, until};
use anyhow::{Context as _, Result, ensure};
use nonstop_engine::load::{OURS, Wait, Witness};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

/// How many there are.
const WRITERS: usize = 3;
/// Rows that one of them can add.
const SUPPLY: i32 = 8_000;

/// How fast the application is, and how long somebody holds the table.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Between two turns of a writer, of two to four statements each.
    pub turn: Duration,
    /// How long somebody holds the table.
    pub hold: Duration,
    /// How long he then leaves it alone.
    pub rest: Duration,
    /// `--max-block`; `None` runs the file as it is.
    pub max_block: Option<Duration>,
}

/// What was seen.
#[derive(Debug, Clone)]
pub struct Busy {
    /// The longest wait for a session of the migration.
    pub longest: Option<Wait>,
    /// The longest time between two looks of the witness.
    pub longest_gap: Duration,
    /// Writes that were acknowledged.
    pub writes: usize,
    /// How long the migration took.
    pub took: Duration,
}

/// What a writer was told: its rows by their id, with `n` and `w`.
type Log = BTreeMap<i64, (i64, String)>;

/// One writer.
struct Writer {
    client: Client,
    writes: Writes,
    number: i32,
    old: i32,
    values: BTreeMap<i32, String>,
    turn: Duration,
    done: Arc<[AtomicUsize; WRITERS]>,
    stop: Arc<AtomicBool>,
}

/// Runs a case under load. An error says what was lost, or does not hold.
pub async fn busy(ready: &Ready, case: &Case, rows: u32, pace: Pace) -> Result<Busy> {
    let writes = case.writes.as_ref().context("nobody can write beside this case")?;
    let database = ready.before(case).await?;
    let expected = {
        let quiet = database.copy().await;
        let client = quiet.connect().await;
        as_written(&client, case).await?;
        snapshot(&client).await?
    };
    let stop = Arc::new(AtomicBool::new(false));
    let done: Arc<[AtomicUsize; WRITERS]> = Arc::default();
    let origin = Instant::now();
    let config: Config = database.url().parse()?;
    let witness = Witness::start(&config, origin).await?;
    let mut writing = Vec::new();
    for number in 0..WRITERS {
        let client = connect(&database.url()).await?;
        let first = first_of(number);
        let rows_of = client.query(&writes.values, &[&first, &(first + SUPPLY)]).await?;
        let values = rows_of.iter().map(|row| (row.get(0), row.get(1))).collect();
        let writer = Writer {
            client,
            writes: writes.clone(),
            number: i32::try_from(number)?,
            old: i32::try_from(rows)?,
            values,
            turn: pace.turn,
            done: Arc::clone(&done),
            stop: Arc::clone(&stop),
        };
        writing.push(tokio::spawn(writer.run()));
    }
    let holding = hold(&database, writes, pace, &stop).await?;
    let all_wrote = |more: usize| {
        let from = done.each_ref().map(|writer| writer.load(Ordering::Relaxed) + more);
        let done = Arc::clone(&done);
        let stopped: Vec<_> = writing.iter().map(JoinHandle::abort_handle).collect();
        move || {
            let wrote = done
                .iter()
                .zip(from)
                .all(|(now, from)| now.load(Ordering::Relaxed) >= from);
            let ended = wrote || stopped.iter().any(tokio::task::AbortHandle::is_finished);
            async move { ended }
        }
    };
    until("every writer writes", all_wrote(5)).await;
    let began = Instant::now();
    let outcome = migrate(ready, &database, case, pace).await;
    let took = began.elapsed();
    until("every writer goes on", all_wrote(10)).await;
    stop.store(true, Ordering::Relaxed);
    let mut logs = Vec::new();
    for writer in writing {
        logs.push(writer.await?.context(case.migration.clone())?);
    }
    holding.await??;
    let witnessed = witness.end().await?;
    outcome?;
    let client = database.connect().await;
    for (writer, log) in logs.iter().enumerate() {
        is_there(&client, writes, writer, log).await?;
    }
    if let Some(kept) = writes.kept {
        let count = format!(
            "SELECT count(*) FROM ({}) AS x WHERE id BETWEEN 1 AND {rows}",
            writes.found
        );
        let found: i64 = client.query_one(&count, &[]).await?.get(0);
        ensure!(found == i64::from(kept), "{found} of {kept} old rows are there");
    }
    for query in &writes.holds {
        let offending: i64 = client
            .query_one(query, &[])
            .await
            .with_context(|| query.clone())?
            .get(0);
        ensure!(offending == 0, "{offending} rows: {query}");
    }
    same(&expected, &snapshot(&client).await?, case)?;
    proves_again(&client).await?;
    Ok(Busy {
        longest: witnessed.longest().cloned(),
        longest_gap: witnessed.longest_gap,
        writes: done.iter().map(|writer| writer.load(Ordering::Relaxed)).sum(),
        took,
    })
}

/// Ids and values of a writer's own begin here.
fn first_of(writer: usize) -> i32 {
    i32::try_from(writer + 1).map_or(i32::MAX, |writer| writer * 1_000_000)
}

async fn migrate(ready: &Ready, database: &TestDatabase, case: &Case, pace: Pace) -> Result<()> {
    let Some(max_block) = pace.max_block else {
        let mut config: Config = database.url().parse()?;
        config.application_name(format!("{OURS}as-written"));
        let (client, connection) = config.connect(NoTls).await?;
        tokio::spawn(connection);
        return as_written(&client, case).await;
    };
    let bound = format!("{}ms", max_block.as_millis());
    ready.deployed(database, case, &["--max-block", &bound]).await
}

/// Somebody reads the table in a transaction, keeps it, and comes again.
async fn hold(
    database: &TestDatabase,
    writes: &Writes,
    pace: Pace,
    stop: &Arc<AtomicBool>,
) -> Result<JoinHandle<Result<()>>> {
    let client = connect(&database.url()).await?;
    let (hold, stop) = (writes.hold.clone(), Arc::clone(stop));
    Ok(tokio::spawn(async move {
        while !stop.load(Ordering::Relaxed) {
            client.batch_execute(&hold).await?;
            sleep(pace.hold).await;
            client.batch_execute("COMMIT").await?;
            sleep(pace.rest).await;
        }
        Ok(())
    }))
}

impl Writer {
    async fn run(self) -> Result<Log> {
        let mut log = Log::new();
        let mut turns = interval(self.turn);
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let first = first_of(usize::try_from(self.number)?);
        let mut at = 0;
        while !self.stop.load(Ordering::Relaxed) && at + 2 < SUPPLY {
            turns.tick().await;
            // Each turn takes two values: one for the row that it adds, one for the row that it changes.
            at += 2;
            let id = first + at;
            let tag = format!("{} {at}", self.number);
            self.write(&self.writes.insert, id, id, &tag).await?;
            log.insert(id.into(), (id.into(), tag.clone()));
            let own: Vec<i64> = log.keys().copied().filter(|id| *id >= i64::from(first)).collect();
            let older = own[usize::try_from(at)? * 7 % own.len()];
            if self
                .write(&self.writes.update, i32::try_from(older)?, id - 1, &tag)
                .await?
                == 1
            {
                log.insert(older, (i64::from(id) - 1, tag.clone()));
            }
            // Each writer has old rows of its own: what the last of them said is what must be there.
            let old = 1 + (at / 2 * 37 * 3 + self.number) % (self.old - 3);
            let old = old - old % 3 + self.number % 3;
            if at % 3 == 0 && old > 0 && self.write(&self.writes.touch, old, 0, &tag).await? == 1 {
                log.insert(old.into(), (old.into(), tag.clone()));
            }
            if at % 4 == 0 && own.len() > 3 {
                let gone = own[own.len() / 2];
                self.write(&self.writes.delete, i32::try_from(gone)?, 0, &tag).await?;
                log.remove(&gone);
            }
            self.done[usize::try_from(self.number)?].fetch_add(1, Ordering::Relaxed);
        }
        Ok(log)
    }

    /// Writes, and gives how many rows the server says it was.
    async fn write(&self, template: &str, id: i32, n: i32, tag: &str) -> Result<u64> {
        let value = self.values.get(&n).map_or("", String::as_str);
        let text = template
            .replace("{id}", &id.to_string())
            .replace("{n}", &n.to_string())
            .replace("{c}", &format!("'{}'", value.replace('\'', "''")))
            .replace("{r}", &(1 + n % 100).to_string())
            .replace("{w}", tag);
        let answer = self.client.simple_query(&text).await.with_context(|| text.clone())?;
        let rows = answer.iter().find_map(|message| match message {
            SimpleQueryMessage::CommandComplete(rows) => Some(*rows),
            _ => None,
        });
        Ok(rows.unwrap_or(0))
    }
}

/// What a writer was told is what the table holds of it.
async fn is_there(client: &Client, writes: &Writes, writer: usize, log: &Log) -> Result<()> {
    let text = format!(
        "SELECT id::bigint, n::bigint, w FROM ({}) AS x WHERE w LIKE '{writer} %'",
        writes.found
    );
    let rows = client.query(&text, &[]).await?;
    let found: Log = rows.iter().map(|row| (row.get(0), (row.get(1), row.get(2)))).collect();
    let missing: Vec<_> = log
        .iter()
        .filter(|(id, row)| found.get(id) != Some(row))
        .take(5)
        .collect();
    let unknown: Vec<_> = found
        .iter()
        .filter(|(id, row)| log.get(id) != Some(row))
        .take(5)
        .collect();
    ensure!(
        missing.is_empty() && unknown.is_empty() && rows.len() == log.len(),
        "writer {writer}: of {} rows {missing:?} are not there, and {unknown:?} are there instead",
        log.len()
    );
    Ok(())
}

/// Each statement fails where a constraint of the database does not hold. NOT NULL is counted, uniqueness is built again.
const PROOFS: &str = r"
    SELECT format('ALTER TABLE %s ADD CONSTRAINT proved_again %s', c.conrelid::regclass, pg_get_constraintdef(c.oid))
    FROM pg_constraint c JOIN pg_class r ON r.oid = c.conrelid
    WHERE c.contype IN ('c', 'f') AND c.conparentid = 0 AND c.coninhcount = 0 AND c.convalidated AND r.relkind IN ('r', 'p')
      AND r.relnamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname LIKE 'pg\_%' OR nspname IN ('information_schema', 'nonstop'))
    UNION ALL
    SELECT format('REINDEX TABLE %s', r.oid::regclass) FROM pg_class r
    WHERE r.relkind IN ('r', 'm')
      AND r.relnamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname LIKE 'pg\_%' OR nspname IN ('information_schema', 'nonstop'))
    UNION ALL
    SELECT format('SELECT 1 / (count(*) = 0)::int FROM %s WHERE %I IS NULL', r.oid::regclass, a.attname)
    FROM pg_attribute a JOIN pg_class r ON r.oid = a.attrelid
    WHERE a.attnotnull AND a.attnum > 0 AND NOT a.attisdropped AND r.relkind = 'r'
      AND r.relnamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname LIKE 'pg\_%' OR nspname IN ('information_schema', 'nonstop'))";

async fn proves_again(client: &Client) -> Result<()> {
    for row in client.query(PROOFS, &[]).await? {
        let proof: String = row.get(0);
        let text = format!("BEGIN; {proof}; ROLLBACK");
        client
            .batch_execute(&text)
            .await
            .with_context(|| format!("does not hold: {proof}"))?;
    }
    Ok(())
}
