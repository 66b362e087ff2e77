//! `ALTER TABLE`, taken apart where an action of it would work under its lock.

use super::constraint::{self, family, instant};
use super::footprint::{self, Footprint};
use super::{Body, Instant, Piece, Refusal, Scene, as_written, hazard, not_null, shared_locks, undo};
use crate::catalog::Catalog;
use crate::effect::{self, Effect};
use crate::lock::LockMode::AccessExclusive;
use crate::quote::{Ident, Name, SqlText};
use crate::replay;
use crate::sql;
use crate::sql::{Action, ActionKind, AlterTable, ConstraintDef, Kind, ObjectKind, Statement};
use crate::step::{Goal, StepKind, Undo, Work};

/// `None`: nothing in it works under a lock that anybody waits for, and nothing would better be moved.
pub(super) fn rewrite(
    statement: &Statement,
    alter: &AlterTable,
    effect: &Effect,
    scene: &Scene<'_>,
) -> Result<Option<Vec<Piece>>, Refusal> {
    let Some(table) = scene
        .catalog
        .resolve(&alter.name)
        .filter(|_| alter.object == ObjectKind::Table)
    else {
        return Ok(None);
    };
    let changes_type = alter
        .actions
        .iter()
        .any(|a| matches!(a.kind, ActionKind::AlterType { .. }));
    let mut pieces = match hazard(effect, scene) {
        None => parts(statement, alter, &table, scene),
        Some(_) => take_apart(statement, alter, &table, scene)?,
    };
    if changes_type && scene.is_large(&table) {
        pieces
            .get_or_insert_with(|| vec![as_written(statement, effect, scene)])
            .push(analyze(statement, alter, &table));
    }
    Ok(pieces)
}

/// Every `ALTER … TYPE` drops the column's statistics: the planner guesses until they are back.
fn analyze(statement: &Statement, alter: &AlterTable, table: &Name) -> Piece {
    let columns: Vec<String> = alter
        .actions
        .iter()
        .filter_map(|action| match &action.kind {
            ActionKind::AlterType { column, .. } => Some(column.clone()),
            _ => None,
        })
        .collect();
    Piece {
        body: Body::Lone(super::Lone {
            kind: StepKind::Opaque,
            sql: sql!("ANALYZE {} ({})", table, crate::quote::Idents(&columns)),
            locks: vec![super::lock(table, crate::lock::LockMode::ShareUpdateExclusive)],
            work: Work::None,
            goal: Goal::Repeatable,
            undo: Undo::Nothing,
        }),
        statement: statement.ordinal,
        footprint: Footprint::default().columns(table, &columns),
        note: "a type change drops the column's statistics".to_owned(),
        part: false,
    }
}

/// A single action as a statement of its own.
fn single(alter: &AlterTable, action: &Action) -> Statement {
    Statement {
        kind: Kind::AlterTable(AlterTable {
            actions: vec![action.clone()],
            ..alter.clone()
        }),
        span: crate::source::Span { start: 0, end: 0 },
        sql: SqlText::verbatim(""),
        ordinal: 0,
    }
}

/// `ALTER TABLE name action, action` of some of its actions.
fn joined(
    statement: &Statement,
    alter: &AlterTable,
    table: &Name,
    actions: &[&Action],
    catalog: &Catalog,
    scene: &Scene<'_>,
) -> Piece {
    let texts: Vec<&SqlText> = actions.iter().map(|action| &action.sql).collect();
    let only = if alter.only { "ONLY " } else { "" };
    let sql = sql!(
        "ALTER TABLE {}{} {}",
        SqlText::verbatim(only),
        table,
        crate::quote::List(&texts)
    );
    let part = Statement {
        kind: Kind::AlterTable(AlterTable {
            actions: actions.iter().map(|a| (*a).clone()).collect(),
            ..alter.clone()
        }),
        span: statement.span,
        sql: sql.clone(),
        ordinal: statement.ordinal,
    };
    let here = Scene {
        catalog,
        settings: scene.settings,
        as_written: scene.as_written,
    };
    let effect = effect::effect(&part, catalog);
    Piece {
        body: Body::Instant(Instant {
            sql,
            locks: shared_locks(&effect),
            undo: undo::of(&part, &here),
            slow: false,
            unbounded: effect.opaque.is_some(),
            work: Work::None,
            commit_after: false,
        }),
        statement: statement.ordinal,
        footprint: footprint::of(&part, catalog),
        note: String::new(),
        part: true,
    }
}

/// Nothing hurts; but what drops data stands apart, so that it can be done last.
fn parts(statement: &Statement, alter: &AlterTable, table: &Name, scene: &Scene<'_>) -> Option<Vec<Piece>> {
    let drops = |action: &&Action| matches!(action.kind, ActionKind::DropColumn { .. });
    let (gone, rest): (Vec<&Action>, Vec<&Action>) = alter.actions.iter().partition(drops);
    if gone.is_empty() || rest.is_empty() || !scene.is_large(table) || alter.if_exists || !all_render(alter) {
        return None;
    }
    let first = joined(statement, alter, table, &gone, scene.catalog, scene);
    let mut between = scene.catalog.clone();
    for action in &gone {
        replay::apply_action(&mut between, table, &action.kind);
    }
    let second = joined(statement, alter, table, &rest, &between, scene);
    Some(vec![first, second])
}

fn all_render(alter: &AlterTable) -> bool {
    alter.actions.iter().all(|action| !action.sql.as_str().is_empty())
}

/// Each action that would work under its lock becomes its safe form; the others stay together.
fn take_apart(
    statement: &Statement,
    alter: &AlterTable,
    table: &Name,
    scene: &Scene<'_>,
) -> Result<Option<Vec<Piece>>, Refusal> {
    if !all_render(alter) || alter.only {
        return Ok(None);
    }
    let mut actions: Vec<&Action> = alter.actions.iter().collect();
    actions.sort_by_key(|action| replay::pass(&action.kind));
    let mut catalog = scene.catalog.clone();
    let mut fresh: Vec<&str> = Vec::new();
    let mut pieces: Vec<Piece> = Vec::new();
    // Instant actions gather here until one that is not must stand behind them.
    let mut instants: Vec<&Action> = Vec::new();
    let mut before_instants = catalog.clone();
    let replaced = replaced_keys(&actions);
    for action in actions {
        let here = Scene {
            catalog: &catalog,
            settings: scene.settings,
            as_written: false,
        };
        let hurts = hazard(&effect::effect(&single(alter, action), &catalog), &here);
        let dropped_later =
            matches!(&action.kind, ActionKind::DropConstraint { name, .. } if replaced.contains(&name.as_str()));
        if hurts.is_none() {
            if let ActionKind::AddColumn { column, .. } = &action.kind
                && column.default.is_none()
            {
                fresh.push(&column.name);
            }
            if !dropped_later {
                if instants.is_empty() {
                    before_instants = catalog.clone();
                }
                instants.push(action);
            }
            replay::apply_action(&mut catalog, table, &action.kind);
            continue;
        }
        if !instants.is_empty() {
            pieces.push(joined(statement, alter, table, &instants, &before_instants, scene));
            instants.clear();
        }
        pieces.extend(safe_action(
            statement,
            table,
            &action.kind,
            &fresh,
            &replaced,
            hurts,
            &here,
        )?);
        replay::apply_action(&mut catalog, table, &action.kind);
    }
    if !instants.is_empty() {
        pieces.push(joined(statement, alter, table, &instants, &before_instants, scene));
    }
    // Taken apart, a part is no longer the statement as written.
    for piece in &mut pieces {
        piece.part = false;
    }
    Ok(Some(pieces))
}

/// Keys that the statement drops and adds again under the same name.
fn replaced_keys<'a>(actions: &[&'a Action]) -> Vec<&'a str> {
    let added = |name: &str| {
        actions.iter().any(|action| matches!(&action.kind, ActionKind::AddConstraint(ConstraintDef { name: Some(n), kind: crate::sql::ConstraintKindDef::PrimaryKey(_) | crate::sql::ConstraintKindDef::Unique(_), .. }) if n == name))
    };
    let dropped = actions.iter().filter_map(|action| match &action.kind {
        ActionKind::DropConstraint { name, .. } => Some(name.as_str()),
        _ => None,
    });
    dropped.filter(|name| added(name)).collect()
}

fn safe_action(
    statement: &Statement,
    table: &Name,
    action: &ActionKind,
    fresh: &[&str],
    replaced: &[&str],
    hurts: Option<Refusal>,
    scene: &Scene<'_>,
) -> Result<Vec<Piece>, Refusal> {
    let is_fresh =
        |def: &ConstraintDef| !def.columns.is_empty() && def.columns.iter().all(|c| fresh.contains(&c.as_str()));
    match action {
        ActionKind::AddConstraint(def) => {
            let drop = def
                .name
                .as_ref()
                .filter(|name| replaced.contains(&name.as_str()))
                .map(|name| sql!("DROP CONSTRAINT {}", Ident(name)));
            match constraint::add(statement.ordinal, table, def, is_fresh(def), drop.as_ref(), scene) {
                Err(_) if scene.settings.allow_blocking => Ok(vec![blocking(
                    statement,
                    table,
                    &add_constraint_sql(def),
                    action,
                    drop.as_ref(),
                    scene,
                )]),
                other => other,
            }
        }
        ActionKind::SetNotNull { column } => Ok(not_null::set(statement.ordinal, table, column, scene)),
        ActionKind::AddColumn {
            column,
            if_not_exists: false,
        } => {
            // Without its inline parts the column may be instant; then they follow one by one.
            let mut bare = column.clone();
            bare.inline.clear();
            let kind = ActionKind::AddColumn {
                column: bare,
                if_not_exists: false,
            };
            let keyed = column
                .inline
                .iter()
                .any(|def| matches!(def.kind, crate::sql::ConstraintKindDef::PrimaryKey(_)));
            let sql = sql!("ADD COLUMN {}", column.bare);
            if let Some(refusal) = hazard(&effect_of(table, &kind, scene), scene) {
                return refuse_or_allow(
                    statement,
                    table,
                    &sql!("ADD COLUMN {}", rendered(column)),
                    action,
                    rewrite_refusal(&refusal, table, &column.name),
                    scene,
                );
            }
            let sql = if keyed {
                sql!("ADD COLUMN {}", column.bare_nullable)
            } else {
                sql
            };
            let undo = Undo::Steps(vec![undo::alter(
                table,
                &sql!("DROP COLUMN IF EXISTS {}", Ident(&column.name)),
                scene,
            )]);
            let print = footprint::of_action(scene.catalog, table, &kind);
            let mut pieces = vec![instant(
                statement.ordinal,
                sql!("ALTER TABLE {} {}", table, sql),
                family(scene, table, AccessExclusive),
                undo,
                print,
                "without its inline parts",
            )];
            let mut catalog = scene.catalog.clone();
            replay::apply_action(&mut catalog, table, &kind);
            for def in &column.inline {
                let here = Scene {
                    catalog: &catalog,
                    settings: scene.settings,
                    as_written: false,
                };
                pieces.extend(constraint::add(
                    statement.ordinal,
                    table,
                    def,
                    column.default.is_none(),
                    None,
                    &here,
                )?);
                replay::apply_action(&mut catalog, table, &ActionKind::AddConstraint(def.clone()));
            }
            Ok(pieces)
        }
        ActionKind::AlterType { column, .. } => {
            let refusal = hurts.unwrap_or_else(|| unknown(table));
            let refusal = Refusal {
                rule: "type-change-rewrites-table",
                help: format!(
                    "add a new column of the new type, keep the two equal by a trigger, fill it in batches, and swap; or allow it in a quiet hour (`--allow blocking`). Column: {column}"
                ),
                ..refusal
            };
            refuse_or_allow(statement, table, &SqlText::verbatim(""), action, refusal, scene)
        }
        _ => refuse_or_allow(
            statement,
            table,
            &SqlText::verbatim(""),
            action,
            hurts.unwrap_or_else(|| unknown(table)),
            scene,
        ),
    }
}

fn unknown(table: &Name) -> Refusal {
    Refusal {
        rule: "blocks-table",
        message: format!("this works while it holds a lock on {table}"),
        help: "allow it in a quiet hour (`--allow blocking`)".to_owned(),
    }
}

fn rewrite_refusal(refusal: &Refusal, table: &Name, column: &str) -> Refusal {
    Refusal {
        rule: "add-column-rewrites-table",
        message: format!("the value of {table}.{column} differs from row to row: {}", refusal.message),
        help: "add the column without its default, SET DEFAULT, fill old rows in batches, then NOT NULL; or allow it in a quiet hour (`--allow blocking`)".to_owned(),
    }
}

fn rendered(column: &crate::sql::ColumnDef) -> SqlText {
    column
        .inline
        .iter()
        .fold(column.bare.clone(), |all, def| sql!("{} {}", all, def.definition))
}

fn add_constraint_sql(def: &ConstraintDef) -> SqlText {
    match &def.name {
        Some(name) => sql!("ADD CONSTRAINT {} {}", Ident(name), def.definition),
        None => sql!("ADD {}", def.definition),
    }
}

fn effect_of(table: &Name, action: &ActionKind, scene: &Scene<'_>) -> Effect {
    let name = crate::sql::NameRef {
        schema: Some(table.schema.clone()),
        name: table.name.clone(),
    };
    let alter = AlterTable {
        object: ObjectKind::Table,
        name,
        if_exists: false,
        only: false,
        actions: vec![Action {
            kind: action.clone(),
            sql: SqlText::verbatim(""),
        }],
    };
    let statement = Statement {
        kind: Kind::AlterTable(alter),
        span: crate::source::Span { start: 0, end: 0 },
        sql: SqlText::verbatim(""),
        ordinal: 0,
    };
    effect::effect(&statement, scene.catalog)
}

/// There is no safe form: refused by name, unless the user allowed it; then the action is run alone.
fn refuse_or_allow(
    statement: &Statement,
    table: &Name,
    sql: &SqlText,
    action: &ActionKind,
    refusal: Refusal,
    scene: &Scene<'_>,
) -> Result<Vec<Piece>, Refusal> {
    if !scene.settings.allow_blocking {
        return Err(refusal);
    }
    let sql = if sql.as_str().is_empty() {
        own_text(statement, action)
    } else {
        sql.clone()
    };
    Ok(vec![blocking(statement, table, &sql, action, None, scene)])
}

fn own_text(statement: &Statement, action: &ActionKind) -> SqlText {
    match &statement.kind {
        Kind::AlterTable(alter) => alter
            .actions
            .iter()
            .find(|a| a.kind == *action)
            .map_or_else(|| SqlText::verbatim(""), |a| a.sql.clone()),
        _ => SqlText::verbatim(""),
    }
}

fn blocking(
    statement: &Statement,
    table: &Name,
    sql: &SqlText,
    action: &ActionKind,
    drop: Option<&SqlText>,
    scene: &Scene<'_>,
) -> Piece {
    let effect = effect_of(table, action, scene);
    let sql = match drop {
        Some(drop) => sql!("ALTER TABLE {} {}, {}", table, drop, sql),
        None => sql!("ALTER TABLE {} {}", table, sql),
    };
    Piece {
        body: Body::Instant(Instant {
            sql,
            locks: shared_locks(&effect),
            undo: undo::of_action(table, action, scene),
            slow: true,
            unbounded: true,
            work: effect.work.iter().map(|w| w.work).max().unwrap_or(Work::None),
            commit_after: false,
        }),
        statement: statement.ordinal,
        footprint: footprint::of_action(scene.catalog, table, action),
        note: "blocks while it works: allowed by --allow blocking".to_owned(),
        part: false,
    }
}
