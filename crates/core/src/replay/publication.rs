//! Publications.

use crate::catalog::{Catalog, Publication};
use crate::quote::Name;
use crate::sql::{PublicationChange, PublicationVerb};
use std::collections::BTreeSet;

pub(super) fn change(catalog: &mut Catalog, change: &PublicationChange) {
    let tables: BTreeSet<Name> = change
        .tables
        .iter()
        .filter_map(|table| catalog.resolve(table))
        .collect();
    let current = catalog.search_path.first().cloned().unwrap_or_default();
    let schemas: BTreeSet<String> = change
        .schemas
        .iter()
        .map(|schema| {
            if schema.is_empty() {
                current.clone()
            } else {
                schema.clone()
            }
        })
        .collect();
    if change.verb == PublicationVerb::Drop {
        catalog.publications.remove(&change.name);
        return;
    }
    let publication = catalog.publications.entry(change.name.clone()).or_insert(Publication {
        all_tables: false,
        schemas: BTreeSet::new(),
        tables: BTreeSet::new(),
        updates: true,
        deletes: true,
    });
    match change.verb {
        PublicationVerb::Create | PublicationVerb::Set => {
            publication.all_tables = change.all_tables;
            publication.tables = tables;
            publication.schemas = schemas;
        }
        PublicationVerb::Add => {
            publication.tables.extend(tables);
            publication.schemas.extend(schemas);
        }
        PublicationVerb::Remove => {
            publication.tables.retain(|table| !tables.contains(table));
            publication.schemas.retain(|schema| !schemas.contains(schema));
        }
        PublicationVerb::Options | PublicationVerb::Drop => {}
    }
    if let Some(words) = &change.publish {
        let says = |word: &str| words.iter().any(|one| one == word);
        (publication.updates, publication.deletes) = (says("update"), says("delete"));
    }
}
