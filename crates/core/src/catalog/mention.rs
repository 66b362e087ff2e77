//! What things of a catalog mention, so that whoever asks finds them without a walk over all.

use super::named::Mentions;
use super::{ConstraintKind, Expression, Function, Origin, Relation, TypeDef};
use crate::quote::Name;
use rustc_hash::FxHasher;
use std::hash::{Hash, Hasher as _};

/// What a relation names, or is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mention<'a> {
    /// It has an index of that name, in that schema.
    Index(&'a str, &'a str),
    /// It has a constraint of that name, in that schema.
    Constraint(&'a str, &'a str),
    /// It has extended statistics of that name.
    Statistics(&'a Name),
    /// It is a partition or child of that table.
    Parent(&'a Name),
    /// It has a foreign key to that table.
    References(&'a Name),
    /// It reads that relation.
    Reads(&'a Name),
    /// It is a sequence of a column of that table.
    OwnedBy(&'a Name),
    /// It has a column of that type, or of rows of that table.
    Typed(&'a Name),
    /// A default draws from the sequence that is written so, without quotes.
    DrawsFrom(&'a str),
    /// The present migration made it, or an index of it.
    New,
    /// Its size is known.
    Sized,
    /// It goes with its session, or its transaction.
    Temporary,
    /// It surely holds a row.
    Filled,
}

impl Mention<'_> {
    /// Mentions of the same have the same key, and hardly ever others.
    pub(super) fn key(self) -> u64 {
        let mut hasher = FxHasher::default();
        self.hash(&mut hasher);
        hasher.finish()
    }
}

impl Mentions for Relation {
    fn each(&self, own: &Name, say: &mut dyn FnMut(Mention<'_>)) {
        for index in &self.indexes {
            say(Mention::Index(&own.schema, &index.name));
        }
        for constraint in &self.constraints {
            say(Mention::Constraint(&own.schema, &constraint.name));
            if let ConstraintKind::ForeignKey { references, .. } = &constraint.kind {
                say(Mention::References(references));
            }
        }
        self.statistics
            .iter()
            .for_each(|own| say(Mention::Statistics(&own.name)));
        self.parents.iter().for_each(|parent| say(Mention::Parent(parent)));
        self.reads.keys().for_each(|read| say(Mention::Reads(read)));
        self.owned_by.iter().for_each(|(owner, _)| say(Mention::OwnedBy(owner)));
        for column in &self.columns {
            column.user_type.iter().for_each(|of| say(Mention::Typed(of)));
            let sequence = column.default.as_ref().and_then(Expression::drawn_from);
            if let Some(name) = &sequence {
                say(Mention::DrawsFrom(name));
            }
        }
        let is_new =
            self.origin != Origin::Existing || self.indexes.iter().any(|index| index.origin != Origin::Existing);
        let marks = [
            (is_new, Mention::New),
            (self.size.is_some(), Mention::Sized),
            (self.temporary || self.drop_on_commit, Mention::Temporary),
            (self.filled, Mention::Filled),
        ];
        for (_, mark) in marks.into_iter().filter(|(is, _)| *is) {
            say(mark);
        }
    }
}

/// Types are found by their names alone.
impl Mentions for TypeDef {
    fn each(&self, _: &Name, _: &mut dyn FnMut(Mention<'_>)) {}
}

/// Functions are found by their names alone.
impl Mentions for Vec<Function> {
    fn each(&self, _: &Name, _: &mut dyn FnMut(Mention<'_>)) {}
}
