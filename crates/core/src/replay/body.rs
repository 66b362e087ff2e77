//! Statements inside blocks and functions: what a `DO` or a call runs, as far as the text tells.

use super::Certainty::{self, Known, Unknown};
use super::object::may_change;
use crate::catalog::{Catalog, Function, RowEvent};
use crate::quote::Name;
use crate::sql::{Body, DmlVerb, Inner, Kind, NameRef, Statement, When};
use std::collections::BTreeSet;

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

/// What the triggers run that a statement fires, and those that they fire in turn, each function once. Whether a row is
/// there for them to fire on, nobody knows.
pub fn fired(catalog: &Catalog, statement: &Statement) -> Vec<Inner> {
    let mut known: BTreeSet<&Name> = BTreeSet::new();
    let mut all: Vec<Inner> = Vec::new();
    let mut next = inside(catalog, statement).map_or_else(Vec::new, |bodies| bodies.statements);
    next.push(Inner {
        statement: statement.clone(),
        when: When::Perhaps,
    });
    while let Some(firing) = next.pop() {
        for (table, event) in events(&firing.statement.kind) {
            let rel = catalog.resolve(table).and_then(|name| catalog.relation(&name));
            let triggers = rel.map_or(&[][..], |rel| &rel.triggers).iter();
            for trigger in triggers.filter(|own| own.events.contains(&event)) {
                let function = catalog.functions.get(&trigger.function).and_then(|all| all.first());
                let Some(function) = function.filter(|_| known.insert(&trigger.function)) else {
                    continue;
                };
                let statements = function.read_body().map_or(&[][..], |body| &body.statements);
                let perhaps = statements.iter().cloned().map(|inner| Inner {
                    when: When::Perhaps,
                    ..inner
                });
                for inner in perhaps {
                    let called = inside(catalog, &inner.statement).map_or_else(Vec::new, |bodies| bodies.statements);
                    next.extend(called.iter().chain([&inner]).cloned());
                    all.extend(called);
                    all.push(inner);
                }
            }
        }
    }
    all
}

/// The tables whose triggers a statement fires, with the events.
fn events(kind: &Kind) -> Vec<(&NameRef, RowEvent)> {
    match kind {
        Kind::Dml(dml) => {
            let mut verbs = vec![dml.verb];
            verbs.extend(&dml.branches);
            if dml.verb == DmlVerb::Insert && !dml.sets.is_empty() {
                verbs.push(DmlVerb::Update);
            }
            let event = |verb| match verb {
                DmlVerb::Insert => Some(RowEvent::Insert),
                DmlVerb::Update => Some(RowEvent::Update),
                DmlVerb::Delete => Some(RowEvent::Delete),
                DmlVerb::Merge => None,
            };
            let events = verbs.into_iter().filter_map(event);
            events.map(|event| (&dml.target, event)).collect()
        }
        Kind::Truncate { tables, .. } => tables.iter().map(|table| (table, RowEvent::Truncate)).collect(),
        Kind::Copy {
            table: Some(table),
            from: true,
            ..
        } => vec![(table, RowEvent::Insert)],
        _ => Vec::new(),
    }
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
        let Some(body) = function.read_body() else {
            return self.unknown(format!("function {name} is written in {}", function.language));
        };
        if calls.iter().any(|known| known == name) || calls.len() >= DEEPEST {
            return self.unknown(format!("function {name} calls itself"));
        }
        calls.push(name.to_owned());
        self.body(catalog, body, &format!("function {name}"), when, calls);
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
        // It may put no row in.
        Kind::Dml(_) if inner.when != When::Always => {
            let before = super::filled(catalog);
            let own = super::apply(catalog, &inner.statement);
            for name in super::filled(catalog).iter().filter(|name| !before.contains(name)) {
                if let Some(mut rel) = catalog.relations.get_mut(name) {
                    rel.filled = false;
                }
            }
            own
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::SourceFile;
    use crate::sql;
    use crate::version::ServerVersion;

    #[test]
    fn a_change_of_rows_fires_its_triggers_and_theirs() {
        let text = "create table a (id int); create table b (id int);
            create materialized view m as select id from b;
            create function of_a() returns trigger language plpgsql as
                $$ begin insert into b select new.id; return new; end $$;
            create function of_b() returns trigger language plpgsql as
                $$ begin refresh materialized view m; delete from a where id = old.id; return null; end $$;
            create trigger t after insert on a for each row execute function of_a();
            create trigger t after insert or delete on b for each statement execute function of_b();
            insert into a values (1); update a set id = 2";
        let script = sql::parse(&SourceFile::new("up.sql", text)).unwrap();
        let mut catalog = Catalog::empty(ServerVersion::of_major(15));
        let mut all = Vec::new();
        for statement in &script.statements {
            let fired = fired(&catalog, statement);
            all.push(
                fired
                    .iter()
                    .map(|inner| inner.statement.sql.as_str().to_owned())
                    .collect::<Vec<_>>(),
            );
            super::super::apply(&mut catalog, statement);
        }
        assert_eq!(
            all[7],
            [
                "insert into b select new.id",
                "refresh materialized view m",
                "delete from a where id = old.id"
            ]
        );
        assert_eq!(all[8], Vec::<String>::new());
    }
}
