//! One statement on a live server: its locks as a second session sees them, and the work it did.

use crate::servers::connect;
use anyhow::{Context as _, Result};
use nonstop_core::lock::LockMode;
use nonstop_core::quote::{Name, SqlText};
use nonstop_core::sql;
use nonstop_core::sql::Statement;
use nonstop_core::step::Work;
use std::collections::{BTreeMap, BTreeSet};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Row};

/// The modes held on each relation, by its name as `public.Tip`.
pub type Locks = BTreeMap<String, BTreeSet<LockMode>>;

/// What a statement did.
#[derive(Debug, Default)]
pub struct Measured {
    /// Modes on tables, views and sequences that were there before the migration.
    pub locks: Locks,
    /// Modes on indexes that were there before the migration.
    pub index_locks: Locks,
    /// The heaviest work on each of them; on those that it drops none is seen.
    pub work: BTreeMap<String, Work>,
    /// Those of them that are materialized views, which nobody writes to but who refreshes them.
    pub views: BTreeSet<String>,
    /// Those of them that are sequences: a new file of theirs is a page.
    pub sequences: BTreeSet<String>,
    /// SQLSTATE.
    pub error: Option<String>,
    /// Its locks were sampled while it ran: what is held for a moment only was not seen.
    pub sampled: bool,
    /// The server lacks something that the statement needs: nothing is to be learned from it.
    pub left_out: bool,
}

impl Measured {
    /// Relations that it keeps writes out of while it works on them.
    pub fn blocked(&self) -> impl Iterator<Item = &String> {
        self.work.keys().filter(|name| self.stops(&self.locks, name))
    }

    /// Whether these locks stop the application on that relation; those of `REFRESH … CONCURRENTLY` do not.
    pub fn stops(&self, locks: &Locks, name: &str) -> bool {
        let is_view = self.views.contains(name);
        let stops = |mode: &LockMode| mode.blocks_writes() && !(is_view && *mode == LockMode::Exclusive);
        locks.get(name).is_some_and(|modes| modes.iter().any(stops))
    }
}

/// A history that is being replayed on a database of its own.
pub struct Play {
    url: String,
    observer: Client,
}

/// One migration of it, in a session of its own.
pub struct Migration<'a> {
    play: &'a Play,
    worker: Client,
    pid: i32,
    /// What was there before it.
    existing: BTreeSet<u32>,
    /// Those of it that are indexes, by their names.
    pub indexes: BTreeSet<String>,
}

/// A row of `pg_class`.
struct Class {
    oid: u32,
    name: Name,
    kind: char,
    file: u32,
    /// Of an index its table, else 0.
    table: u32,
}

impl Class {
    fn of(row: &Row) -> Self {
        Self {
            oid: row.get("oid"),
            name: name(row),
            kind: kind(row),
            file: row.get("file"),
            table: row.get("of_table"),
        }
    }
}

fn name(row: &Row) -> Name {
    Name::new(row.get::<_, String>("schema"), row.get::<_, String>("name"))
}

fn kind(row: &Row) -> char {
    char::from(row.get::<_, i8>("kind").cast_unsigned())
}

fn is_index(kind: char) -> bool {
    matches!(kind, 'i' | 'I')
}

const EXISTING: &str = "
SELECT c.oid, n.nspname AS schema, c.relname AS name, c.relkind AS kind
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'c', 'i', 'I') AND c.relpersistence <> 't' AND c.oid >= 16384
  AND n.nspname <> 'pg_toast'";

const LOCKS: &str = "
SELECT DISTINCT relation AS oid, mode FROM pg_catalog.pg_locks
WHERE pid = $1 AND locktype = 'relation' AND relation >= 16384
  AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())";

/// The locked relations, and the indexes of them.
const CLASSES: &str = "
SELECT c.oid, n.nspname AS schema, c.relname AS name, c.relkind AS kind,
  coalesce(pg_catalog.pg_relation_filenode(c.oid), 0) AS file, coalesce(i.indrelid, 0) AS of_table
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
WHERE (c.oid = ANY ($1) OR i.indrelid = ANY ($1)) AND n.nspname <> 'pg_toast'";

/// Scans begun and not yet reported, which may be those of earlier transactions too.
const SCANS: &str = "
SELECT oid, pg_catalog.pg_stat_get_xact_numscans(oid) AS scans FROM pg_catalog.pg_class
WHERE relkind IN ('r', 'm') AND oid >= 16384 AND pg_catalog.pg_stat_get_xact_numscans(oid) > 0";

/// Tables that the text names, or names an index of: who holds them makes a statement wait with its locks in sight.
const NAMED: &str = "
SELECT DISTINCT n.nspname AS schema, t.relname AS name
FROM pg_catalog.pg_class c
LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
JOIN pg_catalog.pg_class t ON t.oid = coalesce(i.indrelid, c.oid)
JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
WHERE t.oid >= 16384 AND t.relkind IN ('r', 'p', 'm') AND pg_catalog.strpos($1, c.relname::text) > 0";

const WAITS: &str = "
SELECT wait_event_type = 'Lock' FROM pg_catalog.pg_stat_activity WHERE pid = $1 AND state = 'active'";

/// After so many looks it is clear that a statement does not wait for who holds its tables.
const LOOKS: usize = 10_000;

impl Play {
    /// On an empty database.
    pub async fn begin(url: &str) -> Result<Self> {
        Ok(Self {
            url: url.to_owned(),
            observer: connect(url).await?,
        })
    }

    /// All statements in one transaction, which is taken back: which is the first that fails, and how.
    pub(super) async fn together(&self, statements: &[Statement]) -> Result<Option<(usize, SqlState)>> {
        let client = connect(&self.url).await?;
        client.batch_execute("BEGIN").await?;
        for statement in statements {
            if let Some(code) = refused(client.batch_execute(statement.sql.as_str()).await)? {
                return Ok(Some((statement.ordinal, code)));
            }
        }
        Ok(None)
    }

    /// The next migration.
    pub async fn migration(&self) -> Result<Migration<'_>> {
        let worker = connect(&self.url).await?;
        let pid = worker
            .query_one("SELECT pg_catalog.pg_backend_pid()", &[])
            .await?
            .get(0);
        let mut migration = Migration {
            play: self,
            worker,
            pid,
            existing: BTreeSet::new(),
            indexes: BTreeSet::new(),
        };
        migration.settle().await?;
        Ok(migration)
    }
}

impl Migration<'_> {
    /// Runs a statement for good, and looks at it.
    pub(super) async fn run(&mut self, statement: &Statement) -> Result<Measured> {
        if super::is_control(statement) {
            return Ok(Measured::default());
        }
        let text = for_the_session(statement.sql.as_str());
        let measured = self.watch(&text, "COMMIT").await?;
        if measured.error.as_deref() == Some(SqlState::ACTIVE_SQL_TRANSACTION.code()) {
            return self.alone(&text).await;
        }
        Ok(measured)
    }

    /// Takes all that is there now for what was there before.
    pub async fn settle(&mut self) -> Result<()> {
        let rows = self.play.observer.query(EXISTING, &[]).await?;
        self.existing = rows.iter().map(|row| row.get("oid")).collect();
        let indexes = rows.iter().filter(|row| is_index(kind(row)));
        self.indexes = indexes.map(|row| name(row).to_string()).collect();
        Ok(())
    }

    /// Runs a script inside a transaction, looks at it, and takes it back.
    pub async fn rehearse(&self, script: &str) -> Result<Measured> {
        self.watch(script, "ROLLBACK").await
    }

    async fn watch(&self, text: &str, ending: &str) -> Result<Measured> {
        self.worker.batch_execute("BEGIN").await?;
        let before = self.scans().await?;
        if let Some(code) = refused(self.worker.batch_execute(text).await)? {
            self.worker.batch_execute("ROLLBACK").await?;
            return Ok(failed(&code));
        }
        let modes = self.modes().await?;
        let oids: Vec<u32> = modes.keys().copied().collect();
        let was = self.classes(&self.play.observer, &oids).await?;
        let is = self.classes(&self.worker, &oids).await?;
        let mut scans = self.scans().await?;
        scans.retain(|oid, count| before.get(oid) != Some(count));
        if let Some(code) = refused(self.worker.batch_execute(ending).await)? {
            return Ok(failed(&code));
        }
        Ok(self.measured(&modes, &was, &is, &scans))
    }

    /// A statement that stands in no transaction: its locks are looked at while it is made to wait, and until it ends.
    pub async fn alone(&self, text: &str) -> Result<Measured> {
        let observer = &self.play.observer;
        let holder = connect(&self.play.url).await?;
        holder.batch_execute("BEGIN").await?;
        for row in observer.query(NAMED, &[&text]).await? {
            let lock: SqlText = sql!("LOCK TABLE {} IN ROW EXCLUSIVE MODE", name(&row));
            // A materialized view cannot be held so.
            let held = holder.batch_execute("SAVEPOINT one").await;
            if held.is_ok() && holder.batch_execute(lock.as_str()).await.is_err() {
                holder.batch_execute("ROLLBACK TO SAVEPOINT one").await?;
            }
        }
        let oids: Vec<u32> = self.existing.iter().copied().collect();
        let was = self.classes(observer, &oids).await?;
        let mut modes: BTreeMap<u32, BTreeSet<LockMode>> = BTreeMap::new();
        let mut running = std::pin::pin!(self.worker.batch_execute(text));
        let mut looks = 0..LOOKS;
        let mut is_held = true;
        let ended = loop {
            let look = async {
                // Whoever is seen waiting holds what is seen after that.
                let waits = observer.query_opt(WAITS, &[&self.pid]).await?;
                let seen = self.modes().await?;
                anyhow::Ok((
                    seen,
                    waits.is_some_and(|row| row.get::<_, Option<bool>>(0) == Some(true)),
                ))
            };
            tokio::select! {
                biased;
                ended = &mut running => break ended,
                looked = look => {
                    let (seen, waits) = looked?;
                    for (oid, more) in seen {
                        modes.entry(oid).or_default().extend(more);
                    }
                    if is_held && (waits || looks.next().is_none()) {
                        holder.batch_execute("ROLLBACK").await?;
                        is_held = false;
                    }
                }
            }
        };
        if let Some(code) = refused(ended)? {
            return Ok(failed(&code));
        }
        let is = self.classes(observer, &oids).await?;
        let measured = self.measured(&modes, &was, &is, &BTreeMap::new());
        Ok(Measured {
            sampled: true,
            ..measured
        })
    }

    async fn modes(&self) -> Result<BTreeMap<u32, BTreeSet<LockMode>>> {
        let mut modes: BTreeMap<u32, BTreeSet<LockMode>> = BTreeMap::new();
        for row in self.play.observer.query(LOCKS, &[&self.pid]).await? {
            modes.entry(row.get("oid")).or_default().insert(mode(row.get("mode"))?);
        }
        Ok(modes)
    }

    async fn classes(&self, client: &Client, oids: &[u32]) -> Result<Vec<Class>> {
        let rows = client.query(CLASSES, &[&oids]).await?;
        Ok(rows.iter().map(Class::of).collect())
    }

    async fn scans(&self) -> Result<BTreeMap<u32, i64>> {
        let rows = self.worker.query(SCANS, &[]).await?;
        Ok(rows.iter().map(|row| (row.get("oid"), row.get("scans"))).collect())
    }

    fn measured(
        &self,
        modes: &BTreeMap<u32, BTreeSet<LockMode>>,
        was: &[Class],
        is: &[Class],
        scans: &BTreeMap<u32, i64>,
    ) -> Measured {
        let mut measured = Measured::default();
        for class in was.iter().filter(|class| self.existing.contains(&class.oid)) {
            let name = class.name.to_string();
            if let Some(modes) = modes.get(&class.oid) {
                let locks = if is_index(class.kind) {
                    &mut measured.index_locks
                } else {
                    &mut measured.locks
                };
                locks.insert(name.clone(), modes.clone());
            }
            if is_index(class.kind) {
                continue;
            }
            match class.kind {
                'm' => measured.views.insert(name.clone()),
                'S' => measured.sequences.insert(name.clone()),
                _ => false,
            };
            let Some(now) = is.iter().find(|now| now.oid == class.oid) else {
                continue;
            };
            let files: BTreeSet<u32> = was.iter().filter(|i| i.table == class.oid).map(|i| i.file).collect();
            let built = is
                .iter()
                .any(|i| is_index(i.kind) && i.table == class.oid && i.file != 0 && !files.contains(&i.file));
            if class.kind != 'S' && now.file != class.file {
                measured.work.insert(name, Work::Rewrite);
            } else if built {
                measured.work.insert(name, Work::IndexBuild);
            } else if scans.contains_key(&class.oid) {
                measured.work.insert(name, Work::Scan);
            }
        }
        measured
    }
}

/// `SET LOCAL` and `ON COMMIT DROP` are meant for the rest of the file, whose statements stand in transactions of their
/// own here.
fn for_the_session(text: &str) -> String {
    const DROP: &str = "ON COMMIT DROP";
    let mut words = text.split_whitespace();
    let is_local = words.next().is_some_and(|word| word.eq_ignore_ascii_case("set"))
        && words.next().is_some_and(|word| word.eq_ignore_ascii_case("local"));
    if is_local {
        let rest: Vec<&str> = words.collect();
        return format!("SET {}", rest.join(" "));
    }
    match text.to_ascii_uppercase().find(DROP) {
        Some(at) => format!("{} {}", &text[..at], &text[at + DROP.len()..]),
        None => text.to_owned(),
    }
}

/// What the server refuses is an answer; a broken connection is an error.
fn refused(answer: Result<(), tokio_postgres::Error>) -> Result<Option<SqlState>> {
    match answer {
        Ok(()) => Ok(None),
        Err(error) => match error.code() {
            Some(code) => Ok(Some(code.clone())),
            None => Err(error.into()),
        },
    }
}

fn failed(code: &SqlState) -> Measured {
    Measured {
        error: Some(code.code().to_owned()),
        left_out: [SqlState::UNDEFINED_FILE, SqlState::INSUFFICIENT_PRIVILEGE].contains(code),
        ..Measured::default()
    }
}

/// `AccessShareLock` is `ACCESS SHARE`.
fn mode(name: &str) -> Result<LockMode> {
    let mut words = String::new();
    for letter in name.trim_end_matches("Lock").chars() {
        if letter.is_ascii_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.push(letter.to_ascii_uppercase());
    }
    LockMode::from_sql(&words).with_context(|| format!("an unknown lock mode {name}"))
}
