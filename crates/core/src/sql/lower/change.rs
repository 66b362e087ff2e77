//! `UPDATE` and `DELETE` put together from parts that a user gives one by one.
//!
//! Each part is parsed by itself and must be nothing but what it should be; the statement is made of the trees, so that no
//! part can reach beyond its place.

use super::super::{NameRef, Statement};
use super::expr::{deparse, placeholder, render};
use super::names::relation;
use super::room;
use crate::quote::{Name, SqlText};
use crate::source::SourceFile;
use pg_query::protobuf::{DeleteStmt, Node, RangeVar, UpdateStmt};
use pg_query::{NodeEnum, NodeRef};

/// What becomes of the rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Assignments, `column = expression`.
    Set(Vec<String>),
    /// The rows go.
    Delete,
}

/// A part that is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PartError {
    /// PostgreSQL's grammar refuses it.
    #[error("`{part}`: {message}")]
    Syntax {
        /// The part.
        part: String,
        /// What the grammar said.
        message: String,
    },
    /// It is something else, or more than it should be.
    #[error("`{part}` is not {wanted}, and nothing else")]
    Other {
        /// The part.
        part: String,
        /// What it should be.
        wanted: &'static str,
    },
}

const ASSIGNMENTS: &str = "`column = expression`";
const CONDITION: &str = "a condition on a row";

/// The statement that changes the rows of a table for which the condition holds.
///
/// # Errors
/// The first part that is not what it should be.
pub fn change(table: &Name, change: &Change, condition: Option<&str>) -> Result<Statement, PartError> {
    let table = RangeVar {
        schemaname: table.schema.clone(),
        relname: table.name.clone(),
        ..placeholder()
    };
    let where_clause = condition.map(condition_node).transpose()?.map(Box::new);
    let (node, all) = match change {
        Change::Set(parts) => {
            let mut target_list = Vec::new();
            for part in parts {
                target_list.extend(assignments(part)?);
            }
            let update = UpdateStmt {
                relation: Some(table),
                target_list,
                where_clause,
                ..UpdateStmt::default()
            };
            (NodeEnum::UpdateStmt(Box::new(update)), parts.join(", "))
        }
        Change::Delete => {
            let delete = DeleteStmt {
                relation: Some(table),
                where_clause,
                ..DeleteStmt::default()
            };
            (NodeEnum::DeleteStmt(Box::new(delete)), "DELETE".to_owned())
        }
    };
    let other = || PartError::Other {
        part: all.clone(),
        wanted: ASSIGNMENTS,
    };
    let text = deparse(node).ok_or_else(other)?;
    let script = super::parse(&SourceFile::new("backfill", text)).map_err(|_| other())?;
    script.statements.into_iter().next().ok_or_else(other)
}

/// An expression that is true or false, as the parser writes it.
///
/// # Errors
/// It is something else.
pub fn condition(text: &str) -> Result<SqlText, PartError> {
    let node = condition_node(text)?;
    render(&node).map(SqlText::verbatim).ok_or_else(|| PartError::Other {
        part: text.to_owned(),
        wanted: CONDITION,
    })
}

/// The name of a table, read as in SQL.
pub fn table_name(text: &str) -> Option<NameRef> {
    let NodeEnum::DeleteStmt(delete) = single(text, &format!("DELETE FROM {text}")).ok()?? else {
        return None;
    };
    let table = delete.relation.as_ref()?;
    let bare = table.alias.is_none()
        && table.inh
        && delete.using_clause.is_empty()
        && delete.where_clause.is_none()
        && delete.returning_clause.is_none();
    bare.then(|| relation(table))
}

fn assignments(part: &str) -> Result<Vec<Node>, PartError> {
    match single(part, &format!("UPDATE x SET {part}"))? {
        Some(NodeEnum::UpdateStmt(update))
            if update.from_clause.is_empty()
                && update.where_clause.is_none()
                && update.returning_clause.is_none()
                && !has_parameter(&NodeEnum::UpdateStmt(update.clone())) =>
        {
            Ok(update.target_list)
        }
        _ => Err(PartError::Other {
            part: part.to_owned(),
            wanted: ASSIGNMENTS,
        }),
    }
}

fn condition_node(part: &str) -> Result<Node, PartError> {
    let other = || PartError::Other {
        part: part.to_owned(),
        wanted: CONDITION,
    };
    match single(part, &format!("DELETE FROM x WHERE {part}"))? {
        Some(NodeEnum::DeleteStmt(delete))
            if delete.returning_clause.is_none() && !has_parameter(&NodeEnum::DeleteStmt(delete.clone())) =>
        {
            delete.where_clause.map(|node| *node).ok_or_else(other)
        }
        _ => Err(other()),
    }
}

fn has_parameter(node: &NodeEnum) -> bool {
    let nodes = super::walk::nodes(node);
    nodes.iter().any(|(node, _)| matches!(node, NodeRef::ParamRef(_)))
}

/// The one statement of a text; `None` where it is none, or several.
fn single(part: &str, text: &str) -> Result<Option<NodeEnum>, PartError> {
    let parsed = room::for_text(text, || pg_query::parse(text, pg_query::ParserOptions::DEFAULT));
    let parsed = parsed.map_err(|error| PartError::Syntax {
        part: part.to_owned(),
        message: error.to_string().trim_start_matches("Invalid statement: ").to_owned(),
    })?;
    let [statement] = parsed.protobuf.stmts.as_slice() else {
        return Ok(None);
    };
    Ok(statement.stmt.as_ref().and_then(|statement| statement.node.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(parts: &[&str], condition: Option<&str>) -> Result<String, PartError> {
        let parts = Change::Set(parts.iter().map(|part| (*part).to_owned()).collect());
        let table = Name::new("public", "T");
        change(&table, &parts, condition).map(|statement| statement.sql.as_str().to_owned())
    }

    #[test]
    fn parts_come_together_and_none_reaches_beyond_its_place() {
        assert_eq!(
            set(
                &["a = a + 1", "b = 'x', c = DEFAULT"],
                Some("a > 1 OR \"T\".b IS NULL -- x")
            )
            .unwrap(),
            "UPDATE public.\"T\" SET a = a + 1, b = 'x', c = DEFAULT WHERE a > 1 OR \"T\".b IS NULL"
        );
        let table = Name::new("s", "t");
        let delete = change(&table, &Change::Delete, Some("a = 'it''s'")).unwrap();
        assert_eq!(delete.sql.as_str(), "DELETE FROM s.t WHERE a = 'it''s'");
        for part in [
            "a = 1 WHERE true",
            "a = 1 FROM u",
            "a = 1 RETURNING a",
            "a = 1; DROP TABLE t",
            "a = $1",
        ] {
            let error = set(&[part], None).unwrap_err().to_string();
            assert!(error.contains("is not `column = expression`"), "{error}");
        }
        for part in ["true RETURNING 1", "true; DROP TABLE t", "a = $1"] {
            let error = set(&["a = 1"], Some(part)).unwrap_err().to_string();
            assert!(error.contains("is not a condition on a row"), "{error}");
        }
        assert_eq!(
            set(&["a = = 1"], None).unwrap_err().to_string(),
            "`a = = 1`: syntax error at or near \"=\""
        );
        assert!(set(&["a = 1"], Some("")).is_err());
        assert!(set(&[], None).is_err());
    }

    #[test]
    fn names_and_conditions_are_nothing_else() {
        let name = table_name("s.\"T t\"").unwrap();
        assert_eq!((name.schema.as_deref(), name.name.as_str()), (Some("s"), "T t"));
        assert_eq!(table_name("Tip").unwrap().name, "tip");
        for text in ["t WHERE true", "t u", "ONLY t", "t; SELECT 1", "", "t --"] {
            assert!(table_name(text).is_none() || text == "t --", "{text}");
        }
        assert_eq!(
            condition("EXISTS(select from j)").unwrap().as_str(),
            "EXISTS (SELECT FROM j)"
        );
        assert!(condition("1; SELECT 2").is_err());
    }
}
