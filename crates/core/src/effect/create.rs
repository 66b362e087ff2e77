//! `CREATE TABLE`.

use super::Builder;
use crate::catalog::ConstraintKind;
use crate::lock::LockMode::{AccessExclusive, AccessShare, ShareRowExclusive, ShareUpdateExclusive};
use crate::quote::Name;
use crate::sql::{ConstraintKindDef, CreateTable};

impl Builder<'_> {
    pub(super) fn create_table(&mut self, create: &CreateTable) {
        let name = self.catalog.target_of(&create.name, create.temporary);
        if self.catalog.relations.contains_key(&name) {
            if !create.if_not_exists {
                self.fails("42P07", format!("relation \"{}\" already exists", create.name));
            }
            return;
        }
        if let Some(of) = create.of_type.as_ref().and_then(|of| self.catalog.resolve_type(of)) {
            self.lock(&of, AccessShare);
        }
        for like in &create.like {
            self.lock_refs(std::slice::from_ref(&like.source), AccessShare);
        }
        for parent in &create.parents {
            let Some(parent) = self.existing(parent, false) else {
                continue;
            };
            let Some(bound) = &create.bound else {
                self.lock(&parent, ShareUpdateExclusive);
                continue;
            };
            self.lock(&parent, AccessExclusive);
            if bound != "DEFAULT" {
                self.look_through_default(&parent, bound);
            }
            self.share_keys(&parent);
        }
        let inline = create.columns.iter().flat_map(|column| &column.inline);
        for constraint in inline.chain(&create.constraints) {
            if let ConstraintKindDef::ForeignKey { references, .. } = &constraint.kind {
                if self.catalog.target(references) == name {
                    continue;
                }
                if let Some(parent) = self.existing(references, false) {
                    self.lock_family(&parent, ShareRowExclusive);
                    self.lock(&parent, AccessShare);
                }
            }
        }
    }
}

/// The table that a foreign key points at.
pub(super) fn referenced(constraint: &crate::catalog::Constraint) -> Option<Name> {
    match &constraint.kind {
        ConstraintKind::ForeignKey { references, .. } => Some(references.clone()),
        _ => None,
    }
}
