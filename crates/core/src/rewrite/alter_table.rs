//! `ALTER TABLE`, taken apart where an action of it would work under its lock.

use super::constraint::{self, family, instant};
use super::footprint::{self, Footprint};
use super::{
    Body, Hazard, Instant, Piece, Refusal, Scene, as_written, fill, not_null, partition, retype, shared_locks, undo,
};
use crate::catalog::{Catalog, Generated};
use crate::effect::{self, Effect};
use crate::lock::LockMode::AccessExclusive;
use crate::quote::{Ident, Name, SqlText};
use crate::replay;
use crate::sql;
use crate::sql::{
    Action, ActionKind, AlterTable, ColumnDef, ColumnParts, ConstraintDef, ConstraintKindDef, Kind, ObjectKind,
    Statement,
};
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
    let mut changed: Vec<String> = types_changed(alter).map(ToOwned::to_owned).collect();
    let mut pieces = match Hazard::of(effect, scene) {
        None => parts(statement, alter, &table, scene),
        // What has no safe form and is allowed to block is run whole: taken apart it would only block more often.
        Some(_) => match take_apart(statement, alter, &table, scene) {
            Err(_) if scene.settings.allow_blocking => None,
            other => {
                // A column that is made anew beside the old one is known before it takes its place.
                let anew = |action: &&Action| {
                    let alone = single(alter, action);
                    Hazard::of(&effect::effect(&alone, scene.catalog), scene).is_some()
                };
                let free = alter.actions.iter().filter(|action| !anew(action));
                changed.retain(|column| {
                    free.clone().any(
                        |action| matches!(&action.kind, ActionKind::AlterType { column: own, .. } if own == column),
                    )
                });
                other?
            }
        },
    };
    if !changed.is_empty() && scene.is_large(&table) {
        pieces
            .get_or_insert_with(|| vec![as_written(statement, effect, scene)])
            .push(analyze(statement, &changed, &table));
    }
    Ok(pieces)
}

/// Columns whose type a statement changes.
fn types_changed(alter: &AlterTable) -> impl Iterator<Item = &str> {
    alter.actions.iter().filter_map(|action| match &action.kind {
        ActionKind::AlterType { column, .. } => Some(column.as_str()),
        _ => None,
    })
}

/// Every `ALTER … TYPE` drops the column's statistics: the planner guesses until they are back.
fn analyze(statement: &Statement, columns: &[String], table: &Name) -> Piece {
    Piece {
        body: Body::Lone(super::Lone {
            kind: StepKind::Opaque,
            sql: sql!("ANALYZE {} ({})", table, crate::quote::Idents(columns)),
            locks: vec![super::lock(table, crate::lock::LockMode::ShareUpdateExclusive)],
            work: Work::None,
            goal: Goal::Repeatable,
            undo: Undo::Nothing,
        }),
        statement: statement.ordinal,
        footprint: Footprint::default().columns(table, columns),
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
        since: None,
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
    let texts: Vec<&SqlText> = actions.iter().map(|action| &*action.sql).collect();
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
        since: None,
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
            open_ended: effect.opaque.is_some(),
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
        let alone = single(alter, action);
        let effect = effect::effect(&alone, &catalog);
        let hurts = Hazard::of(&effect, &here);
        let dropped_later =
            matches!(&action.kind, ActionKind::DropConstraint { name, .. } if replaced.contains(&name.as_str()));
        let Some(hurts) = hurts else {
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
        };
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
            || hurts.refusal(&alone, &effect, &here),
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
        actions.iter().any(|action| matches!(&action.kind, ActionKind::AddConstraint(ConstraintDef { name: Some(n), kind: ConstraintKindDef::PrimaryKey(_) | ConstraintKindDef::Unique(_), .. }) if n == name))
    };
    let dropped = actions.iter().filter_map(|action| match &action.kind {
        ActionKind::DropConstraint { name, .. } => Some(name.as_str()),
        _ => None,
    });
    dropped.filter(|name| added(name)).collect()
}

/// The safe form of one action, or why it has none.
fn safe_action(
    statement: &Statement,
    table: &Name,
    action: &ActionKind,
    fresh: &[&str],
    replaced: &[&str],
    refusal: impl FnOnce() -> Refusal,
    scene: &Scene<'_>,
) -> Result<Vec<Piece>, Refusal> {
    let is_fresh =
        |def: &ConstraintDef| !def.columns.is_empty() && def.columns.iter().all(|c| fresh.contains(&c.as_str()));
    let changed: Vec<&str> = match &statement.kind {
        Kind::AlterTable(alter) => types_changed(alter).collect(),
        _ => Vec::new(),
    };
    match action {
        ActionKind::AddConstraint(def) => {
            let replaces = def.name.as_ref().filter(|name| replaced.contains(&name.as_str()));
            let drop = replaces.map(|name| sql!("DROP CONSTRAINT {}", Ident(name)));
            constraint::add(statement.ordinal, table, def, is_fresh(def), drop.as_ref(), scene)
        }
        ActionKind::SetNotNull { column } => Ok(not_null::set(statement.ordinal, table, column, scene)),
        ActionKind::AddColumn { column, .. } => match &column.parts {
            Some(parts) => add_column(statement.ordinal, table, column, parts, scene),
            None => Err(refusal()),
        },
        ActionKind::AttachPartition { child, bound } => {
            partition::attach(statement.ordinal, table, child, bound, refusal(), scene)
        }
        ActionKind::AlterType { .. } => retype::column(statement.ordinal, table, action, &changed, &refusal(), scene),
        _ => Err(refusal()),
    }
}

/// Without its inline parts the column is instant; then they follow one by one.
fn add_column(
    statement: usize,
    table: &Name,
    column: &ColumnDef,
    parts: &ColumnParts,
    scene: &Scene<'_>,
) -> Result<Vec<Piece>, Refusal> {
    let bare = ActionKind::AddColumn {
        column: ColumnDef {
            inline: Vec::new(),
            ..column.clone()
        },
        if_not_exists: false,
    };
    let is_key = |def: &ConstraintDef| matches!(def.kind, ConstraintKindDef::PrimaryKey(_));
    let definition = if column.inline.iter().any(is_key) {
        &parts.bare_nullable
    } else {
        &parts.bare
    };
    let alone = action_alone(table, &bare);
    let effect = effect::effect(&alone, scene.catalog);
    let mut pieces = match Hazard::of(&effect, scene) {
        Some(hazard) => match fill::column(statement, table, column, parts, scene) {
            Some(pieces) => pieces,
            None => return Err(unfilled(table, column, &hazard.refusal(&alone, &effect, scene))),
        },
        None => vec![without_inline(statement, table, column, definition, &bare, scene)],
    };
    let mut catalog = scene.catalog.clone();
    replay::apply_action(&mut catalog, table, &bare);
    for def in &column.inline {
        let here = Scene {
            catalog: &catalog,
            settings: scene.settings,
            as_written: false,
        };
        pieces.extend(constraint::add(
            statement,
            table,
            def,
            column.default.is_none() && column.generated == Generated::No && !column.type_ref.serial,
            None,
            &here,
        )?);
        replay::apply_action(&mut catalog, table, &ActionKind::AddConstraint(def.clone()));
    }
    Ok(pieces)
}

/// Why a column that differs from row to row is not filled in batches.
fn unfilled(table: &Name, column: &ColumnDef, refusal: &Refusal) -> Refusal {
    Refusal {
        message: format!(
            "the value of {table}.{} differs from row to row: {}",
            column.name, refusal.message
        ),
        help: "Add the column without its default, SET DEFAULT, fill old rows in batches, then NOT NULL. Or allow it in a \
               quiet hour: `--allow blocking`."
            .to_owned(),
        rule: refusal.rule,
    }
}

fn without_inline(
    statement: usize,
    table: &Name,
    column: &ColumnDef,
    definition: &SqlText,
    bare: &ActionKind,
    scene: &Scene<'_>,
) -> Piece {
    let back = undo::alter(table, &sql!("DROP COLUMN IF EXISTS {}", Ident(&column.name)), scene);
    instant(
        statement,
        sql!("ALTER TABLE {} ADD COLUMN {}", table, definition),
        family(scene, table, AccessExclusive),
        Undo::Steps(vec![back]),
        footprint::of_action(scene.catalog, table, bare),
        "without its inline parts",
    )
}

pub(super) fn action_alone(table: &Name, action: &ActionKind) -> Statement {
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
            sql: SqlText::verbatim("").into(),
        }],
    };
    Statement {
        kind: Kind::AlterTable(alter),
        span: crate::source::Span { start: 0, end: 0 },
        sql: SqlText::verbatim(""),
        ordinal: 0,
        since: None,
    }
}
