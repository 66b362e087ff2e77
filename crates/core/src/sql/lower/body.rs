//! Bodies of blocks and functions: the SQL statements in them, as far as they can be read without running them.
//!
//! PL/pgSQL is read by the parser's own PL/pgSQL grammar. A statement keeps its condition: a migration that looks whether
//! something is there before it makes it still makes it on somebody's database.

use super::super::{Body, Inner, Kind, Query, Statement, When};
use super::names::{constant, option};
use super::{dynamic, parse_fragment};
use crate::source::Span;
use pg_query::protobuf;
use serde_json::Value;
use std::collections::BTreeSet;

/// The statements of a `DO` block, with their places in its text.
pub(super) fn of_block(block: &protobuf::DoStmt, sql: &str) -> Body {
    let word = |name: &str| {
        option(&block.args, name)
            .and_then(|elem| elem.arg.as_ref())
            .and_then(|arg| constant(arg))
    };
    let text = word("as").unwrap_or_default();
    let mut body = parse_function(word("language").as_deref().unwrap_or("plpgsql"), "", "", &text);
    // A body in plain quotes may stand there with its own quotes doubled.
    let at = sql.find(&text).filter(|_| !text.is_empty());
    for inner in &mut body.statements {
        let span = &mut inner.statement.span;
        *span = match at {
            Some(at) if *span != NOWHERE => Span {
                start: span.start + at,
                end: span.end + at,
            },
            _ => NOWHERE,
        };
    }
    body
}

/// The statements of a function's body. The arguments are given as `pg_get_function_identity_arguments` prints them, and
/// what it returns as `pg_get_function_result` does.
pub fn parse_function(language: &str, arguments: &str, returns: &str, body: &str) -> Body {
    match language.to_lowercase().as_str() {
        "plpgsql" => of_plpgsql(arguments, returns, body),
        "sql" => of_sql(body),
        other => Body::opaque(format!("its body is in {other}")),
    }
}

/// A body of plain SQL: its statements run one after the other.
fn of_sql(text: &str) -> Body {
    // A standard body is `RETURN expression`, or statements between BEGIN ATOMIC and END.
    let trimmed = text.trim();
    let upper = trimmed.to_ascii_uppercase();
    let inner = if upper.starts_with("RETURN ") {
        format!("SELECT {}", &trimmed[7..])
    } else if upper.starts_with("BEGIN ATOMIC") && upper.ends_with("END") {
        trimmed[12..trimmed.len() - 3].to_owned()
    } else {
        text.to_owned()
    };
    let Some(statements) = parse_fragment(&inner) else {
        return Body::opaque("its SQL body does not parse".to_owned());
    };
    let is_same = inner.len() == text.len();
    let mut reader = Reader::new(text);
    for mut statement in statements {
        if !is_same {
            statement.span = NOWHERE;
        }
        reader.push(statement, When::Always);
    }
    reader.done()
}

fn of_plpgsql(arguments: &str, returns: &str, text: &str) -> Body {
    let mut tag = "$nonstop$".to_owned();
    while text.contains(&tag) {
        tag.insert(1, 'x');
    }
    // What the library says of a trigger's own variables cannot be read back; as arguments they can be.
    let (arguments, result) = match returns {
        "trigger" => ("new record, old record, tg_op text, tg_argv text", "record"),
        "" => (arguments, "void"),
        other => (arguments, other),
    };
    let parse = |text: &str| {
        let definition =
            format!("CREATE FUNCTION nonstop_body({arguments}) RETURNS {result} LANGUAGE plpgsql AS {tag}{text}{tag}");
        pg_query::parse_plpgsql(&definition)
    };
    // The grammar does not look a table's row type up; any record will do.
    let tree = parse(text).or_else(|error| match without_row_types(text) {
        Some(text) => parse(&text),
        None => Err(error),
    });
    match tree {
        Ok(tree) => {
            let mut reader = Reader::new(text);
            reader.declarations(&tree);
            let action = &tree[0]["PLpgSQL_function"]["action"];
            reader.statement(action, When::Always);
            reader.done()
        }
        Err(pg_query::Error::Parse(message)) => Body::opaque(format!("its PL/pgSQL does not parse: {message}")),
        Err(_) => Body::opaque("its PL/pgSQL is of a form that nonstop cannot read".to_owned()),
    }
}

/// `name%ROWTYPE` as `record`, with every character behind it where it was.
fn without_row_types(text: &str) -> Option<String> {
    let mut out = text.to_owned();
    let mut from = 0;
    while let Some(at) = out[from..].to_ascii_lowercase().find("%rowtype").map(|at| at + from) {
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '"' | '$');
        let start = out[..at].trim_end_matches(is_name).len();
        let end = at + "%rowtype".len();
        if end - start >= "record".len() {
            let blank = " ".repeat(end - start - "record".len());
            out.replace_range(start..end, &format!("record{blank}"));
        }
        from = end;
    }
    (from > 0).then_some(out)
}

impl Body {
    fn opaque(why: String) -> Self {
        Self {
            statements: Vec::new(),
            opaque: Some(why),
        }
    }
}

/// A span of a statement that stands nowhere in the text.
const NOWHERE: Span = Span { start: 0, end: 0 };

/// Reads the tree that the PL/pgSQL grammar gives.
struct Reader<'a> {
    text: &'a str,
    /// Where each line begins.
    lines: Vec<usize>,
    constants: dynamic::Constants,
    /// Variables that were set by a look into the system catalogs.
    looked: BTreeSet<String>,
    body: Body,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Self {
        let starts = text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            text,
            lines: std::iter::once(0).chain(starts).collect(),
            constants: dynamic::Constants::default(),
            looked: BTreeSet::new(),
            body: Body::default(),
        }
    }

    fn done(mut self) -> Body {
        for (at, inner) in self.body.statements.iter_mut().enumerate() {
            inner.statement.ordinal = at + 1;
        }
        self.body
    }

    fn unknown(&mut self, why: impl Into<String>) {
        self.body.opaque.get_or_insert(why.into());
    }

    fn push(&mut self, statement: Statement, when: When) {
        if !is_harmless(&statement.kind) {
            self.body.statements.push(Inner { statement, when });
        }
    }

    /// Variables with a constant for a default, unless they are assigned to, and expressions that run at the start.
    fn declarations(&mut self, tree: &Value) {
        let datums = tree[0]["PLpgSQL_function"]["datums"].as_array();
        for datum in datums.into_iter().flatten() {
            let variable = &datum["PLpgSQL_var"];
            let (Some(name), Some(default)) = (variable["refname"].as_str(), text_of(&variable["default_val"])) else {
                continue;
            };
            self.constants.declare(name, default);
            self.read(default, line_of(variable), When::Always);
        }
        self.constants.forget_assigned(tree);
    }

    fn list(&mut self, list: &Value, when: When) {
        let mut when = when;
        for statement in list.as_array().into_iter().flatten() {
            self.statement(statement, when);
            // What stands behind an early end runs only without it.
            when = when.max(self.ends_early(statement));
        }
    }

    fn statement(&mut self, statement: &Value, when: When) {
        let Some((kind, fields)) = statement.as_object().and_then(|object| object.iter().next()) else {
            return;
        };
        let line = line_of(fields);
        match kind.as_str() {
            "PLpgSQL_stmt_block" => self.block(fields, when),
            "PLpgSQL_stmt_execsql" => {
                self.expr(&fields["sqlstmt"], line, when);
                let row = fields["target"]["PLpgSQL_row"]["fields"].as_array();
                let names = row.into_iter().flatten().filter_map(|field| field["name"].as_str());
                let one = fields["target"]["PLpgSQL_var"]["refname"].as_str();
                let query = text_of(&fields["sqlstmt"]).unwrap_or_default();
                names.chain(one).for_each(|name| self.sets(name, query));
            }
            "PLpgSQL_stmt_assign" => {
                self.expr(&fields["expr"], line, when);
                let parts = text_of(&fields["expr"]).and_then(|text| text.split_once(":="));
                if let Some((name, value)) = parts {
                    self.sets(name.trim(), &format!("SELECT {value}"));
                }
            }
            "PLpgSQL_stmt_if" => self.branches(fields, line, when),
            "PLpgSQL_stmt_case" => {
                self.expr(&fields["t_expr"], line, when);
                for branch in fields["case_when_list"].as_array().into_iter().flatten() {
                    self.list(&branch["PLpgSQL_case_when"]["stmts"], When::Perhaps);
                }
                self.list(&fields["else_stmts"], When::Perhaps);
            }
            "PLpgSQL_stmt_dynexecute" => self.execute(&fields["query"], line, when),
            "PLpgSQL_stmt_dynfors" => {
                self.execute(&fields["query"], line, when);
                self.list(&fields["body"], When::Perhaps);
            }
            "PLpgSQL_stmt_return_query" if !fields["dynquery"].is_null() => {
                self.execute(&fields["dynquery"], line, when);
            }
            "PLpgSQL_stmt_call" => self.expr(&fields["expr"], line, when),
            "PLpgSQL_stmt_commit" | "PLpgSQL_stmt_rollback" => {
                self.unknown("it ends transactions by itself");
            }
            "PLpgSQL_stmt_open" if !fields["dynquery"].is_null() => self.execute(&fields["dynquery"], line, when),
            // Loops, returns, assignments, PERFORM, RAISE: expressions now, their statements on a condition.
            _ => {
                for (name, value) in fields.as_object().into_iter().flatten() {
                    match name.as_str() {
                        "body" | "stmts" => self.list(value, When::Perhaps),
                        _ => self.expressions(value, line, when),
                    }
                }
            }
        }
    }

    fn block(&mut self, fields: &Value, when: When) {
        let handlers = &fields["exceptions"]["PLpgSQL_exception_block"]["exc_list"];
        let handlers: Vec<&Value> = handlers.as_array().into_iter().flatten().collect();
        let mut inside = when;
        for handler in &handlers {
            inside = inside.max(caught(&handler["PLpgSQL_exception"]));
        }
        self.list(&fields["body"], inside);
        for handler in handlers {
            self.list(&handler["PLpgSQL_exception"]["action"], When::Perhaps);
        }
    }

    fn branches(&mut self, fields: &Value, line: usize, when: When) {
        self.expr(&fields["cond"], line, when);
        let condition = text_of(&fields["cond"]).unwrap_or_default();
        let mut inside = when.max(self.looks_whether_needed(condition));
        self.list(&fields["then_body"], inside);
        for branch in fields["elsif_list"].as_array().into_iter().flatten() {
            let branch = &branch["PLpgSQL_if_elsif"];
            self.expr(&branch["cond"], line, when);
            inside = inside.max(self.looks_whether_needed(text_of(&branch["cond"]).unwrap_or_default()));
            self.list(&branch["stmts"], inside);
        }
        self.list(&fields["else_body"], inside);
    }

    /// A variable gets another value.
    fn sets(&mut self, name: &str, query: &str) {
        if names_system(query) && looks_into_system(query) == Some(true) {
            self.looked.insert(name.to_lowercase());
        } else {
            self.looked.remove(&name.to_lowercase());
        }
    }

    /// A condition that only looks into the system catalogs, or at what was found there, asks whether the work is still
    /// to be done.
    fn looks_whether_needed(&self, condition: &str) -> When {
        if self.looked.is_empty() && !names_system(condition) {
            return When::Perhaps;
        }
        let is_needed = looks_into_system(&format!("SELECT {condition}")).unwrap_or_else(|| {
            let words = crate::sql::identifiers(condition).into_iter();
            let mut names = words.map(|word| word.name).peekable();
            names.peek().is_some() && names.all(|word| self.looked.contains(&word))
        });
        if is_needed { When::IfNeeded } else { When::Perhaps }
    }

    /// Whether the statements behind this one run only on a condition.
    fn ends_early(&self, statement: &Value) -> When {
        fn holds_end(value: &Value) -> bool {
            match value {
                Value::Array(items) => items.iter().any(holds_end),
                Value::Object(fields) => fields.iter().any(|(name, value)| {
                    matches!(name.as_str(), "PLpgSQL_stmt_return" | "PLpgSQL_stmt_exit") || holds_end(value)
                }),
                _ => false,
            }
        }
        let branch = &statement["PLpgSQL_stmt_if"];
        if holds_end(branch) {
            return self.looks_whether_needed(text_of(&branch["cond"]).unwrap_or_default());
        }
        if holds_end(&statement["PLpgSQL_stmt_case"]) {
            return When::Perhaps;
        }
        When::Always
    }

    fn expressions(&mut self, value: &Value, line: usize, when: When) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.expressions(item, line, when)),
            Value::Object(fields) => {
                for (name, value) in fields {
                    if name == "PLpgSQL_expr" {
                        self.read(value["query"].as_str().unwrap_or_default(), line, when);
                    } else {
                        self.expressions(value, line, when);
                    }
                }
            }
            _ => {}
        }
    }

    fn expr(&mut self, expr: &Value, line: usize, when: When) {
        if let Some(text) = text_of(expr) {
            self.read(text, line, when);
        }
    }

    /// A whole statement, or an expression: those are read as `SELECT expression`, for what they read and call.
    fn read(&mut self, text: &str, line: usize, when: When) {
        let place = self.place(text, line);
        let assigned = text.split_once(":=").map(|(_, right)| right);
        let parsed = parse_fragment(text)
            .or_else(|| parse_fragment(&format!("SELECT {text}")))
            .or_else(|| parse_fragment(&format!("SELECT {}", assigned?)));
        let Some(statements) = parsed else {
            return self.unknown(format!("`{}` does not parse", shortened(text)));
        };
        for mut statement in statements {
            statement.span = place;
            self.push(statement, when);
        }
    }

    /// `EXECUTE` of a text that is known is that statement; of anything else, unknown.
    fn execute(&mut self, query: &Value, line: usize, when: When) {
        let Some(text) = text_of(query) else { return };
        let place = self.place(text, line);
        // The expression itself may call functions.
        self.read(text, line, when);
        let built = self.constants.value(text);
        let statements = built.as_deref().map(|built| (built, parse_fragment(built)));
        match statements {
            Some((_, Some(statements))) => {
                for mut statement in statements {
                    statement.span = place;
                    self.push(statement, when);
                }
            }
            Some((built, None)) => self.unknown(format!("`{}` does not parse", shortened(built))),
            None => self.unknown(format!(
                "it runs SQL that it puts together: EXECUTE {}",
                shortened(text)
            )),
        }
    }

    /// Where the text stands, from its line on.
    fn place(&self, text: &str, line: usize) -> Span {
        let Some(from) = line.checked_sub(1).and_then(|at| self.lines.get(at)) else {
            return NOWHERE;
        };
        match self.text[*from..].find(text) {
            Some(at) => Span {
                start: from + at,
                end: from + at + text.len(),
            },
            None => NOWHERE,
        }
    }
}

fn text_of(expr: &Value) -> Option<&str> {
    expr["PLpgSQL_expr"]["query"].as_str()
}

fn line_of(fields: &Value) -> usize {
    fields["lineno"]
        .as_u64()
        .and_then(|line| usize::try_from(line).ok())
        .unwrap_or(0)
}

fn shortened(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.chars().count() <= 60 {
        return words;
    }
    format!("{}…", words.chars().take(59).collect::<String>())
}

fn is_harmless(kind: &Kind) -> bool {
    matches!(kind, Kind::Select(Query { reads, writes, functions, .. }) if reads.is_empty() && writes.is_empty() && functions.is_empty())
}

/// Whether a text can be one that looks into the system catalogs: most are not, and need not be parsed for it.
fn names_system(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["pg_", "information_schema", "to_reg"]
        .iter()
        .any(|word| text.contains(word))
}

/// Whether a query or a call only looks into the system catalogs; `None` where it looks nowhere.
fn looks_into_system(text: &str) -> Option<bool> {
    let system = |name: &crate::sql::NameRef| match &name.schema {
        Some(schema) => schema == "information_schema" || schema == "pg_catalog",
        None => name.name.starts_with("pg_"),
    };
    let looks = |statement: &Statement| match &statement.kind {
        Kind::Select(query) => {
            let by_function = query.functions.iter().any(|name| name.starts_with("to_reg"));
            let only = query.writes.is_empty() && query.reads.iter().all(system);
            let nowhere = query.reads.is_empty() && query.functions.is_empty() && only;
            (!nowhere).then_some(only && (!query.reads.is_empty() || by_function))
        }
        _ => Some(false),
    };
    let Some(statements) = parse_fragment(text) else {
        return Some(false);
    };
    let all: Vec<bool> = statements.iter().filter_map(looks).collect();
    (!all.is_empty()).then(|| all.into_iter().all(|one| one))
}

/// Errors that say only that the work is done already.
fn caught(handler: &Value) -> When {
    let conditions = handler["conditions"].as_array().into_iter().flatten();
    let names = conditions.filter_map(|condition| condition["PLpgSQL_condition"]["condname"].as_str());
    let done = |name: &str| name.starts_with("duplicate_") || name.starts_with("undefined_");
    if names.into_iter().all(done) {
        When::IfNeeded
    } else {
        When::Perhaps
    }
}

/// The functions called in a body that is one expression, `SELECT lower(a)`: the planner puts it in the call's place
/// (`inline_function` in PostgreSQL's `clauses.c`).
pub fn single_expression(body: &str) -> Option<BTreeSet<String>> {
    let parsed = pg_query::parse(body, pg_query::ParserOptions::DEFAULT).ok()?;
    let [raw] = parsed.protobuf.stmts.as_slice() else {
        return None;
    };
    let Some(pg_query::NodeEnum::SelectStmt(select)) = raw.stmt.as_ref()?.node.as_ref() else {
        return None;
    };
    let plain = select.from_clause.is_empty()
        && select.where_clause.is_none()
        && select.group_clause.is_empty()
        && select.having_clause.is_none()
        && select.window_clause.is_empty()
        && select.distinct_clause.is_empty()
        && select.sort_clause.is_empty()
        && select.limit_count.is_none()
        && select.with_clause.is_none()
        && select.larg.is_none();
    let ([target], true) = (select.target_list.as_slice(), plain) else {
        return None;
    };
    match target.node.as_ref()? {
        pg_query::NodeEnum::ResTarget(target) => Some(super::expr::expression(target.val.as_ref()?).functions),
        _ => None,
    }
}
