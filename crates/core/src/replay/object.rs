//! Views, sequences, enums, functions, triggers, policies.

use super::Certainty::{self, Guessed, Known, Unknown};
use super::names::{quoted_if_needed, without_modifier};
use super::query::{self, renamed};
use super::table::relation_of;
use crate::catalog::{
    Catalog, Expression, Function, Kept, Policy, Relation, RelationKind, Size, Statistics, Trigger, TypeDef, Volatility,
};
use crate::quote::Name;
use crate::sql::{Argument, CreateFunction, CreateTableAs, NameRef, Query, Select, TypeRef};
use crate::version::ServerVersion;
use std::collections::BTreeSet;

/// A view, or something with rows that is made from a query.
pub(super) struct Made<'a> {
    pub(super) name: &'a NameRef,
    pub(super) temporary: bool,
    pub(super) columns: &'a [String],
    pub(super) query: &'a Query,
    pub(super) select: &'a Select,
}

pub(super) fn table_as(catalog: &mut Catalog, create: &CreateTableAs) -> Certainty {
    let kind = if create.materialized_view {
        RelationKind::MaterializedView
    } else {
        RelationKind::Table
    };
    let made = Made {
        name: &create.name,
        temporary: create.temporary,
        columns: &create.columns,
        query: &create.query,
        select: &create.select,
    };
    let name = catalog.target_of(&create.name, create.temporary);
    if catalog.relations.contains_key(&name) {
        return Known;
    }
    let certainty = view(catalog, &made, kind);
    let rows = super::added_rows(catalog, None, &create.query);
    let Some(mut rel) = catalog.relations.get_mut(&name) else {
        return certainty;
    };
    rel.drop_on_commit = create.drop_on_commit;
    rel.unlogged = create.unlogged;
    if create.with_data {
        rel.size = rows.map(|rows| Size {
            rows,
            bytes: rows * 100,
        });
    }
    certainty
}

/// Columns of a query are told from its text, as far as it tells them.
pub(super) fn view(catalog: &mut Catalog, made: &Made<'_>, kind: RelationKind) -> Certainty {
    let name = catalog.target_of(made.name, made.temporary);
    let (shape, reads) = query::shape(catalog, made.select);
    let is_known = shape.is_known;
    let mut rel = Relation::created(kind);
    rel.temporary = made.temporary;
    // A part of the columns would be taken for all.
    rel.columns = if is_known {
        renamed(shape, made.columns).columns
    } else {
        Vec::new()
    };
    if kind != RelationKind::Table {
        rel.reads = reads;
        let others = made.query.reads.iter().filter_map(|read| catalog.resolve(read));
        for read in others {
            rel.reads.entry(read).or_default();
        }
    }
    if let Some(old) = catalog.relations.get(&name) {
        rel.origin = old.origin;
        rel.triggers.clone_from(&old.triggers);
    }
    catalog.relations.insert(name, rel);
    Guessed
}

/// The names of a view's columns, where all of them can be told.
pub(crate) fn view_columns(catalog: &Catalog, columns: &[String], select: &Select) -> Option<Vec<String>> {
    let (shape, _) = query::shape(catalog, select);
    let known = shape.is_known && shape.columns.iter().all(|column| !column.name.is_empty());
    let shape = known.then(|| renamed(shape, columns))?;
    Some(shape.columns.into_iter().map(|column| column.name).collect())
}

pub(super) fn sequence(
    catalog: &mut Catalog,
    name: &NameRef,
    temporary: bool,
    owned_by: Option<&(NameRef, String)>,
) -> Certainty {
    let target = catalog.target_of(name, temporary);
    let mut rel = Relation::created(RelationKind::Sequence);
    rel.temporary = temporary;
    catalog.relations.or_insert_with(&target, || rel);
    own_sequence(catalog, name, owned_by);
    Known
}

pub(super) fn own_sequence(catalog: &mut Catalog, name: &NameRef, owned_by: Option<&(NameRef, String)>) {
    let Some((table, column)) = owned_by else { return };
    let owner = catalog.resolve(table).map(|table| (table, column.clone()));
    if let Some(mut rel) = relation_of(catalog, name) {
        rel.owned_by = owner;
    }
}

pub(super) fn enum_value(catalog: &mut Catalog, name: &NameRef, label: &str, beside: Option<&(String, bool)>) {
    let Some(name) = catalog.resolve_type(name) else { return };
    let Some(mut definition) = catalog.types.get_mut(&name) else {
        return;
    };
    let TypeDef::Enum(labels) = &mut *definition else {
        return;
    };
    if labels.iter().any(|existing| existing == label) {
        return;
    }
    let place = beside.and_then(|(other, after)| {
        labels
            .iter()
            .position(|existing| existing == other)
            .map(|at| at + usize::from(*after))
    });
    labels.insert(place.unwrap_or(labels.len()), label.to_owned());
}

pub(super) fn rename_enum_value(catalog: &mut Catalog, name: &NameRef, from: &str, to: &str) {
    let Some(name) = catalog.resolve_type(name) else { return };
    if let Some(mut definition) = catalog.types.get_mut(&name)
        && let TypeDef::Enum(labels) = &mut *definition
    {
        let meant = labels.iter_mut().filter(|label| *label == from);
        meant.for_each(|label| to.clone_into(label));
    }
}

/// Makes a type, unless there is one of that name.
pub(super) fn make_type(catalog: &mut Catalog, name: &NameRef, definition: TypeDef) -> Certainty {
    let name = catalog.target(name);
    catalog.types.or_insert_with(&name, || definition);
    Known
}

/// A domain over a constrained domain is constrained too.
pub(super) fn domain(catalog: &mut Catalog, name: &NameRef, base: &TypeRef, constrained: bool) -> Certainty {
    let of = base
        .user
        .as_ref()
        .filter(|_| !base.array)
        .and_then(|user| catalog.resolve_type(user));
    let below = of.and_then(|name| catalog.types.get(&name));
    let inherited = matches!(below, Some(TypeDef::Domain { constrained: true, .. }));
    let definition = TypeDef::Domain {
        base: catalog.type_display(base),
        constrained: constrained || inherited,
    };
    make_type(catalog, name, definition)
}

/// `ALTER DOMAIN`: a constraint more makes it constrained, and all domains over it.
pub(super) fn alter_domain(catalog: &mut Catalog, name: &NameRef, constrains: bool) -> Certainty {
    let Some(name) = catalog.resolve_type(name) else {
        return Unknown;
    };
    if !constrains {
        return Guessed;
    }
    let mut changed = vec![name];
    while let Some(name) = changed.pop() {
        if let Some(mut definition) = catalog.types.get_mut(&name)
            && let TypeDef::Domain { constrained, .. } = &mut *definition
        {
            *constrained = true;
        }
        let display = catalog.type_name(&name);
        let over = catalog.types.iter().filter(
            |(_, definition)| matches!(definition, TypeDef::Domain { base, constrained: false } if *base == display),
        );
        changed.extend(over.map(|(name, _)| name.clone()));
    }
    Known
}

/// Arguments as `pg_get_function_identity_arguments` prints them.
fn identity(catalog: &Catalog, create: &CreateFunction) -> String {
    // From 14 a procedure's arguments say IN.
    let says_in = create.procedure && catalog.version >= ServerVersion::of_major(14);
    let one = |argument: &Argument| {
        let mode = if argument.mode.is_empty() && says_in {
            "IN"
        } else {
            argument.mode
        };
        let type_name = without_modifier(&catalog.type_display(&argument.type_ref));
        let name = (!argument.name.is_empty()).then(|| quoted_if_needed(&argument.name));
        let parts = [
            Some(mode.to_owned()).filter(|mode| !mode.is_empty()),
            name,
            Some(type_name),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    };
    create.arguments.iter().map(one).collect::<Vec<_>>().join(", ")
}

pub(super) fn function(catalog: &mut Catalog, create: &CreateFunction) -> Certainty {
    let name = catalog.target(&create.name);
    let input: Vec<TypeRef> = create
        .arguments
        .iter()
        .filter(|argument| argument.mode != "OUT")
        .map(|argument| argument.type_ref.clone())
        .collect();
    let made = Function {
        arguments: identity(catalog, create),
        returns: returns(create),
        volatility: create.volatility,
        language: create.language.clone(),
        body: create.body.clone(),
        inlined: create.inlined.clone(),
        kept: Kept::default(),
    };
    drop_function(catalog, &name, Some(&input));
    if let Some(mut overloads) = catalog.functions.or_insert_with(&name, Vec::new) {
        overloads.push(made);
    }
    Known
}

/// `ALTER FUNCTION f(int) IMMUTABLE`.
pub(super) fn alter_function(
    catalog: &mut Catalog,
    name: &NameRef,
    signature: Option<&[TypeRef]>,
    volatility: Option<Volatility>,
) {
    let types = signature.map(|types| displays(catalog, types));
    let found = catalog.resolve_function(name);
    let overloads = found.and_then(|name| catalog.functions.get_mut(&name));
    let (Some(mut overloads), Some(volatility)) = (overloads, volatility) else {
        return;
    };
    let is_meant = |function: &&mut Function| types.as_ref().is_none_or(|types| has_types(function, types));
    for function in overloads.iter_mut().filter(is_meant) {
        function.volatility = volatility;
    }
}

fn displays(catalog: &Catalog, types: &[TypeRef]) -> Vec<String> {
    let display = |of: &TypeRef| without_modifier(&catalog.type_display(of));
    types.iter().map(display).collect()
}

fn returns(create: &CreateFunction) -> String {
    let mut out = create.arguments.iter().filter(|a| matches!(a.mode, "OUT" | "INOUT"));
    match (out.next(), out.next()) {
        _ if !create.returns.is_empty() || create.procedure => create.returns.clone(),
        (Some(one), None) => one.type_ref.display.clone(),
        (Some(_), Some(_)) => "record".to_owned(),
        (None, _) => String::new(),
    }
}

/// Takes out the function with arguments of these types; without them, all of the name.
pub(super) fn drop_function(catalog: &mut Catalog, name: &Name, signature: Option<&[TypeRef]>) {
    let types = signature.map(|types| displays(catalog, types));
    let Some(mut overloads) = catalog.functions.get_mut(name) else {
        return;
    };
    overloads.retain(|function| types.as_ref().is_some_and(|types| !has_types(function, types)));
    let is_last = overloads.is_empty();
    drop(overloads);
    if is_last {
        catalog.functions.remove(name);
    }
}

/// Whether a function's arguments, printed with their names, are of these types.
fn has_types(function: &Function, types: &[String]) -> bool {
    let arguments = split_list(&function.arguments);
    let input: Vec<&str> = arguments
        .iter()
        .copied()
        .filter(|argument| !argument.starts_with("OUT "))
        .collect();
    let of_type = |argument: &str, type_name: &String| {
        argument
            .strip_suffix(type_name.as_str())
            .is_some_and(|before| before.is_empty() || before.ends_with(' '))
    };
    input.len() == types.len()
        && input
            .iter()
            .zip(types)
            .all(|(argument, type_name)| of_type(argument, type_name))
}

/// The parts between commas, those inside quotes and parentheses left together.
fn split_list(text: &str) -> Vec<&str> {
    let (mut parts, mut from, mut depth, mut quoted) = (Vec::new(), 0, 0_u32, false);
    for (at, letter) in text.char_indices() {
        match letter {
            '"' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth = depth.saturating_sub(1),
            ',' if !quoted && depth == 0 => {
                parts.push(text[from..at].trim());
                from = at + 1;
            }
            _ => {}
        }
    }
    let last = text[from..].trim();
    parts.extend((!last.is_empty()).then_some(last));
    parts
}

pub(super) fn trigger(catalog: &mut Catalog, table: &NameRef, mut trigger: Trigger) -> Certainty {
    let Some(mut rel) = relation_of(catalog, table) else {
        return Unknown;
    };
    trigger.columns.retain(|column| rel.column(column).is_some());
    rel.triggers.retain(|existing| existing.name != trigger.name);
    rel.triggers.push(trigger);
    Known
}

pub(super) fn statistics(catalog: &mut Catalog, name: Option<&NameRef>, table: &NameRef, columns: &[String]) {
    let Some(table) = catalog.resolve(table) else { return };
    let name = match name {
        Some(name) => catalog.target(name),
        None => table.sibling(super::names::make_object_name(
            &table.name,
            Some(&super::names::addition(columns)),
            "stat",
        )),
    };
    if let Some(mut rel) = catalog.relations.get_mut(&table) {
        rel.statistics.push(Statistics {
            name,
            columns: columns.iter().cloned().collect(),
        });
    }
}

pub(super) fn policy(catalog: &mut Catalog, name: &str, table: &NameRef, uses: &Expression) -> Certainty {
    let Some(mut rel) = relation_of(catalog, table) else {
        return Unknown;
    };
    let columns: BTreeSet<String> = uses
        .columns
        .iter()
        .filter(|column| rel.column(column).is_some())
        .cloned()
        .collect();
    rel.policies.retain(|existing| existing.name != name);
    rel.policies.push(Policy {
        name: name.to_owned(),
        columns,
    });
    Known
}

/// Whether a call may change anything: what is not volatile may not, and extensions' own functions that are known do not.
pub(super) fn may_change(function: &Function, name: &str) -> bool {
    function.volatility == Volatility::Volatile && !(function.language == "c" && super::extensions::is_harmless(name))
}

/// Triggers call a function whatever it is named by now.
pub(super) fn rename_called(catalog: &mut Catalog, old: &Name, new: &Name) {
    catalog.relations.change(
        |rel| rel.triggers.iter().any(|trigger| trigger.function == *old),
        |rel| {
            let own = rel.triggers.iter_mut().filter(|trigger| trigger.function == *old);
            own.for_each(|trigger| trigger.function.clone_from(new));
        },
    );
}
