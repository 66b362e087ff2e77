//! What a piece reads and changes, to tell which pieces may change places.

use crate::catalog::{Catalog, ConstraintKind, Expression};
use crate::quote::Name;
use crate::replay;
use crate::sql::{
    ActionKind, AlterTable, ConstraintDef, ConstraintKindDef, Dml, DmlVerb, Kind, NameRef, ObjectKind, Statement,
    TypeRef,
};
use std::collections::BTreeSet;

/// A thing that a statement can depend on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Key {
    /// A relation as a whole: its being there under that name.
    Relation(Name),
    /// One column.
    Column(Name, String),
    /// An index, constraint, type or function.
    Object(Name),
    /// What stands in a table's rows.
    Rows(Name),
}

/// Stands for a table's list of columns: `SELECT *` sees one more.
const ALL: &str = "*";

/// What a piece reads and changes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Footprint {
    pub(crate) reads: BTreeSet<Key>,
    pub(crate) writes: BTreeSet<Key>,
    /// It may touch anything.
    pub(crate) everything: bool,
}

impl Footprint {
    pub(crate) fn everything() -> Self {
        Self {
            everything: true,
            ..Self::default()
        }
    }

    pub(crate) fn read(mut self, key: Key) -> Self {
        self.reads.insert(key);
        self
    }

    pub(crate) fn write(mut self, key: Key) -> Self {
        self.writes.insert(key);
        self
    }

    /// Columns and what stands in them.
    pub(crate) fn columns(mut self, table: &Name, columns: &[String]) -> Self {
        self.reads.insert(Key::Relation(table.clone()));
        self.reads.insert(Key::Rows(table.clone()));
        self.reads
            .extend(columns.iter().map(|column| Key::Column(table.clone(), column.clone())));
        self
    }

    /// Whether the two may change places without anyone telling the difference.
    pub(crate) fn commutes(&self, other: &Self) -> bool {
        let clear = |a: &Self, b: &Self| a.writes.is_disjoint(&b.writes) && a.writes.is_disjoint(&b.reads);
        !self.everything && !other.everything && clear(self, other) && clear(other, self)
    }

    fn type_ref(self, catalog: &Catalog, type_ref: &TypeRef) -> Self {
        match &type_ref.user {
            Some(user) => {
                let name = catalog.resolve_type_or_target(user);
                self.read(Key::Object(name))
            }
            None => self,
        }
    }
}

/// A whole statement's footprint.
pub(super) fn of(statement: &Statement, catalog: &Catalog) -> Footprint {
    let print = Footprint::default();
    let relation = |name: &NameRef| Key::Relation(catalog.resolve_or_target(name));
    match &statement.kind {
        Kind::CreateTable(create) => {
            let name = catalog.target(&create.name);
            let mut print = print
                .write(Key::Relation(name.clone()))
                .write(Key::Object(name.clone()));
            for column in &create.columns {
                print = print.type_ref(catalog, &column.type_ref);
                for constraint in &column.inline {
                    print = of_constraint(print, catalog, &name, constraint);
                }
                // Its functions and sequences are not followed.
                print.everything |= column
                    .default
                    .as_ref()
                    .is_some_and(|d| calls_own(catalog, &d.functions));
            }
            for constraint in &create.constraints {
                print = of_constraint(print, catalog, &name, constraint);
            }
            for parent in create.parents.iter().chain(create.like.iter().map(|like| &like.source)) {
                print = print.read(relation(parent));
            }
            print
        }
        Kind::CreateEnum { name, .. } | Kind::AddEnumValue { name, .. } => {
            let name = catalog.resolve_type_or_target(name);
            print.write(Key::Object(name))
        }
        Kind::CreateIndex(index) => match catalog.resolve(&index.table) {
            Some(table) => of_index(catalog, &table, index),
            None => Footprint::everything(),
        },
        Kind::AlterTable(alter) => of_alter(catalog, alter),
        Kind::Dml(dml) => of_dml(catalog, dml),
        Kind::Drop(drop) if !drop.cascade => of_drop(catalog, drop),
        _ => Footprint::everything(),
    }
}

/// A change of rows depends on all columns of the tables it names, their types, and the unique indexes that it may
/// arbitrate by; triggers and a user's functions may do anything.
fn of_dml(catalog: &Catalog, dml: &Dml) -> Footprint {
    let own_code = calls_own(catalog, &dml.query.functions);
    let Some(target) = catalog
        .resolve(&dml.target)
        .filter(|_| !own_code && dml.query.writes.is_empty())
    else {
        return Footprint::everything();
    };
    let mut print = Footprint::default().write(Key::Rows(target.clone()));
    let reads = dml.query.reads.iter().filter_map(|read| catalog.resolve(read));
    for name in reads.chain([target.clone()]) {
        let Some(rel) = catalog.relation(&name).filter(|rel| rel.triggers.is_empty()) else {
            return Footprint::everything();
        };
        print = print
            .read(Key::Relation(name.clone()))
            .read(Key::Rows(name.clone()))
            .read(Key::Column(name.clone(), ALL.to_owned()));
        for column in &rel.columns {
            print.reads.insert(Key::Column(name.clone(), column.name.clone()));
            print.reads.extend(column.user_type.iter().cloned().map(Key::Object));
        }
        for index in rel.indexes.iter().filter(|index| index.unique) {
            print.reads.insert(Key::Object(name.sibling(&index.name)));
        }
        for constraint in &rel.constraints {
            print.reads.insert(Key::Object(name.sibling(&constraint.name)));
            if let ConstraintKind::ForeignKey { references, .. } = &constraint.kind {
                print.reads.insert(Key::Rows(references.clone()));
            }
        }
    }
    // Deleting and updating keys may cascade.
    if dml.verb != DmlVerb::Insert && catalog.referencing(&target).next().is_some() {
        return Footprint::everything();
    }
    print
}

/// Whether one of these functions may be a user's, or reads a sequence.
pub(super) fn calls_own<'a>(catalog: &Catalog, functions: impl IntoIterator<Item = &'a String>) -> bool {
    let is_own =
        |function: &String| function == "nextval" || catalog.resolve_function(&NameRef::dotted(function)).is_some();
    functions.into_iter().any(is_own)
}

pub(super) fn of_index(catalog: &Catalog, table: &Name, index: &crate::sql::CreateIndex) -> Footprint {
    let columns = index.keys.iter().chain(&index.include);
    let name = replay::index_name(catalog, table, index);
    of_rows(
        catalog,
        table,
        columns,
        index.expressions.iter().chain(&index.predicate),
    )
    .write(Key::Object(table.sibling(name)))
}

/// What must be there to tell something of each row: columns, of which an expression key is an empty one, and what the
/// expressions use.
pub(super) fn of_rows<'a>(
    catalog: &Catalog,
    table: &Name,
    columns: impl IntoIterator<Item = &'a String>,
    expressions: impl IntoIterator<Item = &'a Expression>,
) -> Footprint {
    let mut columns: Vec<String> = columns.into_iter().filter(|key| !key.is_empty()).cloned().collect();
    let mut own_code = false;
    for expression in expressions {
        columns.extend(expression.columns.iter().cloned());
        own_code |= calls_own(catalog, &expression.functions);
    }
    let mut print = Footprint::default().columns(table, &columns);
    print.everything = own_code;
    print
}

pub(super) fn of_constraint(print: Footprint, catalog: &Catalog, table: &Name, def: &ConstraintDef) -> Footprint {
    let name = replay::constraint_name(catalog, table, def);
    let mut print = print
        .columns(table, &def.columns)
        .write(Key::Object(table.sibling(name)));
    match &def.kind {
        ConstraintKindDef::ForeignKey {
            references, columns, ..
        } => {
            let parent = catalog.resolve_or_target(references);
            print = print.columns(&parent, columns);
            // The key it needs may be any unique index of the parent over those columns.
            let is_over = |index: &&crate::catalog::Index| {
                columns.is_empty() || index.keys.iter().all(|key| columns.contains(key))
            };
            let keys = catalog
                .relation(&parent)
                .into_iter()
                .flat_map(|rel| &rel.indexes)
                .filter(|index| index.unique)
                .filter(is_over);
            print
                .reads
                .extend(keys.map(|index| Key::Object(parent.sibling(&index.name))));
        }
        ConstraintKindDef::PrimaryKey(key) | ConstraintKindDef::Unique(key) => {
            if let Some(index) = &key.using_index {
                print = print.write(Key::Object(table.sibling(index)));
            }
            if matches!(def.kind, ConstraintKindDef::PrimaryKey(_)) {
                print.writes.extend(
                    def.columns
                        .iter()
                        .map(|column| Key::Column(table.clone(), column.clone())),
                );
            }
        }
        ConstraintKindDef::Check(_) | ConstraintKindDef::NotNull | ConstraintKindDef::Exclude(_) => {}
    }
    print
}

fn of_alter(catalog: &Catalog, alter: &AlterTable) -> Footprint {
    let Some(table) = catalog
        .resolve(&alter.name)
        .filter(|_| alter.object == ObjectKind::Table)
    else {
        return Footprint::everything();
    };
    let mut print = Footprint::default();
    for action in &alter.actions {
        let one = of_action(catalog, &table, &action.kind);
        print.reads.extend(one.reads);
        print.writes.extend(one.writes);
        print.everything |= one.everything;
    }
    print
}

pub(super) fn of_action(catalog: &Catalog, table: &Name, action: &ActionKind) -> Footprint {
    let own = |column: &str| Key::Column(table.clone(), column.to_owned());
    let mut print = Footprint::default().read(Key::Relation(table.clone()));
    // A type cannot be dropped before the columns and defaults that use it.
    let user_type = |column: &str| catalog.relation(table)?.column(column)?.user_type.clone();
    if let ActionKind::DropColumn { name: column, .. }
    | ActionKind::SetDefault { column, .. }
    | ActionKind::DropDefault { column } = action
    {
        print.reads.extend(user_type(column).map(Key::Object));
    }
    match action {
        ActionKind::AddColumn { column, .. } => {
            let mut print = print
                .write(own(&column.name))
                .write(own(ALL))
                .type_ref(catalog, &column.type_ref);
            for constraint in &column.inline {
                print = of_constraint(print, catalog, table, constraint);
            }
            print
        }
        ActionKind::DropColumn {
            name, cascade: false, ..
        } => {
            let mut print = print.write(own(name));
            let Some(rel) = catalog.relation(table) else {
                return Footprint::everything();
            };
            for constraint in rel.constraints.iter().filter(|c| c.columns.contains(name)) {
                print = print.write(Key::Object(table.sibling(&constraint.name)));
                if let ConstraintKind::ForeignKey { references, .. } = &constraint.kind {
                    print = print.read(Key::Relation(references.clone()));
                }
            }
            let uses = |index: &crate::catalog::Index| {
                let expressions = index.expressions.iter().chain(&index.predicate);
                index.keys.iter().chain(&index.include).any(|key| key == name)
                    || expressions.into_iter().any(|e| e.columns.contains(name))
            };
            for index in rel.indexes.iter().filter(|index| uses(index)) {
                print = print.write(Key::Object(table.sibling(&index.name)));
            }
            print
        }
        ActionKind::SetDefault { column, .. }
        | ActionKind::DropDefault { column }
        | ActionKind::SetNotNull { column }
        | ActionKind::DropNotNull { column } => print.write(own(column)),
        ActionKind::AddConstraint(def) => of_constraint(print, catalog, table, def),
        ActionKind::DropConstraint {
            name, cascade: false, ..
        } => {
            let print = print.write(Key::Object(table.sibling(name)));
            match catalog
                .relation(table)
                .and_then(|rel| rel.constraint(name))
                .map(|c| &c.kind)
            {
                Some(ConstraintKind::ForeignKey { references, .. }) => print.read(Key::Relation(references.clone())),
                _ => print,
            }
        }
        ActionKind::ValidateConstraint { name } => print.write(Key::Object(table.sibling(name))),
        _ => Footprint::everything(),
    }
}

fn of_drop(catalog: &Catalog, drop: &crate::sql::Drop) -> Footprint {
    let mut print = Footprint::default();
    for name in &drop.names {
        match drop.object {
            ObjectKind::Table => {
                let Some(table) = catalog.resolve(name) else { continue };
                print = print
                    .write(Key::Relation(table.clone()))
                    .write(Key::Object(table.clone()));
                let Some(rel) = catalog.relation(&table) else { continue };
                for own in rel
                    .indexes
                    .iter()
                    .map(|i| &i.name)
                    .chain(rel.constraints.iter().map(|c| &c.name))
                {
                    print = print.write(Key::Object(table.sibling(own)));
                }
                for column in &rel.columns {
                    print
                        .reads
                        .extend(column.user_type.iter().map(|t| Key::Object(t.clone())));
                }
                for constraint in &rel.constraints {
                    if let ConstraintKind::ForeignKey { references, .. } = &constraint.kind {
                        print = print.read(Key::Relation(references.clone()));
                    }
                }
            }
            ObjectKind::Index => {
                let Some((table, index)) = catalog.resolve_index(name) else {
                    continue;
                };
                print = print
                    .read(Key::Relation(table.clone()))
                    .write(Key::Object(table.sibling(&index.name)));
            }
            ObjectKind::Type => {
                let Some(name) = catalog.resolve_type(name) else {
                    continue;
                };
                print = print.write(Key::Object(name));
            }
            _ => return Footprint::everything(),
        }
    }
    print
}
