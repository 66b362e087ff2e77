//! Publications: the tables that are named are locked, and a table that publishes its changes needs a replica identity.

use super::Builder;
use crate::catalog::{RelationKind, ReplicaIdentity};
use crate::lock::LockMode::ShareUpdateExclusive;
use crate::quote::Name;
use crate::sql::{DmlVerb, PublicationChange, PublicationVerb};

impl Builder<'_> {
    pub(super) fn publication(&mut self, change: &PublicationChange) {
        for table in &change.tables {
            let Some(table) = self.existing(table, false) else {
                continue;
            };
            if self.is_partitioned(&table) && !self.version(13) {
                self.fails("0A000", format!("\"{}\" is a partitioned table", table.name));
            }
            self.lock(&table, ShareUpdateExclusive);
        }
        // SET takes out those that are not named.
        if change.verb == PublicationVerb::Set
            && let Some(known) = self.catalog.publications.get(&change.name)
        {
            for table in &known.tables {
                self.lock(table, ShareUpdateExclusive);
            }
        }
    }

    /// `CheckCmdReplicaIdentity`: an UPDATE or DELETE that is published must name the old row.
    pub(super) fn need_identity(&mut self, verb: DmlVerb, table: &Name) {
        let Some(rel) = self.catalog.relation(table) else {
            return;
        };
        let doing = match verb {
            DmlVerb::Update => "update",
            DmlVerb::Delete => "delete from",
            DmlVerb::Insert | DmlVerb::Merge => return,
        };
        if rel.kind != RelationKind::Table || rel.temporary || rel.unlogged {
            return;
        }
        let publishes = self.catalog.publications.values().any(|publication| {
            publication.holds(table)
                && match verb {
                    DmlVerb::Update => publication.updates,
                    DmlVerb::Delete => publication.deletes,
                    DmlVerb::Insert | DmlVerb::Merge => false,
                }
        });
        let named = match &rel.replica_identity {
            ReplicaIdentity::Full => true,
            ReplicaIdentity::Nothing => false,
            ReplicaIdentity::Default => rel
                .constraints
                .iter()
                .any(|c| c.kind == crate::catalog::ConstraintKind::PrimaryKey),
            ReplicaIdentity::Index(index) => rel.indexes.iter().any(|own| own.name == *index),
        };
        if publishes && !named {
            self.fails(
                "55000",
                format!("cannot {doing} {table}: it publishes that, and has no replica identity"),
            );
        }
    }
}
