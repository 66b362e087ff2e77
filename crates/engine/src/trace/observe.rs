//! A step on a throw-away server, and a second session that looks on.

use super::{TraceError, TracedStep, kinds};
use crate::server::Server;
use nonstop_core::lock::LockMode;
use nonstop_core::quote::{Name, SqlText};
use nonstop_core::sql;
use nonstop_core::sql::Kind;
use nonstop_core::step::{RelationLock, Step, Work};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error};

/// Two sessions: one works, one looks.
pub(super) struct Observer<'s> {
    server: &'s Server,
    database: &'s str,
    worker: Client,
    looker: Client,
    pid: i32,
    /// What was there before the migration.
    before: BTreeMap<u32, Name>,
}

/// What a relation is, and the file that it is in.
struct Class {
    name: Name,
    kind: char,
    file: u32,
    /// Of an index its table.
    table: Option<u32>,
}

type Classes = BTreeMap<u32, Class>;
type Held = BTreeSet<(u32, LockMode)>;

const CLASSES: &str = "
    SELECT c.oid, n.nspname::text, c.relname::text, c.relkind, coalesce(pg_catalog.pg_relation_filenode(c.oid), 0), i.indrelid
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
    WHERE c.oid >= 16384 AND c.relpersistence <> 't' AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'i', 'I')
      AND n.nspname <> 'pg_toast'";

const LOCKS: &str = "
    SELECT DISTINCT relation, mode FROM pg_catalog.pg_locks
    WHERE pid = $1 AND locktype = 'relation' AND granted AND relation >= 16384
      AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())";

const WAITS: &str = "
    SELECT wait_event_type IS NOT DISTINCT FROM 'Lock' FROM pg_catalog.pg_stat_activity WHERE pid = $1 AND state = 'active'";

/// Scans of this session that it has not yet reported, those of earlier transactions among them.
const SCANS: &str = "
    SELECT oid, pg_catalog.pg_stat_get_xact_numscans(oid) FROM pg_catalog.pg_class
    WHERE relkind IN ('r', 'm') AND oid >= 16384 AND pg_catalog.pg_stat_get_xact_numscans(oid) > 0";

impl<'s> Observer<'s> {
    pub(super) async fn open(server: &'s Server, database: &'s str) -> Result<Self, TraceError> {
        let worker = server.connect(database).await?;
        let looker = server.connect(database).await?;
        let pid = worker
            .query_one("SELECT pg_catalog.pg_backend_pid()", &[])
            .await?
            .get(0);
        let classes = classes(&looker).await?;
        let is_relation = |class: &Class| !matches!(class.kind, 'i' | 'I');
        let before = classes.into_iter().filter(|(_, class)| is_relation(class));
        Ok(Self {
            server,
            database,
            pid,
            before: before.map(|(oid, class)| (oid, class.name)).collect(),
            worker,
            looker,
        })
    }

    /// Runs a step, in a transaction where the server lets it: then each lock is seen.
    pub(super) async fn step(&mut self, step: &Step) -> Result<TracedStep, TraceError> {
        let before = classes(&self.looker).await?;
        let mut seen = TracedStep {
            id: step.id.clone(),
            locks: Vec::new(),
            work: BTreeMap::new(),
            duration: std::time::Duration::ZERO,
            is_sampled: false,
            is_opaque: false,
            unforeseen: Vec::new(),
            error: None,
        };
        let mut held = Held::new();
        let mut ran = self.in_transaction(step, &before, &mut held, &mut seen).await?;
        if let Err(error) = &ran
            && error.code() == Some(&SqlState::ACTIVE_SQL_TRANSACTION)
        {
            held.clear();
            seen.work.clear();
            ran = self.alone(step, &before, &mut held, &mut seen).await?;
        }
        seen.error = ran.err().map(|error| said(&error));
        let mut strongest: BTreeMap<&Name, LockMode> = BTreeMap::new();
        for (oid, mode) in held {
            if let Some(name) = self.before.get(&oid) {
                let known = strongest.entry(name).or_insert(mode);
                *known = mode.max(*known);
            }
        }
        let lock = |(relation, mode): (&Name, LockMode)| RelationLock {
            relation: relation.clone(),
            mode,
        };
        seen.locks = strongest.into_iter().map(lock).collect();
        Ok(seen)
    }

    async fn in_transaction(
        &self,
        step: &Step,
        before: &Classes,
        held: &mut Held,
        seen: &mut TracedStep,
    ) -> Result<Result<(), Error>, TraceError> {
        self.worker.batch_execute("BEGIN").await?;
        // SET TRANSACTION is taken only before any query.
        let first = step.sql.iter().take_while(|statement| sets(statement)).count();
        let (first, rest) = step.sql.split_at(first);
        if let Err(error) = self.send(first).await? {
            return Ok(Err(error));
        }
        let scans = scans(&self.worker).await?;
        let started = Instant::now();
        if let Err(error) = self.send(rest).await? {
            return Ok(Err(error));
        }
        seen.duration = started.elapsed();
        held.extend(locks(&self.looker, self.pid).await?);
        // Whatever stood in it, the transaction may have ended by itself.
        let after = classes(&self.worker).await?;
        for (oid, count) in self::scans(&self.worker).await? {
            if scans.get(&oid).is_none_or(|known| count > *known) {
                self.note(seen, oid, Work::Scan);
            }
        }
        self.files(before, &after, seen);
        Ok(self.worker.batch_execute("COMMIT").await)
    }

    /// In the transaction, which an error ends.
    async fn send(&self, statements: &[SqlText]) -> Result<Result<(), Error>, TraceError> {
        for statement in statements {
            if let Err(error) = self.worker.batch_execute(statement.as_str()).await {
                self.worker.batch_execute("ROLLBACK").await?;
                return Ok(Err(error));
            }
        }
        Ok(Ok(()))
    }

    /// Who holds its tables makes it wait with its locks in sight; then it is let go on.
    async fn alone(
        &self,
        step: &Step,
        before: &Classes,
        held: &mut Held,
        seen: &mut TracedStep,
    ) -> Result<Result<(), Error>, TraceError> {
        seen.is_sampled = true;
        let started = Instant::now();
        for statement in &step.sql {
            let mut holder = Some(self.holder(step, before).await?);
            let work = self.worker.batch_execute(statement.as_str());
            tokio::pin!(work);
            let done = loop {
                tokio::select! {
                    biased;
                    done = &mut work => break done,
                    looked = self.look() => {
                        let (locks, waits) = looked?;
                        held.extend(locks);
                        if waits && let Some(holder) = holder.take() {
                            holder.batch_execute("ROLLBACK").await?;
                        }
                    }
                }
            };
            if let Err(error) = done {
                return Ok(Err(error));
            }
        }
        seen.duration = started.elapsed();
        self.files(before, &classes(&self.looker).await?, seen);
        Ok(Ok(()))
    }

    async fn holder(&self, step: &Step, before: &Classes) -> Result<Client, TraceError> {
        let holder = self.server.connect(self.database).await?;
        let mut text = sql!("BEGIN");
        for lock in &step.locks {
            let is_table = |class: &&Class| class.name == lock.relation && matches!(class.kind, 'r' | 'p');
            if before.values().any(|class| is_table(&class)) {
                text = sql!("{}; LOCK TABLE {} IN ROW EXCLUSIVE MODE", text, lock.relation);
            }
        }
        holder.batch_execute(text.as_str()).await?;
        Ok(holder)
    }

    async fn look(&self) -> Result<(Held, bool), Error> {
        // In this order: while it waits for the holder, its locks are in sight.
        let waits = self.looker.query_opt(WAITS, &[&self.pid]).await?;
        let locks = locks(&self.looker, self.pid).await?;
        Ok((locks, waits.is_some_and(|row| row.get(0))))
    }

    /// What has another file now, and what has a new index. A change of type may make an index anew over the file that the old
    /// one had.
    fn files(&self, before: &Classes, after: &Classes, seen: &mut TracedStep) {
        let files: BTreeSet<u32> = before.values().map(|class| class.file).collect();
        for (oid, class) in after {
            let known = before.get(oid);
            let is_new_file = class.file != 0 && !files.contains(&class.file);
            match class.table {
                Some(table) if is_new_file => self.note(seen, table, Work::IndexBuild),
                None if is_new_file && known.is_some() && matches!(class.kind, 'r' | 'm') => {
                    self.note(seen, *oid, Work::Rewrite);
                }
                _ => {}
            }
        }
    }

    fn note(&self, seen: &mut TracedStep, oid: u32, work: Work) {
        if let Some(name) = self.before.get(&oid) {
            let known = seen.work.entry(name.clone()).or_insert(work);
            *known = work.max(*known);
        }
    }
}

async fn classes(client: &Client) -> Result<Classes, Error> {
    let rows = client.query(CLASSES, &[]).await?;
    let class = |row: &tokio_postgres::Row| {
        let class = Class {
            name: Name::new(row.get::<_, String>(1), row.get::<_, String>(2)),
            kind: char::from(row.get::<_, i8>(3).unsigned_abs()),
            file: row.get(4),
            table: row.get(5),
        };
        (row.get(0), class)
    };
    Ok(rows.iter().map(class).collect())
}

async fn locks(client: &Client, pid: i32) -> Result<Held, Error> {
    let rows = client.query(LOCKS, &[&pid]).await?;
    let held = |row: &tokio_postgres::Row| Some((row.get(0), LockMode::from_pg_locks(row.get(1))?));
    Ok(rows.iter().filter_map(held).collect())
}

/// Whether it is `SET`.
fn sets(statement: &SqlText) -> bool {
    matches!(kinds(statement).as_slice(), [Kind::Set { .. }])
}

async fn scans(client: &Client) -> Result<BTreeMap<u32, i64>, Error> {
    let rows = client.query(SCANS, &[]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

fn said(error: &Error) -> String {
    match error.as_db_error() {
        Some(said) => format!("{} ({})", said.message(), said.code().code()),
        None => error.to_string(),
    }
}
