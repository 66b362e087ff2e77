//! What a statement changes in a catalog: earlier migrations are replayed with it, and a plan for several pending
//! migrations is made with it.
//!
//! Where the text does not tell what happens (a block, a function call), the answer is [`Certainty::Unknown`], and
//! whoever has a server reads the catalog again.

pub mod names;
mod query;
mod reading;
mod index;
mod constraint;
mod table;
mod alter;
mod partition;
mod publication;
mod extensions;
mod object;
mod remove;
mod body;
mod playback;

use crate::catalog::{Catalog, Mention, RelationKind, Size, Trigger, TypeDef};
use crate::quote::Name;
use crate::sql::{Dml, DmlVerb, Kind, NameRef, Query, Statement};

/// Whether the catalog still tells the truth after a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Certainty {
    /// It does.
    Known,
    /// What there is, is known; but not each name that the server chose, or each text.
    Guessed,
    /// What there is, is known; but no longer how many rows it holds.
    Unmeasured,
    /// Something may have happened that the text does not tell.
    Unknown,
}

use Certainty::{Known, Unknown, Unmeasured};
pub(crate) use alter::{apply as apply_action, pass};
pub(crate) use body::apply_inner;
pub use body::{Bodies, fired, inside};
pub use constraint::constraint_name;
pub(crate) use constraint::primary_key;
pub(crate) use extensions::types_of as types_of_extension;
pub use index::index_name;
pub(crate) use object::view_columns;
pub use playback::Playback;
pub(crate) use table::sequence_of;

/// Brings the catalog to the state after a statement that succeeds.
pub fn apply(catalog: &mut Catalog, statement: &Statement) -> Certainty {
    match &statement.kind {
        Kind::CreateTable(create) => table::create(catalog, create),
        Kind::CreateTableAs(create) => object::table_as(catalog, create),
        Kind::CreateView {
            name,
            temporary,
            columns,
            query,
            select,
            ..
        } => {
            let made = object::Made {
                name,
                temporary: *temporary,
                columns,
                query,
                select,
            };
            object::view(catalog, &made, RelationKind::View)
        }
        Kind::AlterTable(alter) => alter::table(catalog, alter),
        Kind::CreateIndex(index) => index::create(catalog, index),
        Kind::Drop(drop) => remove::drop(catalog, drop),
        Kind::Rename(rename) => remove::rename(catalog, rename),
        Kind::SetSchema { object, name, schema } => remove::set_schema(catalog, *object, name, schema),
        Kind::CreateEnum { name, labels } => object::make_type(catalog, name, TypeDef::Enum(labels.clone())),
        Kind::AddEnumValue {
            name, label, beside, ..
        } => {
            object::enum_value(catalog, name, label, beside.as_ref());
            Known
        }
        Kind::RenameEnumValue { name, from, to } => {
            object::rename_enum_value(catalog, name, from, to);
            Known
        }
        Kind::CreateDomain {
            name,
            base,
            constrained,
        } => object::domain(catalog, name, base, *constrained),
        Kind::AlterDomain { name, constrains, .. } => object::alter_domain(catalog, name, *constrains),
        Kind::CreateType { name, composite } => object::make_type(
            catalog,
            name,
            if *composite { TypeDef::Composite } else { TypeDef::Other },
        ),
        Kind::CreateSequence {
            name,
            temporary,
            owned_by,
            ..
        } => object::sequence(catalog, name, *temporary, owned_by.as_ref()),
        Kind::AlterSequence { name, owned_by, .. } => {
            object::own_sequence(catalog, name, owned_by.as_ref());
            Known
        }
        Kind::CreateFunction(function) => object::function(catalog, function),
        Kind::AlterFunction {
            name,
            signature,
            volatility,
        } => {
            object::alter_function(catalog, name, signature.as_deref(), *volatility);
            Known
        }
        Kind::CreateTrigger {
            name,
            table,
            function,
            columns,
            events,
            each_statement,
            ..
        } => {
            let trigger = Trigger {
                name: name.clone(),
                function: catalog
                    .resolve_function(function)
                    .unwrap_or_else(|| catalog.target(function)),
                columns: columns.iter().cloned().collect(),
                events: events.clone(),
                each_statement: *each_statement,
            };
            object::trigger(catalog, table, trigger)
        }
        Kind::Policy { name, table, uses, .. } => object::policy(catalog, name, table, uses),
        Kind::CreateSchema {
            name, with_elements, ..
        } => {
            catalog.schemas.insert(name.clone());
            if *with_elements { Unknown } else { Known }
        }
        Kind::CreateExtension { name, schema, .. } => extensions::create(catalog, name, schema.as_deref()),
        Kind::Dml(dml) => {
            fill(catalog, dml);
            let grown = match dml.verb {
                DmlVerb::Insert | DmlVerb::Merge => {
                    grow(catalog, &dml.target, added_rows(catalog, dml.values, &dml.query))
                }
                DmlVerb::Update | DmlVerb::Delete => Known,
            };
            grown.max(body::run(catalog, statement))
        }
        Kind::Copy {
            table: Some(table),
            from: true,
            ..
        } => grow(catalog, table, None),
        Kind::Truncate { .. } => {
            take_out(catalog);
            Known
        }
        Kind::Select(_) | Kind::Do { .. } | Kind::Call { .. } => body::run(catalog, statement),
        Kind::Set { name, values, local } => {
            if name == "search_path" && !*local {
                catalog.search_path.clone_from(values);
            }
            if name == "timezone" {
                catalog.time_zone = values.first().cloned().or_else(|| catalog.time_zone.clone());
            }
            Known
        }
        Kind::Owned { roles, to: Some(to) } => alter::reassign(catalog, roles, to),
        // The server chooses the name.
        Kind::CreateStatistics { name: None, .. } => Certainty::Guessed,
        Kind::Other { .. } | Kind::OutsideTransaction { .. } | Kind::Owned { to: None, .. } => Unknown,
        Kind::Refresh { .. }
        | Kind::Owner { .. }
        | Kind::CreateRule { .. }
        | Kind::Comment { .. }
        | Kind::Grant { .. }
        | Kind::Copy { .. }
        | Kind::Lock { .. }
        | Kind::Transaction(_)
        | Kind::Reindex { .. }
        | Kind::Compact { .. }
        | Kind::Maintain { .. }
        | Kind::NoRelation { .. } => Known,
        Kind::CreateStatistics { name, tables, columns } => {
            for table in tables {
                object::statistics(catalog, name.as_ref(), table, columns);
            }
            Known
        }
        Kind::Publication(change) => {
            publication::change(catalog, change);
            Known
        }
    }
}

/// Whether a call may change something: of functions made by users only the volatile ones may.
pub(crate) fn calls_user_code(catalog: &Catalog, functions: &[String]) -> bool {
    functions
        .iter()
        .any(|function| !body::called(catalog, function).is_empty())
}

/// How many rows an `INSERT` adds at the most, as far as its sources tell: a join of small tables counts as their sum.
fn added_rows(catalog: &Catalog, values: Option<usize>, query: &Query) -> Option<u64> {
    if let Some(rows) = values {
        return Some(rows as u64);
    }
    if query.rows.series.is_some() {
        return query.rows.series;
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

/// Whether a table surely holds a row from now on.
fn fill(catalog: &mut Catalog, dml: &Dml) {
    let rows = &dml.query.rows;
    let given = dml.values.is_some_and(|rows| rows > 0)
        || (dml.query.reads.is_empty() && !dml.filtered && rows.series.is_some_and(|rows| rows > 0));
    match dml.verb {
        DmlVerb::Insert => {
            let name = catalog.resolve(&dml.target);
            let rel = name.and_then(|name| catalog.relations.get_mut(&name));
            if let Some(mut rel) = rel.filter(|rel| given && rel.triggers.is_empty()) {
                rel.filled = true;
            }
        }
        DmlVerb::Update => {}
        DmlVerb::Delete | DmlVerb::Merge => take_out(catalog),
    }
}

/// Rows go from a table, and from whichever others its keys reach.
fn take_out(catalog: &mut Catalog) {
    catalog
        .relations
        .change_mentioning([Mention::Filled], |rel| rel.filled = false);
}

/// Tables that surely hold a row.
fn filled(catalog: &Catalog) -> Vec<Name> {
    let filled = catalog.relations.mentioning(Mention::Filled);
    filled.map(|(name, _)| name.clone()).collect()
}

/// A table of unknown size must be measured before the next migration is planned.
fn grow(catalog: &mut Catalog, table: &NameRef, added: Option<u64>) -> Certainty {
    let Some(name) = catalog.resolve(table) else {
        return Known;
    };
    let below = catalog.descendants(&name);
    let Some(mut rel) = catalog.relations.get_mut(&name) else {
        return Known;
    };
    // Which partition the rows go to is not known.
    if rel.kind == RelationKind::PartitionedTable && !below.is_empty() {
        drop(rel);
        for name in below {
            if let Some(mut rel) = catalog.relations.get_mut(&name) {
                rel.size = None;
            }
        }
        return Unmeasured;
    }
    rel.size = match (rel.size, added) {
        (Some(size), Some(rows)) => Some(Size {
            rows: size.rows + rows,
            bytes: size.bytes + rows * 100,
        }),
        _ => None,
    };
    if rel.size.is_some() { Known } else { Unmeasured }
}
