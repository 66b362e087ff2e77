//! `ALTER COLUMN … TYPE` by a shadow column: one of the new type beside the old one, kept equal by a trigger, filled in batches,
//! with its indexes built and its constraints validated while reads and writes go on; then one short transaction puts it
//! in the old one's place.

mod carry;
mod casts;
mod shadow;
mod swap;

use super::constraint::{family, leaves_keys_open};
use super::footprint::{Footprint, Key as Print};
use super::{Piece, Refusal, Scene, dml};
use crate::batch::{Key, key_of};
use crate::catalog::{Catalog, Column, Constraint, ConstraintKind, Generated, Index, Relation, RelationKind};
use crate::lock::LockMode::AccessExclusive;
use crate::quote::{Ident, Name, SqlText};
use crate::replay;
use crate::sql;
use crate::sql::{ActionKind, TypeRef};
use crate::step::RelationLock;
use shadow::read_index;
use std::collections::BTreeSet;

/// What is asked for.
struct Change<'a> {
    statement: usize,
    table: &'a Name,
    rel: &'a Relation,
    column: &'a Column,
    to: &'a TypeRef,
    /// The new type as it stands in a column's definition.
    definition: &'a SqlText,
    /// `USING`.
    using: Option<&'a crate::catalog::Expression>,
    /// The type in `USING column::type`, where that is all.
    cast: Option<&'a TypeRef>,
    scene: &'a Scene<'a>,
}

/// A thing over the old column, and its like over the new one.
struct Twin<'a, T> {
    old: &'a T,
    /// The name of the new one until the swap.
    name: String,
}

/// What is made beside the column.
struct Shadow<'a> {
    change: Change<'a>,
    /// The new column's name until the swap.
    name: String,
    trigger: String,
    function: Name,
    key: Key,
    /// What proves the new column NOT NULL: a CHECK, from 18 on the constraint itself.
    proof: Option<String>,
    /// Those of keys among them.
    indexes: Vec<Twin<'a, Index>>,
    /// CHECKs and foreign keys of the table.
    constraints: Vec<Twin<'a, Constraint>>,
    /// Foreign keys that point at the column, with their tables.
    pointing: Vec<(&'a Name, Twin<'a, Constraint>)>,
}

/// The pieces of such a change; `hurts` is the refusal where it has none.
pub(super) fn column(
    statement: usize,
    table: &Name,
    action: &ActionKind,
    changed: &[&str],
    hurts: &Refusal,
    scene: &Scene<'_>,
) -> Result<Vec<Piece>, Refusal> {
    let ActionKind::AlterType {
        column,
        to,
        definition,
        using,
        cast,
        ..
    } = action
    else {
        return Err(hurts.clone());
    };
    let Some(rel) = scene.catalog.relation(table) else {
        return Err(hurts.clone());
    };
    let Some(found) = rel.column(column) else {
        return Err(hurts.clone());
    };
    let change = Change {
        statement,
        table,
        rel,
        column: found,
        to,
        definition,
        using: using.as_ref(),
        cast: cast.as_ref(),
        scene,
    };
    let refused = |why: String| Refusal {
        rule: hurts.rule,
        message: format!(
            "{}. nonstop cannot change {table}.{column} beside its readers: {why}",
            hurts.message
        ),
        help: format!(
            "Add a column of the new type, fill it, and move the application to it. Or allow it in a quiet hour: \
             `--allow blocking`. If {table} is small after all, raise `--small-rows`."
        ),
    };
    change.obstacle(changed).map_or(Ok(()), |why| Err(refused(why)))?;
    let shadow = Shadow::of(change).map_err(refused)?;
    Ok(shadow.pieces())
}

impl<'a> Change<'a> {
    fn catalog(&self) -> &'a Catalog {
        self.scene.catalog
    }

    fn uses(&self, index: &Index) -> bool {
        index.uses(&self.column.name)
    }

    /// What of the catalog nonstop does not carry over.
    fn obstacle(&self, changed: &[&str]) -> Option<String> {
        let (rel, column) = (self.rel, &self.column.name);
        if rel.kind != RelationKind::Table {
            return Some("the table is partitioned".to_owned());
        }
        if !rel.parents.is_empty() || self.catalog().children(self.table).next().is_some() {
            return Some("the table has parents or children".to_owned());
        }
        if matches!(self.column.generated, Generated::Stored | Generated::Virtual) {
            return Some("it is a generated column".to_owned());
        }
        let domain = self.to.user.as_ref().and_then(|name| self.catalog().resolve_type(name));
        if let Some(crate::catalog::TypeDef::Domain { constrained: true, .. }) =
            domain.and_then(|name| self.catalog().types.get(&name))
        {
            return Some(format!("the domain {} has a rule of its own", self.to.display));
        }
        if let Some(own) = rel.statistics.iter().find(|own| own.columns.contains(column)) {
            return Some(format!("the extended statistics {} are about it", own.name));
        }
        let invalid = |index: &&Index| self.uses(index) && !index.valid;
        if let Some(index) = rel.indexes.iter().find(invalid) {
            return Some(format!("the index {} is not valid", index.name));
        }
        self.of_constraints().or_else(|| self.of_expression(changed))
    }

    fn of_constraints(&self) -> Option<String> {
        let column = &self.column.name;
        for own in self.rel.constraints.iter().filter(|own| self.covers(own)) {
            let words = own.definition.to_ascii_uppercase();
            let unknown = match own.kind {
                ConstraintKind::Exclude => Some("cannot be made from an index built before"),
                ConstraintKind::Trigger => Some("is a trigger"),
                ConstraintKind::NotNull if !own.valid => Some("is not valid"),
                _ if words.contains("WITHOUT OVERLAPS") || words.contains("PERIOD ") => Some("is over a period"),
                _ if !own.enforced => Some("is not enforced"),
                _ => None,
            };
            if let Some(unknown) = unknown {
                return Some(format!("the constraint {} {unknown}", own.name));
            }
        }
        for (child, key) in self.catalog().referencing(self.table) {
            let points = matches!(&key.kind, ConstraintKind::ForeignKey { columns, .. } if columns.contains(column));
            let rel = self.catalog().relation(child)?;
            let apart = rel.kind != RelationKind::Table || key.inherited || !key.enforced || !rel.parents.is_empty();
            if points && (apart || child == self.table && key.columns.contains(column)) {
                return Some(format!("the foreign key {} of {child} points at it", key.name));
            }
        }
        None
    }

    fn of_expression(&self, changed: &[&str]) -> Option<String> {
        let using = self.using?;
        let name = |function: &str| function.rsplit('.').next().unwrap_or(function).to_owned();
        if let Err(why) = dml::calls_of(&using.functions, self.catalog()) {
            return Some(why.replacen("it calls", "USING calls", 1));
        }
        if let Some(function) = using.functions.iter().find(|own| {
            dml::CLOCK
                .iter()
                .chain(OF_SESSION)
                .any(|of_session| *of_session == name(own))
        }) {
            return Some(format!("USING calls {function}, which is another for each writer"));
        }
        let other = using
            .columns
            .iter()
            .find(|own| **own != self.column.name && changed.contains(&own.as_str()));
        other.map(|other| format!("USING reads {other}, whose type changes too"))
    }

    /// Whether a constraint is over the column.
    fn covers(&self, own: &Constraint) -> bool {
        own.columns.contains(&self.column.name)
            || matches!(&own.kind, ConstraintKind::Check(e) if e.columns.contains(&self.column.name))
    }

    /// Types that somebody made: they cannot go before the old column, nor come after the new one.
    fn types(&self) -> impl Iterator<Item = Name> {
        let refs = [Some(self.to), self.cast].into_iter().flatten();
        let new = refs.filter_map(|to| self.catalog().resolve_type(to.user.as_ref()?));
        new.chain(self.column.user_type.clone())
    }

    /// The new value out of the old row.
    fn value(&self) -> SqlText {
        match self.using {
            Some(using) => sql!("({})", SqlText::verbatim(&using.sql)),
            None => sql!("{}", Ident(&self.column.name)),
        }
    }
}

/// What depends on who computes it.
const OF_SESSION: &[&str] = &[
    "current_user",
    "session_user",
    "user",
    "current_role",
    "current_schema",
    "current_setting",
];

impl<'a> Shadow<'a> {
    fn of(change: Change<'a>) -> Result<Self, String> {
        let (table, rel, column) = (change.table, change.rel, &change.column.name);
        let key = key_of(change.catalog(), table).ok_or("its rows cannot be gone through in batches")?;
        let mut taken = BTreeSet::new();
        let mut free = |near: &Name, base: &str| free(change.catalog(), near, base, &mut taken);
        let name = free(table, column);
        // Of its column, not only of its table: a later type change of the same file has another.
        let function = table.sibling(free(table, &format!("{}_{column}", table.name)));
        let proof = change
            .column
            .not_null
            .then(|| free(table, &format!("{column}_not_null")));
        let mut indexes = Vec::new();
        for old in rel.indexes.iter().filter(|index| change.uses(index)) {
            if read_index(&old.definition).is_none() {
                return Err(format!("the definition of the index {} is not known", old.name));
            }
            let name = free(table, &old.name);
            indexes.push(Twin { old, name });
        }
        let mut constraints = Vec::new();
        let kinds = |own: &&Constraint| {
            matches!(own.kind, ConstraintKind::Check(_) | ConstraintKind::ForeignKey { .. }) && change.covers(own)
        };
        for old in rel.constraints.iter().filter(kinds) {
            if let ConstraintKind::ForeignKey { references, .. } = &old.kind
                && leaves_keys_open(change.scene, references)
            {
                return Err(format!("the foreign key {} points at a partitioned table", old.name));
            }
            let name = free(table, &old.name);
            constraints.push(Twin { old, name });
        }
        let mut pointing = Vec::new();
        for (child, old) in change.catalog().referencing(table) {
            if matches!(&old.kind, ConstraintKind::ForeignKey { columns, .. } if columns.contains(column)) {
                let name = free(child, &old.name);
                pointing.push((child, Twin { old, name }));
            }
        }
        Ok(Self {
            trigger: last_trigger(rel, &name),
            change,
            name,
            function,
            key,
            proof,
            indexes,
            constraints,
            pointing,
        })
    }

    fn pieces(&self) -> Vec<Piece> {
        let mut pieces = casts::checks(&self.change);
        pieces.extend(self.made());
        pieces.push(self.filled());
        pieces.extend(self.proved());
        pieces.extend(self.built());
        pieces.push(self.analysed());
        pieces.extend(self.swapped());
        pieces
    }

    /// The same constraint over the new column.
    fn over_shadow(&self, old: &Constraint) -> SqlText {
        let (from, to) = (&self.change.column.name, &self.name);
        let ConstraintKind::ForeignKey { references, columns } = &old.kind else {
            return sql::renamed(&old.definition, from, to);
        };
        let is_own = old.columns.contains(from) && self.constraints.iter().any(|twin| twin.old == old);
        let new = |names: &[String], renames: bool| -> Vec<String> {
            let rename = |name: &String| {
                if renames && name == from {
                    to.clone()
                } else {
                    name.clone()
                }
            };
            names.iter().map(rename).collect()
        };
        let own = new(&old.columns, is_own);
        let theirs = new(columns, !is_own);
        let tail = behind_reference(&old.definition);
        let tail = if is_own {
            sql::renamed(tail, from, to)
        } else {
            SqlText::verbatim(tail)
        };
        sql!(
            "FOREIGN KEY ({}) REFERENCES {} ({}){}",
            crate::quote::Idents(&own),
            references,
            crate::quote::Idents(&theirs),
            tail
        )
    }

    fn locks(&self) -> Vec<RelationLock> {
        family(self.change.scene, self.change.table, AccessExclusive)
    }

    /// What all pieces but the last touch: the new column, and the old one as it is.
    fn print(&self) -> Footprint {
        let columns = [self.change.column.name.clone()];
        let print = Footprint::default().columns(self.change.table, &columns);
        let print = self
            .change
            .types()
            .fold(print, |print, name| print.read(Print::Object(name)));
        print.write(Print::Column(self.change.table.clone(), self.name.clone()))
    }
}

/// What a foreign key's definition says behind the table and columns it points at: `MATCH`, `ON DELETE`, `DEFERRABLE`. Of the
/// columns a file need not say anything.
fn behind_reference(definition: &str) -> &str {
    let words = sql::words(definition);
    let is = |at: usize, what: &str| words.get(at).is_some_and(|word| word.name == what);
    let Some(mut last) = words.iter().position(|word| word.name == "references") else {
        return "";
    };
    last += 1;
    while is(last + 1, ".") {
        last += 2;
    }
    if is(last + 1, "(") {
        last += words[last..].iter().position(|word| word.name == ")").unwrap_or(0);
    }
    words.get(last).map_or("", |word| &definition[word.end..])
}

/// A name that nothing near it has: `base_nonstop`, cut to fit.
fn free(catalog: &Catalog, near: &Name, base: &str, taken: &mut BTreeSet<String>) -> String {
    let is_free = |name: &String| {
        let full = near.sibling(name.as_str());
        let rel = catalog.relation(near);
        !taken.contains(name)
            && catalog.relation(&full).is_none()
            && catalog.index(&full).is_none()
            && !catalog.functions.contains_key(&full)
            && rel.is_none_or(|rel| rel.constraint(name).is_none() && rel.column(name).is_none())
    };
    let labels = (0_u32..).map(|number| match number {
        0 => "nonstop".to_owned(),
        number => format!("nonstop{number}"),
    });
    let mut names = labels.map(|label| replay::names::make_object_name(base, None, &label));
    let name = names.find(is_free).unwrap_or_else(|| base.to_owned());
    taken.insert(name.clone());
    name
}

/// Triggers fire in the order of their names: ours comes last, and sees what the others made of the row.
fn last_trigger(rel: &Relation, shadow: &str) -> String {
    let last = rel
        .triggers
        .iter()
        .map(|trigger| trigger.name.as_str())
        .max()
        .unwrap_or_default();
    let names =
        ["zz", "~", "~~~~", "\u{10ffff}"].map(|start| replay::names::make_object_name(start, Some(shadow), "sync"));
    let fit = names.iter().find(|name| name.as_str() > last);
    fit.unwrap_or(&names[3]).clone()
}

#[cfg(test)]
mod tests;
