//! The texts of plain parts: keys, foreign keys, indexes on columns, constants.
//!
//! The parser's deparser writes every part there is, for several times the price of having read it. What most migrations
//! are made of is written here in the same words, and tests hold the two together; the rest is left to the deparser.

use super::expr::is_reserved;
use super::keyword::KEYWORDS;
use super::names::str_of;
use crate::catalog::Expression;
use crate::quote::{Ident, Literal, Part as _};
use pg_query::NodeEnum;
use pg_query::protobuf::{
    AConst, ConstrType, Constraint, FuncCall, IndexElem, IndexStmt, Node, RangeVar, SortByDir, SortByNulls,
    SqlValueFunction, SqlValueFunctionOp, a_const,
};
use std::collections::BTreeSet;

/// A key or a foreign key without its name and `NOT VALID`.
pub(super) fn constraint(constraint: &Constraint) -> Option<String> {
    if constraint.deferrable || constraint.initdeferred || constraint.is_no_inherit {
        return None;
    }
    match constraint.contype() {
        ConstrType::ConstrPrimary => key("PRIMARY KEY (", constraint),
        ConstrType::ConstrUnique => key("UNIQUE (", constraint),
        ConstrType::ConstrForeign => foreign_key(constraint),
        _ => None,
    }
}

fn key(head: &str, constraint: &Constraint) -> Option<String> {
    let is_plain = !constraint.keys.is_empty()
        && !constraint.nulls_not_distinct
        && !constraint.without_overlaps
        && constraint.including.is_empty()
        && constraint.options.is_empty()
        && constraint.indexname.is_empty()
        && constraint.indexspace.is_empty();
    let mut out = head.to_owned();
    names(&mut out, &constraint.keys)?;
    out.push(')');
    is_plain.then_some(out)
}

fn foreign_key(constraint: &Constraint) -> Option<String> {
    let to = constraint.pktable.as_ref()?;
    let is_plain = !constraint.fk_attrs.is_empty()
        && !constraint.fk_with_period
        && !constraint.pk_with_period
        && constraint.fk_del_set_cols.is_empty()
        && matches!(constraint.fk_matchtype.as_str(), "" | "s")
        && constraint.is_enforced;
    let mut out = "FOREIGN KEY (".to_owned();
    names(&mut out, &constraint.fk_attrs)?;
    out.push_str(") REFERENCES ");
    relation(&mut out, to)?;
    if !constraint.pk_attrs.is_empty() {
        out.push_str(" (");
        names(&mut out, &constraint.pk_attrs)?;
        out.push(')');
    }
    for (on, code) in [
        (" ON UPDATE ", &constraint.fk_upd_action),
        (" ON DELETE ", &constraint.fk_del_action),
    ] {
        let action = match code.as_str() {
            "" | "a" => continue,
            "r" => "RESTRICT",
            "c" => "CASCADE",
            "n" => "SET NULL",
            "d" => "SET DEFAULT",
            _ => return None,
        };
        out.push_str(on);
        out.push_str(action);
    }
    is_plain.then_some(out)
}

/// What stands behind `ON table` of an index on columns.
pub(super) fn index_rest(index: &IndexStmt) -> Option<String> {
    let is_plain = !index.index_params.is_empty()
        && index.index_including_params.is_empty()
        && index.options.is_empty()
        && index.table_space.is_empty()
        && index.where_clause.is_none()
        && index.exclude_op_names.is_empty()
        && !index.nulls_not_distinct;
    if !is_plain {
        return None;
    }
    let mut out = String::with_capacity(64);
    if !index.access_method.is_empty() {
        out.push_str("USING ");
        identifier(&mut out, &index.access_method);
        out.push(' ');
    }
    out.push('(');
    for (at, param) in index.index_params.iter().enumerate() {
        if at > 0 {
            out.push_str(", ");
        }
        match &param.node {
            Some(NodeEnum::IndexElem(element)) => index_element(&mut out, element)?,
            _ => return None,
        }
    }
    out.push(')');
    Some(out)
}

fn index_element(out: &mut String, element: &IndexElem) -> Option<()> {
    let is_plain = !element.name.is_empty()
        && element.expr.is_none()
        && element.collation.is_empty()
        && element.opclass.is_empty();
    identifier(out, &element.name);
    out.push_str(match element.ordering() {
        SortByDir::SortbyDefault => "",
        SortByDir::SortbyAsc => " ASC",
        SortByDir::SortbyDesc => " DESC",
        _ => return None,
    });
    out.push_str(match element.nulls_ordering() {
        SortByNulls::SortbyNullsDefault => "",
        SortByNulls::SortbyNullsFirst => " NULLS FIRST",
        SortByNulls::SortbyNullsLast => " NULLS LAST",
        SortByNulls::Undefined => return None,
    });
    is_plain.then_some(())
}

/// A constant, the time, or a call without arguments.
pub(super) fn expression(node: &Node) -> Option<Expression> {
    let (sql, function) = match node.node.as_ref()? {
        NodeEnum::AConst(constant) => (self::constant(constant)?, None),
        NodeEnum::SqlvalueFunction(function) => value_function(function)?,
        NodeEnum::FuncCall(call) => {
            let name = plain_call(call)?;
            (format!("{name}()"), Some(name))
        }
        _ => return None,
    };
    Some(Expression {
        sql,
        columns: BTreeSet::new(),
        functions: function.map(str::to_owned).into_iter().collect(),
    })
}

fn constant(constant: &AConst) -> Option<String> {
    if constant.isnull {
        return Some("NULL".to_owned());
    }
    match constant.val.as_ref()? {
        a_const::Val::Ival(value) if value.ival >= 0 => Some(value.ival.to_string()),
        a_const::Val::Boolval(value) => Some(value.boolval.to_string()),
        // The words of a literal with backslashes are not read as the parser reads them.
        a_const::Val::Sval(value) if !value.sval.contains('\\') => {
            let mut out = String::with_capacity(value.sval.len() + 2);
            Literal(&value.sval).write_to(&mut out);
            Some(out)
        }
        _ => None,
    }
}

fn value_function(function: &SqlValueFunction) -> Option<(String, Option<&'static str>)> {
    let name = match function.op() {
        SqlValueFunctionOp::SvfopCurrentDate => "current_date",
        SqlValueFunctionOp::SvfopCurrentTimestamp | SqlValueFunctionOp::SvfopCurrentTimestampN => "current_timestamp",
        SqlValueFunctionOp::SvfopLocaltimestamp | SqlValueFunctionOp::SvfopLocaltimestampN => "localtimestamp",
        _ => return None,
    };
    let sql = match function.typmod {
        -1 => name.to_owned(),
        precision => format!("{name}({precision})"),
    };
    Some((sql, Some(name)))
}

/// The name of a function that is called without arguments, where it needs no quotes.
fn plain_call(call: &FuncCall) -> Option<&str> {
    let [name] = call.funcname.as_slice() else { return None };
    let is_plain = call.args.is_empty()
        && call.agg_order.is_empty()
        && call.agg_filter.is_none()
        && call.over.is_none()
        && !(call.agg_within_group || call.agg_star || call.agg_distinct || call.func_variadic);
    str_of(name).filter(|name| is_plain && is_bare(name) && !is_reserved(name))
}

fn relation(out: &mut String, relation: &RangeVar) -> Option<()> {
    if !relation.catalogname.is_empty() || !relation.inh || relation.alias.is_some() || relation.relname.is_empty() {
        return None;
    }
    if !relation.schemaname.is_empty() {
        identifier(out, &relation.schemaname);
        out.push('.');
    }
    identifier(out, &relation.relname);
    Some(())
}

/// Names between commas.
fn names(out: &mut String, nodes: &[Node]) -> Option<()> {
    for (at, node) in nodes.iter().enumerate() {
        if at > 0 {
            out.push_str(", ");
        }
        identifier(out, str_of(node)?);
    }
    Some(())
}

/// A name, in quotes only where it needs them: `quote_identifier` of PostgreSQL's `ruleutils.c`.
fn identifier(out: &mut String, name: &str) {
    if is_bare(name) {
        out.push_str(name);
    } else {
        Ident(name).write_to(out);
    }
}

fn is_bare(name: &str) -> bool {
    let is_word = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_');
    name.starts_with(|first: char| first.is_ascii_lowercase() || first == '_')
        && name.bytes().all(is_word)
        && KEYWORDS.binary_search(&name).is_err()
}

#[cfg(test)]
mod tests {
    use super::super::definition::deparsed_definition;
    use super::super::expr::deparse_expression;
    use super::super::table::deparsed_rest;
    use super::*;
    use proptest::prelude::*;

    fn statement(sql: &str) -> NodeEnum {
        let parsed = pg_query::parse(sql, pg_query::ParserOptions::DEFAULT).unwrap();
        let raw = parsed.protobuf.stmts.into_iter().next().unwrap();
        raw.stmt.unwrap().node.unwrap()
    }

    /// What is written here of a constraint, and what the deparser writes.
    fn both_of_constraint(definition: &str) -> (Option<String>, String) {
        let NodeEnum::AlterTableStmt(alter) = statement(&format!("ALTER TABLE t ADD {definition}")) else {
            panic!("{definition}");
        };
        let Some(NodeEnum::AlterTableCmd(cmd)) = alter.cmds.into_iter().next().unwrap().node else {
            panic!("{definition}");
        };
        let Some(NodeEnum::Constraint(own)) = cmd.def.unwrap().node else {
            panic!("{definition}");
        };
        let deparsed = deparsed_definition((*own).clone()).unwrap();
        (constraint(&own), deparsed.as_str().to_owned())
    }

    fn both_of_index(rest: &str) -> (Option<String>, String) {
        let NodeEnum::IndexStmt(index) = statement(&format!("CREATE INDEX i ON t {rest}")) else {
            panic!("{rest}");
        };
        let plain = index_rest(&index);
        (plain, deparsed_rest(*index).unwrap().as_str().to_owned())
    }

    fn both_of_expression(sql: &str) -> (Option<Expression>, Expression) {
        let NodeEnum::SelectStmt(select) = statement(&format!("SELECT {sql}")) else {
            panic!("{sql}");
        };
        let Some(NodeEnum::ResTarget(target)) = &select.target_list[0].node else {
            panic!("{sql}");
        };
        let value = target.val.as_deref().unwrap();
        (expression(value), deparse_expression(value))
    }

    fn quoted(name: &str) -> String {
        let mut out = String::new();
        Ident(name).write_to(&mut out);
        out
    }

    #[test]
    fn what_is_not_plain_is_left_to_the_deparser() {
        for definition in [
            "PRIMARY KEY (a) INCLUDE (b)",
            "PRIMARY KEY (a) DEFERRABLE",
            "PRIMARY KEY USING INDEX i",
            "UNIQUE NULLS NOT DISTINCT (a)",
            "UNIQUE (a) WITH (fillfactor = 70)",
            "UNIQUE (a) USING INDEX TABLESPACE s",
            "UNIQUE (a, b WITHOUT OVERLAPS)",
            "FOREIGN KEY (a) REFERENCES t (b) MATCH FULL",
            "FOREIGN KEY (a, b) REFERENCES t (a, b) ON DELETE SET NULL (a)",
            "FOREIGN KEY (a) REFERENCES t (b) NOT ENFORCED",
            "FOREIGN KEY (a) REFERENCES t (b) INITIALLY DEFERRED",
            "FOREIGN KEY (a, PERIOD b) REFERENCES t (a, PERIOD b)",
            "CHECK (a > 0)",
        ] {
            assert_eq!(both_of_constraint(definition).0, None, "{definition}");
        }
        for rest in [
            "(lower(a))",
            "(a COLLATE \"C\")",
            "(a text_pattern_ops)",
            "(a) INCLUDE (b)",
            "(a) NULLS NOT DISTINCT",
            "(a) WITH (fillfactor = 70)",
            "(a) TABLESPACE s",
            "(a) WHERE a > 0",
        ] {
            assert_eq!(both_of_index(rest).0, None, "{rest}");
        }
        for sql in [
            "-1",
            "1.5",
            "a",
            "now() - b",
            "f(1)",
            "\"F\"()",
            "s.f()",
            "count(*)",
            "'a'::text",
            "B'1'",
        ] {
            assert_eq!(both_of_expression(sql).0, None, "{sql}");
        }
    }

    fn name() -> impl Strategy<Value = String> {
        prop_oneof![
            "[a-z_][a-z0-9_]{0,8}",
            "[^\\x00]{1,8}",
            proptest::sample::select(KEYWORDS).prop_map(str::to_owned),
            Just("abort".to_owned()),
        ]
    }

    proptest! {
        #[test]
        fn constraints_are_what_the_deparser_writes(
            columns in proptest::collection::vec(name(), 1..4),
            to in (proptest::option::of(name()), name()),
            is_named in any::<bool>(),
            update in proptest::sample::select(vec!["", " ON UPDATE NO ACTION", " ON UPDATE CASCADE", " ON UPDATE RESTRICT"]),
            delete in proptest::sample::select(vec!["", " ON DELETE SET NULL", " ON DELETE SET DEFAULT", " ON DELETE CASCADE"]),
        ) {
            let list = columns.iter().map(|column| quoted(column)).collect::<Vec<_>>().join(", ");
            let table = to.0.map(|schema| quoted(&schema) + ".").unwrap_or_default() + &quoted(&to.1);
            let named = if is_named { format!(" ({list})") } else { String::new() };
            for definition in [
                format!("PRIMARY KEY ({list})"),
                format!("UNIQUE ({list})"),
                format!("FOREIGN KEY ({list}) REFERENCES {table}{named}{update}{delete}"),
                format!("CONSTRAINT n FOREIGN KEY ({list}) REFERENCES {table}{named}{update}{delete} NOT VALID"),
                format!("CONSTRAINT n UNIQUE ({list})"),
            ] {
                let (plain, deparsed) = both_of_constraint(&definition);
                prop_assert_eq!(plain, Some(deparsed));
            }
        }

        #[test]
        fn indexes_are_what_the_deparser_writes(
            method in proptest::option::of(name()),
            columns in proptest::collection::vec(
                (name(), proptest::sample::select(vec!["", " ASC", " DESC", " NULLS LAST", " DESC NULLS FIRST"])),
                1..4,
            ),
        ) {
            let list = columns.iter().map(|(column, order)| quoted(column) + order).collect::<Vec<_>>().join(", ");
            let using = method.map(|method| format!("USING {} ", quoted(&method))).unwrap_or_default();
            let (plain, deparsed) = both_of_index(&format!("{using}({list})"));
            prop_assert_eq!(plain, Some(deparsed));
        }

        #[test]
        fn expressions_are_what_the_deparser_writes(number in 0..=i32::MAX, string in "[^\\x00]{0,12}", call in "[a-z_][a-z0-9_]{0,8}") {
            let mut literal = String::new();
            Literal(&string).write_to(&mut literal);
            let fixed = ["NULL", "true", "FALSE", "CURRENT_TIMESTAMP", "current_timestamp(3)", "now()", "CURRENT_DATE", "localtimestamp"];
            let made = [number.to_string(), literal, format!("\"{call}\"()")];
            for sql in fixed.into_iter().map(str::to_owned).chain(made) {
                let (plain, deparsed) = both_of_expression(&sql);
                if let Some(plain) = plain {
                    prop_assert_eq!(plain, deparsed);
                } else {
                    prop_assert!(!is_bare(&call) || is_reserved(&call) || string.contains('\\'), "{}", sql);
                }
            }
        }
    }
}
