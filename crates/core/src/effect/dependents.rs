//! What goes when an object goes: the closure that `findDependentObjects` makes in `dependency.c`.
//!
//! Partitions, indexes and owned sequences go with their table in any case; views, keys of other tables, children by
//! inheritance, defaults and columns of a type go only with CASCADE, and are an error without.

use super::Builder;
use crate::catalog::{ConstraintKind, Expression, Mention, Relation};
use crate::lock::LockMode::AccessExclusive;
use crate::quote::Name;
use crate::sql::NameRef;
use std::collections::BTreeSet;

/// Objects that go, and tables that only lose a part.
#[derive(Debug, Default)]
pub(super) struct Doomed {
    relations: Vec<Name>,
    types: Vec<Name>,
    functions: Vec<Name>,
    /// Tables that lose a column, a key, a default, a trigger or an index.
    maimed: BTreeSet<Name>,
    /// Indexes of tables that stay.
    indexes: BTreeSet<(Name, String)>,
    /// The first thing that needs CASCADE.
    needs: Option<String>,
}

impl Doomed {
    pub(super) fn relations(names: Vec<Name>) -> Self {
        Self {
            relations: names,
            ..Self::default()
        }
    }

    pub(super) fn types(names: Vec<Name>) -> Self {
        Self {
            types: names,
            ..Self::default()
        }
    }

    pub(super) fn functions(names: Vec<Name>) -> Self {
        Self {
            functions: names,
            ..Self::default()
        }
    }

    /// All of a schema.
    pub(super) fn with(mut self, types: Vec<Name>, functions: Vec<Name>) -> Self {
        self.types.extend(types);
        self.functions.extend(functions);
        self
    }

    fn needs(&mut self, what: impl FnOnce() -> String) {
        self.needs.get_or_insert_with(what);
    }

    fn add(&mut self, name: &Name) -> bool {
        let is_new = !self.relations.contains(name);
        if is_new {
            self.relations.push(name.clone());
        }
        is_new
    }
}

impl Builder<'_> {
    /// Locks all that goes, or says what is in the way; the objects named, and what has gone with them.
    pub(super) fn doom(&mut self, mut doomed: Doomed, cascade: bool, what: &str) {
        self.spread(&mut doomed);
        if let Some(needs) = doomed.needs.as_ref().filter(|_| !cascade) {
            let message = format!("cannot drop {what} because {needs} depends on it");
            return self.fails("2BP01", message);
        }
        for relation in &doomed.relations {
            self.lock(relation, AccessExclusive);
            self.lock_indexes(relation, AccessExclusive);
            self.lock_partners(relation);
        }
        for table in &doomed.maimed {
            self.lock(table, AccessExclusive);
        }
        for (table, index) in &doomed.indexes {
            self.lock_index(table, index, AccessExclusive);
        }
    }

    /// Tables that a dropped one points at, and the family that a dropped partition leaves.
    fn lock_partners(&mut self, relation: &Name) {
        let Some(rel) = self.catalog.relation(relation).cloned() else {
            return;
        };
        // A partition's part of its parent's key goes without a look at the other table.
        for key in rel.constraints.iter().filter(|key| !key.inherited) {
            if let Some(referenced) = super::create::referenced(key) {
                self.lock(&referenced, AccessExclusive);
            }
        }
        if rel.bound.is_some() {
            for parent in rel.parents {
                self.lock(&parent, AccessExclusive);
                if let Some(default) = self.default_partition(&parent) {
                    self.lock(&default, AccessExclusive);
                }
            }
        }
    }

    fn spread(&self, doomed: &mut Doomed) {
        loop {
            let before = (doomed.relations.len(), doomed.maimed.len(), doomed.indexes.len());
            let above = doomed
                .relations
                .iter()
                .flat_map(|name| self.catalog.partitioned_above(name));
            let above: BTreeSet<Name> = above.collect();
            for name in self.near(doomed, &above) {
                self.touch(doomed, &above, &name, &self.catalog.relations[&name]);
            }
            if before == (doomed.relations.len(), doomed.maimed.len(), doomed.indexes.len()) {
                return;
            }
        }
    }

    /// The relations that may lose something, in order.
    fn near(&self, doomed: &Doomed, above: &BTreeSet<Name>) -> BTreeSet<Name> {
        let all = &self.catalog.relations;
        // Who calls a function stands in expressions.
        if !doomed.functions.is_empty() {
            return all.keys().cloned().collect();
        }
        let texts: Vec<String> = doomed.relations.iter().map(plain).collect();
        let gone = doomed.relations.iter().flat_map(|gone| {
            [
                Mention::OwnedBy(gone),
                Mention::Parent(gone),
                Mention::Reads(gone),
                Mention::References(gone),
                Mention::Typed(gone),
                Mention::DrawsFrom(&gone.name),
            ]
        });
        let above = above.iter().map(Mention::References);
        let types = doomed.types.iter().map(Mention::Typed);
        let drawn = texts.iter().map(|text| Mention::DrawsFrom(text));
        let mentions = gone.chain(above).chain(types).chain(drawn);
        mentions
            .flat_map(|mention| all.mentioning(mention))
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// What a relation loses, if it does not go itself.
    fn touch(&self, doomed: &mut Doomed, above: &BTreeSet<Name>, name: &Name, rel: &Relation) {
        if doomed.relations.contains(name) {
            return;
        }
        let goes = |other: &Name| doomed.relations.contains(other);
        let owner_goes = rel.owned_by.as_ref().is_some_and(|(table, _)| goes(table));
        let parent_goes = rel.parents.iter().any(goes);
        if owner_goes || (parent_goes && rel.bound.is_some()) {
            doomed.add(name);
            return;
        }
        if parent_goes || rel.reads.keys().any(goes) {
            doomed.needs(|| name.to_string());
            doomed.add(name);
            return;
        }
        let key_goes = |constraint: &crate::catalog::Constraint| match &constraint.kind {
            // A key that points at a partitioned table points at each of its partitions.
            ConstraintKind::ForeignKey { references, .. } => {
                !constraint.inherited && (goes(references) || above.contains(references))
            }
            ConstraintKind::Check(expression) => self.calls(doomed, expression),
            ConstraintKind::NotNull
            | ConstraintKind::PrimaryKey
            | ConstraintKind::Unique
            | ConstraintKind::Exclude
            | ConstraintKind::Trigger => false,
        };
        let column_goes = |column: &crate::catalog::Column| {
            let typed = column.user_type.as_ref();
            typed.is_some_and(|own| doomed.types.contains(own) || goes(own))
                || column
                    .default
                    .as_ref()
                    .is_some_and(|default| self.calls(doomed, default) || self.draws_from(doomed, name, default))
        };
        let trigger_goes = |trigger: &crate::catalog::Trigger| doomed.functions.contains(&trigger.function);
        let is_maimed = rel.constraints.iter().any(key_goes)
            || rel.columns.iter().any(column_goes)
            || rel.triggers.iter().any(trigger_goes);
        let index_goes = |index: &&crate::catalog::Index| {
            let mut expressions = index.expressions.iter().chain(&index.predicate);
            expressions.any(|expression| self.calls(doomed, expression))
        };
        let indexes: Vec<_> = rel
            .indexes
            .iter()
            .filter(index_goes)
            .map(|index| (name.clone(), index.name.clone()))
            .collect();
        if is_maimed || !indexes.is_empty() {
            doomed.needs(|| name.to_string());
            doomed.maimed.insert(name.clone());
            doomed.indexes.extend(indexes);
        }
    }

    fn calls(&self, doomed: &Doomed, expression: &Expression) -> bool {
        !doomed.functions.is_empty()
            && expression.functions.iter().any(|function| {
                let found = self.catalog.resolve_function(&NameRef::dotted(function));
                found.is_some_and(|found| doomed.functions.contains(&found))
            })
    }

    /// `nextval('s'::regclass)` of a sequence that goes.
    fn draws_from(&self, doomed: &Doomed, table: &Name, default: &Expression) -> bool {
        let Some(drawn_from) = default.drawn_from() else {
            return false;
        };
        doomed.relations.iter().any(|gone| {
            let is_sequence = self
                .catalog
                .relation(gone)
                .is_some_and(|rel| rel.kind == crate::catalog::RelationKind::Sequence);
            // One that the table owns goes with the table, not before it.
            let is_own = self
                .catalog
                .relation(gone)
                .and_then(|rel| rel.owned_by.as_ref())
                .is_some_and(|(owner, _)| owner == table && doomed.relations.contains(owner));
            is_sequence && !is_own && (drawn_from == gone.name || drawn_from == plain(gone))
        })
    }
}

/// A name as a default has it in its text, without quotes.
fn plain(name: &Name) -> String {
    name.to_string().replace('"', "")
}
