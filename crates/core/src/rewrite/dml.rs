//! `UPDATE` and `DELETE` of many rows, in batches.
//!
//! Only where what becomes of a row depends on that row, and on tables that the migration does not change: then it makes
//! no difference in which transaction the row has its turn.

use super::{Batches, Body, Piece, Refusal, Scene, footprint, hazard, shared_locks};
use crate::batch::{Batch, Key, key_of};
use crate::catalog::{Catalog, Relation, RelationKind, RowEvent, Volatility};
use crate::effect::{Effect, function_volatility};
use crate::quote::{Name, SqlText};
use crate::sql::{Dml, DmlVerb, NameRef, Shape, Statement, identifiers};
use crate::step::Undo;
use crate::version::ServerVersion;
use std::collections::BTreeSet;

/// The time of the transaction, which is another in each batch.
pub(super) const CLOCK: &[&str] = &[
    "now",
    "current_date",
    "current_time",
    "current_timestamp",
    "localtime",
    "localtimestamp",
    "statement_timestamp",
    "transaction_timestamp",
];

/// `None`: it changes few rows, or it stays whole because it is allowed to block.
pub(super) fn rewrite(
    statement: &Statement,
    dml: &Dml,
    effect: &Effect,
    scene: &Scene<'_>,
) -> Result<Option<Vec<Piece>>, Refusal> {
    let (Some(hurts), Some(table)) = (hazard(statement, effect, scene), scene.catalog.resolve(&dml.target)) else {
        return Ok(None);
    };
    if !matches!(dml.verb, DmlVerb::Update | DmlVerb::Delete) || !effect.changes.contains(&table) {
        return Ok(None);
    }
    match batch(dml, &table, scene) {
        Ok(batch) => Ok(Some(vec![piece(statement, batch, dml, effect, scene)])),
        Err(_) if scene.settings.allow_blocking => Ok(None),
        Err(why) => Err(whole(&hurts, &why)),
    }
}

/// A statement in batches whatever the size of its table, with what the user should know of it; or why there are none.
pub(crate) fn in_batches(
    statement: &Statement,
    dml: &Dml,
    effect: &Effect,
    scene: &Scene<'_>,
) -> Result<(Piece, Vec<String>), String> {
    let table = scene.catalog.resolve(&dml.target);
    let table = table.ok_or_else(|| format!("there is no table {}", dml.target))?;
    let batch = batch(dml, &table, scene)?;
    let cautions = cautions(&batch, dml, scene.catalog);
    Ok((piece(statement, batch, dml, effect, scene), cautions))
}

/// Why a statement is not done in batches.
pub(crate) fn whole(hurts: &Refusal, why: &str) -> Refusal {
    Refusal {
        message: format!("{}. It cannot be done in batches: {why}", hurts.message),
        help: "Change the rows in batches of your own, or write it so that each row depends on itself alone. Or allow it in \
               a quiet hour: `--allow blocking`."
            .to_owned(),
        rule: hurts.rule,
    }
}

fn piece(statement: &Statement, batch: Batch, dml: &Dml, effect: &Effect, scene: &Scene<'_>) -> Piece {
    let kept = match dml.verb {
        DmlVerb::Delete => "rows that were deleted in batches are gone",
        _ => "what the rows held before they were changed in batches is not kept",
    };
    Piece {
        note: note(&batch, dml, scene.catalog),
        body: Body::Batches(Batches {
            sql: statement.sql.clone(),
            batch,
            locks: shared_locks(effect),
            undo: Undo::Impossible(kept.to_owned()),
        }),
        statement: statement.ordinal,
        footprint: footprint::of(statement, scene.catalog),
        part: false,
    }
}

/// What the user should know of it.
fn note(batch: &Batch, dml: &Dml, catalog: &Catalog) -> String {
    let note = format!(
        "in batches over {}, each committed with its progress; rows beyond the end that is taken at the start are not its business",
        batch.key
    );
    std::iter::once(note)
        .chain(cautions(batch, dml, catalog))
        .collect::<Vec<_>>()
        .join("; ")
}

/// What may be another thing than he thinks.
fn cautions(batch: &Batch, dml: &Dml, catalog: &Catalog) -> Vec<String> {
    let mut all = Vec::new();
    let triggers = fired(catalog, &batch.table);
    if !triggers.is_empty() {
        all.push(format!("triggers of the table fire: {}", triggers.join(", ")));
    }
    let of_values = dml.sets.iter().flat_map(|(_, value)| &value.functions);
    if dml
        .query
        .functions
        .iter()
        .chain(of_values)
        .any(|name| CLOCK.contains(&bare(name)))
    {
        all.push("now() is the time of each batch".to_owned());
    }
    all
}

/// Triggers of a table and its partitions.
pub(super) fn fired(catalog: &Catalog, table: &Name) -> Vec<String> {
    let all = std::iter::once(table.clone()).chain(catalog.descendants(table));
    let relations = all.filter_map(|name| catalog.relation(&name));
    let names: BTreeSet<String> = relations
        .flat_map(|rel| &rel.triggers)
        .map(|trigger| trigger.name.clone())
        .collect();
    names.into_iter().collect()
}

fn bare(function: &str) -> &str {
    function.strip_prefix("pg_catalog.").unwrap_or(function)
}

/// The batch, or why there is none.
fn batch(dml: &Dml, table: &Name, scene: &Scene<'_>) -> Result<Batch, String> {
    let catalog = scene.catalog;
    let (Some(shape), Some(relation)) = (&dml.shape, catalog.relation(table)) else {
        return Err("nonstop cannot take it apart".to_owned());
    };
    if let Some(obstacle) = shape.obstacle {
        return Err(obstacle.to_owned());
    }
    if !matches!(relation.kind, RelationKind::Table | RelationKind::PartitionedTable) {
        return Err(format!("{table} is not a table"));
    }
    let reads = others(dml, table, catalog)?;
    calls(dml, catalog)?;
    triggers(relation, table, &reads, catalog)?;
    once(dml.verb, relation)?;
    match dml.verb {
        DmlVerb::Delete => deletes(table, &reads, catalog)?,
        _ => keys(dml, table, relation)?,
    }
    let key = key(dml, shape, table, catalog)?;
    if let Key::Columns(columns) = &key
        && let Some((column, _)) = dml.sets.iter().find(|(column, _)| columns.contains(column))
    {
        return Err(format!("it changes {column}, by which the rows are found"));
    }
    let plain = !shape.joins && dml.query.reads.is_empty() && key != Key::Pages;
    Ok(Batch {
        table: table.clone(),
        alias: shape.alias.clone(),
        repeats: key == Key::Pages,
        key,
        change: shape.change.clone(),
        locking: (!plain).then(|| shape.reading.clone()),
        condition: shape.condition.clone(),
        settings: SqlText::verbatim(""),
        size: None,
        silent: false,
    })
}

/// By pages a row may be met twice, or not at all, because it moves when it is updated. So it must be harmless to pass again.
fn key(dml: &Dml, shape: &Shape, table: &Name, catalog: &Catalog) -> Result<Key, String> {
    let key = key_of(catalog, table)
        .ok_or_else(|| format!("{table} has no primary key, and no unique index without NULLs, over all its rows"))?;
    if key != Key::Pages {
        return Ok(key);
    }
    if catalog.version < ServerVersion::of_major(14) {
        return Err(format!(
            "{table} has no primary key, and before PostgreSQL 14 its pages cannot be gone through"
        ));
    }
    let settles = match dml.verb {
        DmlVerb::Delete => shape.condition.is_some(),
        _ => matches!(dml.sets.as_slice(), [(column, _)] if shape.nulls.contains(column)),
    };
    if settles && !shape.joins {
        return Ok(Key::Pages);
    }
    Err(format!(
        "{table} has no primary key, and no unique index without NULLs: no row could be told from one that was changed already"
    ))
}

/// The other relations that it reads; none of them may be the table itself.
fn others(dml: &Dml, table: &Name, catalog: &Catalog) -> Result<BTreeSet<Name>, String> {
    if !dml.query.writes.is_empty() {
        return Err("it changes other tables too".to_owned());
    }
    let mut reads = BTreeSet::new();
    for read in &dml.query.reads {
        let name = catalog
            .resolve(read)
            .ok_or_else(|| format!("nonstop does not know {read}, which it reads"))?;
        below(catalog, &name, &mut reads);
    }
    let mut own = BTreeSet::new();
    below(catalog, table, &mut own);
    own.extend(catalog.relation(table).into_iter().flat_map(|rel| rel.parents.clone()));
    if reads.iter().any(|read| own.contains(read)) {
        return Err(format!(
            "it reads {table} itself: what becomes of one row depends on others"
        ));
    }
    Ok(reads)
}

/// A relation with all that is read through it.
fn below(catalog: &Catalog, name: &Name, found: &mut BTreeSet<Name>) {
    if !found.insert(name.clone()) {
        return;
    }
    let Some(relation) = catalog.relation(name) else { return };
    for next in relation.reads.keys().chain(&catalog.descendants(name)) {
        below(catalog, next, found);
    }
}

fn calls(dml: &Dml, catalog: &Catalog) -> Result<(), String> {
    calls_of(&dml.query.functions, catalog)
}

/// Whether functions give each row the same, in whichever transaction it has its turn.
pub(super) fn calls_of<'a>(functions: impl IntoIterator<Item = &'a String>, catalog: &Catalog) -> Result<(), String> {
    for function in functions {
        let volatility = function_volatility(catalog, function);
        if volatility == Volatility::Volatile {
            return Err(format!("it calls {function}(), which is volatile"));
        }
        let own = catalog.resolve_function(&NameRef::dotted(function)).is_some();
        if own && volatility != Volatility::Immutable {
            return Err(format!("it calls {function}(), which may read other rows"));
        }
    }
    Ok(())
}

/// A trigger that names the table, or one that the statement reads, may make a row depend on what became of others.
fn triggers(relation: &Relation, table: &Name, reads: &BTreeSet<Name>, catalog: &Catalog) -> Result<(), String> {
    for trigger in &relation.triggers {
        let overloads = catalog.functions.get(&trigger.function).into_iter().flatten();
        for body in overloads.filter_map(|function| function.body.as_ref()) {
            let words: BTreeSet<String> = identifiers(body).into_iter().map(|word| word.name).collect();
            let named = std::iter::once(table)
                .chain(reads)
                .find(|name| words.contains(&name.name));
            if let Some(name) = named {
                return Err(format!(
                    "its trigger {} names {name}: what becomes of one row may depend on others",
                    trigger.name
                ));
            }
        }
    }
    Ok(())
}

/// A trigger of the statement would fire for each batch, and see its rows alone.
fn once(verb: DmlVerb, relation: &Relation) -> Result<(), String> {
    let event = match verb {
        DmlVerb::Delete => RowEvent::Delete,
        _ => RowEvent::Update,
    };
    let mut triggers = relation.triggers.iter();
    match triggers.find(|trigger| trigger.each_statement && trigger.events.contains(&event)) {
        Some(trigger) => Err(format!(
            "its trigger {} fires once for the whole statement, and in batches it would for each of them",
            trigger.name
        )),
        None => Ok(()),
    }
}

/// Constraints that are judged over all rows of the statement, or of the transaction.
fn keys(dml: &Dml, table: &Name, relation: &Relation) -> Result<(), String> {
    let sets = |column: &String| dml.sets.iter().any(|(set, _)| set == column);
    for index in relation.indexes.iter().filter(|index| index.unique) {
        let used = index.expressions.iter().flat_map(|expression| &expression.columns);
        if let Some(column) = index.keys.iter().chain(used).find(|column| sets(column)) {
            return Err(format!(
                "{column} is in the unique index {}: rows may be in each other's way in one order and not in another",
                table.sibling(&index.name)
            ));
        }
    }
    let deferred = |definition: &str| definition.to_ascii_uppercase().contains("INITIALLY DEFERRED");
    let mut constraints = relation.constraints.iter().filter(|c| deferred(&c.definition));
    match constraints.find(|c| c.columns.iter().any(sets)) {
        Some(c) => Err(format!("the constraint {} is judged when all is done", c.name)),
        None => Ok(()),
    }
}

fn deletes(table: &Name, reads: &BTreeSet<Name>, catalog: &Catalog) -> Result<(), String> {
    for (child, constraint) in catalog.referencing(table) {
        let definition = constraint.definition.to_ascii_uppercase();
        if child == table {
            return Err(format!(
                "the foreign key {} points from {table} to itself: a row may wait for another to go first",
                constraint.name
            ));
        }
        if definition.contains("INITIALLY DEFERRED") {
            return Err(format!(
                "the foreign key {} of {child} is judged when all is done",
                constraint.name
            ));
        }
        let passes_on = definition.contains("ON DELETE CASCADE") || definition.contains("ON DELETE SET");
        if passes_on && reads.contains(child) {
            return Err(format!("it reads {child}, whose rows change with those of {table}"));
        }
    }
    Ok(())
}
