//! How far a change in batches is: what the journal says, and the message that does one batch and says so.

use crate::acquire::setting;
use crate::failure::SqlError;
use crate::message;
use nonstop_core::batch::{Batch, Position, Spread, Window};
use nonstop_core::quote::{List, Literal, SqlText};
use nonstop_core::sql;
use nonstop_core::step::LockTimeout;
use std::time::Duration;
use tokio_postgres::{Client, Error, Row};

/// How far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Progress {
    /// The end of this pass.
    pub ending: Position,
    /// Done up to here; `None`: not begun.
    pub place: Option<Position>,
    /// Which pass, from 1.
    pub pass: i32,
    /// Batches done.
    pub batches: i64,
    /// Rows in the windows done.
    pub seen: i64,
    /// Rows changed.
    pub changed: i64,
    /// About how many rows there are.
    pub total: i64,
}

/// Whose progress: the migration's id and the step's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Owner<'o> {
    pub id: &'o str,
    pub step: &'o str,
}

impl Owner<'_> {
    /// What the journal says.
    pub(super) async fn read(self, client: &Client) -> Result<Option<Progress>, Error> {
        let query = "SELECT ending, place, pass, batches, seen, changed, total \
                     FROM nonstop.progress WHERE migration = $1 AND step = $2";
        let row = client.query_opt(query, &[&self.id, &self.step]).await?;
        Ok(row.as_ref().map(progress))
    }

    /// The work begins, to this end.
    pub(super) fn begin(self, ending: &Position, total: i64) -> SqlText {
        sql!(
            "INSERT INTO nonstop.progress (migration, step, ending, total) VALUES ({}, {}, {}, {}) ON CONFLICT DO NOTHING",
            Literal(self.id),
            Literal(self.step),
            array(ending),
            u64::try_from(total).unwrap_or(0)
        )
    }

    /// Another pass begins, to this end.
    pub(super) fn again(self, ending: &Position, pass: i32) -> SqlText {
        sql!(
            "UPDATE nonstop.progress SET ending = {}, place = NULL, pass = {} WHERE migration = {} AND step = {}",
            array(ending),
            u64::try_from(pass).unwrap_or(1),
            Literal(self.id),
            Literal(self.step)
        )
    }

    /// One batch: locks in the order of the key, the change, what is known of it, and the commit, in one message.
    ///
    /// Without rests between its rows the commit does not wait for the disk either: a crash of the server takes back a batch
    /// only together with its progress, and what is recorded when all are done waits for all (section 28.4 of the manual).
    pub(super) fn message(self, batch: &Batch, turn: &Turn<'_>) -> SqlText {
        let mut text = sql!(
            "BEGIN;\nSET LOCAL lock_timeout = {};\n{}\n",
            setting(turn.queueing.0),
            batch.settings()
        );
        if turn.spread.is_none() {
            text = sql!("{}SET LOCAL synchronous_commit = off;\n", text);
        }
        if turn.mute {
            text = sql!("{}SET LOCAL session_replication_role = replica;\n", text);
        }
        if let Some(lock) = batch.lock(turn.window, turn.spread) {
            text = sql!("{}{};\n", text, lock);
        }
        let behind = turn.window.after.as_ref().map_or_else(|| sql!("NULL"), array);
        let told = sql!(
            "INSERT INTO nonstop.batch (migration, step, number, behind, upto, rows, ms, waited_ms) \
             SELECT {}, {}, {}, {}, {}, count(*), (extract(epoch FROM pg_catalog.clock_timestamp() \
             - pg_catalog.transaction_timestamp()) * 1000)::bigint, {} FROM changed RETURNING rows",
            Literal(self.id),
            Literal(self.step),
            turn.number,
            behind,
            array(&turn.window.upto),
            u64::try_from(turn.waited.as_millis()).unwrap_or(u64::MAX)
        );
        sql!(
            "{}WITH changed AS ({}), told AS ({}) UPDATE nonstop.progress SET place = {}, batches = {}, seen = seen + {}, \
             changed = changed + told.rows FROM told WHERE migration = {} AND step = {} RETURNING told.rows;\nCOMMIT",
            text,
            batch.change(turn.window, turn.spread),
            told,
            array(&turn.window.upto),
            turn.number,
            turn.rows,
            Literal(self.id),
            Literal(self.step)
        )
    }
}

/// One batch.
#[derive(Debug)]
pub(super) struct Turn<'t> {
    pub window: &'t Window,
    /// Its number, from 1.
    pub number: u64,
    /// Rows in the window.
    pub rows: u64,
    /// How long was rested before it.
    pub waited: Duration,
    /// How long a row that somebody holds is waited for.
    pub queueing: LockTimeout,
    /// Triggers do not see it.
    pub mute: bool,
    /// It rests between its rows too.
    pub spread: Option<Spread>,
}

fn progress(row: &Row) -> Progress {
    Progress {
        ending: row.get(0),
        place: row.get(1),
        pass: row.get(2),
        batches: row.get(3),
        seen: row.get(4),
        changed: row.get(5),
        total: row.get(6),
    }
}

fn array(position: &Position) -> SqlText {
    let values: Vec<SqlText> = position.iter().map(|value| sql!("{}", Literal(value))).collect();
    sql!("ARRAY[{}]::text[]", List(&values))
}

/// Values of a key must be printed so that they can be read again, whatever the session is set to.
pub(super) async fn positions(client: &Client, query: &SqlText) -> Result<Vec<Vec<Option<String>>>, SqlError> {
    let text = sql!(
        "BEGIN READ ONLY; SET LOCAL datestyle = 'ISO, YMD'; SET LOCAL intervalstyle = 'postgres'; \
         SET LOCAL extra_float_digits = 1; SET LOCAL bytea_output = 'hex'; SET LOCAL enable_seqscan = off; {}; COMMIT",
        query
    );
    message::table(client, &text).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use nonstop_core::batch::Key;
    use nonstop_core::quote::Name;

    #[test]
    fn a_batch_and_its_row_are_one_transaction() {
        let batch = Batch {
            table: Name::new("public", "t"),
            alias: "t".to_owned(),
            key: Key::Columns(vec!["id".to_owned()]),
            change: SqlText::verbatim("DELETE FROM t"),
            locking: Some(SqlText::verbatim("SELECT FROM t")),
            condition: Some(SqlText::verbatim("a = 1")),
            settings: SqlText::verbatim(""),
            size: None,
            repeats: false,
            silent: false,
        };
        let window = Window {
            after: Some(vec!["5".to_owned()]),
            upto: vec!["9".to_owned()],
        };
        let turn = Turn {
            window: &window,
            number: 2,
            rows: 4,
            waited: Duration::from_millis(7),
            queueing: LockTimeout(Duration::from_millis(100)),
            mute: false,
            spread: None,
        };
        let owner = Owner { id: "i", step: "3" };
        assert_eq!(
            owner.message(&batch, &turn).as_str(),
            "BEGIN;\nSET LOCAL lock_timeout = '100ms';\n\nSET LOCAL synchronous_commit = off;\n\
             SELECT count(*) FROM (SELECT FROM t WHERE \"t\".\"id\" > '5' AND \"t\".\"id\" <= '9' AND (a = 1) \
             ORDER BY \"t\".\"id\" FOR UPDATE OF \"t\") AS locked;\n\
             WITH changed AS (DELETE FROM t WHERE \"t\".\"id\" > '5' AND \"t\".\"id\" <= '9' AND (a = 1) RETURNING 1), \
             told AS (INSERT INTO nonstop.batch (migration, step, number, behind, upto, rows, ms, waited_ms) \
             SELECT 'i', '3', 2, ARRAY['5']::text[], ARRAY['9']::text[], count(*), \
             (extract(epoch FROM pg_catalog.clock_timestamp() - pg_catalog.transaction_timestamp()) * 1000)::bigint, 7 \
             FROM changed RETURNING rows) UPDATE nonstop.progress SET place = ARRAY['9']::text[], batches = 2, \
             seen = seen + 4, changed = changed + told.rows FROM told WHERE migration = 'i' AND step = '3' \
             RETURNING told.rows;\nCOMMIT"
        );
    }
}
