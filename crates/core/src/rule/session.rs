//! What a file says of its own session: open transactions and timeouts.

use crate::migration::TransactionModel;
use crate::sql::{Kind, Statement, TransactionVerb};
use std::collections::BTreeMap;
use std::time::Duration;

/// The session that runs a file, as far as the file sets it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Session {
    /// The tool sends the whole file as one transaction.
    together: bool,
    /// A `BEGIN` of the file's own is open.
    block: bool,
    /// What was set, and what `SET LOCAL` set for as long as the transaction lasts.
    set: BTreeMap<String, Duration>,
    local: BTreeMap<String, Duration>,
}

impl Session {
    /// Before the first of so many statements.
    pub fn of_file(model: TransactionModel, statements: usize) -> Self {
        Self {
            together: model.is_together(statements),
            ..Self::default()
        }
    }

    /// Whether the next statement stands in a transaction with others.
    pub fn in_transaction(&self) -> bool {
        self.together || self.block
    }

    /// Whether the tool sends the whole file as one transaction.
    pub fn is_one_transaction(&self) -> bool {
        self.together
    }

    /// Whether a `BEGIN` of the file's own is open.
    pub fn in_block(&self) -> bool {
        self.block
    }

    /// A timeout that the file has set; `None` where it has not, or has switched it off.
    pub fn timeout(&self, name: &str) -> Option<Duration> {
        let set = self.local.get(name).or_else(|| self.set.get(name));
        set.copied().filter(|set| !set.is_zero())
    }

    /// After a statement.
    pub fn pass(&mut self, statement: &Statement) {
        match &statement.kind {
            Kind::Transaction(TransactionVerb::Begin) => self.block = true,
            Kind::Transaction(TransactionVerb::Commit | TransactionVerb::Rollback | TransactionVerb::Prepared) => {
                self.block = false;
                self.local.clear();
            }
            // Without a transaction SET LOCAL does nothing.
            Kind::Set { local: true, .. } if !self.in_transaction() => {}
            Kind::Set { name, values, local } => self.set(name, values, *local),
            _ => {}
        }
    }

    fn set(&mut self, name: &str, values: &[String], local: bool) {
        if name.is_empty() {
            // RESET ALL.
            self.set.clear();
            self.local.clear();
            return;
        }
        let into = if local { &mut self.local } else { &mut self.set };
        match values.first().and_then(|value| duration(value)) {
            Some(value) => {
                into.insert(name.to_owned(), value);
            }
            None => {
                into.remove(name);
            }
        }
        if !local {
            self.local.remove(name);
        }
    }
}

/// As the server reads it: a number of milliseconds, or with a unit.
fn duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let millis = match unit.trim() {
        "" | "ms" => number,
        "us" => number / 1000,
        "s" => number.checked_mul(1000)?,
        "min" => number.checked_mul(60_000)?,
        "h" => number.checked_mul(3_600_000)?,
        "d" => number.checked_mul(86_400_000)?,
        _ => return None,
    };
    Some(Duration::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::SourceFile;

    fn after(model: TransactionModel, text: &str) -> Session {
        let script = crate::sql::parse(&SourceFile::new("m.sql", text)).unwrap();
        let mut session = Session::of_file(model, script.statements.len());
        script.statements.iter().for_each(|statement| session.pass(statement));
        session
    }

    #[test]
    fn timeouts_are_followed() {
        let lock = |model, text| after(model, text).timeout("lock_timeout").map(|set| set.as_millis());
        let each = TransactionModel::PerStatement;
        assert_eq!(lock(each, "SET lock_timeout = '2s'"), Some(2000));
        assert_eq!(lock(each, "SET lock_timeout TO 500; SET lock_timeout = 0"), None);
        assert_eq!(lock(each, "SET lock_timeout = 500; RESET ALL"), None);
        assert_eq!(lock(each, "SET LOCAL lock_timeout = 500"), None);
        assert_eq!(lock(each, "BEGIN; SET LOCAL lock_timeout = '1min'"), Some(60_000));
        assert_eq!(lock(each, "BEGIN; SET LOCAL lock_timeout = 500; COMMIT"), None);
        assert_eq!(
            lock(TransactionModel::Whole, "SET LOCAL lock_timeout = 500; SELECT 1"),
            Some(500)
        );
    }

    #[test]
    fn transactions_are_followed() {
        let open = |model, text| after(model, text).in_transaction();
        assert!(!open(TransactionModel::Message, "SELECT 1"));
        assert!(open(TransactionModel::Message, "SELECT 1; SELECT 2"));
        assert!(!open(TransactionModel::PerStatement, "BEGIN; SELECT 1; COMMIT"));
        assert!(open(TransactionModel::PerStatement, "BEGIN; SELECT 1"));
    }
}
