//! What a statement changes in a catalog: earlier migrations are replayed with it, and a plan for several pending
//! migrations is made with it.
//!
//! Where the text does not tell what happens (a block, a function call), the answer is [`Certainty::Unknown`], and
//! whoever has a server reads the catalog again.

pub mod names;
mod alter;
mod constraint;
mod create;
mod partition;
mod publication;
mod remove;

use crate::catalog::{Catalog, RelationKind, Size, TypeDef};
use crate::sql::{DmlVerb, Kind, NameRef, Query, Statement};

/// Whether the catalog still tells the truth after a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Certainty {
    /// It does.
    Known,
    /// Something may have happened that the text does not tell.
    Unknown,
}

use Certainty::{Known, Unknown};
pub(crate) use alter::{apply as apply_action, pass};
pub use constraint::constraint_name;
pub(crate) use constraint::primary_key;
pub use create::index_name;

/// Brings the catalog to the state after a statement that succeeds.
pub fn apply(catalog: &mut Catalog, statement: &Statement) -> Certainty {
    match &statement.kind {
        Kind::CreateTable(create) => create::table(catalog, create),
        Kind::CreateTableAs(create) => create::table_as(catalog, create),
        Kind::CreateView { name, query, .. } => create::view(catalog, name, query, RelationKind::View),
        Kind::AlterTable(alter) => alter::table(catalog, alter),
        Kind::CreateIndex(index) => create::index(catalog, index),
        Kind::Drop(drop) => remove::drop(catalog, drop),
        Kind::Rename(rename) => remove::rename(catalog, rename),
        Kind::SetSchema { object, name, schema } => remove::set_schema(catalog, *object, name, schema),
        Kind::CreateEnum { name, labels } => {
            let name = catalog.target(name);
            catalog.types.insert(name, TypeDef::Enum(labels.clone()));
            Known
        }
        Kind::AddEnumValue {
            name, label, beside, ..
        } => {
            create::enum_value(catalog, name, label, beside.as_ref());
            Known
        }
        Kind::RenameEnumValue { name, from, to } => {
            let name = catalog.resolve_type(name);
            if let Some(TypeDef::Enum(labels)) = name.and_then(|name| catalog.types.get_mut(&name)) {
                labels
                    .iter_mut()
                    .filter(|label| *label == from)
                    .for_each(|label| label.clone_from(to));
            }
            Known
        }
        Kind::CreateDomain {
            name,
            base,
            constrained,
        } => {
            let name = catalog.target(name);
            catalog.types.insert(
                name,
                TypeDef::Domain {
                    base: base.display.clone(),
                    constrained: *constrained,
                },
            );
            Known
        }
        Kind::CreateType { name, composite } => {
            let name = catalog.target(name);
            catalog
                .types
                .insert(name, if *composite { TypeDef::Composite } else { TypeDef::Other });
            Known
        }
        Kind::CreateSequence {
            name,
            temporary,
            owned_by,
            ..
        } => create::sequence(catalog, name, *temporary, owned_by.as_ref()),
        Kind::AlterSequence { name, owned_by, .. } => {
            create::own_sequence(catalog, name, owned_by.as_ref());
            Known
        }
        Kind::CreateFunction(function) => create::function(catalog, function),
        Kind::CreateTrigger {
            name,
            table,
            function,
            columns,
            ..
        } => create::trigger(catalog, name, table, function, columns),
        Kind::Policy { name, table, uses, .. } => create::policy(catalog, name, table, uses),
        Kind::CreateSchema {
            name, with_elements, ..
        } => {
            catalog.schemas.insert(name.clone());
            if *with_elements { Unknown } else { Known }
        }
        // An extension brings functions, types and perhaps tables.
        Kind::CreateExtension { name, .. } => {
            if catalog.extensions.insert(name.clone()) {
                Unknown
            } else {
                Known
            }
        }
        Kind::Dml(dml) => {
            let grown = match dml.verb {
                DmlVerb::Insert | DmlVerb::Merge => {
                    grow(catalog, &dml.target, added_rows(catalog, dml.values, &dml.query))
                }
                DmlVerb::Update | DmlVerb::Delete => Known,
            };
            if calls_user_code(catalog, &dml.query.functions) {
                Unknown
            } else {
                grown
            }
        }
        Kind::Copy {
            table: Some(table),
            from: true,
            ..
        } => grow(catalog, table, None),
        Kind::Select(query) => {
            if calls_user_code(catalog, &query.functions) {
                Unknown
            } else {
                Known
            }
        }
        Kind::Set { name, values, local } => {
            if name == "search_path" && !*local {
                catalog.search_path.clone_from(values);
            }
            if name == "timezone" {
                catalog.time_zone = values.first().cloned().unwrap_or_else(|| catalog.time_zone.clone());
            }
            Known
        }
        Kind::AlterDomain { .. }
        // The server chooses the name.
        | Kind::CreateStatistics { name: None, .. }
        | Kind::Do { .. }
        | Kind::Call { .. }
        | Kind::Other { .. }
        | Kind::OutsideTransaction { .. } => Unknown,
        Kind::Refresh { .. }
        | Kind::Owner { .. }
        | Kind::CreateRule { .. }
        | Kind::Comment { .. }
        | Kind::Grant { .. }
        | Kind::Truncate { .. }
        | Kind::Copy { .. }
        | Kind::Lock { .. }
        | Kind::Transaction(_)
        | Kind::Reindex { .. }
        | Kind::Compact { .. }
        | Kind::Maintain { .. }
        | Kind::NoRelation { .. } => Known,
        Kind::CreateStatistics {
            name: Some(name),
            tables,
        } => {
            let name = catalog.target(name);
            let table = tables.first().and_then(|table| catalog.resolve(table));
            if let Some(rel) = table.and_then(|table| catalog.relations.get_mut(&table)) {
                rel.statistics.push(name);
            }
            Known
        }
        Kind::Publication(change) => {
            publication::change(catalog, change);
            Known
        }
    }
}

/// A function made by a user may do anything.
pub(crate) fn calls_user_code(catalog: &Catalog, functions: &[String]) -> bool {
    functions
        .iter()
        .any(|function| catalog.resolve_function(&NameRef::dotted(function)).is_some())
}

/// How many rows an `INSERT` adds at the most, as far as its sources tell: a join of small tables counts as their sum.
fn added_rows(catalog: &Catalog, values: Option<usize>, query: &Query) -> Option<u64> {
    if let Some(rows) = values {
        return Some(rows as u64);
    }
    if query
        .functions
        .iter()
        .any(|function| function.ends_with("generate_series"))
    {
        return None;
    }
    let sources = query.reads.iter().filter_map(|read| catalog.resolve(read));
    sources
        .map(|name| catalog.relation(&name)?.size.map(|size| size.rows))
        .sum()
}

/// A table of unknown size must be measured before the next migration is planned.
fn grow(catalog: &mut Catalog, table: &NameRef, added: Option<u64>) -> Certainty {
    let Some(rel) = catalog.resolve(table).and_then(|name| catalog.relations.get_mut(&name)) else {
        return Known;
    };
    rel.size = match (rel.size, added) {
        (Some(size), Some(rows)) => Some(Size {
            rows: size.rows + rows,
            bytes: size.bytes + rows * 100,
        }),
        _ => None,
    };
    if rel.size.is_some() { Known } else { Unknown }
}
