//! `ATTACH` and `DETACH PARTITION`.

use super::Builder;
use crate::catalog::Index;
use crate::lock::LockMode::{AccessExclusive, Share, ShareUpdateExclusive};
use crate::quote::Name;
use crate::sql::NameRef;
use crate::step::Work;

impl Builder<'_> {
    pub(super) fn attach(&mut self, parent: &Name, child: &NameRef, bound: &str) {
        let Some(child) = self.existing(child, false) else {
            return;
        };
        self.lock(parent, ShareUpdateExclusive);
        self.lock_family(&child, AccessExclusive);
        self.work_family(&child, Work::Scan);
        if bound != "DEFAULT"
            && let Some(default) = self.default_partition(parent)
        {
            self.lock_family(&default, AccessExclusive);
            self.work_family(&default, Work::Scan);
        }
        self.lock_partition_keys(parent);
        let lacks = |index: &Index| {
            !self.catalog.relation(&child).is_some_and(|rel| {
                rel.indexes
                    .iter()
                    .any(|own| own.keys == index.keys && own.unique == index.unique)
            })
        };
        if self
            .catalog
            .relation(parent)
            .is_some_and(|rel| rel.indexes.iter().any(lacks))
        {
            self.lock(&child, Share);
            self.work_family(&child, Work::IndexBuild);
        }
    }

    pub(super) fn detach(&mut self, parent: &Name, child: &NameRef, concurrently: bool, finalize: bool) {
        let Some(child) = self.existing(child, false) else {
            return;
        };
        let default = self.default_partition(parent);
        if concurrently || finalize {
            self.effect.outside_transaction = concurrently;
            self.lock(parent, ShareUpdateExclusive);
            self.lock_family(
                &child,
                if finalize {
                    AccessExclusive
                } else {
                    ShareUpdateExclusive
                },
            );
            if concurrently && default.is_some() {
                self.fails(
                    "55000",
                    "cannot detach partitions concurrently when a default partition exists",
                );
            }
            return;
        }
        self.lock(parent, AccessExclusive);
        self.lock_family(
            &child,
            if self.version(14) {
                AccessExclusive
            } else {
                ShareUpdateExclusive
            },
        );
        if let Some(default) = default {
            self.lock(&default, AccessExclusive);
        }
        self.breaks(
            "detach-partition-hides-rows",
            format!("rows of {child} are no longer seen through {parent}"),
        );
    }
}
