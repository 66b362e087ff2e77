//! `CREATE INDEX`, `DROP INDEX` and `REINDEX`.

use super::footprint::{Footprint, Key, of_index, of_rows};
use super::{Body, Lone, Piece, Refusal, Scene, as_written, check, lock, outside, partition};
use crate::catalog::{Catalog, ConstraintKind, Index};
use crate::effect::{Effect, effect};
use crate::lock::LockMode::ShareUpdateExclusive;
use crate::quote::{Ident, Name, SqlText};
use crate::replay;
use crate::sql;
use crate::sql::{CreateIndex, Drop, Kind, ObjectKind, ReindexTarget, Statement};
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
        pieces.push(duplicates(statement.ordinal, scene.catalog, &table, index));
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

/// Looks for what a unique index would not take.
pub(super) fn duplicates(statement: usize, catalog: &Catalog, table: &Name, index: &CreateIndex) -> Piece {
    let expressions = index.expressions.iter().chain(&index.predicate);
    check::duplicates(
        statement,
        catalog,
        table,
        &index.key_sql,
        index.predicate.as_ref(),
        index.nulls_not_distinct,
        of_rows(catalog, table, &index.keys, expressions),
    )
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

/// `REINDEX` of a large table or its index goes CONCURRENTLY. The server leaves out the index of an EXCLUDE constraint there, and
/// whatever the statement says in parentheses is for its own form: both stay as written.
pub(super) fn reindex(statement: &Statement, target: &ReindexTarget, scene: &Scene<'_>) -> Option<Vec<Piece>> {
    let (table, sql) = match target {
        ReindexTarget::Index(name) => {
            let (table, index) = scene.catalog.resolve_index(name)?;
            let name = table.sibling(&index.name);
            (table.clone(), sql!("REINDEX INDEX CONCURRENTLY {}", name))
        }
        ReindexTarget::Table(name) => {
            let table = scene.catalog.resolve(name)?;
            let sql = sql!("REINDEX TABLE CONCURRENTLY {}", table);
            (table, sql)
        }
        ReindexTarget::Schema(_) | ReindexTarget::Database | ReindexTarget::System => return None,
    };
    let rel = scene.catalog.relation(&table)?;
    let excludes = rel.constraints.iter().any(|own| own.kind == ConstraintKind::Exclude);
    if !scene.is_large(&table) || scene.is_partitioned(&table) || excludes || statement.sql.as_str().contains('(') {
        return None;
    }
    let apart = Statement {
        kind: Kind::Reindex {
            target: target.clone(),
            concurrently: true,
        },
        sql,
        ..statement.clone()
    };
    let mut piece = outside(&apart, &effect(&apart, scene.catalog), scene);
    "reads and writes go on while it is built anew".clone_into(&mut piece.note);
    Some(vec![piece])
}

/// What `REINDEX CONCURRENTLY` of one index or table leaves when it is cut off is known by its name.
pub(super) fn reindexed(statement: &Statement, scene: &Scene<'_>) -> Option<Goal> {
    let Kind::Reindex {
        target,
        concurrently: true,
    } = &statement.kind
    else {
        return None;
    };
    let (table, index) = match target {
        ReindexTarget::Index(name) => {
            let (table, index) = scene.catalog.resolve_index(name)?;
            (table.clone(), Some(index.name.clone()))
        }
        ReindexTarget::Table(name) => (scene.catalog.resolve(name)?, None),
        ReindexTarget::Schema(_) | ReindexTarget::Database | ReindexTarget::System => return None,
    };
    Some(Goal::Reindexed { table, index })
}

#[cfg(test)]
mod tests {
    use crate::planner::tests::plan;

    #[test]
    fn reindex_goes_concurrently_where_the_server_does_the_same() {
        let sql = |text: &str| {
            plan(text)
                .steps
                .first()
                .map(|step| step.sql[0].as_str().replace('"', ""))
        };
        assert_eq!(
            sql("REINDEX INDEX t_a_idx").unwrap(),
            "REINDEX INDEX CONCURRENTLY public.t_a_idx"
        );
        assert_eq!(sql("REINDEX TABLE t").unwrap(), "REINDEX TABLE CONCURRENTLY public.t");
        assert_eq!(sql("REINDEX (VERBOSE) TABLE t"), None);
        assert_eq!(plan("REINDEX (VERBOSE) TABLE t").refusals.len(), 1);
    }
}
