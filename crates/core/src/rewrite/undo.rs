//! How a committed statement is taken back, from the catalog before it.
//!
//! What has no way back says so; the planner puts it last where it can.

use super::Scene;
use super::constraint::family;
use super::footprint::calls_own;
use super::index::{drop_concurrently, rebuild};
use crate::catalog::{Catalog, Constraint, ConstraintKind, Expression, Relation, TypeDef};
use crate::lock::LockMode::AccessExclusive;
use crate::quote::{Ident, List, Literal, Name, SqlText};
use crate::replay;
use crate::sql;
use crate::sql::{
    ActionKind, ConstraintDef, ConstraintKindDef, DmlVerb, Drop, Kind, NameRef, ObjectKind, Rename, Statement,
};
use crate::step::{RelationLock, Undo, UndoStep};

fn impossible(why: impl Into<String>) -> Undo {
    Undo::Impossible(why.into())
}

fn one(sql: SqlText, locks: Vec<RelationLock>) -> Undo {
    Undo::Steps(vec![UndoStep {
        sql,
        transaction: true,
        locks,
    }])
}

/// `ALTER TABLE name action` as an undo.
pub(super) fn alter(table: &Name, action: &SqlText, scene: &Scene<'_>) -> UndoStep {
    UndoStep {
        sql: sql!("ALTER TABLE {} {}", table, action),
        transaction: true,
        locks: family(scene, table, AccessExclusive),
    }
}

pub(super) fn of(statement: &Statement, scene: &Scene<'_>) -> Undo {
    let catalog = scene.catalog;
    let fresh = |name: &NameRef| {
        let target = catalog.target(name);
        (!catalog.relations.contains_key(&target)).then_some(target)
    };
    match &statement.kind {
        Kind::CreateTable(create) => match fresh(&create.name) {
            Some(_) if create.temporary => Undo::Nothing,
            Some(name) => one(sql!("DROP TABLE IF EXISTS {}", name), Vec::new()),
            None => Undo::Nothing,
        },
        Kind::CreateTableAs(create) => match fresh(&create.name) {
            Some(name) if create.materialized_view => {
                one(sql!("DROP MATERIALIZED VIEW IF EXISTS {}", name), Vec::new())
            }
            Some(name) => one(sql!("DROP TABLE IF EXISTS {}", name), Vec::new()),
            None => Undo::Nothing,
        },
        Kind::CreateView { name, .. } => match fresh(name) {
            Some(name) => one(sql!("DROP VIEW IF EXISTS {}", name), Vec::new()),
            None => impossible(format!("the earlier definition of view {name} is not kept")),
        },
        Kind::CreateIndex(index) => match catalog.resolve(&index.table) {
            Some(table) => {
                let name = table.sibling(replay::index_name(catalog, &table, index));
                if scene.any_large(&table) && !scene.is_partitioned(&table) {
                    Undo::Steps(vec![drop_concurrently(&table, &name)])
                } else {
                    one(
                        sql!("DROP INDEX IF EXISTS {}", name),
                        family(scene, &table, AccessExclusive),
                    )
                }
            }
            None => Undo::Nothing,
        },
        Kind::CreateEnum { name, .. } | Kind::CreateDomain { name, .. } | Kind::CreateType { name, .. } => {
            one(sql!("DROP TYPE IF EXISTS {}", catalog.target(name)), Vec::new())
        }
        Kind::CreateSequence { name, .. } => match fresh(name) {
            Some(name) => one(sql!("DROP SEQUENCE IF EXISTS {}", name), Vec::new()),
            None => Undo::Nothing,
        },
        Kind::CreateFunction(function) => {
            let name = catalog.target(&function.name);
            let arguments = function.signature();
            let simple = arguments
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || " ,_()[]".contains(c));
            if catalog.functions.contains_key(&name) || !simple {
                return impossible(format!(
                    "the earlier definition of function {} is not kept",
                    function.name
                ));
            }
            one(
                sql!("DROP ROUTINE IF EXISTS {}({})", name, SqlText::verbatim(arguments)),
                Vec::new(),
            )
        }
        Kind::CreateTrigger { name, table, .. } => {
            let own = catalog.resolve(table);
            let rel = own.and_then(|own| catalog.relation(&own));
            if rel.is_some_and(|rel| rel.triggers.iter().any(|trigger| trigger.name == *name)) {
                return impossible(format!("the earlier definition of trigger {name} is not kept"));
            }
            let drop = |table: &Name| sql!("DROP TRIGGER IF EXISTS {} ON {}", Ident(name), table);
            of_member(table, drop, scene)
        }
        Kind::Policy {
            name,
            table,
            create: true,
            ..
        } => of_member(
            table,
            |table| sql!("DROP POLICY IF EXISTS {} ON {}", Ident(name), table),
            scene,
        ),
        Kind::CreateSchema {
            name,
            with_elements: false,
            ..
        } => {
            if catalog.schemas.contains(name) {
                Undo::Nothing
            } else {
                one(sql!("DROP SCHEMA IF EXISTS {}", Ident(name)), Vec::new())
            }
        }
        Kind::CreateExtension { name, .. } => {
            if catalog.extensions.contains(name) {
                Undo::Nothing
            } else {
                one(sql!("DROP EXTENSION IF EXISTS {}", Ident(name)), Vec::new())
            }
        }
        Kind::AlterTable(alter) => of_alter(alter, scene),
        Kind::Rename(rename) => of_rename(rename, scene),
        Kind::RenameEnumValue { name, from, to } => {
            let own = catalog.resolve_type_or_target(name);
            let back = sql!("ALTER TYPE {} RENAME VALUE {} TO {}", own, Literal(to), Literal(from));
            one(back, Vec::new())
        }
        Kind::SetSchema { object, name, schema } => match (word(*object), catalog.resolve(name)) {
            (Some(word), Some(old)) => {
                let new = Name::new(schema.clone(), old.name.clone());
                let back = sql!("ALTER {} IF EXISTS {} SET SCHEMA {}", word, new, Ident(&old.schema));
                one(back, vec![super::lock(&new, AccessExclusive)])
            }
            _ => impossible("its way back is not known"),
        },
        Kind::AlterSequence { name, .. } if catalog.resolve(name).is_some_and(|own| is_new(&own, catalog)) => {
            Undo::Nothing
        }
        Kind::Drop(drop) => of_drop(drop, scene),
        Kind::Dml(dml) => match catalog.resolve(&dml.target).and_then(|name| catalog.relation(&name)) {
            // What the migration put into a table that it made goes with the table.
            Some(rel) if !rel.is_shared() => Undo::Nothing,
            _ if dml.verb == DmlVerb::Insert => impossible(format!("rows were added to {}", dml.target)),
            _ => impossible(format!("rows of {} were changed", dml.target)),
        },
        Kind::Select(query) if !replay::calls_user_code(catalog, &query.functions) => Undo::Nothing,
        Kind::Set { .. } | Kind::Transaction(_) | Kind::Lock { .. } | Kind::Maintain { .. } | Kind::Refresh { .. } => {
            Undo::Nothing
        }
        Kind::AddEnumValue { name, label, .. } => {
            impossible(format!("PostgreSQL cannot take value '{label}' out of enum {name}"))
        }
        _ => impossible("its way back is not known"),
    }
}

/// What belongs to a table and is dropped by name.
fn of_member(table: &NameRef, drop: impl Fn(&Name) -> SqlText, scene: &Scene<'_>) -> Undo {
    match scene.catalog.resolve(table) {
        Some(table) => one(drop(&table), family(scene, &table, AccessExclusive)),
        None => Undo::Nothing,
    }
}

fn of_alter(alter: &crate::sql::AlterTable, scene: &Scene<'_>) -> Undo {
    let Some(table) = scene
        .catalog
        .resolve(&alter.name)
        .filter(|_| alter.object == ObjectKind::Table)
    else {
        return impossible("its way back is not known");
    };
    let is_new = is_new(&table, scene.catalog);
    let mut steps = Vec::new();
    for action in alter.actions.iter().rev() {
        // A table that the migration made goes as a whole.
        if is_new && !hangs_on_new(&table, &action.kind, scene.catalog) {
            continue;
        }
        match of_action(&table, &action.kind, scene) {
            Undo::Nothing => {}
            Undo::Steps(mut own) => steps.append(&mut own),
            Undo::Impossible(why) => return Undo::Impossible(why),
        }
    }
    if steps.is_empty() {
        Undo::Nothing
    } else {
        Undo::Steps(steps)
    }
}

/// The migration made it.
pub(super) fn is_new(name: &Name, catalog: &Catalog) -> bool {
    catalog.relation(name).is_some_and(|rel| !rel.is_shared())
}

/// Whether an action makes its table hang on something that the migration may have made later than the table, and that
/// therefore goes before it.
pub(super) fn hangs_on_new(table: &Name, action: &ActionKind, catalog: &Catalog) -> bool {
    let calls = |expression: &Expression| calls_own(catalog, &expression.functions);
    let constraint = |def: &ConstraintDef| match &def.kind {
        ConstraintKindDef::ForeignKey { references, .. } => {
            let parent = catalog.resolve_or_target(references);
            parent != *table && is_new(&parent, catalog)
        }
        ConstraintKindDef::Check(expression) => calls(expression),
        _ => false,
    };
    match action {
        ActionKind::AddConstraint(def) => constraint(def),
        ActionKind::AddColumn { column, .. } => {
            column.type_ref.user.is_some()
                || column.default.as_ref().is_some_and(calls)
                || column.inline.iter().any(constraint)
        }
        ActionKind::SetDefault { default, .. } => calls(default),
        _ => false,
    }
}

pub(super) fn of_action(table: &Name, action: &ActionKind, scene: &Scene<'_>) -> Undo {
    let Some(rel) = scene.catalog.relation(table) else {
        return impossible("its way back is not known");
    };
    let back = |sql: SqlText| Undo::Steps(vec![alter(table, &sql, scene)]);
    match action {
        ActionKind::AddColumn { column, .. } => match rel.column(&column.name) {
            Some(_) => Undo::Nothing,
            None => back(sql!("DROP COLUMN IF EXISTS {}", Ident(&column.name))),
        },
        ActionKind::DropColumn { name, .. } => match rel.column(name) {
            Some(_) => impossible(format!("the values of {table}.{name} are gone")),
            None => Undo::Nothing,
        },
        ActionKind::SetDefault { column, .. } | ActionKind::DropDefault { column } => {
            match rel.column(column).and_then(|c| c.default.as_ref()) {
                Some(default) => back(sql!(
                    "ALTER COLUMN {} SET DEFAULT {}",
                    Ident(column),
                    SqlText::verbatim(&default.sql)
                )),
                None => back(sql!("ALTER COLUMN {} DROP DEFAULT", Ident(column))),
            }
        }
        ActionKind::SetNotNull { column } => {
            if rel.column(column).is_some_and(|c| c.not_null) {
                Undo::Nothing
            } else {
                back(sql!("ALTER COLUMN {} DROP NOT NULL", Ident(column)))
            }
        }
        ActionKind::DropNotNull { column } => {
            if !rel.column(column).is_some_and(|c| c.not_null) {
                return Undo::Nothing;
            }
            if scene.any_large(table) {
                return impossible(format!("SET NOT NULL on {table}.{column} would read the whole table"));
            }
            back(sql!("ALTER COLUMN {} SET NOT NULL", Ident(column)))
        }
        ActionKind::AddConstraint(def) => {
            let name = replay::constraint_name(scene.catalog, table, def);
            match &def.kind {
                ConstraintKindDef::PrimaryKey(_) => drop_primary_key(table, &name, &def.columns, scene),
                _ => back(sql!("DROP CONSTRAINT IF EXISTS {}", Ident(&name))),
            }
        }
        ActionKind::DropConstraint { name, .. } => match rel.constraint(name) {
            Some(constraint) => add_again(table, rel, constraint, scene),
            None => Undo::Nothing,
        },
        ActionKind::ValidateConstraint { .. } => Undo::Nothing,
        _ => impossible("its way back is not known"),
    }
}

/// A primary key leaves its columns NOT NULL behind.
pub(super) fn drop_primary_key(table: &Name, name: &str, columns: &[String], scene: &Scene<'_>) -> Undo {
    let known = |column: &String| scene.catalog.relation(table)?.column(column);
    let was_nullable = |column: &&String| known(column).is_some_and(|column| !column.not_null);
    let mut steps = vec![alter(table, &sql!("DROP CONSTRAINT IF EXISTS {}", Ident(name)), scene)];
    let nullable = columns.iter().filter(was_nullable);
    steps.extend(nullable.map(|column| alter(table, &sql!("ALTER COLUMN {} DROP NOT NULL", Ident(column)), scene)));
    Undo::Steps(steps)
}

pub(super) fn add_again(table: &Name, rel: &Relation, constraint: &Constraint, scene: &Scene<'_>) -> Undo {
    let name = Ident(&constraint.name);
    let definition = SqlText::verbatim(&constraint.definition);
    let large = scene.any_large(table);
    match &constraint.kind {
        ConstraintKind::Check(_) | ConstraintKind::ForeignKey { .. } => {
            let mut add = alter(table, &sql!("ADD CONSTRAINT {} {} NOT VALID", name, definition), scene);
            if let ConstraintKind::ForeignKey { references, .. } = &constraint.kind {
                add.locks.extend(family(scene, references, AccessExclusive));
            }
            let mut steps = vec![add];
            if constraint.valid {
                let validate = sql!("ALTER TABLE {} VALIDATE CONSTRAINT {}", table, name);
                steps.push(UndoStep {
                    sql: validate,
                    transaction: false,
                    locks: Vec::new(),
                });
            }
            Undo::Steps(steps)
        }
        ConstraintKind::PrimaryKey | ConstraintKind::Unique if large => {
            let Some(Undo::Steps(mut steps)) = rel
                .indexes
                .iter()
                .find(|i| i.name == constraint.name)
                .map(|i| rebuild(table, i))
            else {
                return impossible(format!("the index of constraint {} is not known", constraint.name));
            };
            let word = SqlText::verbatim(if constraint.kind == ConstraintKind::Unique {
                "UNIQUE"
            } else {
                "PRIMARY KEY"
            });
            steps.push(alter(
                table,
                &sql!("ADD CONSTRAINT {} {} USING INDEX {}", name, word, name),
                scene,
            ));
            Undo::Steps(steps)
        }
        ConstraintKind::PrimaryKey | ConstraintKind::Unique => Undo::Steps(vec![alter(
            table,
            &sql!("ADD CONSTRAINT {} {}", name, definition),
            scene,
        )]),
        ConstraintKind::NotNull | ConstraintKind::Exclude | ConstraintKind::Trigger => impossible(format!(
            "constraint {} cannot be added again without reading the table",
            constraint.name
        )),
    }
}

fn of_rename(rename: &Rename, scene: &Scene<'_>) -> Undo {
    let Some(old) = scene.catalog.resolve(&rename.name) else {
        if let Some((table, index)) = scene.catalog.resolve_index(&rename.name) {
            let new = table.sibling(&rename.to);
            return one(
                sql!("ALTER INDEX IF EXISTS {} RENAME TO {}", new, Ident(&index.name)),
                Vec::new(),
            );
        }
        let Some(old) = scene
            .catalog
            .resolve_type(&rename.name)
            .filter(|_| rename.object == ObjectKind::Type)
        else {
            return impossible("its way back is not known");
        };
        return one(
            sql!("ALTER TYPE {} RENAME TO {}", old.sibling(&rename.to), Ident(&old.name)),
            Vec::new(),
        );
    };
    let moved = |word: SqlText| {
        let new = old.sibling(&rename.to);
        one(
            sql!("ALTER {} IF EXISTS {} RENAME TO {}", word, new, Ident(&old.name)),
            vec![super::lock(&new, AccessExclusive)],
        )
    };
    let (new, member) = (Ident(&rename.to), Ident(rename.member.as_deref().unwrap_or_default()));
    let back = |sql: SqlText| one(sql, family(scene, &old, AccessExclusive));
    match rename.object {
        ObjectKind::Column => back(sql!("ALTER TABLE {} RENAME COLUMN {} TO {}", old, new, member)),
        ObjectKind::Constraint => back(sql!("ALTER TABLE {} RENAME CONSTRAINT {} TO {}", old, new, member)),
        ObjectKind::Trigger => back(sql!("ALTER TRIGGER {} ON {} RENAME TO {}", new, old, member)),
        object => match word(object) {
            Some(word) => moved(word),
            None => impossible("its way back is not known"),
        },
    }
}

/// A kind of relation, as `ALTER` has it.
fn word(object: ObjectKind) -> Option<SqlText> {
    let word = match object {
        ObjectKind::Table | ObjectKind::ForeignTable => "TABLE",
        ObjectKind::View => "VIEW",
        ObjectKind::MaterializedView => "MATERIALIZED VIEW",
        ObjectKind::Sequence => "SEQUENCE",
        _ => return None,
    };
    Some(SqlText::verbatim(word))
}

fn of_drop(drop: &Drop, scene: &Scene<'_>) -> Undo {
    let mut steps = Vec::new();
    for name in &drop.names {
        match of_dropped(drop, name, scene) {
            Undo::Nothing => {}
            Undo::Steps(mut own) => steps.append(&mut own),
            Undo::Impossible(why) => return Undo::Impossible(why),
        }
    }
    if steps.is_empty() {
        Undo::Nothing
    } else {
        Undo::Steps(steps)
    }
}

/// One name of a `DROP`.
pub(super) fn of_dropped(drop: &Drop, name: &NameRef, scene: &Scene<'_>) -> Undo {
    match drop.object {
        ObjectKind::Index => match scene.catalog.resolve_index(name) {
            Some((table, index)) => rebuild(table, index),
            None => Undo::Nothing,
        },
        ObjectKind::Type => match scene
            .catalog
            .resolve_type(name)
            .map(|name| (scene.catalog.types.get(&name), name))
        {
            Some((Some(TypeDef::Enum(labels)), name)) if !drop.cascade => {
                let labels: Vec<Literal<'_>> = labels.iter().map(|label| Literal(label)).collect();
                one(sql!("CREATE TYPE {} AS ENUM ({})", name, List(&labels)), Vec::new())
            }
            None => Undo::Nothing,
            Some(_) => impossible(format!("the definition of type {name} is not kept")),
        },
        ObjectKind::Table if scene.catalog.resolve(name).is_some() => {
            impossible(format!("table {name} and its rows are gone"))
        }
        ObjectKind::Table | ObjectKind::View | ObjectKind::MaterializedView | ObjectKind::Sequence
            if scene.catalog.resolve(name).is_none() =>
        {
            Undo::Nothing
        }
        _ => impossible(format!("the definition of {name} is not kept")),
    }
}
