//! A statement as something that EXPLAIN takes, and whether EXPLAIN may run it.
//!
//! What the text tells is told; a volatile function behind a view is the read-only transaction's to stop.

use super::expr::uses;
use super::{Word, is_comment, tokens};
use pg_query::NodeEnum;
use pg_query::protobuf::{SelectStmt, Token};
use std::collections::BTreeSet;

/// What EXPLAIN would plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// What running it would do beside reading; `None` where its text tells of nothing.
    pub does: Option<String>,
    /// Functions that it calls, case-folded, with their schema where one is written. A name too many is possible.
    pub functions: BTreeSet<String>,
    /// It has `$1`, for which no value is known.
    pub parameters: bool,
}

/// How a statement reads; `None` for one that EXPLAIN does not take, or that makes a table.
pub fn reading(sql: &str) -> Option<Reading> {
    let parsed = pg_query::parse(sql, pg_query::ParserOptions::DEFAULT).ok()?;
    let [statement] = parsed.protobuf.stmts.as_slice() else {
        return None;
    };
    let mut words = tokens(sql).ok()?;
    words.retain(|word| !is_comment(word.token));
    let does = match statement.stmt.as_ref()?.node.as_ref()? {
        NodeEnum::SelectStmt(select) if select.into_clause.is_some() => return None,
        NodeEnum::SelectStmt(select) => changing_with(select).or_else(|| locks(&words, sql)),
        NodeEnum::InsertStmt(_) | NodeEnum::UpdateStmt(_) | NodeEnum::DeleteStmt(_) | NodeEnum::MergeStmt(_) => {
            Some("it changes rows".to_owned())
        }
        _ => return None,
    };
    Some(Reading {
        does,
        functions: uses(sql).1,
        parameters: words.iter().any(|word| word.token == Token::Param),
    })
}

/// The server has such a `WITH` at the top only.
fn changing_with(select: &SelectStmt) -> Option<String> {
    let tables = select.with_clause.iter().flat_map(|with| &with.ctes);
    let changes = tables.filter_map(|node| match &node.node {
        Some(NodeEnum::CommonTableExpr(cte)) => match cte.ctequery.as_ref()?.node.as_ref()? {
            NodeEnum::SelectStmt(_) => None,
            _ => Some(cte.ctename.as_str()),
        },
        _ => None,
    });
    let name = changes.into_iter().next()?;
    Some(format!("its WITH {name} changes rows"))
}

/// `FOR UPDATE` and its kin, at any depth.
fn locks(words: &[Word], sql: &str) -> Option<String> {
    let text = |word: &Word| sql[word.start..word.end].to_uppercase();
    let at = words.windows(2).position(|pair| {
        pair[0].token == Token::For && matches!(pair[1].token, Token::Update | Token::No | Token::Share | Token::Key)
    })?;
    Some(format!("it locks rows ({} {})", text(&words[at]), text(&words[at + 1])))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn does(sql: &str) -> Option<String> {
        reading(sql).unwrap().does
    }

    #[test]
    fn what_only_reads() {
        for sql in [
            "SELECT * FROM t WHERE a = 1 ORDER BY b LIMIT 10",
            "WITH x AS (SELECT 1) SELECT substring(a FROM 1 FOR 3) FROM x",
            "VALUES (1), (2)",
            "TABLE t",
            "SELECT 'FOR UPDATE' AS \"for\" -- FOR SHARE",
        ] {
            assert_eq!(does(sql), None, "{sql}");
        }
    }

    #[test]
    fn what_does_more() {
        for (sql, word) in [
            ("WITH gone AS (DELETE FROM t RETURNING a) SELECT * FROM gone", "gone"),
            (
                "WITH a AS (SELECT 1), b AS (MERGE INTO t USING a ON true WHEN MATCHED THEN DELETE RETURNING 1) SELECT 1",
                "b",
            ),
            ("SELECT * FROM (SELECT * FROM t FOR UPDATE SKIP LOCKED) x", "FOR UPDATE"),
            ("SELECT * FROM t FOR NO KEY UPDATE", "FOR NO"),
            ("SELECT * FROM t for /* nobody */ share", "FOR SHARE"),
            ("INSERT INTO t SELECT 1", "rows"),
            ("UPDATE t SET a = 1", "rows"),
        ] {
            assert!(does(sql).unwrap().contains(word), "{sql}");
        }
    }

    #[test]
    fn what_explain_does_not_take() {
        for sql in [
            "CREATE INDEX ON t (a)",
            "SELECT 1 INTO x",
            "EXPLAIN SELECT 1",
            "CREATE TABLE x AS SELECT 1",
            "SELECT 1; SELECT 2",
            "SELEC 1",
            "",
        ] {
            assert_eq!(reading(sql), None, "{sql}");
        }
    }

    #[test]
    fn functions_and_parameters() {
        let found = reading("SELECT pg_catalog.now(), \"My\".F(a) FROM t WHERE nextval('s') > $1").unwrap();
        let functions: Vec<&str> = found.functions.iter().map(String::as_str).collect();
        assert_eq!(functions, ["My.f", "nextval", "pg_catalog.now"]);
        assert!(found.parameters);
        assert!(!reading("SELECT '$1'").unwrap().parameters);
    }
}
