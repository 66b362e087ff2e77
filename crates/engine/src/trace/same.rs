//! Where the catalog of a throw-away server is not the production's: what a lock or work could hang on.

use nonstop_core::catalog::{Catalog, Relation};
use nonstop_core::quote::Name;
use std::collections::{BTreeMap, BTreeSet};

/// In words, `only in production: column public.t.c integer`.
pub(super) fn differences(production: &Catalog, copy: &Catalog) -> Vec<String> {
    let (theirs, ours) = (facts(production), facts(copy));
    let missing = theirs
        .difference(&ours)
        .map(|fact| format!("only in production: {fact}"));
    let more = ours
        .difference(&theirs)
        .map(|fact| format!("not in production: {fact}"));
    missing.chain(more).collect()
}

/// The tables of the tools themselves.
fn is_ours(name: &Name) -> bool {
    name.schema == "nonstop" || ["_prisma_migrations", "__diesel_schema_migrations"].contains(&name.name.as_str())
}

fn facts(catalog: &Catalog) -> BTreeSet<String> {
    let relations: BTreeMap<&Name, &Relation> = catalog.relations.iter().collect();
    let relations = relations.into_iter().filter(|(name, _)| !is_ours(name));
    relations
        .flat_map(|(name, relation)| of_relation(name, relation))
        .collect()
}

fn of_relation(name: &Name, relation: &Relation) -> Vec<String> {
    let mut facts = vec![format!("{name}")];
    for column in &relation.columns {
        let null = if column.not_null { " NOT NULL" } else { "" };
        facts.push(format!("column {name}.{} {}{null}", column.name, column.type_name));
    }
    for constraint in &relation.constraints {
        let valid = if constraint.valid { "" } else { " NOT VALID" };
        facts.push(format!(
            "constraint {} of {name}: {}{valid}",
            constraint.name, constraint.definition
        ));
    }
    facts.extend(
        relation
            .indexes
            .iter()
            .map(|index| format!("index {}: {}", index.name, index.definition)),
    );
    facts.extend(
        relation
            .triggers
            .iter()
            .map(|trigger| format!("trigger {} of {name}", trigger.name)),
    );
    facts
}
