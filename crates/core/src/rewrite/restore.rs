//! The way back for a file of its own: what an undo brings back, and where rows or values are gone, at least the definitions.
//!
//! A deploy that goes wrong must come back to the state before it, and takes nothing less for an undo. A down script may give
//! the structure back without its rows, if it says so.

use super::undo::{self, add_again, alter};
use super::{Body, Piece, Scene, index};
use crate::catalog::{Catalog, Column, ConstraintKind, Generated, Relation, RelationKind};
use crate::effect;
use crate::quote::{Ident, Name, SqlText};
use crate::sql;
use crate::sql::{ActionKind, AlterTable, Drop, Kind, NameRef, ObjectKind, Statement};
use crate::step::Undo;
use std::collections::BTreeMap;

/// What takes a piece back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct WayBack {
    /// Its statements, in order.
    pub(crate) statements: Vec<SqlText>,
    /// What does not come back.
    pub(crate) lost: Vec<String>,
    /// Of these, what is missing in the schema itself: it must be written by hand.
    pub(crate) missing: Vec<String>,
}

impl WayBack {
    fn add(&mut self, undo: Undo) {
        match undo {
            Undo::Nothing => {}
            Undo::Steps(steps) => self.statements.extend(steps.into_iter().map(|step| step.sql)),
            Undo::Impossible(why) => self.misses(why),
        }
    }

    fn misses(&mut self, what: impl Into<String>) {
        let what = what.into();
        self.missing.push(what.clone());
        self.lost.push(what);
    }
}

/// The statements of a folder that made what a catalog keeps no definition of: views, functions, triggers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Made(BTreeMap<String, SqlText>);

impl Made {
    /// Before a statement is applied to the catalog: keeps what it makes.
    pub fn note(&mut self, statement: &Statement, catalog: &Catalog) {
        let key = match &statement.kind {
            Kind::CreateView { name, .. } => key("view", &catalog.target(name), ""),
            Kind::CreateTableAs(create) if create.materialized_view => key("view", &catalog.target(&create.name), ""),
            Kind::CreateFunction(function) => key("function", &catalog.target(&function.name), ""),
            Kind::CreateTrigger { name, table, .. } => key("trigger", &catalog.resolve_or_target(table), name),
            Kind::Policy {
                name,
                table,
                create: true,
                ..
            } => key("policy", &catalog.resolve_or_target(table), name),
            Kind::CreateDomain { name, .. } | Kind::CreateType { name, .. } => key("type", &catalog.target(name), ""),
            Kind::CreateSequence { name, .. } => key("sequence", &catalog.target(name), ""),
            Kind::Comment { .. } => match comment_head(statement) {
                Some(head) => format!("comment\0{head}"),
                None => return,
            },
            _ => return,
        };
        self.0.insert(key, statement.sql.clone());
    }

    fn get(&self, kind: &str, name: &Name, member: &str) -> Option<&SqlText> {
        self.0.get(&key(kind, name, member))
    }
}

fn key(kind: &str, name: &Name, member: &str) -> String {
    format!("{kind}\0{}\0{}\0{member}", name.schema, name.name)
}

/// What takes a piece of a statement back; `is_whole`: the piece is the statement as written.
pub(crate) fn way_back(
    statement: &Statement,
    is_whole: bool,
    piece: &Piece,
    scene: &Scene<'_>,
    made: &Made,
) -> WayBack {
    let mut way = WayBack::default();
    let undo = match &piece.body {
        Body::Instant(instant) => &instant.undo,
        Body::Lone(lone) => &lone.undo,
        Body::Batches(batches) => &batches.undo,
        Body::Check { .. } => return way,
    };
    match undo {
        _ if is_whole && goes_with_its_table(&statement.kind, scene.catalog) => {}
        Undo::Impossible(why) if matches!(statement.kind, Kind::Dml(_)) => way.lost.push(why.clone()),
        Undo::Impossible(why) if is_whole => restore(statement, why, scene, made, &mut way),
        undo => way.add(undo.clone()),
    }
    way
}

/// The table that the migration made goes, and this with it.
pub(crate) fn goes_with_its_table(kind: &Kind, catalog: &Catalog) -> bool {
    let table = match kind {
        Kind::CreateIndex(index) => &index.table,
        Kind::CreateTrigger { table, .. } | Kind::Policy { table, .. } => table,
        Kind::AlterTable(alter) => &alter.name,
        Kind::Comment { name: Some(name), .. } => name,
        Kind::Grant { revoke: false, tables } => match tables.as_slice() {
            [table] => table,
            _ => return false,
        },
        _ => return false,
    };
    let Some(table) = catalog.resolve(table) else {
        return false;
    };
    let stays = |alter: &AlterTable| {
        let mut actions = alter.actions.iter();
        actions.any(|action| undo::hangs_on_new(&table, &action.kind, catalog))
    };
    undo::is_new(&table, catalog) && !matches!(kind, Kind::AlterTable(alter) if stays(alter))
}

fn restore(statement: &Statement, why: &str, scene: &Scene<'_>, made: &Made, way: &mut WayBack) {
    let catalog = scene.catalog;
    match &statement.kind {
        Kind::AlterTable(alter) if alter.object == ObjectKind::Table => actions(alter, why, scene, way),
        Kind::Drop(drop) => {
            for (at, name) in drop.names.iter().enumerate() {
                dropped(drop, name, drop.members.get(at), scene, made, way);
            }
        }
        Kind::CreateView { name, .. } => {
            let name = catalog.target(name);
            match made.get("view", &name, "") {
                Some(text) => {
                    way.statements.push(sql!("DROP VIEW IF EXISTS {}", name));
                    way.statements.push(text.clone());
                }
                None => way.misses(why),
            }
        }
        Kind::CreateFunction(function) => match made.get("function", &catalog.target(&function.name), "") {
            Some(text) => way.statements.push(or_replace(text)),
            None => way.misses(why),
        },
        Kind::CreateTrigger { name, table, .. } => match made.get("trigger", &catalog.resolve_or_target(table), name) {
            Some(text) => way.statements.push(or_replace(text)),
            None => way.misses(why),
        },
        Kind::Comment { .. } => match comment_head(statement) {
            Some(head) => way.statements.push(match made.0.get(&format!("comment\0{head}")) {
                Some(text) => text.clone(),
                None => SqlText::verbatim([head, " NULL"].concat()),
            }),
            None => way.misses(why),
        },
        _ => way.misses(why),
    }
}

/// `COMMENT ON … IS`.
fn comment_head(statement: &Statement) -> Option<&str> {
    let text = statement.sql.as_str();
    let words = sql::words(text);
    let is = words
        .iter()
        .rposition(|word| word.name == "is")
        .filter(|at| at + 2 == words.len())?;
    text.get(..words[is].end)
}

fn or_replace(text: &SqlText) -> SqlText {
    let words = sql::words(text.as_str());
    match words.as_slice() {
        [create, next, ..] if create.name == "create" && next.name != "or" => {
            let (head, rest) = text.as_str().split_at(create.end);
            SqlText::verbatim([head, " OR REPLACE", rest].concat())
        }
        _ => text.clone(),
    }
}

fn actions(alter: &AlterTable, why: &str, scene: &Scene<'_>, way: &mut WayBack) {
    let Some(table) = scene.catalog.resolve(&alter.name) else {
        way.misses(why);
        return;
    };
    for action in alter.actions.iter().rev() {
        match undo::of_action(&table, &action.kind, scene) {
            Undo::Impossible(why) => gone(&table, &action.kind, why, scene, way),
            undo => way.add(undo),
        }
    }
}

fn gone(table: &Name, action: &ActionKind, why: String, scene: &Scene<'_>, way: &mut WayBack) {
    let Some(relation) = scene.catalog.relation(table) else {
        way.misses(why);
        return;
    };
    let column = |name: &str| relation.column(name).filter(|column| !column.type_name.is_empty());
    match action {
        ActionKind::DropColumn { name, .. } => {
            let Some(column) = column(name) else {
                way.misses(why);
                return;
            };
            way.lost.push(why);
            let definition = column_definition(column, false);
            way.statements
                .push(alter(table, &sql!("ADD COLUMN {}", definition), scene).sql);
            hanging(table, relation, name, scene, way);
        }
        ActionKind::DropNotNull { column } => {
            way.statements
                .push(alter(table, &sql!("ALTER COLUMN {} SET NOT NULL", Ident(column)), scene).sql);
        }
        ActionKind::AlterType {
            column: name,
            to,
            using,
            cast,
            ..
        } => {
            let Some(column) = column(name) else {
                way.misses(why);
                return;
            };
            let old = &column.type_name;
            if effect::lacks_cast(scene.catalog, to, column) {
                way.misses(format!(
                    "{table}.{name} as {old}: there is no cast from {} to it",
                    to.display
                ));
                return;
            }
            way.lost.push(match using {
                Some(using) if cast.is_none() => format!("values of {table}.{name} as they were before {}", using.sql),
                _ => format!("values of {table}.{name} that {old} cannot hold"),
            });
            let (name, old) = (Ident(name), SqlText::verbatim(column.type_name.as_str()));
            let action = sql!("ALTER COLUMN {} TYPE {} USING {}::{}", name, old, name, old);
            way.statements.push(alter(table, &action, scene).sql);
        }
        _ => way.misses(why),
    }
}

/// Constraints and indexes that go with a column.
fn hanging(table: &Name, relation: &Relation, column: &str, scene: &Scene<'_>, way: &mut WayBack) {
    for constraint in relation
        .constraints
        .iter()
        .filter(|one| one.columns.iter().any(|own| own == column))
    {
        if constraint.kind != ConstraintKind::NotNull {
            way.add(add_again(table, relation, constraint, scene));
        }
    }
    for own in relation.indexes.iter().filter(|index| index.constraint.is_none()) {
        if own.keys.iter().chain(&own.include).any(|key| key == column) {
            way.add(index::rebuild(table, own));
        }
    }
}

/// `name type DEFAULT … NOT NULL`. On a table with rows, NOT NULL without a default would fail.
fn column_definition(column: &Column, is_new_table: bool) -> SqlText {
    let name = Ident(&column.name);
    let mut text = sql!("{} {}", name, SqlText::verbatim(column.type_name.as_str()));
    match (column.generated, &column.default) {
        (Generated::Identity, _) => text = sql!("{} GENERATED BY DEFAULT AS IDENTITY", text),
        (Generated::Stored, Some(default)) => {
            text = sql!(
                "{} GENERATED ALWAYS AS ({}) STORED",
                text,
                SqlText::verbatim(default.sql.as_str())
            );
        }
        (Generated::Virtual, Some(default)) => {
            text = sql!(
                "{} GENERATED ALWAYS AS ({}) VIRTUAL",
                text,
                SqlText::verbatim(default.sql.as_str())
            );
        }
        (_, Some(default)) => text = sql!("{} DEFAULT {}", text, SqlText::verbatim(default.sql.as_str())),
        (_, None) => {}
    }
    let has_value = column.default.is_some() || column.generated != Generated::No;
    if column.not_null && (is_new_table || has_value) {
        text = sql!("{} NOT NULL", text);
    }
    text
}

fn dropped(drop: &Drop, name: &NameRef, member: Option<&String>, scene: &Scene<'_>, made: &Made, way: &mut WayBack) {
    let catalog = scene.catalog;
    let undo = undo::of_dropped(drop, name, scene);
    if !matches!(undo, Undo::Impossible(_)) {
        way.add(undo);
        return;
    }
    let own = catalog.resolve_or_target(name);
    let lost = |way: &mut WayBack| {
        let member = member.map_or_else(String::new, |member| format!("{member} on "));
        way.misses(format!("{member}{name}: no file of the folder says how it was made"));
    };
    let again = |kind: &str, name: &Name, member: &str, way: &mut WayBack| match made.get(kind, name, member) {
        Some(text) => way.statements.push(text.clone()),
        None => lost(way),
    };
    match drop.object {
        ObjectKind::Table => match catalog.relation(&own) {
            Some(relation) if relation.kind == RelationKind::Table && relation.parents.is_empty() => {
                way.lost.push(format!("the rows of table {own}"));
                table(&own, relation, scene, way);
            }
            Some(_) => way.misses(format!("table {own}")),
            None => {}
        },
        ObjectKind::View | ObjectKind::MaterializedView => again("view", &own, "", way),
        ObjectKind::Sequence => again("sequence", &own, "", way),
        ObjectKind::Type | ObjectKind::Domain => {
            let own = catalog.resolve_type_or_target(name);
            again("type", &own, "", way);
        }
        ObjectKind::Function => {
            let own = catalog.resolve_function(name).unwrap_or_else(|| catalog.target(name));
            again("function", &own, "", way);
        }
        ObjectKind::Trigger => again("trigger", &own, member.map_or("", String::as_str), way),
        ObjectKind::Policy => again("policy", &own, member.map_or("", String::as_str), way),
        _ => lost(way),
    }
}

/// The table without its rows.
fn table(name: &Name, relation: &Relation, scene: &Scene<'_>, way: &mut WayBack) {
    let sequences = scene.catalog.sequences_of(name);
    let is_by_default = |column: &str| relation.column(column).is_some_and(|column| column.default.is_some());
    let sequences: Vec<(&Name, &str)> = sequences.filter(|(_, column)| is_by_default(column)).collect();
    for (sequence, column) in &sequences {
        let kind = relation.column(column).map_or("", |column| column.type_name.as_str());
        way.statements.push(match kind {
            "integer" | "smallint" => sql!("CREATE SEQUENCE {} AS {}", sequence, SqlText::verbatim(kind)),
            _ => sql!("CREATE SEQUENCE {}", sequence),
        });
    }
    let columns: Vec<SqlText> = relation
        .columns
        .iter()
        .map(|column| column_definition(column, true))
        .collect();
    let unlogged = SqlText::verbatim(if relation.unlogged { "UNLOGGED " } else { "" });
    way.statements.push(sql!(
        "CREATE {}TABLE {} ({})",
        unlogged,
        name,
        crate::quote::List(&columns)
    ));
    for (sequence, column) in sequences {
        let owner = sql!("{}.{}", name, Ident(column));
        way.statements
            .push(sql!("ALTER SEQUENCE {} OWNED BY {}", sequence, owner));
    }
    for constraint in &relation.constraints {
        if constraint.kind == ConstraintKind::NotNull || constraint.kind == ConstraintKind::Trigger {
            continue;
        }
        let definition = SqlText::verbatim(constraint.definition.as_str());
        let action = sql!("ADD CONSTRAINT {} {}", Ident(&constraint.name), definition);
        way.statements.push(alter(name, &action, scene).sql);
    }
    for own in relation.indexes.iter().filter(|index| index.constraint.is_none()) {
        if own.definition.starts_with("CREATE ") {
            way.statements.push(SqlText::verbatim(own.definition.as_str()));
        }
    }
}
