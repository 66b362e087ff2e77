//! `CREATE INDEX` and `DROP INDEX`.

use super::footprint::{Footprint, Key, of_index};
use super::{Body, Lone, Piece, Refusal, Scene, as_written, check, lock, partition};
use crate::catalog::Index;
use crate::effect::Effect;
use crate::lock::LockMode::ShareUpdateExclusive;
use crate::quote::{Ident, Name, SqlText};
use crate::replay;
use crate::sql;
use crate::sql::{CreateIndex, Drop, ObjectKind, Statement};
use crate::step::{Goal, StepKind, Undo, UndoStep, Work};

/// An index on a table in use is built CONCURRENTLY; on a new or small table it is built as written.
pub(super) fn create(
    statement: &Statement,
    index: &CreateIndex,
    effect: &Effect,
    scene: &Scene<'_>,
) -> Result<Option<Vec<Piece>>, Refusal> {
    let Some(table) = scene.catalog.resolve(&index.table) else {
        return Ok(None);
    };
    let Some(rel) = scene.catalog.relation(&table) else {
        return Ok(None);
    };
    let name = table.sibling(replay::index_name(scene.catalog, &table, index));
    let present = scene.catalog.index(&name).map(|(_, index)| index);
    if present.is_some_and(|index| index.valid) {
        // With IF NOT EXISTS there is nothing to do; without, the server says why.
        return Ok(index
            .if_not_exists
            .then(Vec::new)
            .or_else(|| Some(vec![as_written(statement, effect, scene)])));
    }
    if scene.is_partitioned(&table) {
        if index.only || index.concurrently || !scene.any_large(&table) {
            return Ok(None);
        }
        return match partition::index(statement.ordinal, index, &table, &name, scene) {
            Err(_) if scene.settings.allow_blocking => Ok(None),
            other => other.map(Some),
        };
    }
    let concurrently = rel.is_shared() && (index.concurrently || scene.is_large(&table) || present.is_some());
    if !concurrently {
        if !index.concurrently {
            return Ok(None);
        }
        // On a table that nobody sees yet, the plain form is the same and stays in the transaction.
        let mut piece = as_written(statement, effect, scene);
        if let Body::Instant(instant) = &mut piece.body {
            instant.sql = definition(index.unique, false, &name, &table, &index.rest);
        }
        "the table is new: nobody waits".clone_into(&mut piece.note);
        return Ok(Some(vec![piece]));
    }
    let mut pieces = Vec::new();
    if index.unique {
        let columns: Vec<String> = index.keys.iter().filter(|key| !key.is_empty()).cloned().collect();
        pieces.push(check::duplicates(
            statement.ordinal,
            &table,
            &index.key_sql,
            &columns,
            index.predicate.as_ref(),
            index.nulls_not_distinct,
        ));
    }
    pieces.push(build(
        statement.ordinal,
        index.unique,
        &table,
        &name,
        &index.rest,
        of_index(scene.catalog, &table, index),
    ));
    Ok(Some(pieces))
}

/// `CREATE INDEX CONCURRENTLY` as a piece.
pub(super) fn build(
    statement: usize,
    unique: bool,
    table: &Name,
    name: &Name,
    rest: &SqlText,
    footprint: Footprint,
) -> Piece {
    Piece {
        body: Body::Lone(Lone {
            kind: StepKind::Index,
            sql: definition(unique, true, name, table, rest),
            locks: vec![lock(table, ShareUpdateExclusive)],
            work: Work::IndexBuild,
            goal: Goal::IndexValid {
                table: table.clone(),
                index: name.clone(),
            },
            undo: Undo::Steps(vec![drop_concurrently(table, name)]),
        }),
        statement,
        footprint,
        note: "reads and writes go on while it is built".to_owned(),
        part: false,
    }
}

fn definition(unique: bool, concurrently: bool, name: &Name, table: &Name, rest: &SqlText) -> SqlText {
    match (unique, concurrently) {
        (false, false) => sql!("CREATE INDEX {} ON {} {}", Ident(&name.name), table, rest),
        (false, true) => sql!("CREATE INDEX CONCURRENTLY {} ON {} {}", Ident(&name.name), table, rest),
        (true, false) => sql!("CREATE UNIQUE INDEX {} ON {} {}", Ident(&name.name), table, rest),
        (true, true) => sql!(
            "CREATE UNIQUE INDEX CONCURRENTLY {} ON {} {}",
            Ident(&name.name),
            table,
            rest
        ),
    }
}

pub(super) fn drop_concurrently(table: &Name, name: &Name) -> UndoStep {
    UndoStep {
        sql: sql!("DROP INDEX CONCURRENTLY IF EXISTS {}", name),
        transaction: false,
        locks: vec![lock(table, ShareUpdateExclusive)],
    }
}

/// `DROP INDEX` of a table in use goes CONCURRENTLY, one index at a time.
pub(super) fn drop(statement: &Statement, drop: &Drop, effect: &Effect, scene: &Scene<'_>) -> Option<Vec<Piece>> {
    if drop.object != ObjectKind::Index || drop.cascade || (effect.error.is_some() && !drop.concurrently) {
        return None;
    }
    let found: Vec<(Name, Index)> = drop
        .names
        .iter()
        .filter_map(|name| scene.catalog.resolve_index(name).map(|(t, i)| (t.clone(), i.clone())))
        .collect();
    if found.len() < drop.names.len() && !drop.if_exists {
        return None;
    }
    let wants = |(table, index): &(Name, Index)| {
        let shared = scene
            .catalog
            .relation(table)
            .is_some_and(crate::catalog::Relation::is_shared);
        shared
            && (drop.concurrently || scene.is_large(table))
            && !scene.is_partitioned(table)
            && index.parent.is_none()
            && index.constraint.is_none()
    };
    if found.is_empty() {
        // IF EXISTS, and it does not.
        return Some(Vec::new());
    }
    if !found.iter().all(wants) {
        if drop.concurrently
            && found.iter().all(|(table, _)| {
                !scene
                    .catalog
                    .relation(table)
                    .is_some_and(crate::catalog::Relation::is_shared)
            })
        {
            let names: Vec<Name> = found.iter().map(|(table, index)| table.sibling(&index.name)).collect();
            let mut piece = as_written(statement, effect, scene);
            if let Body::Instant(instant) = &mut piece.body {
                instant.sql = sql!("DROP INDEX {}", crate::quote::List(&names));
            }
            return Some(vec![piece]);
        }
        return None;
    }
    let pieces = found.iter().map(|(table, index)| {
        let name = table.sibling(&index.name);
        Piece {
            body: Body::Lone(Lone {
                kind: StepKind::Index,
                sql: sql!("DROP INDEX CONCURRENTLY IF EXISTS {}", name),
                locks: vec![lock(table, ShareUpdateExclusive)],
                work: Work::None,
                goal: Goal::IndexGone { index: name.clone() },
                undo: rebuild(table, index),
            }),
            statement: statement.ordinal,
            footprint: of_dropped(table, index).write(Key::Object(name)),
            note: "reads and writes go on while it is dropped".to_owned(),
            part: false,
        }
    });
    Some(pieces.collect())
}

/// With one of its columns the index would be gone before it is dropped.
fn of_dropped(table: &Name, index: &Index) -> Footprint {
    let expressions = index.expressions.iter().chain(&index.predicate);
    let used = expressions.flat_map(|expression| &expression.columns);
    let columns = index.keys.iter().chain(&index.include).chain(used);
    let print = Footprint::default().read(Key::Relation(table.clone()));
    columns
        .filter(|column| !column.is_empty())
        .fold(print, |print, column| {
            print.read(Key::Column(table.clone(), column.clone()))
        })
}

/// A dropped index, built again from its definition.
pub(super) fn rebuild(table: &Name, index: &Index) -> Undo {
    let plain = ["CREATE UNIQUE INDEX ", "CREATE INDEX "];
    let Some((head, rest)) = plain
        .iter()
        .find_map(|head| index.definition.strip_prefix(head).map(|rest| (*head, rest)))
    else {
        return Undo::Impossible(format!("the definition of index {} is not known", index.name));
    };
    Undo::Steps(vec![UndoStep {
        sql: SqlText::verbatim(format!("{head}CONCURRENTLY IF NOT EXISTS {rest}")),
        transaction: false,
        locks: vec![lock(table, ShareUpdateExclusive)],
    }])
}
