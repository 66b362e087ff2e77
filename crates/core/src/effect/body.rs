//! Blocks, and functions that a statement calls: all that the statements in them may do, whichever branch is taken.

use super::{Builder, Effect, Predicted, alone};
use crate::catalog::Catalog;
use crate::lock::LockMode;
use crate::replay::{self, Bodies};
use crate::sql::{self, Action, ActionKind, CreateFunction, Inner, Kind, NameRef, Statement, When};

/// What a statement of a body does, where it runs. One that runs only if it is needed does nothing where it would fail,
/// and the error of one that may not run is not the body's.
pub fn of_inner(inner: &Inner, catalog: &Catalog) -> Effect {
    if inner.when == When::IfNeeded && is_done(&inner.statement, catalog) {
        return Effect::default();
    }
    let mut effect = alone(&inner.statement, catalog);
    if std::mem::take(&mut effect.outside_transaction) {
        effect.error.get_or_insert(Predicted {
            sqlstate: "25001",
            message: "it cannot run inside a block or a function".to_owned(),
        });
    }
    if effect.error.is_some() {
        match inner.when {
            When::Always => {}
            When::IfNeeded => return Effect::default(),
            When::Perhaps => effect.error = None,
        }
    }
    effect
}

/// Columns that have the type already which they are to get.
fn is_done(statement: &Statement, catalog: &Catalog) -> bool {
    let Kind::AlterTable(alter) = &statement.kind else {
        return false;
    };
    let rel = catalog.resolve(&alter.name).and_then(|name| catalog.relation(&name));
    let has_type = |action: &Action| match &action.kind {
        ActionKind::AlterType { column, to, .. } => {
            let own = rel.and_then(|rel| rel.column(column));
            own.is_some_and(|own| own.type_name == catalog.type_display(to))
        }
        _ => false,
    };
    !alter.actions.is_empty() && alter.actions.iter().all(has_type)
}

/// A statement's own effect with all that its bodies may do.
pub(super) fn with(mut all: Effect, bodies: &Bodies, catalog: &Catalog) -> Effect {
    let mut catalog = catalog.clone();
    for inner in &bodies.statements {
        let own = of_inner(inner, &catalog);
        if inner.when == When::Always && all.error.is_none() {
            all.error = own.error;
        }
        extend(&mut all.locks, own.locks);
        extend(&mut all.index_locks, own.index_locks);
        extend(&mut all.work, own.work);
        extend(&mut all.new_files, own.new_files);
        extend(&mut all.reads, own.reads);
        extend(&mut all.changes, own.changes);
        extend(&mut all.breaks, own.breaks);
        if let Some(why) = own.opaque {
            all.opaque.get_or_insert(why);
        }
        replay::apply_inner(&mut catalog, inner);
    }
    if let Some(why) = &bodies.opaque {
        all.opaque.get_or_insert(why.clone());
    }
    all
}

/// A statement's effect with the locks and the work of the triggers that it fires. How many rows they read or change
/// hangs on the rows that they meet.
pub fn with_triggers(mut all: Effect, statement: &Statement, catalog: &Catalog) -> Effect {
    if all.error.is_some() {
        return all;
    }
    for inner in replay::fired(catalog, statement) {
        let own = of_inner(&inner, catalog);
        extend(&mut all.locks, own.locks);
        extend(&mut all.index_locks, own.index_locks);
        extend(&mut all.work, own.work);
        extend(&mut all.new_files, own.new_files);
    }
    all
}

impl Builder<'_> {
    /// The body of a function in SQL is analysed when the function is made, unless the types of its arguments are still
    /// open (`fmgr_sql_validator`): relations that it names are locked as its statements will lock them.
    pub(super) fn create_function(&mut self, create: &CreateFunction) {
        let is_open = |of: &str| of.starts_with("any");
        let text = create.body.as_ref().filter(|_| create.language == "sql");
        let Some(text) = text.filter(|_| !create.arguments.iter().any(|one| is_open(&one.type_ref.display))) else {
            return;
        };
        let body = sql::parse_function(&create.language, "", &create.returns, text);
        for inner in body.statements {
            let query = match inner.statement.kind {
                Kind::Select(query) => query,
                Kind::Dml(dml) => {
                    self.lock_refs(&[dml.target], LockMode::RowExclusive);
                    dml.query
                }
                _ => continue,
            };
            let is_locked = |read: &NameRef| query.rows.locked.contains(read);
            let (locked, read): (Vec<NameRef>, Vec<NameRef>) = query.reads.into_iter().partition(is_locked);
            self.lock_refs(&read, LockMode::AccessShare);
            self.lock_refs(&locked, LockMode::RowShare);
            self.lock_refs(&query.writes, LockMode::RowExclusive);
        }
    }
}

fn extend<T: PartialEq>(all: &mut Vec<T>, more: Vec<T>) {
    for one in more {
        if !all.contains(&one) {
            all.push(one);
        }
    }
}
