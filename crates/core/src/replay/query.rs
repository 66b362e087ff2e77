//! Which columns a query gives, and which columns of which relations it reads.
//!
//! The names are looked up as the server does it: in the innermost `FROM` that knows them. Where an entry's columns are not
//! known (a function's rows), nothing is guessed.

use crate::catalog::{Catalog, Column, Generated};
use crate::quote::Name;
use crate::sql::{ColumnUse, From, Output, Select, Source, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Columns read, by relation.
pub(super) type Reads = BTreeMap<Name, BTreeSet<String>>;

/// What a query gives.
#[derive(Debug, Clone, Default)]
pub(super) struct Shape {
    /// Its columns, as far as they are known.
    pub(super) columns: Vec<Column>,
    /// Whether those are all.
    pub(super) is_known: bool,
}

/// The shape of a query, and what it reads.
pub(super) fn shape(catalog: &Catalog, select: &Select) -> (Shape, Reads) {
    let mut reader = Reader {
        catalog,
        reads: Reads::new(),
    };
    let shape = reader.select(select, &[], &[]);
    (shape, reader.reads)
}

/// A column of an entry: its name here, and what it is in the relation that is read.
#[derive(Debug, Clone)]
struct Shown {
    name: String,
    column: Column,
}

/// One entry of `FROM`.
#[derive(Debug, Clone)]
struct Entry {
    label: String,
    relation: Option<Name>,
    columns: Vec<Shown>,
    is_known: bool,
    merged: Vec<String>,
}

type Known = (String, Shape);

struct Reader<'a> {
    catalog: &'a Catalog,
    reads: Reads,
}

impl Reader<'_> {
    fn select(&mut self, select: &Select, with: &[Known], outer: &[Vec<Entry>]) -> Shape {
        let mut with = with.to_vec();
        for cte in &select.with {
            // A recursive one sees the columns of its first side.
            let base = cte.select.arms.first().unwrap_or(&cte.select);
            let mut seen = with.clone();
            if cte.select.arms.is_empty() {
                seen.retain(|(name, _)| *name != cte.name);
            } else {
                let first = self.select(base, &with, outer);
                seen.push((cte.name.clone(), renamed(first, &cte.columns)));
            }
            let shape = self.select(&cte.select, &seen, outer);
            with.push((cte.name.clone(), renamed(shape, &cte.columns)));
        }
        if let Some((first, rest)) = select.arms.split_first() {
            let mut shape = self.select(first, &with, outer);
            for arm in rest {
                let other = self.select(arm, &with, outer);
                for (column, other) in shape.columns.iter_mut().zip(other.columns) {
                    if column.type_name.is_empty() {
                        column.type_name = other.type_name;
                        column.user_type = other.user_type;
                    }
                }
            }
            return shape;
        }
        let mut frames = outer.to_vec();
        frames.push(Vec::new());
        for from in &select.from {
            let entry = self.entry(from, &with, &frames);
            if let Some(frame) = frames.last_mut() {
                frame.push(entry);
            }
        }
        for used in &select.uses {
            self.note(used, &frames);
        }
        for inner in &select.inner {
            self.select(inner, &with, &frames);
        }
        self.outputs(&select.outputs, &frames)
    }

    fn entry(&mut self, from: &From, with: &[Known], frames: &[Vec<Entry>]) -> Entry {
        let mut relation = None;
        let (label, shape) = match &from.source {
            Source::Table(name) => {
                let cte = with
                    .iter()
                    .rev()
                    .find(|(known, _)| name.schema.is_none() && *known == name.name);
                let shape = if let Some((_, shape)) = cte {
                    shape.clone()
                } else {
                    relation = self.catalog.resolve(name);
                    relation.as_ref().map(|name| self.relation(name)).unwrap_or_default()
                };
                (name.name.clone(), shape)
            }
            Source::Query(inner) => (String::new(), self.select(inner, with, frames)),
            Source::Other => (String::new(), Shape::default()),
        };
        let names = shape.columns.iter().enumerate().map(|(at, column)| Shown {
            name: from.columns.get(at).unwrap_or(&column.name).clone(),
            column: column.clone(),
        });
        let columns: Vec<Shown> = names.collect();
        let before = || frames.last().into_iter().flatten().flat_map(|entry| &entry.columns);
        let shared = |shown: &&Shown| before().any(|other| other.name == shown.name);
        let merged = from.merged.clone().unwrap_or_else(|| {
            let natural = columns.iter().filter(shared);
            natural.map(|shown| shown.name.clone()).collect()
        });
        Entry {
            label: from.alias.clone().unwrap_or(label),
            relation,
            columns,
            is_known: shape.is_known,
            merged,
        }
    }

    fn relation(&mut self, name: &Name) -> Shape {
        self.reads.entry(name.clone()).or_default();
        let columns = self
            .catalog
            .relation(name)
            .map(|rel| rel.columns.clone())
            .unwrap_or_default();
        Shape {
            is_known: !columns.is_empty(),
            columns,
        }
    }

    /// Writes down what a name reads.
    fn note(&mut self, used: &ColumnUse, frames: &[Vec<Entry>]) {
        for frame in frames.iter().rev() {
            let mut found = false;
            for entry in frame
                .iter()
                .filter(|entry| used.of.as_ref().is_none_or(|of| *of == entry.label))
            {
                let named = |shown: &&Shown| used.column.as_ref().is_none_or(|column| *column == shown.name);
                let columns: Vec<String> = entry
                    .columns
                    .iter()
                    .filter(named)
                    .map(|c| c.column.name.clone())
                    .collect();
                found |= !columns.is_empty() || !entry.is_known || used.of.is_some();
                if let Some(relation) = &entry.relation {
                    self.reads.entry(relation.clone()).or_default().extend(columns);
                }
            }
            if found {
                return;
            }
        }
    }

    fn outputs(&self, outputs: &[Output], frames: &[Vec<Entry>]) -> Shape {
        let mut shape = Shape {
            columns: Vec::new(),
            is_known: true,
        };
        let frame = frames.last().map_or(&[][..], Vec::as_slice);
        for output in outputs {
            match &output.value {
                Value::Column(ColumnUse { of, column: None }) => {
                    let of_all: Vec<&Entry> = frame
                        .iter()
                        .filter(|e| of.as_ref().is_none_or(|of| *of == e.label))
                        .collect();
                    shape.is_known &= !of_all.is_empty() && of_all.iter().all(|entry| entry.is_known);
                    shape.columns.extend(all_columns(&of_all, of.is_none()));
                }
                value => {
                    let (type_name, user_type) = self.type_of(value, frames);
                    shape.columns.push(plain(&output.name, type_name, user_type));
                }
            }
        }
        shape
    }

    fn type_of(&self, value: &Value, frames: &[Vec<Entry>]) -> (String, Option<Name>) {
        match value {
            Value::Column(used) => {
                let mut entries = frames.iter().rev().flatten();
                let found = entries.find_map(|entry| {
                    let here = used.of.as_ref().is_none_or(|of| *of == entry.label);
                    entry
                        .columns
                        .iter()
                        .find(|shown| here && Some(&shown.name) == used.column.as_ref())
                });
                found
                    .map(|shown| (shown.column.type_name.clone(), shown.column.user_type.clone()))
                    .unwrap_or_default()
            }
            Value::Cast(type_ref) => super::table::column_type(self.catalog, type_ref),
            Value::Of(name) => ((*name).to_owned(), None),
            Value::Like(inner) => self.type_of(inner, frames),
            Value::Sum(inner) => {
                let (type_name, _) = self.type_of(inner, frames);
                let sum = match type_name.split('(').next().unwrap_or_default() {
                    "smallint" | "integer" => "bigint",
                    "bigint" | "numeric" => "numeric",
                    "real" => "real",
                    "double precision" => "double precision",
                    "interval" => "interval",
                    _ => "",
                };
                (sum.to_owned(), None)
            }
            Value::Number(both) => {
                let (left, right) = (self.type_of(&both.0, frames).0, self.type_of(&both.1, frames).0);
                (wider(&left, &right).to_owned(), None)
            }
            Value::Array(inner) => {
                let (type_name, user_type) = self.type_of(inner, frames);
                let element = super::names::without_modifier(&type_name);
                let array = if element.is_empty() {
                    element
                } else {
                    format!("{element}[]")
                };
                (array, user_type)
            }
            Value::Unknown => (String::new(), None),
        }
    }
}

/// The type that two numbers give together; empty where one is no number.
fn wider(left: &str, right: &str) -> &'static str {
    const ORDER: [&str; 6] = ["smallint", "integer", "bigint", "numeric", "real", "double precision"];
    let rank = |name: &str| ORDER.iter().position(|known| name.split('(').next() == Some(known));
    match (rank(left), rank(right)) {
        (Some(left), Some(right)) => ORDER[left.max(right)],
        _ => "",
    }
}

fn plain(name: &str, type_name: String, user_type: Option<Name>) -> Column {
    Column {
        name: name.to_owned(),
        type_name,
        user_type,
        not_null: false,
        default: None,
        generated: Generated::No,
    }
}

/// `*`: merged columns stand once, and first.
fn all_columns(entries: &[&Entry], together: bool) -> Vec<Column> {
    let merged: Vec<&String> = entries
        .iter()
        .flat_map(|entry| &entry.merged)
        .filter(|_| together)
        .collect();
    let shown = entries.iter().flat_map(|entry| &entry.columns);
    let mut first: Vec<&Shown> = Vec::new();
    for name in &merged {
        if !first.iter().any(|shown| shown.name == **name) {
            first.extend(shown.clone().find(|shown| shown.name == **name));
        }
    }
    let rest = shown.clone().filter(|shown| !merged.contains(&&shown.name));
    let column = |shown: &Shown| {
        plain(
            &shown.name,
            shown.column.type_name.clone(),
            shown.column.user_type.clone(),
        )
    };
    first.into_iter().chain(rest).map(column).collect()
}

/// Columns with the names that are given to them.
pub(super) fn renamed(mut shape: Shape, names: &[String]) -> Shape {
    for (column, name) in shape.columns.iter_mut().zip(names) {
        column.name.clone_from(name);
    }
    shape
}
