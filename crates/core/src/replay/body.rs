//! Statements inside blocks and functions: what a `DO` or a call runs, as far as the text tells.

use super::Certainty::{self, Known, Unknown};
use super::object::may_change;
use crate::catalog::{Catalog, Function};
use crate::sql::{self, Body, Inner, Kind, NameRef, Statement, When};

/// Deeper calls are taken to be unknown.
const DEEPEST: usize = 8;

/// What a statement runs besides itself.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Bodies {
    /// Statements in the order of the text, those of called functions in place of the call.
    pub statements: Vec<Inner>,
    /// Why there may be more.
    pub opaque: Option<String>,
}

/// The functions made by users that a call may mean, and that may change something.
pub(super) fn called<'a>(catalog: &'a Catalog, function: &str) -> Vec<&'a Function> {
    let found = catalog.resolve_function(&NameRef::dotted(function));
    let overloads = found.and_then(|name| catalog.functions.get(&name));
    let last = function.rsplit('.').next().unwrap_or(function);
    overloads
        .into_iter()
        .flatten()
        .filter(|overload| may_change(overload, last))
        .collect()
}

/// The functions that a statement calls, as written.
fn functions(statement: &Statement) -> &[String] {
    match &statement.kind {
        Kind::Select(query) => &query.functions,
        Kind::Dml(dml) => &dml.query.functions,
        Kind::Call { function } => std::slice::from_ref(function),
        _ => &[],
    }
}

/// What a block or the functions that a statement calls run; `None` where the statement runs nothing but itself.
pub fn inside(catalog: &Catalog, statement: &Statement) -> Option<Bodies> {
    let mut bodies = Bodies::default();
    let found = bodies.statement(catalog, statement, When::Always, &mut Vec::new());
    found.then_some(bodies)
}

impl Bodies {
    fn unknown(&mut self, why: impl Into<String>) {
        self.opaque.get_or_insert(why.into());
    }

    /// Whether the statement runs anything besides itself.
    fn statement(&mut self, catalog: &Catalog, statement: &Statement, when: When, calls: &mut Vec<String>) -> bool {
        if let Kind::Do { body } = &statement.kind {
            self.body(catalog, body, "the block", when, calls);
            return true;
        }
        let mut found = false;
        for function in functions(statement) {
            let overloads = called(catalog, function);
            let is_missing = overloads.is_empty() && matches!(statement.kind, Kind::Call { .. });
            if is_missing {
                self.unknown(format!("procedure {function} is not known"));
            }
            found |= is_missing || !overloads.is_empty();
            if overloads.len() > 1 {
                self.unknown(format!(
                    "there are {} functions {function}, and the text does not tell which is called",
                    overloads.len()
                ));
            } else if let Some(overload) = overloads.first() {
                self.call(catalog, function, overload, when, calls);
            }
        }
        found
    }

    fn call(&mut self, catalog: &Catalog, name: &str, function: &Function, when: When, calls: &mut Vec<String>) {
        let Some(text) = &function.body else {
            return self.unknown(format!("function {name} is written in {}", function.language));
        };
        if calls.iter().any(|known| known == name) || calls.len() >= DEEPEST {
            return self.unknown(format!("function {name} calls itself"));
        }
        let body = sql::parse_function(&function.language, &function.arguments, &function.returns, text);
        calls.push(name.to_owned());
        self.body(catalog, &body, &format!("function {name}"), when, calls);
        calls.pop();
    }

    fn body(&mut self, catalog: &Catalog, body: &Body, what: &str, when: When, calls: &mut Vec<String>) {
        if let Some(why) = &body.opaque {
            self.unknown(format!("{what}: {why}"));
        }
        for inner in &body.statements {
            let when = when.max(inner.when);
            let mut statement = inner.statement.clone();
            if !calls.is_empty() {
                // Its place is in another file.
                statement.span = crate::source::Span { start: 0, end: 0 };
            }
            if !self.statement(catalog, &statement, when, calls)
                || !matches!(statement.kind, Kind::Do { .. } | Kind::Call { .. })
            {
                self.statements.push(Inner { statement, when });
            }
        }
    }
}

/// Runs what a statement runs besides itself. Nobody but a server can tell which branch was taken.
pub(super) fn run(catalog: &mut Catalog, statement: &Statement) -> Certainty {
    let Some(bodies) = inside(catalog, statement) else {
        return Known;
    };
    let mut certainty = if bodies.opaque.is_some() {
        Unknown
    } else {
        Certainty::Guessed
    };
    for inner in &bodies.statements {
        let own = apply_inner(catalog, inner);
        certainty = certainty.max(own);
    }
    certainty
}

/// One statement of a body. What it calls stands behind it in the list.
pub(crate) fn apply_inner(catalog: &mut Catalog, inner: &Inner) -> Certainty {
    let own = match &inner.statement.kind {
        Kind::Select(_) | Kind::Do { .. } | Kind::Call { .. } => Known,
        Kind::Transaction(_) => Unknown,
        _ => super::apply(catalog, &inner.statement),
    };
    match inner.when {
        When::Always => own,
        When::IfNeeded => own.max(Certainty::Guessed),
        When::Perhaps if changes_rows_only(&inner.statement.kind) => own,
        When::Perhaps => Unknown,
    }
}

/// The schema is the same whether it ran or not.
fn changes_rows_only(kind: &Kind) -> bool {
    matches!(
        kind,
        Kind::Select(_)
            | Kind::Dml(_)
            | Kind::Truncate { .. }
            | Kind::Copy { .. }
            | Kind::Lock { .. }
            | Kind::Set { .. }
            | Kind::Comment { .. }
            | Kind::Grant { .. }
            | Kind::Refresh { .. }
            | Kind::Maintain { .. }
            | Kind::NoRelation { .. }
    )
}
