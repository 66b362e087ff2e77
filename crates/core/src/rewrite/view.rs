//! `REFRESH MATERIALIZED VIEW`.

use super::{Piece, Scene, as_written};
use crate::effect::Effect;
use crate::lock::LockMode;
use crate::sql::{NameRef, Statement};
use crate::{sql, step::Work};

/// `CONCURRENTLY` where a unique index over plain columns allows it: readers go on.
pub(super) fn refresh(statement: &Statement, name: &NameRef, effect: &Effect, scene: &Scene<'_>) -> Option<Vec<Piece>> {
    let name = scene.catalog.resolve(name).filter(|name| scene.is_large(name))?;
    let rel = scene.catalog.relation(&name)?;
    let usable = |index: &crate::catalog::Index| {
        index.unique && index.valid && index.predicate.is_none() && index.expressions.is_none()
    };
    if !rel.indexes.iter().any(usable) {
        return None;
    }
    let mut piece = as_written(statement, effect, scene);
    if let super::Body::Instant(instant) = &mut piece.body {
        instant.sql = sql!("REFRESH MATERIALIZED VIEW CONCURRENTLY {}", name);
        instant.locks = vec![super::lock(&name, LockMode::Exclusive)];
        instant.slow = true;
        instant.unbounded = true;
        instant.open_ended = true;
        instant.work = Work::None;
    }
    "readers go on while it is refreshed".clone_into(&mut piece.note);
    Some(vec![piece])
}
