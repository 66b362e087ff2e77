//! The SQL of a batch.

use super::{Batch, Key, Position, Spread, Window};
use crate::quote::{Ident, Idents, List, Literal, SqlText};
use crate::sql;

impl Spread {
    /// An expression that costs next to nothing for most rows, and takes the breath behind the end of a stint. The time of day
    /// decides, so nothing need be kept between two rows. One row in sixteen looks: a server that lets it run only now and
    /// then would find the stint over at every row, and it would come to nothing.
    fn breath(self) -> SqlText {
        sql!(
            "CASE WHEN pg_catalog.random() < 0.0625 \
             AND pg_catalog.date_part('microseconds', pg_catalog.clock_timestamp())::bigint % {} >= {} \
             THEN pg_catalog.pg_sleep(0.0009)::text END",
            self.cycle_micros(),
            self.stint_micros
        )
    }
}

impl Batch {
    /// The last place of the key, as it is now; no row where the table is empty.
    pub fn end(&self) -> SqlText {
        match &self.key {
            Key::Columns(keys) => sql!(
                "SELECT {} FROM {} ORDER BY {} LIMIT 1",
                Idents(keys),
                self.table,
                descending(keys)
            ),
            Key::Pages => sql!(
                "SELECT pages FROM (SELECT pg_catalog.pg_relation_size({}::pg_catalog.regclass) \
                 / pg_catalog.current_setting('block_size')::bigint AS pages) AS size WHERE pages > 0",
                Literal(sql!("{}", self.table).as_str())
            ),
        }
    }

    /// About how many rows there are, by the server's statistics.
    pub fn total(&self) -> SqlText {
        let table = sql!("{}", self.table);
        sql!(
            "SELECT coalesce(sum(greatest(reltuples, 0)), 0)::bigint FROM pg_catalog.pg_class \
             WHERE oid = {}::pg_catalog.regclass \
             OR oid IN (SELECT relid FROM pg_catalog.pg_partition_tree({}::pg_catalog.regclass))",
            Literal(table.as_str()),
            Literal(table.as_str())
        )
    }

    /// The last of the next so many rows. No row: fewer are left.
    pub fn next_bound(&self, keys: &[String], after: Option<&Position>, end: &Position, rows: u64) -> SqlText {
        let window = within(&sql!("{}", Ident("t")), keys, after, end);
        let list = columns(&sql!("{}", Ident("t")), keys);
        sql!(
            "SELECT {} FROM {} AS \"t\" WHERE {} ORDER BY {} OFFSET {} LIMIT 1",
            List(&list),
            self.table,
            window,
            List(&list),
            rows.saturating_sub(1)
        )
    }

    /// The last of the rows that are left, and how many they are. No row: none is.
    pub fn last_bound(&self, keys: &[String], after: Option<&Position>, end: &Position) -> SqlText {
        let window = within(&sql!("{}", Ident("t")), keys, after, end);
        let list = columns(&sql!("{}", Ident("t")), keys);
        sql!(
            "SELECT {}, count(*) OVER () FROM (SELECT {} FROM {} AS \"t\" WHERE {}) AS w ORDER BY {} LIMIT 1",
            Idents(keys),
            List(&list),
            self.table,
            window,
            descending(keys)
        )
    }

    /// Locks the rows of a window in the order of the key.
    pub fn lock(&self, window: &Window, spread: Option<Spread>) -> Option<SqlText> {
        let locking = self.locking.as_ref()?;
        let strength = SqlText::verbatim(if self.deletes() { "UPDATE" } else { "NO KEY UPDATE" });
        let alias = sql!("{}", Ident(&self.alias));
        let order = match &self.key {
            Key::Columns(keys) => columns(&alias, keys),
            Key::Pages => vec![sql!("{}.ctid", alias)],
        };
        let counted = spread.map_or_else(|| sql!("*"), Spread::breath);
        Some(sql!(
            "SELECT count({}) FROM ({} WHERE {} ORDER BY {} FOR {} OF {}) AS locked",
            counted,
            locking,
            self.rows(window),
            List(&order),
            strength,
            alias
        ))
    }

    /// Changes the rows of a window, and gives one row for each.
    pub fn change(&self, window: &Window, spread: Option<Spread>) -> SqlText {
        let returned = spread.map_or_else(|| sql!("1"), Spread::breath);
        sql!("{} WHERE {} RETURNING {}", self.change, self.rows(window), returned)
    }

    /// Settings of a transaction in which a window is changed: rows are found by the key, in its order.
    pub fn settings(&self) -> SqlText {
        if self.locking.is_some() {
            return self.settings.clone();
        }
        let by_key = match self.key {
            Key::Columns(_) => sql!("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off;"),
            Key::Pages => sql!(
                "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_indexscan = off;"
            ),
        };
        sql!("{}\n{}", by_key, self.settings)
    }

    fn deletes(&self) -> bool {
        self.change.as_str().starts_with("DELETE")
    }

    fn rows(&self, window: &Window) -> SqlText {
        let alias = sql!("{}", Ident(&self.alias));
        let place = match &self.key {
            Key::Columns(keys) => within(&alias, keys, window.after.as_ref(), &window.upto),
            Key::Pages => {
                let tid = |position: Option<&Position>| {
                    let page = position.and_then(|page| page.first()).map_or("0", String::as_str);
                    sql!("{}::pg_catalog.tid", Literal(&format!("({page},0)")))
                };
                sql!(
                    "{}.ctid >= {} AND {}.ctid < {}",
                    alias,
                    tid(window.after.as_ref()),
                    alias,
                    tid(Some(&window.upto))
                )
            }
        };
        match &self.condition {
            // No index can serve a CASE: so the rows are found by the key, in its order, and need not be locked before.
            Some(condition) if self.locking.is_none() => {
                sql!("{} AND CASE WHEN {} THEN true ELSE false END", place, condition)
            }
            Some(condition) => sql!("{} AND ({})", place, condition),
            None => place,
        }
    }
}

/// Literals take the type of the columns that they are compared with.
fn within(alias: &SqlText, keys: &[String], after: Option<&Position>, upto: &Position) -> SqlText {
    let list = columns(alias, keys);
    let side = |parts: &[SqlText]| match parts {
        [one] => one.clone(),
        more => sql!("ROW({})", List(more)),
    };
    let values = |position: &Position| {
        let literals: Vec<SqlText> = position.iter().map(|value| sql!("{}", Literal(value))).collect();
        side(&literals)
    };
    let upto = sql!("{} <= {}", side(&list), values(upto));
    match after {
        Some(after) => sql!("{} > {} AND {}", side(&list), values(after), upto),
        None => upto,
    }
}

fn columns(alias: &SqlText, keys: &[String]) -> Vec<SqlText> {
    keys.iter().map(|key| sql!("{}.{}", alias, Ident(key))).collect()
}

fn descending(keys: &[String]) -> SqlText {
    let keys: Vec<SqlText> = keys.iter().map(|key| sql!("{} DESC", Ident(key))).collect();
    sql!("{}", List(&keys))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quote::Name;

    fn batch(keys: &[&str], condition: Option<&str>) -> Batch {
        Batch {
            table: Name::new("public", "T"),
            alias: "a".to_owned(),
            key: Key::Columns(keys.iter().map(|key| (*key).to_owned()).collect()),
            change: SqlText::verbatim("UPDATE \"T\" a SET c = 1"),
            locking: condition.map(|_| SqlText::verbatim("SELECT FROM \"T\" a")),
            condition: condition.map(SqlText::verbatim),
            settings: SqlText::verbatim(""),
            size: None,
            repeats: false,
            silent: false,
        }
    }

    fn strings(values: &[&str]) -> Vec<String> {
        values.iter().map(|value| (*value).to_owned()).collect()
    }

    #[test]
    fn a_window_of_one_column() {
        let batch = batch(&["id"], None);
        let first = Window {
            after: None,
            upto: strings(&["9"]),
        };
        assert_eq!(
            batch.change(&first, None).as_str(),
            "UPDATE \"T\" a SET c = 1 WHERE \"a\".\"id\" <= '9' RETURNING 1"
        );
        assert_eq!(batch.lock(&first, None), None);
        assert_eq!(
            batch.end().as_str(),
            "SELECT \"id\" FROM \"public\".\"T\" ORDER BY \"id\" DESC LIMIT 1"
        );
        let (id, from, to) = (strings(&["id"]), strings(&["9"]), strings(&["99"]));
        assert_eq!(
            batch.next_bound(&id, Some(&from), &to, 50).as_str(),
            "SELECT \"t\".\"id\" FROM \"public\".\"T\" AS \"t\" WHERE \"t\".\"id\" > '9' AND \"t\".\"id\" <= '99' \
             ORDER BY \"t\".\"id\" OFFSET 49 LIMIT 1"
        );
        assert_eq!(
            batch.last_bound(&id, Some(&from), &to).as_str(),
            "SELECT \"id\", count(*) OVER () FROM (SELECT \"t\".\"id\" FROM \"public\".\"T\" AS \"t\" \
             WHERE \"t\".\"id\" > '9' AND \"t\".\"id\" <= '99') AS w ORDER BY \"id\" DESC LIMIT 1"
        );
    }

    #[test]
    fn a_window_of_several_columns_is_a_comparison_of_rows() {
        let batch = batch(&["b", "It's"], Some("c = 1 OR c = 2"));
        let window = Window {
            after: Some(strings(&["x'y", "1"])),
            upto: strings(&["z", "2"]),
        };
        let rows = "ROW(\"a\".\"b\", \"a\".\"It's\") > ROW('x''y', '1') AND ROW(\"a\".\"b\", \"a\".\"It's\") <= ROW('z', '2') AND (c = 1 OR c = 2)";
        assert_eq!(
            batch.change(&window, None).as_str(),
            format!("UPDATE \"T\" a SET c = 1 WHERE {rows} RETURNING 1")
        );
        assert_eq!(
            batch.lock(&window, None).unwrap().as_str(),
            format!(
                "SELECT count(*) FROM (SELECT FROM \"T\" a WHERE {rows} ORDER BY \"a\".\"b\", \"a\".\"It's\" \
                 FOR NO KEY UPDATE OF \"a\") AS locked"
            )
        );
    }

    #[test]
    fn a_condition_on_the_row_alone_needs_no_locks_before() {
        let batch = Batch {
            locking: None,
            ..batch(&["id"], Some("c = 1 OR c = 2"))
        };
        let first = Window {
            after: None,
            upto: strings(&["9"]),
        };
        assert_eq!(batch.lock(&first, None), None);
        assert_eq!(
            batch.change(&first, None).as_str(),
            "UPDATE \"T\" a SET c = 1 WHERE \"a\".\"id\" <= '9' AND CASE WHEN c = 1 OR c = 2 THEN true ELSE false END RETURNING 1"
        );
        assert!(batch.settings().as_str().starts_with("SET LOCAL enable_seqscan = off"));
    }

    #[test]
    fn a_batch_that_is_spread_takes_breath_between_rows() {
        let spread = Some(Spread { stint_micros: 400 });
        let batch = batch(&["id"], Some("c = 1"));
        let window = Window {
            after: None,
            upto: strings(&["9"]),
        };
        let breath = "CASE WHEN pg_catalog.random() < 0.0625 \
                      AND pg_catalog.date_part('microseconds', pg_catalog.clock_timestamp())::bigint % 1500 >= 400 \
                      THEN pg_catalog.pg_sleep(0.0009)::text END";
        assert_eq!(
            batch.change(&window, spread).as_str(),
            format!("UPDATE \"T\" a SET c = 1 WHERE \"a\".\"id\" <= '9' AND (c = 1) RETURNING {breath}")
        );
        let lock = batch.lock(&window, spread).unwrap();
        assert!(
            lock.as_str()
                .starts_with(&format!("SELECT count({breath}) FROM (SELECT ")),
            "{lock}"
        );
    }

    #[test]
    fn a_window_of_pages() {
        let batch = Batch {
            key: Key::Pages,
            ..batch(&[], Some("c IS NULL"))
        };
        let window = Window {
            after: Some(strings(&["8"])),
            upto: strings(&["16"]),
        };
        assert_eq!(
            batch.change(&window, None).as_str(),
            "UPDATE \"T\" a SET c = 1 WHERE \"a\".ctid >= '(8,0)'::pg_catalog.tid AND \"a\".ctid < '(16,0)'::pg_catalog.tid \
             AND (c IS NULL) RETURNING 1"
        );
    }
}
