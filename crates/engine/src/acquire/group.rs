//! The message of a group of instant statements: locks first, then the statements, our own rows, and the commit.

use nonstop_core::pace::{Attempt, Bounds};
use nonstop_core::quote::SqlText;
use nonstop_core::sql;
use nonstop_core::step::{LockTimeout, RelationLock, StatementTimeout};
use std::time::Duration;

/// Statements that run in one short transaction.
#[derive(Debug, Clone)]
pub(crate) struct Group<'a> {
    /// Locks taken before the first statement, in this order. Only tables: see [`super::tables_only`].
    pub locks: Vec<RelationLock>,
    /// The statements.
    pub body: Vec<&'a SqlText>,
    /// Our own rows, which commit together with them.
    pub records: Vec<SqlText>,
    /// How long a statement may wait for a lock that was not foreseen; `None` for ever.
    pub lock_timeout: Option<LockTimeout>,
    /// How long a statement may run; `None` for ever, under the watchdog.
    pub statement_timeout: Option<StatementTimeout>,
}

/// A message, and where in it which command stands.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub sql: SqlText,
    /// The command that takes the first lock, counted from 0.
    first_lock: usize,
    locks: usize,
    /// For each statement of the body, the byte range in the message.
    body: Vec<std::ops::Range<usize>>,
}

/// What part of a message failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// This `LOCK TABLE`.
    Lock(usize),
    /// This statement of the body.
    Body(usize),
    /// Our own rows or the commit.
    Ours,
}

/// A duration as PostgreSQL's settings take it; never 0, which would mean off.
pub(crate) fn setting(duration: Duration) -> SqlText {
    let ms = u64::try_from(duration.as_millis())
        .unwrap_or(u64::MAX)
        .clamp(1, 2_147_483_647);
    sql!("'{}ms'", ms)
}

impl Group<'_> {
    /// The whole transaction in one message. A statement cannot swallow what follows it: a comment at its end is closed by
    /// a line break, and it was parsed before, so it has no open quote.
    pub(crate) fn message(&self, attempt: Attempt, bounds: Bounds, overruns: u32) -> Message {
        let mut sql = sql!("BEGIN");
        let mut first_lock = 1;
        if let (Attempt::Queue(_), false) = (attempt, self.locks.is_empty()) {
            sql = sql!(
                "{};\nSET LOCAL lock_timeout = {}",
                sql,
                setting(attempt.for_each(self.locks.len()).0)
            );
            first_lock += 1;
        }
        for lock in &self.locks {
            sql = match attempt {
                Attempt::NoWait => sql!(
                    "{};\nLOCK TABLE ONLY {} IN {} MODE NOWAIT",
                    sql,
                    lock.relation,
                    lock.mode
                ),
                Attempt::Queue(_) => sql!("{};\nLOCK TABLE ONLY {} IN {} MODE", sql, lock.relation, lock.mode),
            };
        }
        if let Some(limit) = self.lock_timeout {
            let own = if self.locks.is_empty() {
                limit
            } else {
                limit.min(attempt.bound())
            };
            sql = sql!("{};\nSET LOCAL lock_timeout = {}", sql, setting(own.0));
        }
        if let Some(limit) = self.statement_timeout {
            let first = self.locks.is_empty() || overruns > 0;
            let own = if first { limit } else { limit.min(bounds.hold()) };
            sql = sql!("{};\nSET LOCAL statement_timeout = {}", sql, setting(own.0));
        }
        sql = sql!("{};\n", sql);
        let mut body = Vec::with_capacity(self.body.len());
        for statement in &self.body {
            let start = sql.as_str().len();
            sql = sql!("{}{}\n;\n", sql, statement);
            body.push(start..start + statement.as_str().len());
        }
        for record in &self.records {
            sql = sql!("{}{};\n", sql, record);
        }
        Message {
            sql: sql!("{}COMMIT", sql),
            first_lock,
            locks: self.locks.len(),
            body,
        }
    }
}

impl Message {
    /// Which part failed, from the number of commands done before and the position, where the server gave one.
    pub(crate) fn part(&self, completed: usize, position: Option<u32>) -> Part {
        if (self.first_lock..self.first_lock + self.locks).contains(&completed) {
            return Part::Lock(completed - self.first_lock);
        }
        if let Some(at) = position.and_then(|at| self.byte(at)) {
            return match self.body.iter().position(|range| range.contains(&at)) {
                Some(index) => Part::Body(index),
                None => Part::Ours,
            };
        }
        // Without a position: each entry is one statement, unless there is only one entry, a whole file.
        let text = self.sql.as_str();
        let before = self.body.first().map_or("", |first| &text[..first.start]);
        let settings = before.matches(";\n").count();
        match completed.checked_sub(settings) {
            Some(_) if self.body.len() == 1 => Part::Body(0),
            Some(index) if index < self.body.len() => Part::Body(index),
            _ => Part::Ours,
        }
    }

    /// The byte of a character position that counts from 1.
    fn byte(&self, position: u32) -> Option<usize> {
        let at = usize::try_from(position).ok()?.checked_sub(1)?;
        self.sql.as_str().char_indices().nth(at).map(|(byte, _)| byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nonstop_core::lock::LockMode;
    use nonstop_core::quote::Name;

    fn bounds() -> Bounds {
        Bounds::new(Duration::from_millis(200))
    }

    #[test]
    fn one_message_with_everything() {
        let first = SqlText::verbatim("ALTER TABLE t ADD c int -- ü");
        let second = SqlText::verbatim("ALTER TABLE t ADD d int");
        let group = Group {
            locks: vec![RelationLock {
                relation: Name::new("public", "t"),
                mode: LockMode::AccessExclusive,
            }],
            body: vec![&first, &second],
            records: vec![sql!("INSERT INTO x VALUES (1)")],
            lock_timeout: Some(LockTimeout(Duration::from_millis(200))),
            statement_timeout: Some(StatementTimeout(Duration::from_millis(200))),
        };
        let message = group.message(Attempt::NoWait, bounds(), 0);
        assert_eq!(
            message.sql.as_str(),
            "BEGIN;\nLOCK TABLE ONLY \"public\".\"t\" IN ACCESS EXCLUSIVE MODE NOWAIT;\n\
             SET LOCAL lock_timeout = '10ms';\nSET LOCAL statement_timeout = '100ms';\n\
             ALTER TABLE t ADD c int -- ü\n;\nALTER TABLE t ADD d int\n;\nINSERT INTO x VALUES (1);\nCOMMIT"
        );
        assert_eq!(message.part(1, None), Part::Lock(0));
        assert_eq!(message.part(4, None), Part::Body(0));
        assert_eq!(message.part(5, None), Part::Body(1));
        assert_eq!(message.part(6, None), Part::Ours);
        let text: Vec<char> = message.sql.as_str().chars().collect();
        let second = text
            .windows(5)
            .position(|at| at.iter().collect::<String>() == "ADD d")
            .unwrap();
        assert_eq!(message.part(5, Some(u32::try_from(second + 1).unwrap())), Part::Body(1));
    }

    #[test]
    fn in_the_queue_the_relations_share_the_bound() {
        let lock = |name: &str| RelationLock {
            relation: Name::new("public", name),
            mode: LockMode::ShareRowExclusive,
        };
        let group = Group {
            locks: vec![lock("a"), lock("b")],
            body: Vec::new(),
            records: Vec::new(),
            lock_timeout: None,
            statement_timeout: None,
        };
        let message = group.message(Attempt::Queue(LockTimeout(Duration::from_millis(40))), bounds(), 0);
        assert!(
            message
                .sql
                .as_str()
                .starts_with("BEGIN;\nSET LOCAL lock_timeout = '20ms';\nLOCK TABLE ONLY")
        );
        assert_eq!(message.part(3, None), Part::Lock(1));
    }
}
