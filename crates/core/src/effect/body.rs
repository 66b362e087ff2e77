//! Blocks, and functions that a statement calls: all that the statements in them may do, whichever branch is taken.

use super::{Effect, Predicted, alone};
use crate::catalog::Catalog;
use crate::replay::{self, Bodies};
use crate::sql::{Inner, When};

/// What a statement of a body does, where it runs. One that runs only if it is needed does nothing where it would fail,
/// and the error of one that may not run is not the body's.
pub fn of_inner(inner: &Inner, catalog: &Catalog) -> Effect {
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

fn extend<T: PartialEq>(all: &mut Vec<T>, more: Vec<T>) {
    for one in more {
        if !all.contains(&one) {
            all.push(one);
        }
    }
}
